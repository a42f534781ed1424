"""Every combination of facts, held against what must never happen."""

from itertools import product

import pytest

from workers.handover.verdict import Facts, FileFact, RouteFact, Verdict, decide

EVERY = [Facts(route=r, source=s, target=t) for r, s, t in product(RouteFact, FileFact, FileFact)]
LOST = (FileFact.MISSING, FileFact.UNFINISHED)


def carried_out(facts: Facts) -> Facts:
    """The facts after the verdict was acted upon."""
    match decide(facts):
        case Verdict.UNDO:
            return Facts(route=facts.route, source=facts.source, target=FileFact.MISSING)
        case Verdict.FORWARD:
            source = FileFact.MISSING if facts.source is FileFact.MISSING else FileFact.SEALED
            return Facts(route=RouteFact.TARGET, source=source, target=FileFact.OPEN)
        case Verdict.REOPEN:
            return Facts(route=facts.route, source=FileFact.OPEN, target=FileFact.MISSING)
    return facts


def these(*verdicts: Verdict) -> list[Facts]:
    return [facts for facts in EVERY if decide(facts) in verdicts]


@pytest.mark.parametrize("facts", EVERY, ids=lambda f: f"{f.route}-{f.source}-{f.target}")
def test_acting_never_leaves_two_files_that_take_writes(facts):
    if FileFact.OPEN not in (facts.source, facts.target) or decide(facts) is Verdict.UNKNOWN:
        return
    after = carried_out(facts)
    assert (after.source, after.target).count(FileFact.OPEN) <= 1 or facts.route is RouteFact.ELSEWHERE


@pytest.mark.parametrize("facts", these(Verdict.UNDO, Verdict.FORWARD, Verdict.REOPEN))
def test_acting_ends_with_the_route_on_the_one_open_file(facts):
    after = carried_out(facts)
    home, other = (
        (after.source, after.target) if after.route is RouteFact.SOURCE else (after.target, after.source)
    )
    assert home is FileFact.OPEN
    assert other is not FileFact.OPEN


@pytest.mark.parametrize("facts", EVERY)
def test_a_recovery_that_was_killed_comes_to_the_same_end(facts):
    after = carried_out(facts)
    assert carried_out(after) == after


@pytest.mark.parametrize("facts", these(Verdict.UNDO))
def test_a_target_that_took_writes_is_never_undone(facts):
    assert facts.target in (*LOST, FileFact.BORN)
    assert facts.source is FileFact.OPEN


@pytest.mark.parametrize("facts", these(Verdict.REOPEN))
def test_a_source_is_reopened_only_where_the_target_is_lost_and_never_was_a_home(facts):
    assert (facts.route, facts.source) == (RouteFact.SOURCE, FileFact.RETIRED)
    assert facts.target in LOST


@pytest.mark.parametrize("facts", these(Verdict.FORWARD))
def test_nothing_goes_forward_to_a_file_that_is_not_whole_or_from_one_that_takes_writes(facts):
    assert facts.target in (FileFact.BORN, FileFact.OPEN)
    assert facts.source is not FileFact.OPEN


@pytest.mark.parametrize("target", FileFact)
@pytest.mark.parametrize("source", FileFact)
def test_an_operation_that_was_overtaken_does_nothing(source, target):
    assert decide(Facts(route=RouteFact.ELSEWHERE, source=source, target=target)) is Verdict.NOTHING


@pytest.mark.parametrize(
    ("route", "source", "target", "verdict"),
    [
        ("source", "open", "missing", "undo"),
        ("source", "open", "unfinished", "undo"),
        ("source", "open", "born", "undo"),
        ("source", "retired", "born", "forward"),
        ("target", "retired", "born", "forward"),
        ("target", "retired", "open", "forward"),
        ("target", "sealed", "open", "forward"),
    ],
)
def test_each_state_that_a_kill_can_leave_has_its_way_out(route, source, target, verdict):
    facts = Facts(route=RouteFact(route), source=FileFact(source), target=FileFact(target))
    assert decide(facts) is Verdict(verdict)


def test_an_open_target_proves_that_the_flip_happened_though_the_route_says_otherwise():
    facts = Facts(route=RouteFact.SOURCE, source=FileFact.SEALED, target=FileFact.OPEN)
    assert decide(facts) is Verdict.FORWARD


def test_two_homes_are_left_to_a_person():
    facts = Facts(route=RouteFact.TARGET, source=FileFact.OPEN, target=FileFact.OPEN)
    assert decide(facts) is Verdict.UNKNOWN


@pytest.mark.parametrize("facts", [each for each in EVERY if FileFact.STRANGE in (each.source, each.target)])
def test_a_file_that_another_operation_retired_is_never_acted_upon(facts):
    assert decide(facts) in (Verdict.NOTHING, Verdict.UNKNOWN)
