"""The pages of docs/reference say what the code has."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "make_reference.py"


def load_script():
    spec = importlib.util.spec_from_file_location("make_reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_reference = load_script()


@pytest.mark.parametrize("page", make_reference.PAGES)
def test_a_page_is_what_the_code_makes(page, tmp_path):
    make_reference.main(tmp_path, published=tmp_path / "document.schema.json")

    assert (ROOT / "docs" / "reference" / page).read_text() == (tmp_path / page).read_text(), (
        "run: make reference"
    )


def test_the_published_json_schema_is_what_the_code_makes(tmp_path):
    made = tmp_path / "document.schema.json"
    make_reference.main(tmp_path, published=made)

    assert make_reference.PUBLISHED.read_text() == made.read_text(), "run: make reference"


def test_every_setting_has_a_meaning():
    rows = [line for line in make_reference.settings().splitlines() if line.startswith("| `")]

    assert rows
    assert all(row.split("|")[3].strip() for row in rows)
