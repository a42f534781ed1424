import pytest

from migrations_engine.document import forms
from migrations_engine.document.faults import Faults

TEXT = '{\n"t": {\n"_x": [\n{}]}}'


def read(kind, value):
    faults = Faults()
    found = forms.read_form(kind, value, path=("t", "_x", 0), faults=faults, table="t")
    return found, [str(fault) for fault in faults.found(TEXT)]


def test_words_of_sql_are_read_in_any_case_and_with_any_spaces():
    found, said = read(
        forms.ForeignKeyForm,
        {"columns": "a", "references": "p", "on_delete": " set \n null", "deferrable": "initially deferred"},
    )
    assert said == []
    assert found == forms.ForeignKeyForm(
        columns=("a",), references="p", on_delete="SET NULL", deferrable="INITIALLY DEFERRED"
    )


def test_null_is_what_no_key_is():
    found, _ = read(forms.UniqueForm, {"columns": ["a", "b"], "name": None, "on_conflict": None})
    assert found == forms.UniqueForm(columns=("a", "b"))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (forms.OptionsForm, "strict", ["0 is an object"]),
        (forms.OptionsForm, {"strict": 1.0, "without_rowid": None}, ["strict", "without_rowid"]),
        (forms.IndexForm, {"unique": True}, ["columns is missing"]),
        (forms.IndexForm, {"columns": []}, ["columns names no column"]),
        (forms.IndexForm, {"columns": ["a", None, 1.0]}, ["1 is a string", "2 is a string"]),
        (forms.IndexForm, {"columns": {"a": "b"}}, ["columns is a column's name or a list of them"]),
        (forms.CheckForm, {"check": None, "name": True}, ["check is a string", "name is a string"]),
        (
            forms.UniqueForm,
            {"colums": "a", "columns": "a"},
            ["unknown key 'colums'; did you mean 'columns'?"],
        ),
        (
            forms.PrimaryKeyForm,
            {"columns": "a", "on_conflict": "EXPLODE"},
            ["on_conflict is one of 'ROLLBACK', 'ABORT', 'FAIL', 'IGNORE' or 'REPLACE'"],
        ),
    ],
)
def test_all_that_is_wrong_with_an_object_is_said(kind, value, said):
    found, heard = read(kind, value)
    assert found is None
    assert len(heard) == len(said)
    assert all(words in sentence for words, sentence in zip(said, heard, strict=True))
