"""The versions that a file remembers, each with its document."""

from __future__ import annotations

import contextlib

import migrations_engine as engine
from migrations_engine import normalize, sqlite, versions

A, B = {"T": {"a": "TEXT"}}, {"T": {"a": "TEXT", "b": "INT"}}


def test_each_version_has_its_document_and_how_it_came(db, schema):
    db.apply(A)
    db.apply(B)
    first, second = engine.history(db.path)
    assert (first.version, first.strategy, first.way_back) == (1, "in-place", "none")
    assert (second.version, second.strategy, second.way_back) == (2, "in-place", "kept")
    assert second.schema.hash == schema(B).hash == second.schema_hash
    assert second.form == normalize.VERSION
    assert second.pause_ms > 0
    assert second.applied_at.endswith("+00:00")


def test_a_file_that_nobody_applied_to_has_no_versions(db):
    db.run("CREATE TABLE t(a)")
    assert engine.history(db.path) == ()


def test_a_hash_of_an_older_form_is_computed_again(db, schema):
    db.apply(A)
    db.run("UPDATE _schema_versions SET form = 'an older form', schema_hash = 'of that form'")
    with contextlib.closing(sqlite.connect(db.path)) as conn:
        last = versions.latest(conn)
    assert last.is_of(schema(A))
    assert not last.is_of(schema(B))


def test_versions_are_no_part_of_the_schema(db, schema):
    db.apply(B)
    assert engine.introspect(db.path).hash == schema(B).hash
