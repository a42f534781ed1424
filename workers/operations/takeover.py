"""Taking an interrupted operation over: the token is raised and committed before anything is read.

After that the worker that had it can change nothing any more in the catalog, and what the new one reads of
the route is what will stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantdb.boot import boot_id
from tenantdb.catalog import leases, operations, tenants
from workers.operations.operation import LEASE_SECONDS, Operation
from workers.operations.owner import Owner

if TYPE_CHECKING:
    from tenantdb.catalog import Catalog
    from tenantdb.catalog.models import Operation as Row
    from tenantdb.catalog.models import Tenant


def take_over(catalog: Catalog, row: Row) -> Operation | None:
    """Become the one who carries an operation, if nobody does.

    Args:
        catalog: The catalog.
        row: The operation as it was found.

    Returns:
        The operation under its new token; None where its worker lives, or another has taken it over.
    """
    if row.tenant_id is None:
        return None
    with catalog.begin() as session:
        tenant = tenants.find(session, row.tenant_id, lock=True)
        token = leases.seize(
            session,
            tenant=row.tenant_id,
            owner=str(Owner.myself()),
            seconds=LEASE_SECONDS,
            operation=row.id,
            owner_is_dead=_is_gone(tenant),
        )
        if token is None:
            return None
        operations.carry_on(session, operation=row.id, token=token, boot_id=boot_id())
    return Operation(
        catalog=catalog, id=row.id, kind=row.kind, tenant=row.tenant_id, token=token, payload=row.payload
    )


def _is_gone(tenant: Tenant | None) -> bool:
    """Whether the lease's owner is a process of this host that has ended."""
    owner = None if tenant is None or tenant.lease_owner is None else Owner.parse(tenant.lease_owner)
    return owner is not None and owner.is_gone()
