"""One SQLite database per customer: where a customer's data is, and how to open it.

from tenantdb import get_tenant_db

db = get_tenant_db("acme")
with db.write() as conn:
    conn.execute(text("insert into Users(email) values (:e)"), {"e": "a@b.c"})
db.query("select email from Users where id = ?", (1,))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tenantdb.errors import (
    CatalogUnavailable,
    Forbidden,
    ForeignSQLite,
    ForkedInTransaction,
    InvalidTenantId,
    NestedWrite,
    NotInitialised,
    ReadOnly,
    SchemaAhead,
    SchemaBehind,
    SettingsError,
    TenantBusy,
    TenantDamaged,
    TenantDBError,
    TenantElsewhere,
    TenantFrozen,
    TenantNotFound,
    TenantReadOnly,
)

if TYPE_CHECKING:
    from tenantdb.handles.handle import TenantDB
    from tenantdb.routing import get_tenant_db

__all__ = [
    "CatalogUnavailable",
    "Forbidden",
    "ForeignSQLite",
    "ForkedInTransaction",
    "InvalidTenantId",
    "NestedWrite",
    "NotInitialised",
    "ReadOnly",
    "SchemaAhead",
    "SchemaBehind",
    "SettingsError",
    "TenantBusy",
    "TenantDB",
    "TenantDBError",
    "TenantDamaged",
    "TenantElsewhere",
    "TenantFrozen",
    "TenantNotFound",
    "TenantReadOnly",
    "get_tenant_db",
]

_LATE = {"TenantDB": "tenantdb.handles.handle", "get_tenant_db": "tenantdb.routing"}
"""What brings SQLAlchemy, and so is imported when it is asked for: the command line must answer at once."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_LATE[name]), name)
    globals()[name] = found
    return found
