"""Small files that are changed as big ones are: online, though one transaction would do."""

from __future__ import annotations

import pytest

from migrations_engine.lone import choice


@pytest.fixture
def online(monkeypatch):
    """Every change that can go online does."""
    monkeypatch.setattr(choice, "SMALL_BYTES", 0)
    monkeypatch.setattr(choice, "BUDGET_SECONDS", 0.0)
    monkeypatch.setattr("migrations_engine.planning.estimate.BASE_SECONDS", 1.0)
