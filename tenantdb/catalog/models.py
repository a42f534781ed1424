"""The catalog's tables, as rows that the functions beside this module read and write.

A row that was read is a value: it stays readable after its transaction, and nothing is changed by assigning
to it. Times are seconds since 1970 (UTC), so that every database keeps them alike. A migration of its own in
``migrations`` goes with each change here.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Enum, Float, ForeignKey, Index, MetaData, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantdb.catalog.states import (
    GenerationState,
    OperationKind,
    OperationState,
    Outcome,
    PhaseEvent,
    RolloutState,
    ServerState,
    TenantState,
)

type_names = Enum(
    StrEnum, native_enum=False, length=16, values_callable=lambda kind: [member.value for member in kind]
)


class Base(DeclarativeBase):
    """What all tables share: how Python's types are stored, and predictable names of constraints."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        float: Float(53),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        StrEnum: type_names,
    }


class Server(Base):
    """A place that holds tenant files."""

    __tablename__ = "servers"

    id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    region: Mapped[str | None]
    tier: Mapped[str | None]
    weight: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    capacity: Mapped[int | None]
    state: Mapped[ServerState] = mapped_column(default=ServerState.ACTIVE)
    created_at: Mapped[float] = mapped_column(default=time.time)


class Schema(Base):
    """A schema document under its hash."""

    __tablename__ = "schemas"

    hash: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[str]
    created_at: Mapped[float] = mapped_column(default=time.time)


class Tenant(Base):
    """A tenant with its route and its lease: one row, so that one compare-and-set can name them all."""

    __tablename__ = "tenants"
    __table_args__ = (Index(None, "server_id", "state"), Index(None, "schema_hash"))

    id: Mapped[str] = mapped_column(primary_key=True)
    server_id: Mapped[str] = mapped_column(ForeignKey("servers.id"))
    path: Mapped[str]
    generation: Mapped[int]
    epoch: Mapped[int]
    backend: Mapped[str] = mapped_column(default="sqlite", server_default="sqlite")
    schema_hash: Mapped[str | None]
    state: Mapped[TenantState]
    lease_token: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    lease_owner: Mapped[str | None]
    lease_expires: Mapped[float | None]
    operation_id: Mapped[str | None]
    created_at: Mapped[float] = mapped_column(default=time.time)
    updated_at: Mapped[float] = mapped_column(default=time.time, onupdate=time.time)


class Generation(Base):
    """One physical file of a tenant."""

    __tablename__ = "generations"
    __table_args__ = (Index(None, "server_id", "path", unique=True), Index(None, "state", "keep_until"))

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    server_id: Mapped[str] = mapped_column(ForeignKey("servers.id"))
    path: Mapped[str]
    epoch: Mapped[int]
    state: Mapped[GenerationState]
    schema_hash: Mapped[str | None]
    operation_id: Mapped[str | None]
    created_at: Mapped[float] = mapped_column(default=time.time)
    retired_at: Mapped[float | None]
    keep_until: Mapped[float | None]


class Operation(Base):
    """A long process on a tenant."""

    __tablename__ = "operations"
    __table_args__ = (Index(None, "state"), Index(None, "tenant_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[OperationKind]
    tenant_id: Mapped[str | None]
    state: Mapped[OperationState] = mapped_column(default=OperationState.RUNNING)
    phase: Mapped[str | None]
    token: Mapped[int]
    boot_id: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    created_at: Mapped[float] = mapped_column(default=time.time)
    updated_at: Mapped[float] = mapped_column(default=time.time, onupdate=time.time)


class JournalEntry(Base):
    """One event of an operation; ``seq`` counts from 1 within it."""

    __tablename__ = "journal"

    operation_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phase: Mapped[str]
    event: Mapped[PhaseEvent]
    at: Mapped[float] = mapped_column(default=time.time)
    data: Mapped[dict[str, Any] | None]


class Rollout(Base):
    """One schema brought to all tenants; ``waves`` is a list of ``{"label", "size"}``.

    ``document`` has the hints of this very rollout, which are no part of the hash; ``excused`` is how many
    failures no longer count against ``max_failures``, because somebody saw them and resumed;
    ``discard_since`` is leave to drop, on the way back, what the older schema can't hold.
    """

    __tablename__ = "rollouts"

    id: Mapped[str] = mapped_column(primary_key=True)
    schema_hash: Mapped[str]
    document: Mapped[str]
    previous_schema: Mapped[str | None]
    state: Mapped[RolloutState] = mapped_column(default=RolloutState.PLANNED)
    waves: Mapped[list[Any]]
    max_failures: Mapped[str | None]
    excused: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    allow_destructive: Mapped[bool] = mapped_column(default=False)
    discard_since: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float] = mapped_column(default=time.time)
    updated_at: Mapped[float] = mapped_column(default=time.time, onupdate=time.time)
    lease_owner: Mapped[str | None]
    lease_expires: Mapped[float | None]


class RolloutTenant(Base):
    """How a rollout went, or will go, for one tenant."""

    __tablename__ = "rollout_tenants"
    __table_args__ = (Index(None, "rollout_id", "outcome", "wave"),)

    rollout_id: Mapped[str] = mapped_column(ForeignKey("rollouts.id"), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    wave: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(default=Outcome.PENDING)
    error_type: Mapped[str | None]
    error: Mapped[str | None]
    sample: Mapped[list[Any] | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    from_schema: Mapped[str | None]
    strategy: Mapped[str | None]
    pause_ms: Mapped[float | None]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]


class Meta(Base):
    """A fact about the whole fleet."""

    __tablename__ = "meta"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
