import pytest

from migrations_engine.ddl.definitions import arrange
from migrations_engine.model import Check, Column, ForeignKey, IndexedColumn, PrimaryKey, Table, Unique
from migrations_engine.sql.spelling import identifier


def key(*names, **more):
    return tuple(IndexedColumn(expression=name, **more) for name in names)


def table(**parts):
    return Table(name="t", columns=(Column(name="a", type="INT"), Column(name="b")), **parts)


def definitions(found):
    return [text for _, text in arrange(found).definitions]


def test_what_fits_behind_a_column_stands_there():
    found = table(
        primary_key=PrimaryKey(columns=key("a"), name="pk"),
        uniques=(Unique(columns=key("b"), on_conflict="FAIL"),),
        checks=(Check(expression="b > a", column="b"),),
        foreign_keys=(ForeignKey(columns=("a",), parent="p q", on_delete="CASCADE"),),
    )
    assert definitions(found) == [
        'INT CONSTRAINT pk PRIMARY KEY REFERENCES "p q" ON DELETE CASCADE',
        "UNIQUE ON CONFLICT FAIL CHECK (b > a)",
    ]


def test_what_does_not_fit_stays_with_the_table():
    found = table(
        primary_key=PrimaryKey(columns=key("a", "b")),
        uniques=(Unique(columns=key("a", descending=True)),),
        checks=(Check(expression="a > 1"),),
        foreign_keys=(ForeignKey(columns=("a", "b"), parent="p"),),
    )
    parts = arrange(found)
    assert [text for _, text in parts.definitions] == ["INT", ""]
    assert (parts.primary_key, parts.uniques, parts.checks, parts.foreign_keys) == (
        found.primary_key,
        found.uniques,
        found.checks,
        found.foreign_keys,
    )


def test_the_order_of_constraints_is_never_changed():
    later, earlier = Unique(columns=key("b")), Unique(columns=key("a"))
    parts = arrange(table(uniques=(later, earlier)))
    assert [text for _, text in parts.definitions] == ["INT", "UNIQUE"]
    assert parts.uniques == (earlier,)


@pytest.mark.parametrize(
    ("name", "written"),
    [("a", "a"), ("Order", '"Order"'), ("a b", '"a b"'), ('q"', '"q"""'), ("é", '"é"'), ("", '""')],
)
def test_a_name_has_quotes_only_where_it_needs_them(name, written):
    assert identifier(name) == written
