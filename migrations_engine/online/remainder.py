"""What no trigger sees and no row holds: counters, header values, the users' own triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import Admit


def user_triggers(conn: apsw.Connection) -> tuple[str, ...]:
    """The CREATE statements of all triggers that are not the engine's, in order of creation."""
    raise NotImplementedError


def drop_user_triggers(conn: apsw.Connection) -> None:
    """Drop them, inside the caller's transaction: what they did at the source comes as rows."""
    raise NotImplementedError


def create_triggers(conn: apsw.Connection, statements: Sequence[str]) -> None:
    """Create triggers, inside the caller's transaction; the last thing done before a target opens."""
    raise NotImplementedError


def carry(
    source: apsw.Connection, target: apsw.Connection, mappings: Sequence[Mapping], *, admit: Admit
) -> None:
    """Bring AUTOINCREMENT counters, user_version and application_id over; inside the pause."""
    raise NotImplementedError


def differences(
    source: apsw.Connection, target: apsw.Connection, mappings: Sequence[Mapping]
) -> tuple[str, ...]:
    """What of it differs between both sides, one sentence each; empty where ``carry`` has done its work."""
    raise NotImplementedError
