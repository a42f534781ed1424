"""Rows brought into a form, those apart for which an expression fails.

One failing row ends a statement, so where that happens they are brought one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import apsw

from migrations_engine.changes import carry
from migrations_engine.checks import forming
from migrations_engine.checks.forming import key_names
from migrations_engine.model import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrations_engine.checks.forming import Form
    from migrations_engine.model import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Unformed:
    """Rows that cannot be formed: where they stand, with a ``rule`` and their keys."""

    place: str
    keys: tuple[str, ...]


def fill(form: Form, old: Table, *, keys: int, fills: Mapping[str, str]) -> Unformed | None:
    """Fill a form with all rows that it can take.

    Args:
        form: The form, without rows.
        old: The table that has the rows.
        keys: How many of the form's keys, from the first, name a row to people.
        fills: Column of the new table -> expression over the old row.

    Returns:
        The rows that are left out; None where there are none.
    """
    work = _Filling(form=form, old=old, keys=key_names(form.keys[:keys]), fills=fills)
    return work.run()


@dataclass(slots=True, kw_only=True)
class _Filling:
    """One form that is filled."""

    form: Form
    old: Table
    keys: tuple[str, ...]
    fills: Mapping[str, str]
    unformed: Unformed | None = None

    def run(self) -> Unformed | None:
        try:
            self.form.fill()
        except apsw.SQLError as error:
            form = self.form
            stored = [column for column in form.table.columns if column.generated is None]
            bare = replace(form.table, columns=tuple(stored))
            with forming.empty(
                form.conn,
                bare,
                carried=form.carried,
                source=form.source,
                keys=form.keys,
                name=f"{form.name}_bare",
            ) as plain:
                self._fill_one_by_one(plain, str(error))
        return self.unformed

    def _fill_one_by_one(self, plain: Form, reason: str) -> None:
        """Fill the form row by row; ``plain`` is the same without what is generated, to see what fails."""
        names = carry.key_columns(self.old)
        if not names:  # nothing finds a row, so none can be brought alone
            self._note(f"SELECT ?, {', '.join(['NULL'] * len(self.keys))} FROM {self._source}", (reason,))
            return
        where = " WHERE " + " AND ".join(f"{quote(name)} IS ?" for name in names)
        chosen = ", ".join(quote(name) for name in names)
        for address in self.form.conn.execute(f"SELECT {chosen} FROM {self._source}"):
            try:
                self.form.fill(where, address)
            except apsw.SQLError as error:
                rule = self._failing(plain, where, address) or str(error)
                keys = ", ".join(quote(name) for name in self.form.keys[: len(self.keys)])
                self._note(f"SELECT ?, {keys} FROM {self._source}{where}", (rule, *address))

    def _failing(self, plain: Form, where: str, address: tuple[object, ...]) -> str | None:
        """The expression that fails for a row, and why; None where no single one does."""
        conn = self.form.conn
        for column, text in self.fills.items():
            reason = failure(conn, f"SELECT {text} FROM {self._source}{where}", address)
            if reason is not None:
                return f"FILL ({column}): {reason}"
        conn.execute(f"DELETE FROM {plain.place}")
        plain.fill(where, address)
        for generated in self.form.table.columns:
            if generated.generated is not None:
                reason = failure(conn, f"SELECT {generated.generated.expression} FROM {plain.place}")
                if reason is not None and not reason.startswith("no such column"):
                    return f"GENERATED ({generated.name}): {reason}"
        return None

    def _note(self, rows: str, bindings: tuple[object, ...]) -> None:
        if self.unformed is None:
            self.unformed = Unformed(place=f"temp.{quote(self.form.name + '_left')}", keys=self.keys)
            self.form.conn.execute(f"DROP TABLE IF EXISTS {self.unformed.place}")
            self.form.conn.execute(f"CREATE TABLE {self.unformed.place} ({', '.join(['rule', *self.keys])})")
        self.form.conn.execute(f"INSERT INTO {self.unformed.place} {rows}", bindings)

    @property
    def _source(self) -> str:
        return f"main.{quote(self.form.source)}"


def failure(conn: apsw.Connection, query: str, bindings: tuple[object, ...] = ()) -> str | None:
    """Why a query fails; None where it does not."""
    try:
        for _ in conn.execute(query, bindings):
            pass
    except apsw.SQLError as error:
        return str(error)
    return None
