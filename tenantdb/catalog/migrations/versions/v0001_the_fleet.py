"""The fleet: servers, tenants, their files, operations and rollouts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

State = sa.String(16)
Time = sa.Float(53)


def upgrade() -> None:
    """Bring the catalog to this version."""
    _facts()
    _tenants()
    _operations()
    _rollouts()


def downgrade() -> None:
    """Bring the catalog back to the version before: to nothing."""
    for table in (
        "rollout_tenants",
        "rollouts",
        "journal",
        "operations",
        "generations",
        "tenants",
        "servers",
        "schemas",
        "meta",
    ):
        op.drop_table(table)


def _facts() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "schemas",
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_schemas"),
    )
    op.create_table(
        "servers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("region", sa.Text),
        sa.Column("tier", sa.Text),
        sa.Column("weight", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("capacity", sa.BigInteger),
        sa.Column("state", State, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("server_id", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("backend", sa.Text, nullable=False, server_default="sqlite"),
        sa.Column("schema_hash", sa.Text),
        sa.Column("state", State, nullable=False),
        sa.Column("lease_token", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_expires", Time),
        sa.Column("operation_id", sa.Text),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name="fk_tenants_server_id"),
    )
    op.create_index("ix_tenants_server_id_state", "tenants", ["server_id", "state"])
    op.create_index("ix_tenants_schema_hash", "tenants", ["schema_hash"])
    op.create_table(
        "generations",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("server_id", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("state", State, nullable=False),
        sa.Column("schema_hash", sa.Text),
        sa.Column("operation_id", sa.Text),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("retired_at", Time),
        sa.Column("keep_until", Time),
        sa.PrimaryKeyConstraint("tenant_id", "generation", name="pk_generations"),
        sa.ForeignKeyConstraint(["server_id"], ["servers.id"], name="fk_generations_server_id"),
    )
    op.create_index("ix_generations_server_id_path", "generations", ["server_id", "path"], unique=True)
    op.create_index("ix_generations_state_keep_until", "generations", ["state", "keep_until"])


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", State, nullable=False),
        sa.Column("tenant_id", sa.Text),
        sa.Column("state", State, nullable=False),
        sa.Column("phase", sa.Text),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.Text),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
    )
    op.create_index("ix_operations_state", "operations", ["state"])
    op.create_index("ix_operations_tenant_id", "operations", ["tenant_id"])
    op.create_table(
        "journal",
        sa.Column("operation_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("event", State, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("data", sa.JSON),
        sa.PrimaryKeyConstraint("operation_id", "seq", name="pk_journal"),
    )


def _rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("schema_hash", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("previous_schema", sa.Text),
        sa.Column("state", State, nullable=False),
        sa.Column("waves", sa.JSON, nullable=False),
        sa.Column("max_failures", sa.Text),
        sa.Column("excused", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("allow_destructive", sa.Boolean, nullable=False),
        sa.Column("discard_since", sa.Boolean, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_expires", Time),
        sa.PrimaryKeyConstraint("id", name="pk_rollouts"),
    )
    op.create_table(
        "rollout_tenants",
        sa.Column("rollout_id", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("wave", sa.BigInteger, nullable=False),
        sa.Column("outcome", State, nullable=False),
        sa.Column("error_type", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("sample", sa.JSON),
        sa.Column("attempts", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("from_schema", sa.Text),
        sa.Column("strategy", sa.Text),
        sa.Column("pause_ms", Time),
        sa.Column("started_at", Time),
        sa.Column("finished_at", Time),
        sa.PrimaryKeyConstraint("rollout_id", "tenant_id", name="pk_rollout_tenants"),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollouts.id"], name="fk_rollout_tenants_rollout_id"),
    )
    op.create_index(
        "ix_rollout_tenants_rollout_id_outcome_wave", "rollout_tenants", ["rollout_id", "outcome", "wave"]
    )
