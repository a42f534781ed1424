"""What an installation is told from outside: the environment, ``.env``, ``tenantdb.toml``, else defaults.

Each name is a variable ``TENANTDB_<NAME>`` in the environment and in ``.env``, and ``<name>`` in
``tenantdb.toml``; both files are looked for in the working folder. The defaults need nothing.
"""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, Secret, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from migrations_engine import extensions
from migrations_engine.errors import UnknownExtension
from tenantdb.errors import SettingsError
from tenantdb.model import Durability
from tenantdb.paths import Home

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "TENANTDB_"
DOTENV = ".env"
TOML = "tenantdb.toml"

LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class SecretURL(Secret[str]):
    """A URL that shows itself without its password; ``get_secret_value()`` is the whole."""

    def _display(self) -> str:
        return without_password(self.get_secret_value())


def without_password(url: str) -> str:
    """The URL with its password, if it has one, as asterisks."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, host = parts.username or "", parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{host}"))


def _absolute(path: Path) -> Path:
    """Fix a folder once: a process that changes its working folder keeps its home."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links


class Settings(BaseSettings):
    """All settings, checked; immutable. ``current()`` gives those of this process."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, env_file=DOTENV, toml_file=TOML, env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Annotated[Path, AfterValidator(_absolute)] = Field(default=Path(".tenantdb"), validate_default=True)
    """The folder of catalog, templates, freshness marks and the default server."""
    catalog_url: SecretURL | None = None
    """The catalog's SQLAlchemy URL; SQLite in the home by default."""
    broker_url: SecretURL | None = None
    """Celery's broker; without one tasks run in process."""
    durability: Durability = Durability.FULL
    """What an acknowledged write survives: power loss (full), any crash of processes (normal)."""
    extensions: Annotated[tuple[str, ...], NoDecode] = ()
    """``package:function``, by commas: called with each new connection to register functions, collations."""
    write_wait: Annotated[float, Field(ge=0)] = 5.0
    """Seconds that entering a write waits while the tenant is paused or held."""
    log: LogLevel = "warning"
    """How much the command line and the workers log, on standard error."""

    @field_validator("extensions", mode="before")
    @classmethod
    def _split_extensions(cls, given: object) -> object:
        return (
            [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given
        )

    @field_validator("extensions")
    @classmethod
    def _check_extensions(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for entry in given:
            try:
                extensions.require_form(entry)
            except UnknownExtension as error:
                raise ValueError(f"{entry!r} is {error.reason}") from None
        return given

    @field_validator("log", mode="before")
    @classmethod
    def _fold_level(cls, given: object) -> object:
        return given.lower() if isinstance(given, str) else given

    @field_validator("catalog_url", "broker_url")
    @classmethod
    def _check_url(cls, given: SecretURL | None) -> SecretURL | None:
        if given is not None and not urlsplit(given.get_secret_value()).scheme:
            raise ValueError("that is no URL (scheme://host/path)")
        return given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """State the order in which sources win."""
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def layout(self) -> Home:
        """Where things are under the home."""
        return Home(self.home)

    @property
    def catalog(self) -> str:
        """The catalog's URL with its password: for the driver, never for people."""
        if self.catalog_url is None:
            return f"sqlite+apsw:///{self.layout.catalog}"
        url = self.catalog_url.get_secret_value()
        return url.replace("sqlite://", "sqlite+apsw://", 1) if url.startswith("sqlite://") else url


def read() -> Settings:
    """Read the settings from their sources now.

    Raises:
        SettingsError: A value is wrong, or a source can't be read; one sentence that names it.
    """
    _check_toml()
    try:
        return Settings()
    except ValidationError as error:
        raise _explained(error) from None
    except OSError as error:
        raise SettingsError(f"cannot read the settings: {error}") from None


def current() -> Settings:
    """The settings of this process: read once, and again whenever TENANTDB_HOME has changed.

    What the engine opens in this process knows the application's functions from then on.

    Raises:
        SettingsError: As ``read``.
    """
    return _of_home(os.environ.get(f"{PREFIX}HOME"))


def forget() -> None:
    """Have ``current`` read its sources again at its next call."""
    _of_home.cache_clear()


@lru_cache(maxsize=1)
def _of_home(home: str | None) -> Settings:  # noqa: ARG001 - the key of the cache
    found = read()
    extensions.use_by_default(lambda: found.extensions)
    return found


def _check_toml() -> None:
    """Refuse what tenantdb.toml can't mean: there a misspelt name would be ignored in silence."""
    unknown = sorted(_toml_names() - Settings.model_fields.keys())
    if unknown:
        known = ", ".join(Settings.model_fields)
        raise SettingsError(f"{TOML}: there is no setting {unknown[0]!r}; there are {known}")


def _toml_names() -> set[str]:
    """The settings that stand in tenantdb.toml; none where there is no such file."""
    try:
        return set(tomllib.loads(Path(TOML).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{TOML} can't be read: {error}") from None


def _explained(error: ValidationError) -> SettingsError:
    """Say the first fault in one sentence: which setting, from where, what is wrong."""
    fault = error.errors(include_url=False)[0]
    name = str(fault["loc"][0])
    reason = fault["msg"].removeprefix("Value error, ")
    return SettingsError(f"{PREFIX}{name.upper()} (from {_source(name)}){_shown(name, fault)}: {reason}")


def _shown(name: str, fault: ErrorDetails) -> str:
    """The value given, unless it may carry a password."""
    return "" if name.endswith("_url") else f" is {fault['input']!r:.80}"


def _source(name: str) -> str:
    """Which source the setting came from; pydantic finds variables in any case."""
    if f"{PREFIX}{name.upper()}" in {variable.upper() for variable in os.environ}:
        return "the environment"
    return TOML if name in _toml_names() else DOTENV
