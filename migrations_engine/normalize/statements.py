"""Rule: a view or a trigger is its tokens; references lose case and quotes, what it declares keeps case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.model import Trigger, View, VirtualTable, fold
from migrations_engine.normalize import names
from migrations_engine.normalize.expressions import canonical_token
from migrations_engine.sql import heads
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.keywords import KEYWORDS
from migrations_engine.sql.lexer import kind, unquote
from migrations_engine.sql.parentheses import stripped

if TYPE_CHECKING:
    from collections.abc import Sequence


def view(written: View, scope: frozenset[str]) -> View:
    """The canonical view; its text begins behind its name."""
    cursor = Cursor(written.sql)
    heads.begin(cursor, "VIEW")
    heads.object_name(cursor)
    columns = cursor.names() if cursor.word() == "(" else ()
    cursor.expect("AS")
    body = cursor.rest()
    head = f"( {' , '.join(names.spelled(column) for column in columns)} ) as" if columns else "as"
    return View(name=written.name, sql=f"{head} {_text(body, scope)}")


def trigger(written: Trigger, scope: frozenset[str]) -> Trigger:
    """The canonical trigger; its text begins behind its name, without what SQL takes for granted."""
    cursor = Cursor(written.sql)
    heads.begin(cursor, "TRIGGER")
    heads.object_name(cursor)
    head = heads.trigger_head(cursor)
    cursor.accept("FOR", "EACH", "ROW")
    columns = " , ".join(names.spelled(fold(column)) for column in head.columns)
    event = f"{head.event.lower()} of {columns}" if columns else head.event.lower()
    table = fold(head.table)
    condition, body = _split(cursor)
    when = f" when {_text(stripped(condition), scope)}" if condition else ""
    text = f"{head.time.lower()} {event} on {names.spelled(table)}{when} {_text(body, scope)}"
    return Trigger(name=written.name, table=table, sql=text)


def _split(cursor: Cursor) -> tuple[Sequence[str], Sequence[str]]:
    """The tokens of a trigger's WHEN and those from BEGIN on."""
    has_condition = cursor.accept("WHEN")
    rest = cursor.rest()
    begins = next(
        at for at, token in enumerate(rest) if token.upper() == "BEGIN" and (at == 0 or rest[at - 1] != ".")
    )
    return (rest[:begins] if has_condition else []), rest[begins:]


def virtual_table(written: VirtualTable) -> VirtualTable:
    """The canonical virtual table; its arguments are the module's own language and stay as written."""
    cursor = Cursor(written.sql)
    heads.begin(cursor, "VIRTUAL TABLE")
    heads.object_name(cursor)
    cursor.expect("USING")
    cursor.name()
    arguments = " ".join(cursor.rest())
    return VirtualTable(name=written.name, module=written.module, sql=f"using {written.module} {arguments}")


def _text(tokens: Sequence[str], scope: frozenset[str]) -> str:
    """The canonical text of statements; names behind AS keep their spelling, as they name result columns."""
    declared = _declared(tokens)
    known = scope.union(
        (fold(unquote(tokens[at])) for at in declared),
        (fold(t) for t in tokens if kind(t) == "word" and t.upper() not in KEYWORDS),
    )
    return " ".join(
        names.spelled(unquote(tokens[at])) if at in declared else canonical_token(tokens, at, known)
        for at in range(len(tokens))
    )


def _declared(tokens: Sequence[str]) -> set[int]:
    """Where names are declared by AS, which in CAST(x AS type) declares nothing."""
    found: set[int] = set()
    in_cast: list[bool] = [False]
    for at, text in enumerate(tokens):
        before = tokens[at - 1].upper() if at else ""
        if text == "(":
            in_cast.append(before == "CAST")
        elif text == ")" and len(in_cast) > 1:
            in_cast.pop()
        elif before == "AS" and not in_cast[-1] and _is_alias(text):
            found.add(at)
    return found


def _is_alias(token: str) -> bool:
    """Whether a token behind AS is a name, and not the MATERIALIZED of a WITH."""
    if kind(token) == "word":
        return token.upper() not in ("MATERIALIZED", "NOT")
    return kind(token) in ("quoted", "string")
