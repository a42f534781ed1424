from __future__ import annotations

import pytest

from tenantdb.errors import NoServerFits
from tenantdb.placement import Candidate, choose


def server(name: str, tenants: int = 0, **more: object) -> Candidate:
    return Candidate(server=name, tenants=tenants, **more)  # type: ignore[arg-type]


def test_the_emptiest_server_is_chosen() -> None:
    assert choose([server("a", 5), server("b", 2), server("c", 9)]) == "b"


def test_of_equals_the_first_by_id_is_chosen() -> None:
    assert choose([server("b"), server("a")]) == "a"


def test_a_heavier_server_takes_its_share() -> None:
    counts = {"small": 0, "big": 0}
    for _ in range(40):
        chosen = choose([server("small", counts["small"]), server("big", counts["big"], weight=3)])
        counts[chosen] += 1
    assert counts == {"small": 10, "big": 30}


def test_region_and_tier_are_kept() -> None:
    servers = [
        server("us", region="us", tier="gold"),
        server("eu", 50, region="eu", tier="gold"),
        server("eu2", region="eu", tier="free"),
    ]
    assert choose(servers, region="eu", tier="gold") == "eu"


def test_full_draining_and_weightless_servers_take_none() -> None:
    servers = [server("full", 3, capacity=3), server("leaving", draining=True), server("none", weight=0)]
    assert choose([*servers, server("open", 99)]) == "open"


def test_where_none_fits_the_reason_is_said_for_each() -> None:
    servers = [
        server("full", 3, capacity=3),
        server("leaving", draining=True),
        server("none", weight=0),
        server("far", region="us"),
    ]
    with pytest.raises(NoServerFits) as caught:
        choose(servers, region="eu")
    assert caught.value.reasons == {
        "full": "it is full (3 of 3 tenants)",
        "leaving": "it is draining",
        "none": "its region is not set",
        "far": "its region is us",
    }


def test_a_fleet_without_servers_says_so() -> None:
    with pytest.raises(NoServerFits, match="there is none"):
        choose([])
