"""A CREATE TABLE statement without its foreign keys: the same rows on disk, no ties to other tables."""

from __future__ import annotations

from typing import Final

from migrations_engine.sql.lexer import Token, tokenize

_ACTIONS: Final = (("SET", "NULL"), ("SET", "DEFAULT"), ("NO", "ACTION"), ("CASCADE",), ("RESTRICT",))

# SQLite's grammar has ON INSERT too, which does nothing.
_TAIL: Final = (
    *(("ON", event, *action) for event in ("DELETE", "UPDATE", "INSERT") for action in _ACTIONS),
    ("NOT", "DEFERRABLE"),
    ("DEFERRABLE",),
    ("INITIALLY", "DEFERRED"),
    ("INITIALLY", "IMMEDIATE"),
)


def without_foreign_keys(sql: str) -> str:
    """Take every REFERENCES and FOREIGN KEY clause out of a CREATE TABLE statement, all else as written.

    The order of its columns and other constraints stays, on which SQLite's numbering of automatic indexes
    rests.
    """
    tokens = tokenize(sql)
    spans = [_span(tokens, at) for at in range(len(tokens)) if _word(tokens, at) == "REFERENCES"]
    for first, behind in reversed(_joined(spans)):
        # The comma before goes too, unless a constraint follows without one, as SQLite lets it.
        lead = _word(tokens, first - 1) == "," and _word(tokens, behind) in (",", ")")
        sql = sql[: tokens[first - lead].start] + sql[tokens[behind - 1].end :]
    return sql


def _span(tokens: list[Token], at: int) -> tuple[int, int]:
    """The tokens of the clause around a REFERENCES: from its first to behind its last."""
    behind = _close(tokens, at + 2)
    while (longer := _tail(tokens, behind)) > behind:
        behind = longer
    first = at
    if _word(tokens, at - 1) == ")" and _word(tokens, _open(tokens, at - 1) - 1) == "KEY":
        first = _open(tokens, at - 1) - 2
    if _word(tokens, first - 2) == "CONSTRAINT":
        first -= 2
    return first, behind


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Clauses in order, those that follow each other as one."""
    found: list[tuple[int, int]] = []
    for first, behind in spans:
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], behind)
        else:
            found.append((first, behind))
    return found


def _tail(tokens: list[Token], at: int) -> int:
    """Behind the next action, MATCH or deferral; the same place where none comes."""
    if _word(tokens, at) == "MATCH":
        return at + 2
    for words in _TAIL:
        if all(_word(tokens, at + ahead) == word for ahead, word in enumerate(words)):
            return at + len(words)
    return at


def _close(tokens: list[Token], at: int) -> int:
    """Behind the list of names in parentheses that begins here; the same place where none does."""
    if _word(tokens, at) != "(":
        return at
    while _word(tokens, at) != ")":
        at += 1
    return at + 1


def _open(tokens: list[Token], at: int) -> int:
    """The parenthesis that the one here closes; names alone stand between."""
    while _word(tokens, at) != "(":
        at -= 1
    return at


def _word(tokens: list[Token], at: int) -> str:
    """A token in upper case where it is unquoted; empty outside of the text and for quoted names."""
    if not 0 <= at < len(tokens) or tokens[at].kind not in ("word", "operator"):
        return ""
    return tokens[at].text.upper()
