"""The examples of the README and of all pages in docs are run as they stand, and must say what the pages say.

A block titled with a file's name is that file; in a ``console`` block a line after ``$`` is a command and the
lines below are its output, in which ``…`` stands for anything, and alone on a line for any lines.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md"))]
    if "```console" in page.read_text(encoding="utf-8")
]

BLOCK = re.compile(
    r'^```(?P<kind>\w+)(?: title="(?P<file>[^"]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE
)


def blocks(page):
    return list(BLOCK.finditer(page.read_text(encoding="utf-8")))


def examples(text):
    """Pairs of a command and what it says."""
    pairs = []
    for line in text.splitlines():
        if line.startswith("$ "):
            pairs.append((line[2:], []))
        else:
            pairs[-1][1].append(line)
    return pairs


def pattern(lines):
    """What an output must match: ``…`` is any text, a line of its own any lines."""
    parts = []
    for line in lines:
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line.rstrip()).replace("…", ".*?") + r"[ ]*\n")
    return "".join(parts) + r"\n*\Z"


def run(command, folder):
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    environment.pop("TENANTDB_HOME", None)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.timeout(300)  # two dozen commands, each a process of its own
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_say_what_it_says(page, tmp_path):
    for block in blocks(page):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "console":
            for command, said in examples(block["text"]):
                output = run(command, tmp_path)
                assert re.match(pattern(said), output), f"$ {command}\n{output}"


def test_the_readme_and_the_tutorial_have_examples():
    assert {"README", "first-fleet"} <= {page.stem for page in PAGES}
