"""The claim of docs/explanation/what-others-lose.md, held where it is about us."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_rebuild_loses_none_of_the_objects_that_the_page_lists():
    command = [sys.executable, ROOT / "benchmarks" / "losses.py", "--peer", "tenantdb"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    assert {name: verdict for name, verdict in found.items() if verdict != "kept"} == {}
    page = (ROOT / "docs" / "explanation" / "what-others-lose.md").read_text()
    listed = [row.split(" | ")[:2] for row in page.splitlines() if row.startswith("| ")][2:]
    assert listed == [[f"| {name}", "kept"] for name in found]
