"""SQLAlchemy's dialect compliance suite, run by ``tests/integration/test_dialect_compliance.py``."""

from sqlalchemy.testing.suite import *  # noqa: F403 - the tests are collected from here
