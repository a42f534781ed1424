"""The command line: thin doors over the library, for people and, with ``--json``, for programs."""

from __future__ import annotations

from tenantdb.cli.app import main

__all__ = ["main"]
