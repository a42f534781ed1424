"""What becomes of an interrupted operation: decided from facts alone, nothing of the dead process is needed.

The decision is pure so that every combination can be tried in a test. It rests on the order of the cut-over:
a source is retired only when the target is verified and durable, the route flips only after that, and the
target opens only for one who has read the flipped route.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RouteFact(StrEnum):
    """Where the committed route points, seen from the operation."""

    SOURCE = "source"
    TARGET = "target"
    ELSEWHERE = "elsewhere"
    """To a file of a later operation, or to none: the tenant has moved on without this one."""


class FileFact(StrEnum):
    """What one of the operation's two files says it is."""

    MISSING = "missing"
    UNFINISHED = "unfinished"
    """No control row of this tenant and generation, or shut while it was written: interrupted, or damaged."""
    BORN = "born"
    OPEN = "open"
    RETIRED = "retired"
    SEALED = "sealed"
    STRANGE = "strange"
    """Out of service, but not by this operation: the catalog has gone back in time, and the file is right."""


class Verdict(StrEnum):
    """What to do about an interrupted operation."""

    NOTHING = "nothing"
    UNDO = "undo"
    """The fence was never raised: the source stays, the target and the capture go."""
    FORWARD = "forward"
    """The source is retired: flip the route if it is not, open the target, seal and archive the source."""
    REOPEN = "reopen"
    """The source is retired, and the target is lost before the route knew of it: open the source again."""
    UNKNOWN = "unknown"
    """The facts contradict the protocol; acting could make two homes or lose writes. A person must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the decision depends on, read after the token was raised and committed."""

    route: RouteFact
    source: FileFact
    target: FileFact


_LOST = frozenset({FileFact.MISSING, FileFact.UNFINISHED})
_FENCED = frozenset({FileFact.RETIRED, FileFact.SEALED})
_GONE = _FENCED | {FileFact.MISSING}
_WHOLE = frozenset({FileFact.BORN, FileFact.OPEN})
_NEVER_A_HOME = _LOST | {FileFact.BORN}


def decide(facts: Facts) -> Verdict:
    """Say what becomes of an operation with a source and a target file.

    Args:
        facts: Where the route points and what both files say, all read under the raised token.
    """
    if facts.route is RouteFact.ELSEWHERE:
        return Verdict.NOTHING
    if facts.route is RouteFact.TARGET:
        return _after_flip(facts)
    if facts.source is FileFact.OPEN:
        return _before_fence(facts)
    return _between_fence_and_flip(facts)


def _before_fence(facts: Facts) -> Verdict:
    """The source takes writes; a target that does or did so too would contradict that."""
    return Verdict.UNDO if facts.target in _NEVER_A_HOME else Verdict.UNKNOWN


def _between_fence_and_flip(facts: Facts) -> Verdict:
    """The source was retired, so the target was verified and durable; an open one proves a lost flip."""
    if facts.target is FileFact.OPEN and facts.source in _GONE:
        return Verdict.FORWARD
    if facts.source in _FENCED and facts.target is FileFact.BORN:
        return Verdict.FORWARD
    # Not once it is sealed: the seal comes after the flip, so the target has been open and may hold writes.
    if facts.source is FileFact.RETIRED and facts.target in _LOST:
        return Verdict.REOPEN
    return Verdict.UNKNOWN


def _after_flip(facts: Facts) -> Verdict:
    """The target is the tenant's home; a missing source is no loss, a source that takes writes is."""
    if facts.target in _WHOLE and facts.source in _GONE:
        return Verdict.FORWARD
    return Verdict.UNKNOWN
