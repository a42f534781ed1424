"""What a rebuild of one table loses, measured object by object, ours beside the peers': ``make bench-peers``.

Each cell is a file of its own with one object in or on table ``t``, which a tool then rebuilds; afterwards a
probe uses the object. Ends with 1 where ours loses one.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import platform
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from peers import CALLED, PEERS, querying, released
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers import Query

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "what-others-lose.md"
MARK = "<!-- from here on written by: make bench-peers -->\n"
WIDTH = 120
OURS = "tenantdb"
KEPT, SILENT, WARNED, FAILS = "kept", "lost silently", "lost, with a warning", "fails"

ID, A, N = "id INTEGER PRIMARY KEY", "a TEXT", "n TEXT"
ROWS = "INSERT INTO t (id, a, n) VALUES (1, 'Ann', 'x'), (2, 'Bob', 'x'), (3, 'Cyd', 'x')"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One object: the columns of ``t``, statements around it, and the probe that tells whether it works."""

    name: str
    works: Callable[[Query], bool]
    columns: tuple[str, ...] = (ID, A, N)
    options: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def make(self, run: Query) -> None:
        """Make the file."""
        table = f"CREATE TABLE t ({', '.join(self.columns)}) {self.options}"
        for statement in (*self.before, table, ROWS, *self.after):
            run(statement)


def refuses(run: Query, statement: str) -> bool:
    """Whether SQLite refuses to run a statement."""
    try:
        run(statement)
    except Exception:  # noqa: BLE001 - each library has errors of its own
        return True
    return False


def cascades(run: Query) -> bool:
    """Whether the children of a deleted parent go with it."""
    run("PRAGMA foreign_keys = ON")
    run("DELETE FROM p")
    return run("SELECT count(*) FROM t") == [(0,)]


def fires(run: Query) -> bool:
    """Whether an insert is noted."""
    run("INSERT INTO t (a, n) VALUES ('Dan', 'x')")
    return run("SELECT noted FROM log") == [("Dan",)]


def computes(run: Query) -> bool:
    """Whether a generated column follows the one that it is made of."""
    run("UPDATE t SET a = 'Eve' WHERE id = 1")
    return run("SELECT g FROM t WHERE id = 1") == [("eve",)]


def next_id(run: Query) -> int:
    """The id that the next row gets."""
    run("INSERT INTO t (a, n) VALUES ('Dan', 'x')")
    return int(run("SELECT id FROM t WHERE a = 'Dan'")[0][0])


BAD = "INSERT INTO t (a, n) VALUES ('bad', 'x')"
COUNTED = ("id INTEGER PRIMARY KEY AUTOINCREMENT", A, N)

CASES = (
    Case(
        name="view",
        after=("CREATE VIEW v AS SELECT id, n FROM t",),
        works=lambda run: run("SELECT count(*) FROM v") == [(3,)],
    ),
    Case(
        name="generated column",
        columns=(ID, A, N, "g TEXT GENERATED ALWAYS AS (lower(a)) VIRTUAL"),
        works=computes,
    ),
    Case(
        name="CHECK without a name",
        columns=(ID, "a TEXT CHECK (a <> 'bad')", N),
        works=lambda run: refuses(run, BAD),
    ),
    Case(
        name="CHECK with a name",
        columns=(ID, A, N, "CONSTRAINT sound CHECK (a <> 'bad')"),
        works=lambda run: refuses(run, BAD),
    ),
    Case(
        name="COLLATE",
        columns=(ID, "a TEXT COLLATE NOCASE", N),
        works=lambda run: run("SELECT id FROM t WHERE a = 'ANN'") == [(1,)],
    ),
    Case(
        name="AUTOINCREMENT",
        columns=COUNTED,
        works=lambda run: "AUTOINCREMENT" in run("SELECT sql FROM sqlite_master WHERE name = 't'")[0][0],
    ),
    Case(
        name="its counter: no id comes back",
        columns=COUNTED,
        after=("DELETE FROM t WHERE id = 3",),
        works=lambda run: next_id(run) == 4,
    ),
    Case(
        name="ON DELETE CASCADE",
        columns=(ID, A, N, "p INTEGER DEFAULT 1 REFERENCES p(id) ON DELETE CASCADE"),
        before=("CREATE TABLE p (id INTEGER PRIMARY KEY)", "INSERT INTO p VALUES (1)"),
        works=cascades,
    ),
    Case(
        name="partial index",
        after=("CREATE INDEX i ON t (a) WHERE n = 'x'",),
        works=lambda run: run("SELECT partial FROM pragma_index_list('t')") == [(1,)],
    ),
    Case(
        name="index on an expression",
        after=("CREATE INDEX i ON t (lower(a))",),
        works=lambda run: run("SELECT cid FROM pragma_index_xinfo('i') WHERE key") == [(-2,)],
    ),
    Case(
        name="DESC of an index",
        after=("CREATE INDEX i ON t (a DESC)",),
        works=lambda run: run("SELECT \"desc\" FROM pragma_index_xinfo('i') WHERE key") == [(1,)],
    ),
    Case(
        name="trigger",
        before=("CREATE TABLE log (noted TEXT)",),
        after=("CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a); END",),
        works=fires,
    ),
    Case(
        name="WITHOUT ROWID",
        options="WITHOUT ROWID",
        works=lambda run: run("SELECT wr FROM pragma_table_list('t')") == [(1,)],
    ),
    Case(
        name="STRICT",
        options="STRICT",
        works=lambda run: run("SELECT strict FROM pragma_table_list('t')") == [(1,)],
    ),
)


def main() -> int:
    """Measure all peers and print the table; 1 where ours loses something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", choices=PEERS, help="measure this one in this process; print a document")
    parser.add_argument("--case", choices=[case.name for case in CASES], help="with --peer: this object only")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    asked = parser.parse_args()
    if asked.peer:
        cases = [case for case in CASES if asked.case in (None, case.name)]
        print(json.dumps({case.name: measured(asked.peer, case) for case in cases}))
        return 0
    found = {peer: in_own_processes(peer) for peer in PEERS}
    Console(width=WIDTH).print(table(found))
    if asked.write:
        PAGE.write_text(PAGE.read_text().split(MARK)[0] + MARK + page(found))
    return 0 if all(verdict == KEPT for verdict in found[OURS].values()) else 1


def in_own_processes(peer: str) -> dict[str, str]:
    """The verdicts of one peer, each from a process of its own: no failure leaves something to the next."""
    found: dict[str, str] = {}
    for case in CASES:
        command = [sys.executable, __file__, "--peer", peer, "--case", case.name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found |= json.loads(done.stdout)
    return found


def measured(peer: str, case: Case) -> str:
    """Whether a rebuild by a peer keeps one object, loses it, or fails; what it says in the last case."""
    with tempfile.TemporaryDirectory(prefix="tenantdb-losses-") as folder:
        path = Path(folder) / "file.db"
        with querying(peer, path) as run:
            case.make(run)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                PEERS[peer](path)
            except Exception as error:  # noqa: BLE001 - a peer may fail as it likes
                return f"{FAILS}: {said(error)}{left(peer, path)}"
        with querying(peer, path) as run:
            if not refuses(run, "INSERT INTO t (a) VALUES ('n is missing')"):
                raise SystemExit(f"{peer} did not change the table: {case.name}")
            return verdict(case, run, warned=bool(warned))


def verdict(case: Case, run: Query, *, warned: bool) -> str:
    """What became of an object."""
    try:
        if case.works(run):
            return KEPT
    except Exception:  # noqa: BLE001 - an object that cannot be used is lost
        pass
    return WARNED if warned else SILENT


def said(error: Exception) -> str:
    """The heart of an error's message, in a few words."""
    text = str(getattr(error, "orig", None) or error).splitlines()[0]
    return text if len(text) <= 60 else f"{text[:57]}…"


def left(peer: str, path: Path) -> str:
    """What a failure left in the file."""
    with querying(peer, path) as run:
        names = [name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'")]
    litter = [name for name in names if name not in ("t", "p", "log") and not name.startswith("sqlite_")]
    return f"; leaves {', '.join(litter)}" if litter else ""


def heading(peer: str) -> str:
    """What a column of the table is called."""
    return f"{peer} {released(peer)} {CALLED[peer]}"


def table(found: dict[str, dict[str, str]]) -> Table:
    """The verdicts for people."""
    shown = Table("object", *map(heading, found))
    for case in CASES:
        shown.add_row(case.name, *(coloured(verdicts[case.name]) for verdicts in found.values()))
    return shown


def coloured(text: str) -> str:
    """A verdict with the colour that it deserves."""
    colour = "green" if text == KEPT else "yellow" if text == WARNED else "red"
    return f"[{colour}]{text}[/]"


def page(found: dict[str, dict[str, str]]) -> str:
    """The verdicts as a table of the documentation."""
    rows = [["object", *map(heading, found)], ["---"] * (len(found) + 1)]
    rows += [[case.name, *(verdicts[case.name] for verdicts in found.values())] for case in CASES]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    day = dt.datetime.now(dt.UTC).date().isoformat()
    return "\n".join([f"\nMeasured on {day}, with Python {platform.python_version()}.\n", *lines, ""])


if __name__ == "__main__":
    sys.exit(main())
