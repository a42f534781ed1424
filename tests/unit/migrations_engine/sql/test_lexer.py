import pytest

from migrations_engine.sql.lexer import Malformed, comments, kind, pieces, texts, tokenize, unquote


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a<>b", ["a", "<>", "b"]),
        ("a->>'$.x'->'y'", ["a", "->>", "'$.x'", "->", "'y'"]),
        ("x'00FF' X'' x", ["x'00FF'", "X''", "x"]),
        ("'it''s' \"a\"\"b\" `c``d` [e f]", ["'it''s'", '"a""b"', "`c``d`", "[e f]"]),
        ("1 1.5 .5 1. 1e3 1.5E-3 0xFf 1_000", ["1", "1.5", ".5", "1.", "1e3", "1.5E-3", "0xFf", "1_000"]),
        ("t.a", ["t", ".", "a"]),
        ("naïve$1 _x é", ["naïve$1", "_x", "é"]),
        ("?1 :name @x $y", ["?1", ":name", "@x", "$y"]),
        ("a--b\nc/*d*/e", ["a", "c", "e"]),
        ("a/* never closed", ["a"]),
        ("'--' \"/*\" [--]", ["'--'", '"/*"', "[--]"]),
        ("\ufeff a\f\r\nb", ["a", "b"]),
        ("", []),
    ],
)
def test_text_is_split_as_sqlite_splits_it(sql, expected):
    assert texts(sql) == expected


@pytest.mark.parametrize("sql", ["", " ", "a", " a /* b */\n", "a--", "'x' y"])
def test_the_pieces_are_the_whole_text(sql):
    assert "".join(pieces(sql)) == sql


@pytest.mark.parametrize(
    ("kinds", "sql"),
    [
        ("word", "a x _ é naïve$1 SELECT"),
        ("quoted", '"a" `a` [a] [x\'y]'),
        ("string", "'a' '' 'it''s'"),
        ("blob", "x'00' X''"),
        ("number", "1 .5 1. 1e3 0xFf 1_000"),
        ("parameter", "? ?1 :name @x $y #z"),
        ("operator", "-> ->> || << >> <= >= <> != == ( ) , ; + - * / % & | ~ < > = ."),
    ],
)
def test_a_token_says_of_what_kind_it_is(kinds, sql):
    assert {kind(text) for text in texts(sql)} == {kinds}


def test_tokens_know_their_place():
    assert [(t.start, t.end) for t in tokenize(" ab /* x */ 'c'")] == [(1, 3), (12, 15)]


@pytest.mark.parametrize(
    ("sql", "position", "message"),
    [
        ("a 'b", 2, "never closed"),
        ('a "b', 2, "never closed"),
        ("[x", 0, "never closed"),
        ("1abc", 0, "1abc"),
        ("a \x0b", 2, "unrecognised"),
    ],
)
def test_what_begins_no_token_is_refused_with_its_place(sql, position, message):
    with pytest.raises(Malformed, match=message) as refused:
        tokenize(sql)
    assert refused.value.position == position


def test_comments_lose_their_marks_and_keep_their_lines():
    found = comments("a -- one\n/* two\n * three */ '-- no' \"/* no */\" b")
    assert [comment.text for comment in found] == ["one", "two\nthree"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("a", "a"), ('"a""b"', 'a"b'), ("[a b]", "a b"), ("`a``b`", "a`b"), ("'it''s'", "it's")],
)
def test_quotes_come_off_as_they_went_on(text, name):
    assert unquote(text) == name


def test_a_long_text_is_read_in_one_pass():
    assert len(tokenize("a " * 50_000 + "/*" + "*" * 50_000)) == 50_000
    with pytest.raises(Malformed):
        tokenize("a " * 50_000 + "[" * 50_000)
