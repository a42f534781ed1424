"""On which server a new tenant goes: a pure function of what is asked for and how full the servers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantdb.errors import NoServerFits

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server as placement sees it; ``capacity`` is the most tenants it takes, None for no limit."""

    server: str
    tenants: int
    region: str | None = None
    tier: str | None = None
    weight: int = 1
    capacity: int | None = None
    draining: bool = False


def choose(candidates: Iterable[Candidate], *, region: str | None = None, tier: str | None = None) -> str:
    """Choose the server that is least loaded for its weight among those that fit.

    Args:
        candidates: All servers.
        region: Only servers of this region.
        tier: Only servers of this tier.

    Returns:
        The server's id; of equals the first by id, so that the choice is the same everywhere.

    Raises:
        NoServerFits: None does; says for each server why not.
    """
    known = list(candidates)
    reasons = {each.server: unfit(each, region=region, tier=tier) for each in known}
    fitting = [each for each in known if reasons[each.server] is None and each.weight > 0]
    if not fitting:
        raise NoServerFits({server: reason or "its weight is 0" for server, reason in reasons.items()})
    return min(fitting, key=lambda each: ((each.tenants + 1) / each.weight, each.server)).server


def unfit(candidate: Candidate, *, region: str | None = None, tier: str | None = None) -> str | None:
    """Say why a server can't take one more tenant; None where it can."""
    if candidate.draining:
        return "it is draining"
    if candidate.capacity is not None and candidate.tenants >= candidate.capacity:
        return f"it is full ({candidate.tenants} of {candidate.capacity} tenants)"
    if region is not None and candidate.region != region:
        return f"its region is {candidate.region or 'not set'}"
    if tier is not None and candidate.tier != tier:
        return f"its tier is {candidate.tier or 'not set'}"
    return None
