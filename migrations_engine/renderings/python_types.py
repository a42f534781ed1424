"""Declared types as SQLAlchemy writes them, and as Python holds their values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migrations_engine.normalize.types import declared_type
from migrations_engine.sql.affinity import affinity
from migrations_engine.sql.spelling import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrations_engine.model import Column, Table

_PLAIN: Final[Mapping[str, tuple[str, str]]] = {
    "bigint": ("BigInteger", "int"),
    "blob": ("LargeBinary", "bytes"),
    "boolean": ("Boolean", "bool"),
    "char": ("CHAR", "str"),
    "date": ("Date", "datetime.date"),
    "datetime": ("DateTime", "datetime.datetime"),
    "decimal": ("DECIMAL", "decimal.Decimal"),
    "double": ("DOUBLE", "float"),
    "double precision": ("DOUBLE_PRECISION", "float"),
    "float": ("Float", "float"),
    "integer": ("Integer", "int"),
    "json": ("JSON", "Any"),
    "nchar": ("NCHAR", "str"),
    "numeric": ("Numeric", "decimal.Decimal"),
    "nvarchar": ("NVARCHAR", "str"),
    "real": ("REAL", "float"),
    "smallint": ("SmallInteger", "int"),
    "text": ("Text", "str"),
    "time": ("Time", "datetime.time"),
    "timestamp": ("TIMESTAMP", "datetime.datetime"),
    "varchar": ("String", "str"),
}
"""Types that SQLAlchemy declares in these very words on SQLite, with the class of their values."""

_COLLATED: Final = frozenset(("char", "nchar", "nvarchar", "text", "varchar"))
_SIZED: Final = {**dict.fromkeys(("char", "nchar", "nvarchar", "varchar"), 1), "decimal": 2, "numeric": 2}
_FORM: Final = re.compile(r"(?P<name>[a-z ]+)(?:\((?P<sizes>[0-9]+(?:,[0-9]+)?)\))?")
_BY_AFFINITY: Final = {"INTEGER": "int", "TEXT": "str", "REAL": "float", "BLOB": "Any", "NUMERIC": "Any"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonType:
    """A column's type: SQLAlchemy's expression for it, and the annotation of its values."""

    expression: str
    annotation: str


def python_type(column: Column, table: Table) -> PythonType:
    """The type of a column; what SQLAlchemy has no word for is declared as it is written.

    The rowid is a plain integer whatever is said of it: else SQLAlchemy would not let SQLite number the rows.
    """
    key = table.primary_key
    if key is not None and key.is_rowid and key.columns[0].expression == column.name:
        return PythonType(expression="sa.Integer", annotation="int")
    match = _FORM.fullmatch(declared_type(column.type))
    name = match["name"] if match else ""
    sizes = match["sizes"].split(",") if match and match["sizes"] else []
    known = name in _PLAIN and len(sizes) <= _SIZED.get(name, 0)
    if not known or (column.collation is not None and name not in _COLLATED):
        return _declared(column)
    if column.collation is not None:
        sizes.append(f"collation={json.dumps(column.collation, ensure_ascii=False)}")
    called = f"({', '.join(sizes)})" if sizes else ""
    return PythonType(expression=f"sa.{_PLAIN[name][0]}{called}", annotation=_PLAIN[name][1])


def _declared(column: Column) -> PythonType:
    """A type in the words of the schema, with the values that SQLite stores in it."""
    words = " ".join(column.type.split())
    collation = f" COLLATE {identifier(column.collation)}" if column.collation is not None else ""
    values = _BY_AFFINITY[affinity(column.type)]
    return PythonType(expression=f"Declared({json.dumps(words + collation)})", annotation=values)
