"""What SQL an application may run on a tenant's connection: everything that is not listed here is refused.

SQLite asks while it compiles a statement, so one that runs again from the cache costs nothing. An error that
is raised here comes out of the call that brought the statement, through SQLAlchemy too.

What the platform itself runs on such a connection goes through ``trusted``: never into the statement cache,
where an application could run it by sending the same text.
"""

from __future__ import annotations

from typing import NoReturn

import apsw

from migrations_engine.model import fold
from tenantdb.errors import Forbidden

_SCHEMA_TABLES = frozenset(["sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"])

_QUESTIONS = frozenset(
    [
        "application_id",
        "collation_list",
        "compile_options",
        "data_version",
        "database_list",
        "encoding",
        "foreign_key_check",
        "foreign_key_list",
        "foreign_keys",
        "freelist_count",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "journal_mode",
        "module_list",
        "page_count",
        "page_size",
        "pragma_list",
        "quick_check",
        "schema_version",
        "synchronous",
        "table_info",
        "table_list",
        "table_xinfo",
        "user_version",
    ]
)
"""Pragmas that an application may read."""

_ARGUMENTS = frozenset(
    [
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    ]
)
"""Those whose value is what they are asked about, not what is to be set."""

_TRANSACTIONAL = frozenset(["defer_foreign_keys"])
"""Pragmas that may be set: they end with the transaction."""

_FREE = frozenset([apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE])
_WRITES = frozenset([apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE])

_TEMPORARY = frozenset(
    [
        apsw.SQLITE_CREATE_TEMP_INDEX,
        apsw.SQLITE_CREATE_TEMP_TABLE,
        apsw.SQLITE_CREATE_TEMP_VIEW,
        apsw.SQLITE_DROP_TEMP_INDEX,
        apsw.SQLITE_DROP_TEMP_TABLE,
        apsw.SQLITE_DROP_TEMP_TRIGGER,
        apsw.SQLITE_DROP_TEMP_VIEW,
    ]
)
_DDL = frozenset(
    [
        apsw.SQLITE_ANALYZE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_CREATE_VTABLE,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_DROP_VTABLE,
        apsw.SQLITE_REINDEX,
    ]
)
_FILES = frozenset([apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH])

_FORBIDDEN_FUNCTIONS = frozenset(["load_extension", "fts3_tokenizer"])
_FORBIDDEN_TABLES = frozenset(["dbstat", "sqlite_dbpage", "sqlite_dbdata", "sqlite_dbptr"])
"""Tables that show the file's pages: they reach what belongs to nobody any more, and read the whole file."""


class Authorizer:
    """Decides about each action of one connection; an ``apsw`` authorizer.

    Attributes:
        block: A ``read()``, ``write()`` or ``session()`` has the connection. What outlives a statement
            (TEMP objects, savepoints) is for blocks only: the next call may get another connection.
        tainted: Something was made that would outlive the block, so the connection must not be used again.
    """

    def __init__(self, tenant: str, *, writes: bool) -> None:
        """Decide for a tenant's connection, which may write or not."""
        self.block = False
        self.tainted = False
        self._tenant = tenant
        self._writes = writes
        self._trusted = False

    def trusted(self, conn: apsw.Connection, sql: str) -> None:
        """Run a statement of the platform's own, such as BEGIN, which applications may not."""
        self._trusted = True
        try:
            conn.execute(sql, can_cache=False).fetchall()
        finally:
            self._trusted = False

    def __call__(
        self, action: int, first: str | None, second: str | None, database: str | None, source: str | None
    ) -> int:
        """Allow by returning; what the texts are depends on the action, ``source`` is a trigger or view."""
        if self._trusted or action in _FREE:
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_READ:
            self._read(first or "")
        elif action in _WRITES:
            self._write(first or "", database, source)
        elif action == apsw.SQLITE_FUNCTION:
            self._function(second or "")
        elif action == apsw.SQLITE_PRAGMA:
            self._pragma(first or "", second)
        elif action == apsw.SQLITE_SAVEPOINT:
            self._savepoint()
        else:
            self._define(action, first or "", database)
        return apsw.SQLITE_OK

    def _read(self, table: str) -> None:
        if fold(table) in _FORBIDDEN_TABLES:
            self._refuse(f"reading {table}", "it shows raw pages; use tenantdb tenant show")

    def _write(self, table: str, database: str | None, source: str | None) -> None:
        name = fold(table)
        if name in _SCHEMA_TABLES:
            return  # part of CREATE and DROP, which are decided by themselves; SQLite refuses all else
        if database == "temp":
            return
        # A connection that only reads is opened so: R-trees prepare their writes before they are read, so a
        # refusal here would keep them from being read at all.
        ours = name.startswith("_tenantdb") or name == "_schema_versions"
        # Capture's own triggers write its log within an application's statement. No trigger of an application
        # can bear such a name: the schema can't have one, and _define refuses a TEMP one.
        if ours and not fold(source or "").startswith("_tenantdb"):
            self._refuse(f"writing to {table}", "it belongs to tenantdb")

    def _function(self, name: str) -> None:
        if fold(name) in _FORBIDDEN_FUNCTIONS:
            self._refuse(f"the function {name}", "register functions through TENANTDB_EXTENSIONS")

    def _pragma(self, name: str, value: str | None) -> None:
        folded = fold(name)
        if folded in _TRANSACTIONAL or (folded in _QUESTIONS and (value is None or folded in _ARGUMENTS)):
            return
        self._refuse(f"PRAGMA {name}", "the settings of a tenant's file are tenantdb's")

    def _savepoint(self) -> None:
        if not self._writes:  # a write transaction's end is every savepoint's; one in query() would begin one
            self._outlives("a savepoint")

    def _outlives(self, what: str) -> None:
        if not self.block:
            self._refuse(f"{what} outside of a block", "use read(), write() or session()")
        self.tainted = True

    def _define(self, action: int, name: str, database: str | None) -> None:
        """CREATE, DROP, ALTER and all that is rarer."""
        if action == apsw.SQLITE_CREATE_TEMP_TRIGGER and fold(name).startswith("_tenantdb"):
            self._refuse(f"the name {name}", "names that begin with _tenantdb are tenantdb's")
        temporary = action in _TEMPORARY or action == apsw.SQLITE_CREATE_TEMP_TRIGGER
        altered = name if action == apsw.SQLITE_ALTER_TABLE else database
        if temporary or (altered == "temp" and (action in _DDL or action == apsw.SQLITE_ALTER_TABLE)):
            self._outlives("a TEMP object")
        elif action in _DDL or action == apsw.SQLITE_ALTER_TABLE:
            self._refuse("changing the schema", "change the schema document and run: tenantdb rollout start")
        elif action in _FILES:
            self._refuse("ATTACH, DETACH or VACUUM", "a connection reaches its own tenant's file only")
        elif action == apsw.SQLITE_TRANSACTION:
            self._refuse("BEGIN, COMMIT or ROLLBACK", "use write() or session(), which commit at their end")
        else:
            self._refuse(f"the SQLite action {action}", "it is on no list of what applications may do")

    def _refuse(self, what: str, instead: str) -> NoReturn:
        raise Forbidden(self._tenant, what=what, instead=instead)
