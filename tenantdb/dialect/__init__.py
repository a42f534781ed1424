"""APSW under SQLAlchemy: ``create_engine("sqlite+apsw:////path/file.db")``, and connections lent to it."""

from sqlalchemy.dialects import registry

from tenantdb.dialect.connection import Keeper
from tenantdb.dialect.dialect import APSWDialect, add_functions
from tenantdb.dialect.errors import translated
from tenantdb.dialect.lending import lend

__all__ = ["APSWDialect", "Keeper", "add_functions", "lend", "translated"]

# Installed packages name the dialect by an entry point; this serves a checkout that is not installed.
registry.register("sqlite.apsw", __name__, APSWDialect.__name__)
