"""The public names of the package: late, and always what they are said to be."""

import subprocess
import sys

OPENING = """
import sys
from migrations_engine import sqlite
heavy = {"pydantic", "sqlglot", "migrations_engine.runner", "migrations_engine.document"} & set(sys.modules)
assert not heavy, heavy
"""

SUBMODULES_FIRST = """
import importlib, pkgutil, types
import migrations_engine
for module in pkgutil.walk_packages(migrations_engine.__path__, "migrations_engine."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
names = {}
exec("from migrations_engine import *", names)
assert set(migrations_engine.__all__) <= set(names)
modules = {name for name in migrations_engine.__all__ if isinstance(names[name], types.ModuleType)}
assert not modules, modules
"""


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_whoever_opens_a_file_does_not_wait_for_what_reads_documents():
    run(OPENING)


def test_no_public_name_becomes_a_module_whatever_was_imported_before():
    run(SUBMODULES_FIRST)
