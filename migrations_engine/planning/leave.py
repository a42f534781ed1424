"""Leave for exactly one thing: ``drop-column:Users.phone``, a rule and the object that it may hit.

Names are compared as SQLite does; one that is no plain word stands in double quotes. A bare ``*`` stands for
any name: ``drop-column:Users.*`` is leave for all columns of Users. Leave that nothing needs is spent, as a
hint is: a second run of the same command has nothing left to allow.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.errors import DestructiveChange, WrongLeave
from migrations_engine.model import fold, quote
from migrations_engine.planning.losses import losses
from migrations_engine.planning.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migrations_engine.changes.steps import Change

logger = logging.getLogger("migrations_engine")

_PLAIN = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<bare>[^".\s](?:[^".]*[^".\s])?))\s*(?P<end>\.|$)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What a user allows; ``names`` are folded, None stands for any."""

    text: str
    rule: str
    names: tuple[str | None, ...]

    @classmethod
    def read(cls, text: str) -> Leave:
        """Read ``RULE:OBJECT``.

        Raises:
            WrongLeave: It is none, or there is no such rule.
        """
        rule, _, named = text.partition(":")
        names = _parts(named)
        if rule not in RULES or not names:
            raise WrongLeave(text, rules=list(RULES))
        return cls(text=text, rule=rule, names=names)

    def covers(self, rule: str, names: Sequence[str]) -> bool:
        """Whether it lets a rule hit an object; ``rule:*`` is for every object."""
        if rule != self.rule:
            return False
        if self.names == (None,):
            return True
        pairs = zip(self.names, names, strict=False)
        return len(self.names) == len(names) and all(ours in (None, fold(name)) for ours, name in pairs)


def wanted(rule: str, names: Sequence[str]) -> str:
    """The leave that lets a rule hit an object, and nothing else."""
    spelled = (name if _PLAIN.fullmatch(name) else quote(name) for name in names)
    return f"{rule}:{'.'.join(spelled)}"


def read_all(allow: Iterable[str]) -> tuple[Leave, ...]:
    """Read what a user allows, one text or several.

    Raises:
        WrongLeave: One of them is none.
    """
    return tuple(Leave.read(text) for text in ([allow] if isinstance(allow, str) else allow))


def refuse_losses(change: Change, given: Sequence[Leave]) -> None:
    """Refuse the losses of a change that no leave was given for.

    Raises:
        DestructiveChange: It would drop or rewrite more than that: lists what, and the leave that it takes.
    """
    found = losses(change)
    for leave in given:
        # Warnings refuse nothing, so leave for them is never missed here.
        is_spent = not any(leave.covers(loss.rule, loss.names) for loss in found)
        if is_spent and change.steps and RULES[leave.rule].refuses:
            logger.warning("nothing in this change needs --allow %s", leave.text)
    refused = [loss for loss in found if not any(leave.covers(loss.rule, loss.names) for leave in given)]
    if refused:
        permits = [wanted(loss.rule, loss.names) for loss in refused]
        raise DestructiveChange([loss.text for loss in refused], allow=permits)


def _parts(named: str) -> tuple[str | None, ...]:
    """The names between the dots; empty where it cannot be read."""
    found: list[str | None] = []
    at, end = 0, "."
    while end == ".":
        part = _PART.match(named, at)
        if part is None:
            return ()
        found.append(_name(part["quoted"], part["bare"]))
        at, end = part.end(), part["end"]
    return tuple(found)


def _name(quoted: str | None, bare: str | None) -> str | None:
    if quoted is not None:
        return fold(quoted.replace('""', '"'))
    return None if bare == "*" else fold(bare or "")
