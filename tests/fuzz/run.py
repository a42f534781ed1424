"""Coverage-guided fuzzing of what reads foreign text: ``make fuzz``, or this file with a target's name.

sql         the grammar: statements and definitions are read, or called malformed
document    a document is read or every fault is listed; one that is read says the same when it is written
introspect  what SQLite itself takes as a schema is read without a loss, or refused by the object's name;
            and a file whose stored statements were tampered with raises nothing but the engine's own errors

FUZZ_SECONDS (600) are shared by all targets. An input that fails is written to the working folder as
``fuzz-TARGET-…``, and its path is printed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import apsw
import atheris

with atheris.instrument_imports(include=["migrations_engine"]):
    import migrations_engine as engine
    from migrations_engine.sql import columns, expressions, heads, indexes, lexer, tables
    from migrations_engine.sql.assembly import Contradiction
    from migrations_engine.sql.keywords import KEYWORDS

DATA = Path(__file__).parents[1] / "data"
HANG_SECONDS = 20

READERS = (
    tables.parse_table,
    indexes.parse_index,
    heads.parse_view,
    heads.parse_trigger,
    heads.parse_virtual_table,
    expressions.parse_expression,
    lambda text: columns.parse_column("c", text),
)


def fuzz_sql(data: bytes) -> None:
    """Let every reader of the grammar have the text."""
    text = data.decode("utf-8", "replace")
    for read in READERS:
        with contextlib.suppress(lexer.Malformed, Contradiction):
            read(text)


def fuzz_document(data: bytes) -> None:
    """Read a document; what can be read is written and read again."""
    with contextlib.suppress(engine.MigrationError):
        schema = engine.loads(data.decode("utf-8", "replace"))
        again = engine.loads(schema.to_json())
        assert again == schema
        assert again.hash == schema.hash


def fuzz_introspect(data: bytes) -> None:
    """Hand statements to SQLite, and read what it made of them."""
    text = data.decode("utf-8", "replace")
    with contextlib.closing(apsw.Connection(":memory:")) as conn:
        conn.authorizer = only_schema
        taken = is_taken(conn, text)
        conn.authorizer = None
        if taken:
            read_again(conn)
    tamper(text)


def only_schema(action: int, *_: str | None) -> int:
    """Leave to make objects, none to attach files or to run what takes for ever."""
    refused = (apsw.SQLITE_ATTACH, apsw.SQLITE_PRAGMA, apsw.SQLITE_RECURSIVE, apsw.SQLITE_CREATE_VTABLE)
    return apsw.SQLITE_DENY if action in refused else apsw.SQLITE_OK


def is_taken(conn: apsw.Connection, text: str) -> bool:
    """Whether SQLite runs the statements and keeps something."""
    try:
        conn.execute(text).fetchall()
        return not conn.in_transaction and bool(conn.execute("SELECT 1 FROM sqlite_schema").fetchall())
    except (apsw.Error, ValueError):
        return False


def read_again(conn: apsw.Connection) -> None:
    """Introspect; a copy that is built from the document has the hash of the original."""
    try:
        schema = engine.introspect(conn)
        statements = engine.ddl(engine.loads(schema.to_json()), "sqlite")
    except engine.Unsupported:
        return
    with contextlib.closing(apsw.Connection(":memory:")) as copy:
        for statement in statements:
            copy.execute(statement)
        assert engine.introspect(copy).hash == schema.hash


def tamper(text: str) -> None:
    """Write the text where SQLite keeps the statement of a table, and introspect the file."""
    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        path = Path(folder) / "file.db"
        with contextlib.closing(apsw.Connection(str(path))) as conn:
            conn.execute("PRAGMA synchronous = OFF; CREATE TABLE t(a); PRAGMA writable_schema = ON")
            conn.execute("UPDATE sqlite_schema SET sql = ?", (text,))
        with contextlib.suppress(engine.MigrationError):
            engine.introspect(path)


def scratch() -> str | None:
    """Memory, where the machine has a folder in it."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


TARGETS = {"sql": fuzz_sql, "document": fuzz_document, "introspect": fuzz_introspect}


def seeds(target: str) -> list[str]:
    """Real schemas as a whole, statement by statement, and as documents."""
    scripts = [path.read_text(encoding="utf-8") for path in sorted(DATA.rglob("*.sql"))]
    found: list[str] = []
    for script in scripts:
        with contextlib.closing(apsw.Connection(":memory:")) as conn:
            conn.execute(script)
            if target == "document":
                found.append(engine.introspect(conn).to_json())
            else:
                found += [sql for (sql,) in conn.execute("SELECT sql FROM sqlite_schema WHERE sql > ''")]
    return found if target == "sql" else found + scripts * (target == "introspect")


def run_all(seconds: int) -> int:
    """Run each target in a process of its own, as atheris never returns; the first that fails decides."""
    for target in TARGETS:
        sys.stdout.write(f"fuzz: {target}, {seconds // len(TARGETS)} s\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            corpus, words = Path(folder) / "corpus", Path(folder) / "words"
            corpus.mkdir()
            for number, text in enumerate(seeds(target)):
                (corpus / str(number)).write_text(text, encoding="utf-8")
            words.write_text("".join(f'"{word}"\n' for word in sorted(KEYWORDS)))
            limits = [f"-max_total_time={seconds // len(TARGETS)}", f"-timeout={HANG_SECONDS}"]
            where = [f"-dict={words}", f"-artifact_prefix={Path.cwd()}/fuzz-{target}-", str(corpus)]
            command = [sys.executable, __file__, target, *limits, "-print_final_stats=1", *where]
            code = subprocess.run(command, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(run_all(int(os.environ.get("FUZZ_SECONDS", "600"))))
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
