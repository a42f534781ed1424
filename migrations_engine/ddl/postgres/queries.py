"""SELECT by the same list of allowed nodes: sources, joins, groups, compounds, WITH."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migrations_engine.ddl.postgres import aggregates, grouping
from migrations_engine.ddl.postgres.conversions import condition
from migrations_engine.ddl.postgres.expressions import ALLOWED, Walk
from migrations_engine.ddl.postgres.names import identifier
from migrations_engine.ddl.postgres.operators import rule
from migrations_engine.ddl.postgres.ordering import Projection, ordered, ordered_results
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.sources import Around, Output, Relation, Source, Sources
from migrations_engine.ddl.postgres.types import ColumnType
from migrations_engine.ddl.postgres.values import NOCASE, NUMBERS, Value, boolean
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from migrations_engine.ddl.postgres.expressions import Scope
    from migrations_engine.ddl.postgres.operators import Rules
    from migrations_engine.ddl.postgres.sources import Relations

_BEHIND: Final = frozenset(("with_", "distinct", "order", "limit", "offset"))
_SELECT: Final = _BEHIND | {"expressions", "from_", "joins", "where", "group", "having"}
_COMPOUND: Final = _BEHIND | {"this", "expression"}
_TABLE: Final = frozenset(("this", "alias", "db", "indexed"))
_JOIN: Final = frozenset(("this", "side", "kind", "on", "using"))
_WORDS: Final = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A translated query and the columns of its result."""

    sql: str
    columns: tuple[Output, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Translator:
    """Translates queries; ``local`` are those that WITH names, ``outer`` is where a subquery stands."""

    relations: Relations
    names: Collection[str]
    local: Mapping[str, Relation]
    outer: Scope | None = None

    def query(self, node: exp.Expr) -> Query:
        """The query of a node.

        Raises:
            Refused: Something in it has no equal.
        """
        within, before = self._with(node)
        found = within.body(node)
        return replace(found, sql=before + found.sql)

    def body(self, node: exp.Expr) -> Query:
        """The query of a node behind its WITH.

        Raises:
            Refused: Something in it has no equal.
        """
        if isinstance(node, exp.Select):
            return self._select(node)
        if isinstance(node, exp.SetOperation):
            return self._compound(node)
        if isinstance(node, exp.Subquery):
            _only(node, frozenset(("this",)))
            return self.query(node.this)
        raise Refused(f"a query that begins with {type(node).__name__.upper()}")

    def _select(self, node: exp.Select) -> Query:
        _only(node, _SELECT)
        sources = Sources(self.names, self.outer)
        read = self._read(node, sources)
        walk = Walk(sources, self._rules(sources))
        projections = [each for part in node.expressions for each in _projections(part, sources, walk)]
        groups = grouping.groups(node, projections, sources, walk)
        _check_distinct(node, projections)
        parts = [
            "SELECT DISTINCT" if node.args.get("distinct") else "SELECT",
            ", ".join(projection.sql for projection in projections),
            *read,
            *_filter("WHERE", node.args.get("where"), walk),
            *([f"GROUP BY {', '.join(groups)}"] if groups else []),
            *_filter("HAVING", node.args.get("having"), walk),
            *ordered(node, projections, walk),
        ]
        return Query(sql=" ".join(parts), columns=tuple(each.output for each in projections))

    def _with(self, node: exp.Expr) -> tuple[Translator, str]:
        """The translator that knows what WITH names, and the text of it."""
        found = node.args.get("with_")
        if found is None:
            return self, ""
        _only(found, frozenset(("expressions",)))
        within, texts = self, []
        for each in found.expressions:
            _only(each, frozenset(("this", "alias")))
            query = within.query(each.this)
            names = [column.name for column in each.args["alias"].columns]
            columns = renamed(query.columns, names)
            listed = f" ({', '.join(identifier(name) for name in names)})" if names else ""
            texts.append(f"{identifier(each.alias)}{listed} AS ({query.sql})")
            relation = Relation(name=each.alias, columns=columns)
            within = replace(within, local={**within.local, fold(each.alias): relation})
        return within, f"WITH {', '.join(texts)} "

    def _read(self, node: exp.Select, sources: Sources) -> list[str]:
        """FROM and the joins; each source is known to what stands behind it."""
        first = node.args.get("from_")
        if first is None:
            return []
        texts = [f"FROM {self._source(first.this, sources)}"]
        texts += [self._join(join, sources) for join in node.args.get("joins") or ()]
        return texts

    def _source(self, node: exp.Expr, sources: Sources, merged: frozenset[str] = frozenset()) -> str:
        """A table, a view or a query in FROM, noted under its name."""
        text, relation, alias = self._relation(node)
        if any(fold(source.alias) == fold(alias) for source in sources.listed):
            raise Refused(f"two sources named {alias}")
        sources.listed.append(Source(alias=alias, relation=relation, merged=merged))
        named = relation.name == alias and isinstance(node, exp.Table)
        return text if named else f"{text} AS {identifier(alias)}"

    def _relation(self, node: exp.Expr) -> tuple[str, Relation, str]:
        """What a source reads, its columns, and its name."""
        if isinstance(node, exp.Subquery) and node.alias and not isinstance(node.this, exp.Table):
            _only(node, frozenset(("this", "alias")))
            query = replace(self, outer=None).query(node.this)
            return f"({query.sql})", Relation(name=node.alias, columns=query.columns), node.alias
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise Refused(f"{node.sql(dialect='sqlite')} in FROM")
        _only(node, _TABLE)
        if node.args.get("alias") is not None and node.args["alias"].columns:
            raise Refused("names of columns behind a table's")
        relation = self.local.get(fold(node.name)) or self.relations.find(node.name)
        return identifier(relation.name), relation, node.alias or relation.name

    def _join(self, join: exp.Join, sources: Sources) -> str:
        _only(join, _JOIN)
        side, using = str(join.args.get("side") or ""), join.args.get("using")
        if side not in ("", "LEFT") and using:
            raise Refused(f"{side} JOIN with USING")
        names = frozenset(fold(name.name) for name in using or ())
        left = Sources(self.names, None, list(sources.listed))
        text = self._source(join.this, sources, names)
        on = join.args.get("on")
        if on is None and not using and not side:
            return f"CROSS JOIN {text}"
        walk = Walk(sources, self._rules(sources))
        tests = [_equal(name.name, left, sources.listed[-1]) for name in using or ()]
        tests += [condition(walk.value(on)).operand] if on is not None else []
        return f"{side} JOIN {text} ON {' AND '.join(tests) or 'true'}".strip()

    def _rules(self, sources: Sources) -> Rules:
        """What is allowed in the expressions of a query."""
        inner = replace(self, outer=Around(sources))

        def scalar(node: exp.Subquery, _: object) -> Value:
            query = inner.query(node.this)
            if len(query.columns) != 1:
                raise Refused("a query of several columns as a value")
            found = query.columns[0].type
            return Value(sql=f"({query.sql})", kind=found.kind, collation=found.collation)

        def exists(node: exp.Exists, _: object) -> Value:
            return boolean(f"EXISTS ({inner.query(node.this).sql})")

        queries: Rules = {exp.Subquery: rule(scalar, "this"), exp.Exists: rule(exists, "this")}
        return {**ALLOWED, **aggregates.RULES, **queries}

    def _compound(self, node: exp.SetOperation) -> Query:
        """UNION and the like, from left to right as in SQLite; PostgreSQL would do INTERSECT first."""
        _only(node, _COMPOUND)
        left, right = self.query(node.this), self.query(node.expression)
        if (
            type(node) not in _WORDS
            or not isinstance(node.expression, exp.Select)
            or node.expression.args.get("order")
        ):
            raise Refused("a compound query on the right side of another")
        distinct = node.args.get("distinct")
        columns = _merged(left.columns, right.columns)
        if distinct and any(column.type.collation == NOCASE for column in columns):
            raise Refused("a compound query without duplicates of texts that are NOCASE")
        first = left.sql if isinstance(node.this, exp.Select) else f"({left.sql})"
        word = _WORDS[type(node)] + ("" if distinct else " ALL")
        order = ordered_results(node, columns)
        return Query(sql=" ".join([first, word, right.sql, *order]), columns=columns)


def renamed(columns: Sequence[Output], names: Sequence[str]) -> tuple[Output, ...]:
    """The columns under the names of a list; as they are where there is none.

    Raises:
        Refused: The list has another length, a name stands twice, or there is none.
    """
    if names and len(names) != len(columns):
        raise Refused(f"{len(names)} names for {len(columns)} columns")
    found = (
        tuple(replace(column, name=name) for column, name in zip(columns, names, strict=True))
        if names
        else tuple(columns)
    )
    known = [fold(column.name) for column in found if column.name is not None]
    if len(known) < len(found):
        raise Refused("a column without a name: SQLite makes one up of its text; write AS behind it")
    if len(set(known)) < len(known):
        raise Refused("two columns of one name, of which SQLite renames one")
    return found


def _merged(left: Sequence[Output], right: Sequence[Output]) -> tuple[Output, ...]:
    """The columns of two queries as one."""
    if len(left) != len(right):
        raise Refused("a compound of queries with unlike numbers of columns")
    return tuple(replace(a, type=_common(a.type, b.type)) for a, b in zip(left, right, strict=True))


def _common(left: ColumnType, right: ColumnType) -> ColumnType:
    if left == right or right.kind == "null":
        return left
    if left.kind == "null":
        return right
    if {left.kind, right.kind} <= NUMBERS:
        return ColumnType(kind=left.kind if left.kind == right.kind else "numeric")
    if left.kind != right.kind or NOCASE in (left.collation, right.collation):
        raise Refused(f"a column that is {left.sql} in one query and {right.sql} in the other")
    return ColumnType(kind=left.kind, collation=left.collation or right.collation)


def _projections(node: exp.Expr, sources: Sources, walk: Walk) -> list[Projection]:
    """The columns that one entry behind SELECT gives."""
    if isinstance(node, exp.Star):
        _only(node, frozenset())
        return [_named(name, value) for source in sources.listed for name, value in source.values()]
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
        return [_named(name, value) for name, value in replace_merged(sources.source(node.table)).values()]
    if isinstance(node, exp.Alias):
        _only(node, frozenset(("this", "alias")))
        return [_named(node.alias, walk.value(node.this), node.this)]
    value = walk.value(node)
    if isinstance(node, exp.Column):
        return [_named(value.sql.rpartition('."')[2][:-1].replace('""', '"'), value, node)]
    return [Projection(output=Output(name=None, type=_type(value)), value=value, node=node)]


def replace_merged(source: Source) -> Source:
    """The source with all its columns, as ``name.*`` has them."""
    return replace(source, merged=frozenset())


def _named(name: str, value: Value, node: exp.Expr | None = None) -> Projection:
    return Projection(output=Output(name=name, type=_type(value)), value=value, node=node)


def _type(value: Value) -> ColumnType:
    collation = value.collation if value.kind == "text" else None
    return ColumnType(kind=value.kind, collation=collation)


def _equal(name: str, left: Sources, right: Source) -> str:
    """A column of USING as a comparison."""
    mine, other = left.resolve(name, of=None), right.column(name)
    if other is None or mine.kind != other.kind or mine.collation != other.collation:
        raise Refused(f"USING ({name}) of columns of several types")
    if mine.collation == NOCASE:
        raise Refused(f"USING ({name}) of texts that are NOCASE")
    return f"{mine.sql} = {other.sql}"


def _filter(word: str, node: exp.Expr | None, walk: Walk) -> list[str]:
    return [] if node is None else [f"{word} {condition(walk.value(node.this)).sql}"]


def _check_distinct(node: exp.Select, projections: Sequence[Projection]) -> None:
    distinct = node.args.get("distinct")
    if distinct is not None:
        _only(distinct, frozenset())
        if any(each.output.type.collation == NOCASE for each in projections):
            raise Refused("DISTINCT of texts that are NOCASE")


def _only(node: exp.Expr, allowed: Collection[str]) -> None:
    """Refuse a node that says more than is understood."""
    unknown = [name for name, said in node.args.items() if said and name not in allowed]
    if unknown:
        raise Refused(f"{type(node).__name__.upper()} with {', '.join(unknown)}")
