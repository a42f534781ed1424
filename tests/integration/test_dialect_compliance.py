"""SQLAlchemy's own dialect compliance suite on our dialect, held against the same suite on pysqlite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

SUITE = Path(__file__).parents[1] / "dialect_suite"
FEWEST = 1300
"""Tests that pass with SQLAlchemy 2.1.9: a suite that has shrunk below proves little."""


def start(driver: str, folder: Path) -> subprocess.Popen[str]:
    """Run the suite on one driver, in a session and a folder of its own."""
    folder.mkdir()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-c", SUITE / "setup.cfg", f"--rootdir={SUITE}"]
    command += ["--dburi", f"sqlite+{driver}:///suite.db", "--junitxml=report.xml", SUITE / "compliance.py"]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(SUITE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outcomes(folder: Path) -> dict[str, str]:
    """What became of each test; names without the driver's, so that runs can be compared."""
    found: dict[str, str] = {}
    for case in ET.parse(folder / "report.xml").iter("testcase"):
        suite = re.sub(r"_sqlite\+\w+$", "", case.attrib["classname"])
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        found[f"{suite}.{case.attrib['name']}"] = min(kinds, default="passed")
    return found


def run_both(base: Path) -> dict[str, dict[str, str]]:
    """Outcomes by driver; both run at once."""
    processes = {driver: start(driver, base / driver) for driver in ("apsw", "pysqlite")}
    output = {driver: process.communicate()[0] for driver, process in processes.items()}
    assert processes["apsw"].returncode == 0, output["apsw"][-5000:]
    return {driver: outcomes(base / driver) for driver in processes}


def named(outcome: str, run: dict[str, str]) -> set[str]:
    return {test for test, became in run.items() if became == outcome}


@pytest.mark.timeout(300)
def test_the_suite_passes_with_no_exclusion_that_pysqlite_does_not_need(tmp_path: Path) -> None:
    runs = run_both(tmp_path)
    assert set(runs["apsw"].values()) == {"passed", "skipped"}
    assert len(named("passed", runs["apsw"])) >= FEWEST
    assert named("passed", runs["pysqlite"]) - named("passed", runs["apsw"]) == set()
    assert named("skipped", runs["apsw"]) - named("skipped", runs["pysqlite"]) == set()
