import pytest

from migrations_engine.document.jsonc import Lines, NotJSON, decode

COMMENTED = """// before
{
  "a": "x // no comment", /* over
  two lines */ "b": [1, {"c": "/* nor this */"}], // behind
  "d\\"": null // … more …
}
"""


def test_comments_are_read_over_and_strings_are_not_touched():
    assert decode(COMMENTED) == {
        "a": "x // no comment",
        "b": [1, {"c": "/* nor this */"}],
        'd"': None,
    }


def test_a_number_may_be_of_any_length():
    assert decode("[" + "1" * 10_000 + "]") == [float("inf")]


def test_a_byte_order_mark_is_read_over():
    assert decode("\ufeff{}") == {}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 3),
        (("b",), 4),
        (("b", 1), 4),
        (("b", 1, "c"), 4),
        (('d"',), 5),
        (("b", 7, "x"), 4),
        (("nowhere",), None),
        ((), None),
    ],
)
def test_every_key_and_entry_knows_its_line(path, line):
    assert Lines(COMMENTED).of(path) == line


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('{"a": 1,\n "b": [1, 2,],\n}', [(2, "column 12"), (2, "column 14")]),
        ('{"a": 1}\n}', [(2, "column 1")]),
        ('{"a": 1 "b": 2}', [(1, "a comma is missing before this (column 9)")]),
        ('{\n"a": /* open', [(2, "the comment is never closed (column 6)")]),
        ('{"a": NaN}', [(None, "NaN")]),
        ("", [(1, "column 1")]),
        ("[" * 100_000, [(None, "too deeply")]),
        ('{"a": "\t"}', [(1, "column 8")]),
        (
            '{"a": {"x": 1,\n"x": 2},\n"a": 3}',
            [(2, "'x' is there already, on line 1"), (3, "'a' is there already")],
        ),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text, faults):
    with pytest.raises(NotJSON) as refused:
        decode(text)
    found = [(fault.line, fault.message) for fault in refused.value.faults]
    assert len(found) == len(faults)
    for (line, message), (expected_line, part) in zip(found, faults, strict=True):
        assert line == expected_line
        assert part in message
