"""Parentheses in a list of tokens, by their texts: which belong together, which say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def stripped(texts: Sequence[str]) -> Sequence[str]:
    """The tokens without parentheses that enclose all of them."""
    outer = layers(texts)
    return texts[outer : len(texts) - outer]


def layers(texts: Sequence[str]) -> int:
    """How many pairs of parentheses enclose all tokens, and are not all that there is."""
    found, last = 0, len(texts) - 1
    while last - found > found + 1 and closing(texts, found) == last - found:
        found += 1
    return found


def closing(texts: Sequence[str], opens: int) -> int | None:
    """The index of the parenthesis that closes the one at ``opens``; None where none opens there."""
    if texts[opens] != "(":
        return None
    depth = 0
    for at in range(opens, len(texts)):
        if texts[at] == "(":
            depth += 1
        elif texts[at] == ")":
            depth -= 1
            if depth == 0:
                return at
    return None
