"""What the demo puts into a tenant's file and finds there again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from tenantdb import get_tenant_db, settings
from tenantdb.cli.demo import data
from tenantdb.cli.demo.ledger import MARK, Held
from workers.lifecycle import creation

if TYPE_CHECKING:
    from collections.abc import Callable

_USERS = (
    "insert into Users(email, role, first_name, last_name) values (:email, :role, :first_name, :last_name)"
)
_CONTACTS = "insert into Contacts(contact_type, company_name) values (:contact_type, :company_name)"

_ONLY_IN_VERSION_2 = (
    "insert into Users(email, role, first_name) values ('boss@demo.example', 'manager', 'Grace')",
    """insert into Departments(dept_name, budget, manager_id, location)
       select 'Research', 120000, user_id, 'Oslo' from Users where email = 'boss@demo.example'""",
    """insert into Projects(title, start_date, end_date, department_id, created_by)
       select 'Apollo', '2026-01-01', '2026-12-31', dept_id, manager_id from Departments""",
)
"""A manager, a department and a project: version 1 has no place for any of them."""


def furnish(arguments: dict[str, Any], report: Callable[[Any], None]) -> None:
    """Make tenants and fill them; a task of the dispatcher.

    Args:
        arguments: ``tenants``: their ids.
        report: Called after each tenant with how many rows it got.
    """
    for tenant in arguments["tenants"]:
        creation.create(tenant, settings=settings.current())
        report(_fill(tenant))


def _fill(tenant: str) -> int:
    users, contacts = data.users(tenant), data.contacts(tenant)
    with get_tenant_db(tenant).write() as conn:
        conn.execute(text(_USERS), [user._asdict() for user in users])
        conn.execute(text(_CONTACTS), [contact._asdict() for contact in contacts])
    return len(users) + len(contacts)


def forget_companies(tenant: str) -> None:
    """Give a tenant some contacts without a company."""
    with get_tenant_db(tenant).write() as conn:
        conn.execute(text(_CONTACTS), [contact._asdict() for contact in data.nameless_contacts()])


def use_version_2(tenant: str) -> None:
    """Write rows that only version 2 can hold."""
    with get_tenant_db(tenant).write() as conn:
        for statement in _ONLY_IN_VERSION_2:
            conn.execute(text(statement))


def held(tenant: str) -> Held:
    """What a tenant's file has of the writers."""
    db = get_tenant_db(tenant)
    names = db.query("select company_name from Contacts where company_name like '%#w%'")
    marks = [found[0] for (name,) in names if (found := MARK.search(name))]
    numbers = db.query("select email, last_name from Users where email like 'writer-%@demo.example'")
    return Held(
        marks=Counter(marks),
        numbers={
            int(email.removeprefix("writer-").partition("@")[0]): int(count) for email, count in numbers
        },
    )


def tables(tenant: str) -> int:
    """How many tables a tenant has, but for SQLite's own and ours."""
    found = get_tenant_db(tenant).query("select name from sqlite_schema where type = 'table'")
    return sum(not name.startswith(("sqlite_", "_")) for (name,) in found)
