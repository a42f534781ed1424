"""What is allowed in a schema and still asks for trouble; each lint has a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.checks.parent_keys import mismatches
from migrations_engine.model import fold
from migrations_engine.sql.lexer import Malformed, Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Objects

_BEFORE_STAR = frozenset({"SELECT", "DISTINCT", "ALL", ",", "."})
_BEHIND_TABLE = frozenset({"VALUES", "SELECT", "WITH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """One warning: the rule's name, the object, and a sentence."""

    rule: str
    object_name: str
    message: str

    def __str__(self) -> str:
        """Say object, sentence and rule."""
        return f"{self.object_name}: {self.message} ({self.rule})"


def lints(schema: Objects) -> tuple[Lint, ...]:
    """All warnings about a schema, in the order of its objects."""
    return (*_missing_parents(schema), *_parent_keys(schema), *_positional(schema))


def _missing_parents(schema: Objects) -> Iterator[Lint]:
    """Foreign keys to tables that are not there: every write to the child fails where keys are enforced."""
    for table in schema.tables:
        for key in table.foreign_keys:
            if schema.table(key.parent) is None:
                message = f"({', '.join(key.columns)}) refers to {key.parent}, which is not in the schema"
                yield Lint(rule="missing-parent", object_name=table.name, message=message)


def _parent_keys(schema: Objects) -> Iterator[Lint]:
    """Foreign keys to columns that are no key: where keys are enforced, nobody can write either table."""
    for found in mismatches(schema):
        yield Lint(rule="parent-key", object_name=found.table.name, message=found.text)


def _positional(schema: Objects) -> Iterator[Lint]:
    """Texts that rely on the order of columns, which may differ between files of one schema."""
    texts = [(view.name, view.sql) for view in schema.views]
    texts += [(trigger.name, trigger.sql) for trigger in schema.triggers]
    for name, sql in texts:
        try:
            tokens = tokenize(sql)
        except Malformed:
            continue
        if any(_is_star(tokens, at) for at in range(len(tokens))):
            message = "uses *, and the order of columns may differ between files of one schema"
            yield Lint(rule="positional", object_name=name, message=message)
        if any(_is_bare_insert(tokens, at) for at in range(len(tokens))):
            message = "inserts without naming columns, whose order may differ between files of one schema"
            yield Lint(rule="positional", object_name=name, message=message)


def _is_star(tokens: list[Token], at: int) -> bool:
    return tokens[at].text == "*" and at > 0 and tokens[at - 1].text.upper() in _BEFORE_STAR


def _is_bare_insert(tokens: list[Token], at: int) -> bool:
    """Whether ``INTO table`` begins here and no list of columns follows."""
    if tokens[at].kind != "word" or fold(tokens[at].text) != "into":
        return False
    behind = at + 4 if at + 2 < len(tokens) and tokens[at + 2].text == "." else at + 2
    return behind < len(tokens) and tokens[behind].text.upper() in _BEHIND_TABLE
