"""Schema documents under their hashes, and which of them new tenants get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tenantdb.catalog import facts
from tenantdb.catalog.models import Schema

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_FLEET = "schema"


def record(session: Session, *, schema_hash: str, document: str) -> None:
    """Keep a document; one that is there already stays as it is."""
    if session.get(Schema, schema_hash) is not None:
        return
    try:
        with session.begin_nested():
            session.add(Schema(hash=schema_hash, document=document))
    except IntegrityError:  # another session recorded it in between: the same hash is the same document
        return


def document(session: Session, schema_hash: str) -> str | None:
    """The document that has this hash; None where the catalog never saw it."""
    return session.scalar(select(Schema.document).where(Schema.hash == schema_hash))


def of_new_tenants(session: Session) -> str | None:
    """The hash of the schema that new tenants get; None in a fleet that has none yet."""
    return facts.get(session, _FLEET)


def set_of_new_tenants(session: Session, schema_hash: str) -> None:
    """Give new tenants this schema from now on."""
    facts.put(session, key=_FLEET, value=schema_hash)
