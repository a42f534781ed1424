"""A tenant's identity: which values are ids, and when two of them are one tenant."""

from __future__ import annotations

import unicodedata

from tenantdb.errors import InvalidTenantId

MAX_LENGTH = 128
"""Characters, after Unicode normalisation (NFC)."""

_MAX_UNNORMALISED = 4 * MAX_LENGTH
"""No character has a canonical decomposition of more than four: beyond this NFC can't fit."""


def canonical(given: object) -> str:
    """Give the one text that stands for a tenant.

    ``42`` and ``"42"`` are one tenant, ``"042"`` is another; the normal forms of a character are one; case
    matters. What an id holds is never used as a path: see ``paths``.

    Args:
        given: An int (no bool), or a text of 1 to 128 characters after NFC.

    Raises:
        InvalidTenantId: It is something else, empty, too long, or has control characters or lone surrogates.
    """
    if type(given) is str and given.isascii() and given.isprintable() and 0 < len(given) <= MAX_LENGTH:
        return given  # the usual case, on the hot path: ASCII text is its own normal form
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise InvalidTenantId(given, f"an id is an int or a text, not {type(given).__name__}")
    return _of_int(given) if isinstance(given, int) else _of_text(given)


def _of_int(number: int) -> str:
    # The bound comes first: Python refuses to print very long numbers, and it would take long.
    if abs(number) >= 10**MAX_LENGTH:
        raise InvalidTenantId("a very long number", f"it has more than {MAX_LENGTH} digits")
    return _of_text(int.__repr__(number))


def _of_text(given: str) -> str:
    if len(given) > _MAX_UNNORMALISED:
        raise InvalidTenantId(given, f"it is longer than {MAX_LENGTH} characters")
    text = unicodedata.normalize("NFC", str.__str__(given))
    if not text:
        raise InvalidTenantId(given, "it is empty")
    if len(text) > MAX_LENGTH:
        raise InvalidTenantId(given, f"it has {len(text)} characters, at most {MAX_LENGTH} are allowed")
    _refuse_unstorable(text)
    return text


def _refuse_unstorable(text: str) -> None:
    for place, character in enumerate(text, start=1):
        category = unicodedata.category(character)
        if category == "Cc":
            raise InvalidTenantId(text, f"character {place} is the control character U+{ord(character):04X}")
        if category == "Cs":
            raise InvalidTenantId(text, f"character {place} is the lone surrogate U+{ord(character):04X}")
