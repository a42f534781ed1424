"""Single facts about the whole fleet (the table ``meta``)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import select

from tenantdb.catalog.models import Meta

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CATALOG_ID = "catalog_id"


def get(session: Session, key: str) -> str | None:
    """The fact of that name."""
    return session.scalar(select(Meta.value).where(Meta.key == key))


def put(session: Session, *, key: str, value: str) -> None:
    """Record a fact, in place of what it was before."""
    session.merge(Meta(key=key, value=value))
    session.flush()


def identify(session: Session) -> str:
    """The catalog's own id, which it gets the first time it is asked for."""
    known = get(session, CATALOG_ID)
    if known is None:
        known = uuid.uuid4().hex
        put(session, key=CATALOG_ID, value=known)
    return known
