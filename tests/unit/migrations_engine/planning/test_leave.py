"""Leave for exactly one loss: how it is read, what it covers, and what stays refused."""

from __future__ import annotations

import logging

import pytest

from migrations_engine import errors
from migrations_engine.changes import steps
from migrations_engine.planning.leave import Leave, wanted
from migrations_engine.planning.rules import RULES

BEFORE = {
    "Users": {"id": "INTEGER PRIMARY KEY", "phone": "TEXT", "fax": "TEXT", "zip": "TEXT"},
    "Gone": {"x": "INT"},
}
AFTER = {"Users": {"id": "INTEGER PRIMARY KEY", "zip": "INTEGER"}}
EVERY = ("drop-table:Gone", "drop-column:Users.phone", "drop-column:Users.fax", "narrow-type:Users.zip")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("Users", "phone"), "drop-column:Users.phone"),
        (("Größe", "é"), "drop-column:Größe.é"),
        (("my table", "a.b"), 'drop-column:"my table"."a.b"'),
        (('say "x"', "*"), 'drop-column:"say ""x"""."*"'),
        (("", "2nd"), 'drop-column:""."2nd"'),
    ],
)
def test_every_name_has_a_leave_that_covers_it_alone(names, text):
    assert wanted("drop-column", names) == text
    leave = Leave.read(text)
    assert leave.covers("drop-column", names)
    assert not leave.covers("drop-table", names)
    assert not leave.covers("drop-column", (names[0], names[1] + "x"))
    assert not leave.covers("drop-column", names[:1])


def test_names_are_compared_as_sqlite_does():
    assert Leave.read("drop-column:users.PHONE").covers("drop-column", ("Users", "phone"))
    assert not Leave.read("drop-table:É").covers("drop-table", ("é",))
    assert Leave.read("drop-column: my table . x ").covers("drop-column", ("My Table", "X"))


def test_a_star_stands_for_any_name():
    assert Leave.read("drop-column:*").covers("drop-column", ("Users", "phone"))
    assert Leave.read("drop-column:Users.*").covers("drop-column", ("Users", "phone"))
    assert not Leave.read("drop-column:Users.*").covers("drop-column", ("Orders", "phone"))


@pytest.mark.parametrize(
    "text", ["drop-column", "drop-colum:T.c", "drop-table:", 'drop-table:"T', "a:b:c", ""]
)
def test_what_is_no_leave_is_refused_before_anything_is_touched(db, text):
    with pytest.raises(errors.WrongLeave, match="rules are drop-table") as refused:
        db.apply(BEFORE, allow=[text])
    assert refused.value.text == text
    assert not db.path.exists()


def test_each_loss_needs_its_own_leave_and_the_error_says_which(db):
    db.apply(BEFORE)
    before = db.picture()
    with pytest.raises(errors.DestructiveChange) as refused:
        db.apply(AFTER)
    assert refused.value.allow == list(EVERY)
    for left_out in EVERY:
        with pytest.raises(errors.DestructiveChange) as refused:
            db.apply(AFTER, allow=[leave for leave in EVERY if leave != left_out])
        assert refused.value.allow == [left_out]
        assert len(refused.value.objects) == 1
        assert f"Allow exactly this with --allow {left_out}, or everything" in str(refused.value)
    assert db.picture() == before
    assert db.apply(AFTER, allow=EVERY).changed


def test_leave_is_quoted_for_the_shell_in_the_message():
    error = errors.DestructiveChange(["table my t"], allow=['drop-table:"my t"'])
    assert """--allow 'drop-table:"my t"',""" in str(error)


def test_one_text_is_taken_as_one_leave(db):
    db.apply(BEFORE)
    assert db.apply({"Users": BEFORE["Users"]}, allow="drop-table:gone").changed


def test_leave_that_nothing_needs_is_said_but_no_fault(db, caplog):
    db.apply(BEFORE)
    caplog.set_level(logging.WARNING)
    assert not db.apply(BEFORE, allow=["drop-table:Gone"]).changed
    assert not caplog.records
    assert db.apply({"Users": BEFORE["Users"]}, allow=["drop-table:Gone", "drop-table:Gnoe"]).changed
    assert [record.getMessage() for record in caplog.records] == [
        "nothing in this change needs --allow drop-table:Gnoe"
    ]


def test_every_step_that_can_destroy_has_a_rule():
    kinds = {
        step.kind
        for step in steps.Step.__subclasses__()
        if "destroys" in vars(step) and step.kind != "change-column"
    }
    assert {"drop-table", "drop-column"} <= kinds
    assert kinds <= {name for name, rule in RULES.items() if rule.refuses}
