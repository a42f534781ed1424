"""Every SQL statement about tenants, servers, routes and operations.

``Catalog`` gives the transactions; the functions, one module for each noun, take the session first.
"""

from __future__ import annotations

from tenantdb.catalog.store import Catalog

__all__ = ["Catalog"]
