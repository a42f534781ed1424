import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.rollout.waves import Budget, Failures, InvalidWaves, cut, ordered, parse_shares

FLEET = [(f"t{n}", f"s{n % 3}") for n in range(30)]


def test_shares_are_read_as_percentages():
    assert parse_shares("1%, 10%,100%") == (1.0, 10.0, 100.0)


@pytest.mark.parametrize(
    "text", ["", "10", "0%,100%", "50%,10%,100%", "10%,10%,100%", "1%,10%", "110%", "x%"]
)
def test_shares_that_would_leave_tenants_out_are_refused(text):
    with pytest.raises(InvalidWaves):
        parse_shares(text)


def test_a_share_of_failures_is_rounded_up():
    assert Budget(text="5%").allowed(5) == 1
    assert Budget(text="5%").allowed(200) == 10


def test_a_number_of_failures_is_taken_as_it_is():
    assert Budget(text="0").allowed(200) == 0
    assert Budget(text="3").allowed(2) == 3


@pytest.mark.parametrize("text", ["", "-1", "x", "101%", "5 %"])
def test_a_budget_that_says_nothing_is_refused(text):
    with pytest.raises(InvalidWaves):
        Budget(text=text)


def test_failures_within_the_budget_do_not_halt():
    assert not Failures(all=2, canary=0, excused=0).exceed(Budget(text="2"), tenants=10)


def test_one_failure_more_than_the_budget_halts():
    assert Failures(all=3, canary=0, excused=0).exceed(Budget(text="2"), tenants=10)


def test_a_failed_canary_halts_whatever_the_budget():
    assert Failures(all=1, canary=1, excused=0).exceed(Budget(text="100%"), tenants=10)


def test_failures_that_were_excused_count_no_more():
    assert not Failures(all=5, canary=1, excused=4).exceed(Budget(text="1"), tenants=10)
    assert Failures(all=6, canary=1, excused=4).exceed(Budget(text="1"), tenants=10)


def test_the_order_is_the_same_however_the_tenants_are_listed():
    assert ordered(FLEET, salt="a") == ordered(reversed(FLEET), salt="a")


def test_another_rollout_reaches_other_tenants_first():
    assert ordered(FLEET, salt="a") != ordered(FLEET, salt="b")


def test_each_stretch_of_the_order_is_spread_over_the_servers():
    server = dict(FLEET)
    assert {server[tenant] for tenant in ordered(FLEET, salt="a")[:3]} == {"s0", "s1", "s2"}


def test_an_uneven_fleet_keeps_all_its_tenants():
    fleet = [("a", "x"), ("b", "x"), ("c", "x"), ("d", "y")]
    assert sorted(ordered(fleet, salt="")) == ["a", "b", "c", "d"]


def test_the_canary_goes_first_and_alone():
    waves = cut([str(n) for n in range(200)], canary=2, shares=(1.0, 10.0, 100.0))
    assert [(wave.label, len(wave.tenants)) for wave in waves] == [("canary", 2), ("10%", 18), ("100%", 180)]


def test_a_small_fleet_has_no_empty_waves():
    waves = cut(["a", "b"], canary=0, shares=(1.0, 10.0, 100.0))
    assert [(wave.label, wave.tenants) for wave in waves] == [("1%", ("a",)), ("100%", ("b",))]


def test_a_canary_larger_than_the_fleet_is_the_fleet():
    assert [len(wave.tenants) for wave in cut(["a", "b"], canary=5, shares=(100.0,))] == [2]


def test_an_empty_fleet_has_no_waves():
    assert cut([], canary=1, shares=(100.0,)) == ()


def test_a_negative_canary_is_refused():
    with pytest.raises(InvalidWaves):
        cut(["a"], canary=-1, shares=(100.0,))


@given(
    tenants=st.lists(st.text(min_size=1), unique=True),
    canary=st.integers(0, 10),
    shares=st.sets(st.floats(0.01, 99), max_size=5),
)
def test_the_waves_hold_each_tenant_once_in_order(tenants, canary, shares):
    waves = cut(tenants, canary=canary, shares=(*sorted(shares), 100.0))
    assert [tenant for wave in waves for tenant in wave.tenants] == tenants
