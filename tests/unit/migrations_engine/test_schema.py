import subprocess
import sys

import apsw
import pytest

from migrations_engine import SchemaError, load


def test_a_document_is_read_from_a_file_with_its_name_in_errors(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text('\ufeff{"t": {"a": "INT"}}', encoding="utf-8")
    assert load(path).tables[0].name == "t"
    path.write_text('{"t": {"a": "INT,"}}', encoding="utf-8")
    with pytest.raises(SchemaError, match=r"schema\.json: 1 fault"):
        load(str(path))


def test_bytes_that_are_no_utf_8_are_a_fault_with_a_line(tmp_path):
    path = tmp_path / "schema.json"
    path.write_bytes(b'{\n"t": "\xff"}')
    with pytest.raises(SchemaError) as refused:
        load(path)
    assert refused.value.faults[0].line == 2


def test_a_dash_is_standard_input():
    code = "import migrations_engine as e; print(e.load('-').hash)"
    ran = subprocess.run([sys.executable, "-c", code], input=b"{}", capture_output=True, check=True)
    assert len(ran.stdout.strip()) == 64


def test_hash_and_document_need_nothing_else(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text('{"t": {"a": "INT"}}', encoding="utf-8")
    assert load(path).to_json() == '{\n  "t": {\n    "a": "INT"\n  }\n}\n'


def test_a_database_is_no_document_and_the_error_says_what_makes_one(tmp_path):
    path = tmp_path / "shop.db"
    with apsw.Connection(str(path)) as conn:
        conn.execute("CREATE TABLE t(x)")
    conn.close()
    with pytest.raises(SchemaError, match="this is a database, not a document: `schema import`"):
        load(path)


@pytest.mark.parametrize("text", ["", " \n", "// nothing but this\n"])
def test_of_an_empty_document_the_error_says_that_it_is_empty(tmp_path, text):
    path = tmp_path / "schema.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match="the document is empty"):
        load(path)
