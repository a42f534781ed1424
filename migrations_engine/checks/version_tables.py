"""Tables in which other migration tools note what they did to a file; to the engine they are like any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrations_engine.model import Objects

_TOOLS: Final[Mapping[str, str]] = {
    "__diesel_schema_migrations": "Diesel",
    "__drizzle_migrations": "Drizzle",
    "__efmigrationshistory": "Entity Framework",
    "_prisma_migrations": "Prisma",
    "_sqlite_migrations": "sqlite-migrate",
    "_sqlx_migrations": "SQLx",
    "_yoyo_migration": "yoyo",
    "alembic_version": "Alembic",
    "ar_internal_metadata": "Rails",
    "d1_migrations": "Cloudflare D1",
    "databasechangelog": "Liquibase",
    "django_migrations": "Django",
    "flyway_schema_history": "Flyway",
    "goose_db_version": "goose",
    "gorp_migrations": "sql-migrate",
    "kysely_migration": "Kysely",
    "knex_migrations": "Knex",
    "migratehistory": "peewee-migrate",
    "refinery_schema_history": "Refinery",
    "schema_migrations": "Rails, dbmate or golang-migrate",
    "schema_version": "a migration tool",
    "sequelizemeta": "Sequelize",
}
"""The tool behind each folded name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTable:
    """One such table: its name and its tool."""

    name: str
    tool: str

    @property
    def advice(self) -> str:
        """What to do about it."""
        return (
            f"the table {self.name} is where {self.tool} notes its migrations; it is carried like any other. "
            f"Once {self.tool} is no longer used, take the table out of the document, and apply with "
            f"--allow drop-table:{self.name}"
        )


def version_tables(schema: Objects) -> list[VersionTable]:
    """The version tables of a schema, in its order."""
    return [
        VersionTable(name=table.name, tool=_TOOLS[fold(table.name)])
        for table in schema.tables
        if fold(table.name) in _TOOLS
    ]
