"""The demo's application: a process that reads and writes through get_tenant_db, and keeps a ledger.

It knows nothing of rollouts and moves; it writes what both versions of the schema can hold. Started as
``python -m tenantdb.cli.demo.writers NUMBER LEDGER``. The first line of standard input is the list of
tenants, each line after it names the tenant to favour (empty for none), and its end is the end of the
process. The last thing it says is how often it read.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

from sqlalchemy import text

from tenantdb import get_tenant_db
from tenantdb.cli.demo import data
from tenantdb.cli.demo.ledger import Entry, Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

PAUSE_SECONDS = 0.02
"""Between two writes: some of a small machine is left to everybody else."""

KEPT_ROWS = 20
"""About how many contacts a writer keeps in a tenant; beyond that it deletes more than it adds."""

BEGIN = "insert into Users(email, first_name, last_name) values (:email, 'Writes', '0')"
COUNT = "update Users set last_name = cast(last_name as integer) + 1 where email = :email"
INSERT = "insert into Contacts(contact_type, company_name) values ('Distributor', :name)"
UPDATE = "update Contacts set company_name = :name where contact_id = :id and company_name = :was"
DELETE = "delete from Contacts where contact_id = :id and company_name = :was"
READ = "select contact_id from Contacts where company_name = ?"


class Surprise(Exception):
    """A file that does not hold what its owner was told that it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contact that this writer owns."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write, decided before it is tried, so that the ledger can name what a failed one may have done."""

    kind: Literal["begin", "insert", "insert alone", "update", "delete"]
    name: str | None = None
    row: Row | None = None

    @property
    def counted(self) -> bool:
        """Whether the writer's number goes up in the same transaction."""
        return self.kind in {"insert", "update", "delete"}


@dataclass(slots=True, kw_only=True)
class Writer:
    """One application process at work."""

    number: int
    tenants: Sequence[str]
    ledger: Ledger
    favourite: str = ""
    reads: int = 0
    _made: int = 0
    _begun: set[str] = field(default_factory=set)
    _rows: dict[str, deque[Row]] = field(default_factory=lambda: defaultdict(deque))

    def run(self, stop: threading.Event) -> None:
        """Write to one tenant after another, and read it again, until it is time to stop."""
        chance = Random(self.number)  # noqa: S311 - which customer is next is no secret
        while not stop.is_set():
            tenant = self._customer(chance)
            self._write(tenant, self._next(tenant, chance))
            self._read(tenant)
            time.sleep(PAUSE_SECONDS)

    def _customer(self, chance: Random) -> str:
        """Whose turn it is: some customers are busier than others, the first in the list most."""
        if self.favourite and chance.random() < 0.5:
            return self.favourite
        return self.tenants[int(len(self.tenants) * chance.random() ** 2)]

    def _next(self, tenant: str, chance: Random) -> Change:
        rows = self._rows[tenant]
        if tenant not in self._begun:
            return Change(kind="begin")
        if not rows or chance.random() < 0.7 - len(rows) / KEPT_ROWS / 2:
            return Change(kind="insert" if chance.random() < 0.8 else "insert alone", name=self._name(chance))
        rows.rotate(1)
        if chance.random() < 0.5:
            return Change(kind="update", name=self._name(chance), row=rows[0])
        return Change(kind="delete", row=rows[0])

    def _name(self, chance: Random) -> str:
        self._made += 1
        return f"{data.company(chance)} #w{self.number}-{self._made}"

    def _write(self, tenant: str, change: Change) -> None:
        if change.row is not None:
            self._rows[tenant].remove(change.row)
        began = time.monotonic()
        made, error = None, None
        try:
            made = self._perform(tenant, change)
        except Exception as raised:  # noqa: BLE001 - whatever an application sees is what the demo is about
            error = f"{type(raised).__name__}: {raised}"
        ended = time.monotonic()
        self.ledger.note(
            Entry(
                writer=self.number,
                tenant=tenant,
                made=_mark(change.name),
                gone=_mark(change.row.name) if change.row else None,
                counted=change.counted,
                error=error,
                at=began,
                ms=(ended - began) * 1000,
            )
        )
        if made is not None:
            self._rows[tenant].append(made)

    def _perform(self, tenant: str, change: Change) -> Row | None:
        db = get_tenant_db(tenant)
        if change.kind == "insert alone":
            db.execute(INSERT.replace(":name", "?"), (change.name,))
            return self._found(tenant, change.name or "")
        with db.write() as conn:
            made = self._change(conn, change)
        if change.kind == "begin":
            self._begun.add(tenant)
        return made

    def _change(self, conn: Connection, change: Change) -> Row | None:
        own = {"email": f"writer-{self.number}@demo.example"}
        if change.kind == "begin":
            conn.execute(text(BEGIN), own)
            return None
        _one(conn.execute(text(COUNT), own).rowcount, "the writer's number")
        if change.kind == "insert":
            made = conn.execute(text(f"{INSERT} returning contact_id"), {"name": change.name})
            return Row(id=made.scalar_one(), name=change.name or "")
        row = change.row or Row(id=0, name="")
        statement = UPDATE if change.kind == "update" else DELETE
        known = {"name": change.name, "id": row.id, "was": row.name}
        _one(conn.execute(text(statement), known).rowcount, row.name)
        return Row(id=row.id, name=change.name) if change.name else None

    def _read(self, tenant: str) -> None:
        """Look up what this process wrote last to the tenant: it must be there, whichever file it is."""
        rows = self._rows[tenant]
        if not rows:
            return
        began = time.monotonic()
        try:
            self._found(tenant, rows[-1].name)
        except Exception as raised:  # noqa: BLE001 - the same: an error that an application saw
            error = f"{type(raised).__name__}: {raised}"
            ms = (time.monotonic() - began) * 1000
            self.ledger.note(Entry(writer=self.number, tenant=tenant, error=error, at=began, ms=ms))
        self.reads += 1

    def _found(self, tenant: str, name: str) -> Row:
        found = get_tenant_db(tenant).query(READ, (name,))
        _one(len(found), name)
        return Row(id=found[0][0], name=name)


def _mark(name: str | None) -> str | None:
    return name.rpartition(" ")[2] if name else None


def _one(count: int, what: str) -> None:
    if count != 1:
        raise Surprise(f"{what} is there {count} times")


def main() -> None:
    """Write until standard input ends."""
    number, path = int(sys.argv[1]), Path(sys.argv[2])
    stop = threading.Event()
    with Ledger(path) as ledger:
        writer = Writer(number=number, tenants=json.loads(sys.stdin.readline()), ledger=ledger)
        work = threading.Thread(target=writer.run, args=(stop,))
        work.start()
        for line in sys.stdin:
            writer.favourite = line.strip()
        stop.set()
        work.join()
    sys.stdout.write(f"{writer.reads}\n")


if __name__ == "__main__":
    main()
