from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tenantdb.catalog import Catalog, store
from tenantdb.catalog.models import Base
from tenantdb.catalog.upgrade import config, upgrade
from tenantdb.errors import CatalogVersion
from tenantdb.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_migrations_make_what_the_models_say(catalog: Catalog) -> None:
    with catalog.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_code_needs_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == store.HEAD


def test_an_upgrade_may_be_repeated(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert upgrade(settings) == (None, store.HEAD)
    assert upgrade(settings) == (store.HEAD, store.HEAD)


UPGRADE = """
import sys
from tenantdb.catalog.upgrade import upgrade
from tenantdb.settings import Settings
print("ready", flush=True)
sys.stdin.readline()
print(upgrade(Settings(home=sys.argv[1])))
"""


def test_processes_that_make_it_at_once_make_it_once(tmp_path: Path, child: Any) -> None:
    makers = [child(UPGRADE, str(tmp_path / "home")) for _ in range(3)]
    for maker in makers:
        assert maker.line() == "ready"
    for maker in makers:
        maker.say("go")
    said = [maker.end().strip() for maker in makers]
    assert sorted(said) == [f"('{store.HEAD}', '{store.HEAD}')"] * 2 + [f"(None, '{store.HEAD}')"]


def test_the_file_is_its_owners_only(settings: Settings) -> None:
    assert stat.S_IMODE(settings.layout.catalog.stat().st_mode) == 0o600


def test_an_upgrade_that_fails_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home")

    def fail(*_: object) -> None:
        raise RuntimeError("killed in the middle")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", fail)
        with pytest.raises(RuntimeError):
            upgrade(settings)
    assert Catalog(settings.catalog).version() is None
    assert upgrade(settings) == (None, store.HEAD)


def test_a_catalog_of_a_newer_version_is_left_alone(settings: Settings, catalog: Catalog) -> None:
    with catalog.begin() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogVersion, match="upgrade tenantdb"):
        upgrade(settings)


def test_a_home_with_a_percent_sign_works(tmp_path: Path) -> None:
    assert upgrade(Settings(home=tmp_path / "100% mine")) == (None, store.HEAD)
