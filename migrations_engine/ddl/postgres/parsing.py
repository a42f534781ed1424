"""The only door to sqlglot's parser: one expression or one query of SQLite in, one tree out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.model import fold, quote
from migrations_engine.sql.keywords import KEYWORDS
from migrations_engine.sql.lexer import Malformed, tokenize

if TYPE_CHECKING:
    from collections.abc import Collection

    from migrations_engine.sql.lexer import Token

# What the parser finds odd is refused by us; without a handler of its own it would also be printed.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())


def expression(text: str, names: Collection[str]) -> exp.Expr:
    """The tree of an expression.

    Args:
        text: The expression as written.
        names: The folded names that can be meant in it.

    Raises:
        Refused: It cannot be read, or it is more than one expression.
    """
    tree = _parsed(f"SELECT {_readable(text, names)}")
    said = {name for name, value in tree.args.items() if value}
    if not isinstance(tree, exp.Select) or said != {"expressions"} or len(tree.expressions) != 1:
        raise Refused(f"cannot be read: {text}")
    found: exp.Expr = tree.expressions[0]
    return found


def query(text: str, names: Collection[str]) -> exp.Expr:
    """The tree of a SELECT with all that belongs to it.

    Raises:
        Refused: It cannot be read.
    """
    return _parsed(_readable(text, names))


def _parsed(sql: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(sql, read="sqlite")
    except (SqlglotError, RecursionError) as error:
        raise Refused(f"cannot be read: {str(error).splitlines()[0]}") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Expr):
        raise Refused("cannot be read: it is not one statement")
    return trees[0]


def _readable(text: str, names: Collection[str]) -> str:
    """The text with names in quotes: words that are names to SQLite can be syntax to the parser."""
    try:
        tokens = tokenize(text)
    except Malformed as error:
        raise Refused(f"cannot be read: {error}") from None
    return " ".join(_token(tokens, at, names) for at in range(len(tokens)))


def _token(tokens: list[Token], at: int, names: Collection[str]) -> str:
    token = tokens[at]
    if token.text == "+" and (at == 0 or _opens(tokens[at - 1])):
        raise Refused("a plus sign before a value, which takes its affinity away")
    if token.kind == "number" and "_" in token.text:
        return token.text.replace("_", "")
    behind = tokens[at + 1].text if at + 1 < len(tokens) else ""
    is_name = token.kind == "word" and token.text.upper() not in KEYWORDS and fold(token.text) in names
    return quote(token.text) if is_name and behind != "(" else token.text


def _opens(token: Token) -> bool:
    """Whether an operand must follow."""
    if token.kind == "operator":
        return token.text != ")"
    return token.kind == "word" and token.text.upper() in KEYWORDS
