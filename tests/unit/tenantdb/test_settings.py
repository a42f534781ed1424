from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tenantdb import settings
from tenantdb.errors import SettingsError
from tenantdb.model import Durability

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(f"TENANTDB_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    settings.forget()
    yield tmp_path
    settings.forget()


def test_the_defaults_need_nothing(folder: Path) -> None:
    read = settings.read()
    assert read.home == folder / ".tenantdb"
    assert read.catalog == f"sqlite+apsw:///{folder}/.tenantdb/catalog.db"
    assert (read.broker_url, read.extensions) == (None, ())
    assert (read.durability, read.write_wait) == (Durability.FULL, 5.0)


def test_the_environment_comes_before_dotenv_before_toml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tenantdb.toml").write_text('home = "toml"\nwrite_wait = 1\nlog = "info"\n', encoding="utf-8")
    (folder / ".env").write_text("TENANTDB_HOME=dotenv\nTENANTDB_WRITE_WAIT=2\nOTHER=1\n", encoding="utf-8")
    monkeypatch.setenv("TENANTDB_HOME", "environment")
    read = settings.read()
    assert (read.home, read.write_wait, read.log) == (folder / "environment", 2.0, "info")


def test_the_home_stays_where_it_is_when_the_process_goes_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = settings.read()
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert read.home == folder / ".tenantdb"


def test_a_variable_that_is_empty_is_not_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTDB_HOME", "")
    assert settings.read().home == folder / ".tenantdb"


def test_settings_are_read_once_and_again_when_the_home_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = settings.current()
    assert settings.current() is first
    monkeypatch.setenv("TENANTDB_HOME", str(folder / "other"))
    assert settings.current().home == folder / "other"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DURABILITY", "half", "'full' or 'normal'"),
        ("WRITE_WAIT", "-1", "greater than or equal to 0"),
        ("WRITE_WAIT", "soon", "valid number"),
        ("EXTENSIONS", "app:f,no colon", "'no colon' is not of the form package:function"),
        ("EXTENSIONS", "app:", "package:function"),
        ("LOG", "loud", "'debug'"),
        ("BROKER_URL", "localhost", "no URL"),
    ],
)
def test_a_bad_value_is_one_sentence_with_name_and_source(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"TENANTDB_{name}", value)
    with pytest.raises(SettingsError) as caught:
        settings.read()
    message = str(caught.value)
    assert message.startswith(f"TENANTDB_{name} (from the environment)")
    assert said in message
    assert "\n" not in message


def test_the_source_of_a_bad_value_is_named(folder: Path) -> None:
    (folder / ".env").write_text("TENANTDB_LOG=loud\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"from \.env"):
        settings.read()
    (folder / ".env").unlink()
    (folder / "tenantdb.toml").write_text('log = "loud"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"from tenantdb\.toml"):
        settings.read()


def test_a_misspelt_name_in_toml_is_refused(folder: Path) -> None:
    (folder / "tenantdb.toml").write_text('hoem = "x"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"no setting 'hoem'; there are home, catalog_url"):
        settings.read()


def test_broken_toml_is_one_sentence(folder: Path) -> None:
    (folder / "tenantdb.toml").write_text("home = \n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"tenantdb\.toml can't be read"):
        settings.read()


def test_extensions_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTDB_EXTENSIONS", "app.db:functions, app:collations,")
    assert settings.read().extensions == ("app.db:functions", "app:collations")


def test_passwords_show_nowhere(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("CATALOG_URL", "BROKER_URL"):
        monkeypatch.setenv(f"TENANTDB_{name}", "scheme://user:s3cret@host:1/0")
    read = settings.read()
    with caplog.at_level(logging.INFO):
        logging.getLogger("tenantdb").info("settings: %s %r %s", read, read, read.broker_url)
    said = f"{caplog.text} {read} {read!r} {read.model_dump()} {read.model_dump_json()}"
    assert "s3cret" not in said
    assert "scheme://user:***@host:1/0" in said
    assert read.catalog == "scheme://user:s3cret@host:1/0"


def test_an_sqlite_catalog_is_opened_by_our_own_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTDB_CATALOG_URL", "sqlite:////srv/fleet.db")
    assert settings.read().catalog == "sqlite+apsw:////srv/fleet.db"
