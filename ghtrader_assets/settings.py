"""Every setting, once: environment over `ghtrader.toml` over default, each value knowing where it came from.

Belongs here: names, defaults, bounds and sources of settings.
Does not belong here: what was picked at run time (ports: `runtime`) and what follows from a setting.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

from platformdirs import user_data_path
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ghtrader_assets.errors import BadInputError, CredentialError

EMBEDDED_FIRST_DAY: Final = date(2021, 1, 4)
"""The first trading day that the embedded exchange serves."""

SETTINGS_FILE: Final = "ghtrader.toml"
L5_VALIDATE_PREFIX: Final = "GHTRADER_L5_VALIDATE_"
START_DATE: Final = "GHTRADER_START_DATE"
_TRACED: Final = frozenset({"l5_validate", "start_dates", "tqsdk_environment", "sources"})
"""Fields that no variable sets as a whole."""

_TQSDK_ADDRESSES: Final = ("TQ_AUTH_URL", "TQ_MD_URL", "TQ_CHINESE_HOLIDAY_URL", "TQ_CONT_TABLE_URL")


def _split_words(value: object) -> object:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _joined(value: object) -> object:
    """Several addresses as apprise takes them: a list from the settings file becomes one text."""
    return ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else value


def _anchored(path: Path) -> Path:
    """A path that means the same in every process: `~` is the user's home, a relative one lies in this folder."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{error}; write the whole path") from None


Folder = Annotated[Path, AfterValidator(_anchored)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_words)]


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A setting's value and the place it came from: `env:NAME`, `file:PATH`, or `default`."""

    name: str
    value: object
    source: str


class Settings(BaseSettings):
    """All settings. Field names are the lower-case tails of `GHTRADER_*` variables unless an alias says otherwise.

    `l5_validate` and `start_dates` are the families of variables with a free tail, each variable that is set with its
    value; `sources` names the place of every variable that is set. No variable sets these three as a whole.
    """

    model_config = SettingsConfigDict(env_prefix="GHTRADER_", extra="ignore", frozen=True, populate_by_name=True)

    home: Folder = Field(default_factory=lambda: user_data_path("ghtrader-assets"), validate_default=True)
    symbols: Words = ("KQ.m@SHFE.cu", "KQ.m@SHFE.au", "KQ.m@SHFE.ag")
    start_date: date | None = None

    tqsdk_user: str | None = Field(default=None, validation_alias="TQSDK_USER")
    tqsdk_password: SecretStr | None = Field(default=None, validation_alias="TQSDK_PASSWORD")

    questdb_http: str | None = None
    questdb_pg: str | None = None
    questdb_user: str | None = None
    questdb_password: SecretStr | None = None
    questdb_reader_user: str | None = None
    questdb_reader_password: SecretStr | None = None
    questdb_sessions: int = Field(default=8, ge=1, le=64)
    questdb_mode: Literal["live", "bulk"] = "live"

    questdb_http_port: int = Field(default=9000, ge=0, le=65535)
    questdb_pg_port: int = Field(default=8812, ge=0, le=65535)
    dagster_port: int = Field(default=3000, ge=0, le=65535)
    dashboard_port: int = Field(default=8050, ge=0, le=65535)
    exchange_port: int = Field(default=7777, ge=0, le=65535)
    exchange_model: int = Field(default=2, ge=1, le=2)
    prometheus_port: int | None = Field(default=None, ge=0, le=65535)
    web_names: Words = ()
    web_auth: Literal["token", "off"] = "token"
    web_token: SecretStr | None = Field(default=None, min_length=16)
    web_token_read: SecretStr | None = Field(default=None, min_length=16)

    min_free_mb: int = Field(default=1024, ge=0)
    ingest_workers: int = Field(default=4, ge=1, le=64)
    readback: Literal["full", "checksum"] = "full"
    ingest_batch_days: int = Field(default=10, ge=1, le=250)
    sessions_per_minute: float = Field(default=120, gt=0, le=6000)
    pages_per_second: float = Field(default=50, gt=0, le=10000)
    maintenance_wait_s: float = Field(default=2700, ge=0, le=86400)
    ingest_rate_share: float = Field(default=0.3, ge=0, lt=1)
    fast_history: Literal["auto", "on", "off"] = "auto"
    sender_pool: bool = True
    prepared_statements: bool = True

    query_timeout_s: float = Field(default=60, gt=0)
    read_workers: int = Field(default=2, ge=1, le=32)
    coverage_cache: Literal["memory", "redis", "off"] = "memory"
    cache_ttl_s: float = Field(default=300, ge=0)
    redis_url: SecretStr | None = None

    validate_after_ingest: Literal["always", "never", "on-error"] = "always"
    validate_incremental: bool = True
    validate_workers: int = Field(default=2, ge=1, le=64)
    source_probe: bool = False
    l5_validate_tq_check_max_days: int = Field(default=2, ge=0)
    l5_validate_tq_check_max_segments: int = Field(default=8, ge=0)
    quality_sample_above_rows: int = Field(default=1_000_000, ge=0)

    automation: Literal["auto", "on", "off"] = "auto"
    repair_attempts: int = Field(default=4, ge=1, le=100)
    alert_urls: Annotated[SecretStr | None, BeforeValidator(_joined)] = None
    workspace: Folder | None = None

    metrics_months: int = Field(default=12, ge=1, le=1200)
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    l5_validate: Annotated[dict[str, SourcedValue], NoDecode] = Field(default_factory=dict[str, SourcedValue])
    start_dates: Annotated[dict[str, date], NoDecode] = Field(default_factory=dict[str, date])
    tqsdk_environment: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict[str, str])
    """Variables of TqSdk's own that a client of the real provider is given: another server's addresses."""
    sources: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict[str, str])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings' own
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, _Environment(settings_cls), _SettingsFile(settings_cls, _settings_path()))

    @property
    def uses_real_tqsdk(self) -> bool:
        """Whether TqSdk credentials are present; otherwise the embedded exchange is the provider."""
        return self.tqsdk_user is not None

    @property
    def asked_exchange_model(self) -> int | None:
        """The model of the embedded exchange where one is set; else a home keeps its own, and new ones begin with 2."""
        return self.exchange_model if "exchange_model" in self.model_fields_set else None

    @property
    def runs_by_itself(self) -> bool:
        """Whether the daily schedule and the repair sensor are on before anybody switches them in the UI."""
        return self.automation == "on" or (self.automation == "auto" and self.uses_real_tqsdk)

    @property
    def uses_external_questdb(self) -> bool:
        return self.questdb_http is not None

    @cached_property
    def first_day(self) -> date:
        """The first partition of all symbols. Raises `BadInputError` with real TqSdk and no start date."""
        if self.start_date is not None:
            return self.start_date
        if self.uses_real_tqsdk:
            raise BadInputError(
                f"{START_DATE} is not set, and with real TqSdk there is no default",
                f"set {START_DATE}=YYYY-MM-DD to the first trading day to load",
            )
        return EMBEDDED_FIRST_DAY


def load_settings() -> Settings:
    """Read environment and file: once, at a process's entry, which hands the settings down.

    Raises `BadInputError` naming the variable, its value's fault and the remedy.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise BadInputError(*_first_fault(error)) from None
    if settings.tqsdk_user is not None and settings.tqsdk_password is None:
        raise CredentialError(
            "TQSDK_USER is set but TQSDK_PASSWORD is not", "set both, or neither for the embedded exchange"
        )
    if (settings.questdb_http is None) != (settings.questdb_pg is None):
        raise BadInputError(
            "only one of GHTRADER_QUESTDB_HTTP and GHTRADER_QUESTDB_PG is set",
            "an external QuestDB needs both, as host:port",
        )
    if settings.coverage_cache == "redis" and settings.redis_url is None:
        raise BadInputError(
            "GHTRADER_COVERAGE_CACHE is redis and GHTRADER_REDIS_URL is not set", "set it: redis://host:6379/0"
        )
    return settings


def variable_of(field: str) -> str:
    """The environment variable of a settings field."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"GHTRADER_{field.upper()}"


def sourced_values(settings: Settings) -> list[SourcedValue]:
    """Every setting with its value and source, secrets masked by their type."""
    starts = [SourcedValue(name, day, settings.sources[name]) for name, day in settings.start_dates.items()]
    fields = [sourced_value(settings, field) for field in _variables().values()]
    return [*fields, *starts, *settings.l5_validate.values()]


def sourced_value(settings: Settings, field: str) -> SourcedValue:
    """One setting with its value and source."""
    variable = variable_of(field)
    return SourcedValue(variable, getattr(settings, field), settings.sources.get(variable, "default"))


def start_date_of(settings: Settings, product: str) -> date:
    """The first trading day of one product; earlier partitions are `not_listed`. Raises `BadInputError`."""
    return settings.start_dates.get(f"{START_DATE}_{product.upper()}") or settings.first_day


def _settings_path() -> Path:
    return Path(os.environ.get("GHTRADER_SETTINGS_FILE", SETTINGS_FILE))


@cache
def _variables() -> dict[str, str]:
    """The field of each variable, families aside."""
    return {variable_of(field): field for field in Settings.model_fields if field not in _TRACED}


class _Environment(EnvSettingsSource):
    """The environment, each value with its variable as source."""

    def __call__(self) -> dict[str, Any]:
        values = super().__call__()
        given = {name if name in _variables() else variable_of(name): value for name, value in values.items()}
        addresses = {name: os.environ[name] for name in _TQSDK_ADDRESSES if name in os.environ}
        return values | _traced(os.environ | given, "env:{}".format) | {"tqsdk_environment": addresses}


class _SettingsFile(TomlConfigSettingsSource):
    """`ghtrader.toml` or `GHTRADER_SETTINGS_FILE`. Keys may be written with or without the `GHTRADER_` prefix."""

    def __init__(self, settings_cls: type[BaseSettings], path: Path) -> None:
        try:
            super().__init__(settings_cls, path)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInputError(f"{path} is not valid TOML: {error}", "mend the line it names") from None

    def __call__(self) -> dict[str, Any]:
        given = {_variable_named(key): value for key, value in self.toml_data.items()}
        values = {field: given[variable] for variable, field in _variables().items() if variable in given}
        return values | _traced(given, lambda _: f"file:{self.toml_file_path}")


def _variable_named(key: str) -> str:
    """The variable that a key of the settings file stands for."""
    upper = key.upper()
    return upper if upper in _variables() or upper.startswith("GHTRADER_") else f"GHTRADER_{upper}"


def _traced(given: Mapping[str, Any], source_of: Callable[[str], str]) -> dict[str, Any]:
    """The families among what one source gives, and where each variable comes from. pydantic-settings merges mappings
    of several sources key by key, the first source's values before the others'."""
    known = _variables()
    starts = [name for name in given if name.startswith(f"{START_DATE}_")]
    thresholds = [name for name in given if name.startswith(L5_VALIDATE_PREFIX) and name not in known]
    sources = {name: source_of(name) for name in (*(known.keys() & given.keys()), *starts, *thresholds)}
    return {
        "l5_validate": {name: SourcedValue(name, given[name], sources[name]) for name in thresholds},
        "start_dates": {name: _start_date(name, given[name], sources[name]) for name in starts},
        "sources": sources,
    }


def _start_date(name: str, value: object, source: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise BadInputError(f"{name}={value} ({source}) is no date", "write it as YYYY-MM-DD") from None


def _first_fault(error: ValidationError) -> tuple[str, str]:
    fault = error.errors(include_url=False, include_input=True)[0]
    place = str(fault["loc"][0]) if fault["loc"] else "settings"
    variable = variable_of(place) if place in Settings.model_fields else place
    secret = "PASSWORD" in variable or "TOKEN" in variable or variable.endswith("REDIS_URL")
    shown = "" if secret else f"={fault['input']}"
    return (
        f"{variable}{shown} is not a legal value: {fault['msg']}",
        "docs/cli.md lists every setting and its values",
    )
