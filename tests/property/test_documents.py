"""Whatever valid document is given: building it and reading it back gives its hash, however it is spelled."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, replace
from typing import Any

import apsw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import migrations_engine as engine
from migrations_engine.document.layout import layout
from migrations_engine.model import fold, is_engine_name, quote
from migrations_engine.renderings.models import models
from migrations_engine.sql.compact import compact
from migrations_engine.sql.lexer import tokenize
from migrations_engine.sql.spelling import is_plain
from tests import modelled

MANY = settings(
    max_examples=int(os.environ.get("TENANTDB_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


# --- SQL as pieces, so that one meaning can be written in many ways --------------------------------


@dataclass(frozen=True)
class Piece:
    """A word of SQL: a keyword, a reference to a name, a name that is declared, or a text that stays."""

    kind: str
    text: str


def key(text: str) -> list[Piece]:
    """Keywords and marks; each word is a piece of its own."""
    return [Piece("key", word) for word in text.split()]


def ref(name: str) -> list[Piece]:
    return [Piece("ref", name)]


def own(name: str) -> list[Piece]:
    return [Piece("own", name)]


def verbatim(text: str) -> list[Piece]:
    return [Piece("text", text)]


class Plain:
    """One way to write: as short as can be."""

    def sql(self, pieces: list[Piece]) -> str:
        return " ".join(self.word(piece) for piece in pieces)

    def word(self, piece: Piece) -> str:
        if piece.kind in ("ref", "own"):
            return piece.text if is_plain(piece.text) else quote(piece.text)
        return piece.text

    def keys(self, names: list[Any]) -> list[Any]:
        return names

    def either(self, first: Any, _second: Any) -> Any:
        return first


class Odd(Plain):
    """Any other way: case, quotes, spaces, comments, order and forms by chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def sql(self, pieces: list[Piece]) -> str:
        text = ""
        for piece in pieces:
            text += (self._gap() if text else "") + self.word(piece)
        return text

    def _gap(self) -> str:
        return self._random.choice([" ", "  ", "\n", "\t ", " /* -- ' */ ", " -- it's\n "])

    def _case(self, word: str) -> str:
        return "".join(self._random.choice([c.upper(), c.lower()]) if c.isascii() else c for c in word)

    def word(self, piece: Piece) -> str:
        if piece.kind == "key":
            return self._case(piece.text)
        if piece.kind == "text":
            return piece.text
        name = self._case(piece.text) if piece.kind == "ref" else piece.text
        ways = [quote(name), "`" + name.replace("`", "``") + "`"]
        ways += [name] * is_plain(name) + [f"[{name}]"] * ("]" not in name)
        return self._random.choice(ways)

    def keys(self, names: list[Any]) -> list[Any]:
        return self._random.sample(names, len(names))

    def either(self, first: Any, second: Any) -> Any:
        return self._random.choice([first, second])


# --- schemas -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ColumnSpec:
    name: str
    type: list[Piece]
    not_null: bool = False
    default: list[Piece] | None = None
    collation: str | None = None
    generated: tuple[list[Piece], bool] | None = None
    checks: tuple[list[Piece], ...] = ()
    unique: bool = False
    label: tuple[str | None, str | None] = (None, None)
    references: tuple[str, str | None, str | None] | None = None


@dataclass(frozen=True)
class TableSpec:
    name: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, tuple[tuple[str, bool], ...]] | None = None
    checks: tuple[list[Piece], ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[tuple[str, bool], ...], ...] = ()
    named_indexes: tuple[tuple[str, list[Piece], list[Piece] | None], ...] = ()
    strict: bool = False
    without_rowid: bool = False


@dataclass(frozen=True)
class Spec:
    tables: tuple[TableSpec, ...]
    views: tuple[tuple[str, list[Piece]], ...] = ()
    triggers: tuple[tuple[str, list[Piece]], ...] = ()


def key_clause(column: ColumnSpec, table: TableSpec, way: Plain) -> list[Piece]:
    """The PRIMARY KEY that stands behind the column."""
    if table.key is None or table.key[0] == "table" or table.key[1][0][0] != column.name:
        return []
    if table.key[0] == "auto":
        return key("PRIMARY KEY AUTOINCREMENT")
    return key("PRIMARY KEY") + direction(table.key[1][0][1], way)


def direction(descending: bool, way: Plain) -> list[Piece]:
    return key("DESC") if descending else key(way.either("", "ASC"))


def generated_clause(column: ColumnSpec, way: Plain) -> list[Piece]:
    if column.generated is None:
        return []
    expression, stored = column.generated
    kind = "STORED" if stored else way.either("", "VIRTUAL")
    head = way.either("GENERATED ALWAYS AS (", "AS (")
    return key(head) + expression + key(")") + key(kind)


def references_clause(column: ColumnSpec, way: Plain) -> list[Piece]:
    if column.references is None:
        return []
    parent, child, action = column.references
    clause = key("REFERENCES") + ref(parent) + (key("(") + ref(child) + key(")") if child else [])
    clause += key(f"ON DELETE {action}" if action else way.either("", "ON DELETE NO ACTION"))
    return clause + key(way.either("", "NOT DEFERRABLE INITIALLY IMMEDIATE"))


def labelled(column: ColumnSpec, rule: list[Piece], way: Plain) -> list[Piece]:
    """A rule with its name and its conflict clause."""
    name, resolution = column.label
    head = key("CONSTRAINT") + own(name) if name is not None else []
    return (
        head + rule + key(f"ON CONFLICT {resolution}" if resolution else way.either("", "ON CONFLICT ABORT"))
    )


def column_definition(column: ColumnSpec, table: TableSpec, way: Plain) -> tuple[str, list[Any]]:
    """A definition, and the checks of the column that are written at the table instead."""
    parts = [key_clause(column, table, way), generated_clause(column, way), references_clause(column, way)]
    if column.not_null:
        parts.append(labelled(column, key("NOT NULL"), way))
    if column.default is not None:
        default = column.default
        parts.append(key("DEFAULT") + way.either(default, [*key("("), *default, *key(")")]))
    if column.collation:
        parts.append(key("COLLATE") + ref(column.collation))
    if column.unique:
        parts.append(labelled(column, key("UNIQUE"), way))
    moved = []
    for check in column.checks:
        if way.either(True, False):
            parts.append(key("CHECK (") + check + key(")"))
        else:
            moved.append(way.sql(way.either(check, [*key("( ("), *check, *key(") )")])))
    return way.sql(column.type + [piece for part in way.keys(parts) for piece in part]), moved


def table_entry(table: TableSpec, way: Plain) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    checks: list[Any] = [way.either(way.sql(c), {"check": way.sql(c)}) for c in table.checks]
    for name in way.keys([column.name for column in table.columns]):
        column = next(c for c in table.columns if c.name == name)
        columns[name], moved = column_definition(column, table, way)
        checks += moved
    entry: dict[str, Any] = {n: d for n, d in columns.items() if not n.startswith("_")}
    hidden = {n: d for n, d in columns.items() if n.startswith("_")}
    rest = {
        "_columns": hidden,
        "_checks": way.keys(checks),
        "_unique_constraints": way.keys([list(unique) for unique in table.uniques]),
        "_options": {"strict": table.strict, "without_rowid": table.without_rowid},
    }
    if table.key and table.key[0] == "table":
        rest["_primary_key"] = [way.sql(ref(n) + direction(d, way)) for n, d in table.key[1]]
    rest["_indexes"] = [
        [way.sql(ref(n) + direction(d, way)) for n, d in index] for index in way.keys(list(table.indexes))
    ]
    for name, expression, where in table.named_indexes:
        index: dict[str, Any] = {"columns": [way.sql(expression)], "name": name}
        rest["_indexes"].append({**index, "where": way.sql(where)} if where else index)
    for name in way.keys([name for name, value in rest.items() if value]):
        entry[name] = rest[name]
    return entry


def document(spec: Spec, way: Plain) -> str:
    found: dict[str, Any] = {}
    hidden: dict[str, Any] = {}
    for name in way.keys([table.name for table in spec.tables]):
        table = next(t for t in spec.tables if t.name == name)
        (hidden if name.startswith("_") else found)[name] = table_entry(table, way)
    found["_tables"] = hidden
    found["_views"] = {n: way.sql(key("CREATE VIEW") + own(n) + key("AS") + body) for n, body in spec.views}
    found["_triggers"] = {n: way.sql(key("CREATE TRIGGER") + own(n) + body) for n, body in spec.triggers}
    return json.dumps({name: found[name] for name in way.keys(list(found))})


def usable(name: str) -> bool:
    return not fold(name).startswith("sqlite_") and not is_engine_name(name)


WORDS = st.one_of(
    st.sampled_from(["", "two words", 'qu"ote', "order", "select", "key", "end", "group", "rowid", "NULL"]),
    st.sampled_from(["a", "b", "Title", "CamelCase", "_id", "idx_a_b", "é", "É", "naïve", "1st", "100%"]),
    st.sampled_from(["a]b", "`", "x'", "--", "/*", "a.b", "true"]),
)
NAMES = st.one_of(WORDS, st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)).filter(usable)
TYPES = [
    "TEXT",
    "INTEGER",
    "INT",
    "REAL",
    "BLOB",
    "VARCHAR ( 20 )",
    "DECIMAL ( 10 , 2 )",
    "DOUBLE PRECISION",
    "",
]
STRICT_TYPES = ["TEXT", "INTEGER", "INT", "REAL", "BLOB", "ANY"]
DEFAULTS = ["0", "-1", "1.50", "'it''s'", "''", "x'00ff'", "CURRENT_TIMESTAMP", "TRUE", "1e3", "'a;b -- c'"]
ACTIONS = st.sampled_from([None, "CASCADE", "SET NULL", "RESTRICT", "SET DEFAULT"])


def names(count: st.SearchStrategy[int]) -> st.SearchStrategy[list[str]]:
    return count.flatmap(lambda n: st.lists(NAMES, min_size=n, max_size=n, unique_by=fold))


@st.composite
def expressions(draw: st.DrawFn, columns: list[str]) -> list[Piece]:
    column = ref(draw(st.sampled_from(columns)))
    other = ref(draw(st.sampled_from(columns)))
    return draw(
        st.sampled_from(
            [
                column + key("> 0"),
                key("length (") + column + key(") <") + verbatim("10"),
                column + key("IN (") + verbatim("'a'") + key(",") + verbatim("'It''s; a (test'") + key(")"),
                column + key("IS NOT NULL OR") + other + key("=") + verbatim("'x'"),
                key("CASE WHEN") + column + key("THEN 1 ELSE 0 END = 1"),
                key("CAST (") + column + key("AS INTEGER ) BETWEEN 1 AND 10"),
                column + key("LIKE") + verbatim("'a%'") + key("ESCAPE") + verbatim("'!'"),
                key("(") + column + key(") || (") + other + key(") <>") + verbatim("'--'"),
            ]
        )
    )


@st.composite
def columns(draw: st.DrawFn, name: str, others: list[str], parents: list[str], *, strict: bool) -> ColumnSpec:
    kind = draw(st.sampled_from(STRICT_TYPES if strict else TYPES))
    column = ColumnSpec(name=name, type=key(kind))
    flags = draw(st.sets(st.sampled_from(["null", "default", "collate", "check", "unique", "parent"])))
    if others and draw(st.integers(0, 5)) == 0:
        generated = (draw(expressions(others)), draw(st.booleans()))
        return replace(column, generated=generated)
    if "null" in flags:
        column = replace(column, not_null=True)
    if "default" in flags:
        column = replace(column, default=verbatim(draw(st.sampled_from(DEFAULTS))))
    if "collate" in flags:
        column = replace(column, collation=draw(st.sampled_from(["NOCASE", "RTRIM"])))
    if "check" in flags:
        column = replace(column, checks=(draw(expressions([*others, name])),))
    if "parent" in flags:
        child = draw(st.one_of(st.none(), NAMES))
        column = replace(column, references=(draw(st.sampled_from(parents)), child, draw(ACTIONS)))
    resolution = draw(st.sampled_from([None, "ROLLBACK", "FAIL", "IGNORE", "REPLACE"]))
    return replace(column, unique="unique" in flags, label=(draw(st.one_of(st.none(), NAMES)), resolution))


@st.composite
def tables(draw: st.DrawFn, name: str, parents: list[str]) -> TableSpec:
    listed = draw(names(st.integers(1, 5)))
    strict = draw(st.integers(0, 4)) == 0
    specs: list[ColumnSpec] = []
    for each in listed:
        stored = [c.name for c in specs if c.generated is None]
        specs.append(draw(columns(each, stored, parents, strict=strict)))
    stored = [c.name for c in specs if c.generated is None]
    table = TableSpec(name=name, columns=tuple(specs), strict=strict)
    form = draw(st.sampled_from(["none", "inline", "auto", "table"]))
    if form in ("inline", "auto"):
        first = replace(
            specs[0], type=key("INTEGER" if form == "auto" else draw(st.sampled_from(["INTEGER", "TEXT"])))
        )
        table = replace(
            table,
            columns=(first, *specs[1:]),
            key=(form, ((specs[0].name, form == "inline" and draw(st.booleans())),)),
        )
    elif form == "table":
        picked = draw(st.lists(st.sampled_from(stored), min_size=1, max_size=3, unique=True))
        table = replace(table, key=("table", tuple((c, draw(st.booleans())) for c in picked)))
    pairs = st.lists(st.sampled_from(listed), min_size=1, max_size=3, unique=True)
    entries = pairs.flatmap(lambda p: st.tuples(*(st.tuples(st.just(c), st.booleans()) for c in p)))
    return replace(
        table,
        without_rowid=form in ("inline", "table") and draw(st.booleans()),
        checks=tuple(draw(st.lists(expressions(listed), max_size=2))),
        uniques=tuple(tuple(u) for u in draw(st.lists(pairs, max_size=2, unique_by=tuple))),
        indexes=tuple(draw(st.lists(entries, max_size=3, unique=True))),
    )


@st.composite
def schemas(draw: st.DrawFn) -> Spec:
    every = draw(names(st.integers(4, 7)))
    made, view, trigger, index = every[3:], every[0], every[1], every[2]
    found = [draw(tables(name, [*made, "missing parent"])) for name in made]
    first = found[0]
    shown = [column.name for column in first.columns]
    where = draw(st.one_of(st.none(), expressions(shown)))
    found[0] = replace(first, named_indexes=((index, draw(expressions(shown)), where),))
    select = key("SELECT") + ref(shown[0]) + key("AS") + own("Shown") + key("FROM") + ref(first.name)
    body = key("AFTER INSERT ON") + ref(first.name) + key("WHEN NEW .") + ref(shown[0])
    body += key("IS NOT NULL BEGIN SELECT CASE WHEN 1 THEN") + verbatim("'; END'") + key("END ; END")
    views = ((view, select),) if draw(st.booleans()) else ()
    return Spec(tuple(found), views, ((trigger, body),) if draw(st.booleans()) else ())


def built(schema: engine.Schema) -> apsw.Connection:
    conn = apsw.Connection(":memory:")
    for statement in engine.ddl(schema, "sqlite"):
        conn.execute(statement)
    return conn


# --- what holds --------------------------------------------------------------------------------------


@MANY
@given(schemas())
def test_a_built_file_has_the_hash_of_its_document(spec: Spec) -> None:
    schema = engine.loads(document(spec, Plain()))
    assert engine.introspect(built(schema)).hash == schema.hash


@MANY
@given(schemas(), st.integers())
def test_reading_what_was_written_gives_equal_objects(spec: Spec, seed: int) -> None:
    schema = engine.loads(document(spec, Odd(seed)))
    again = engine.loads(schema.to_json())
    assert again == schema
    assert again.to_json() == schema.to_json()


@MANY
@given(schemas(), st.integers())
def test_another_spelling_has_the_same_hash(spec: Spec, seed: int) -> None:
    plain, odd = engine.loads(document(spec, Plain())), engine.loads(document(spec, Odd(seed)))
    assert odd.hash == plain.hash
    assert engine.introspect(built(odd)).hash == plain.hash


def in_order(schema: engine.Schema) -> engine.Schema:
    """The schema with everything in the order of names, which no hash looks at."""

    def sort(named: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(sorted(named, key=lambda each: each.name))

    tables = tuple(replace(table, columns=sort(table.columns)) for table in sort(schema.tables))
    return replace(schema, tables=tables, views=sort(schema.views), triggers=sort(schema.triggers))


@MANY
@given(schemas(), st.integers())
def test_another_spelling_has_the_same_description_but_for_the_order(spec: Spec, seed: int) -> None:
    plain, odd = engine.loads(document(spec, Plain())), engine.loads(document(spec, Odd(seed)))
    assert engine.describe(in_order(odd)) == engine.describe(in_order(plain))
    rebuilt = engine.introspect(built(odd))
    assert engine.describe(in_order(rebuilt)) == engine.describe(in_order(plain))


@MANY
@given(schemas(), st.integers())
def test_another_layout_is_the_same_schema(spec: Spec, seed: int) -> None:
    text = document(spec, Odd(seed))
    assert engine.loads(layout(text)) == engine.loads(text)
    written = engine.loads(text).to_json()
    assert layout(written) == written


@MANY
@given(schemas())
def test_models_make_the_tables_that_they_were_written_from(spec: Spec) -> None:
    schema = engine.loads(document(spec, Plain()))
    text = models(schema, title="any")
    # Where SQLAlchemy changes the table itself, the models say so; the unit tests have those cases.
    if not any(loss in text for loss in ("order or collation", "AUTOINCREMENT, or")):
        assert modelled.built(text).hash == modelled.sayable(schema).hash


@MANY
@given(schemas(), st.integers())
def test_compact_sql_is_made_of_the_same_tokens(spec: Spec, seed: int) -> None:
    for statement in engine.ddl(engine.loads(document(spec, Odd(seed))), "sqlite"):
        assert [t.text for t in tokenize(compact(statement))] == [t.text for t in tokenize(statement)]


def _column_changes(table: TableSpec) -> list[TableSpec]:
    """The table with one thing about its last column changed, in every way that stays valid."""
    *others, last = table.columns
    changed = [
        replace(last, type=key("BLOB" if last.type != key("BLOB") else "TEXT")),
        replace(last, not_null=not last.not_null),
        replace(last, unique=not last.unique),
        replace(last, collation="NOCASE" if last.collation is None else None),
    ]
    if last.generated is None:
        changed += [replace(last, default=verbatim("'another'")), replace(last, default=verbatim("4.0"))]
    keyed = table.key is not None and last.name in [name for name, _ in table.key[1]]
    if keyed:
        changed = [c for c in changed if c.type == last.type and c.not_null == last.not_null]
    return [replace(table, columns=(*others, column)) for column in changed]


def _table_changes(table: TableSpec) -> list[TableSpec]:
    """The table with one thing about it changed, in every way that stays valid."""
    fresh = ColumnSpec(name="a fresh name", type=key("TEXT"))
    first = table.columns[0].name
    return [
        *_column_changes(table),
        replace(table, columns=(*table.columns, fresh)),
        replace(table, checks=(*table.checks, ref(first) + key("IS NOT 7"))),
        replace(table, checks=(*table.checks, ref(first) + key("IS NOT 7.0"))),
        replace(table, named_indexes=(*table.named_indexes, ("fresh index", ref(first), None))),
        replace(table, named_indexes=(*table.named_indexes, ("Fresh Index", ref(first), None))),
        replace(table, named_indexes=(*table.named_indexes, ("fresh index", ref(first) + key("DESC"), None))),
    ]


@MANY
@given(schemas())
def test_every_real_change_has_a_hash_and_a_description_of_its_own(spec: Spec) -> None:
    first, *others = spec.tables
    variants = [spec, *(Spec((table, *others), spec.views, spec.triggers) for table in _table_changes(first))]
    found = [engine.loads(document(variant, Plain())) for variant in variants]
    assert len({schema.hash for schema in found}) == len(found)
    assert len({engine.describe(in_order(schema)) for schema in found}) == len(found)
