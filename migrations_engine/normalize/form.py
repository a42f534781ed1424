"""The canonical form of a schema, and the text of it that is hashed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from migrations_engine.model import Objects, Table
from migrations_engine.normalize import plain, statements, tables
from migrations_engine.normalize.scopes import schema_names
from migrations_engine.recent import RecentOf

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Object = TypeVar("_Object", bound=_Named)

_TABLES: RecentOf[Table, str] = RecentOf(4096)
"""What is hashed of a canonical table."""

VERSION: Final = "tenantdb schema 1"
"""Begins the hashed text, so that a new form gives new hashes and old ones are known for what they are."""


def canonical(objects: Objects) -> Objects:
    """A schema in canonical form: equal for all spellings that make equal databases.

    Names of objects, columns and constraints stay as declared. The texts are for comparing, not for SQLite.

    Raises:
        Malformed: The text of an object cannot be read.
    """
    # Most schemas have neither views nor triggers.
    scope = schema_names(objects) if objects.views or objects.triggers else frozenset()
    return Objects(
        tables=_by_name(tables.table(table) for table in objects.tables),
        views=_by_name(statements.view(view, scope) for view in objects.views),
        triggers=_by_name(statements.trigger(trigger, scope) for trigger in objects.triggers),
        virtual_tables=_by_name(statements.virtual_table(table) for table in objects.virtual_tables),
    )


def canonical_text(objects: Objects) -> str:
    """The text that is hashed: the version, then the canonical form as JSON without defaults."""
    form = canonical(objects)
    sections = {
        "tables": [_TABLES.get(table, plain.text) for table in form.tables],
        "triggers": map(plain.text, form.triggers),
        "views": map(plain.text, form.views),
        "virtual_tables": map(plain.text, form.virtual_tables),
    }
    written = {name: ",".join(texts) for name, texts in sections.items()}
    body = ",".join(f'"{name}":[{text}]' for name, text in written.items() if text)
    return f"{VERSION}\n{{{body}}}"


def schema_hash(objects: Objects) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical_text(objects).encode()).hexdigest()


def _by_name(objects: Iterable[_Object]) -> tuple[_Object, ...]:
    return tuple(sorted(objects, key=lambda found: found.name))
