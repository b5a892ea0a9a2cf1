"""Every setting, once: environment over `ghtrader.toml` over default, each value knowing where it came from.

Belongs here: names, defaults, bounds and sources of settings.
Does not belong here: what was picked at run time (ports: `runtime`) and what follows from a setting.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from ghtrader_assets.errors import BadInputError, CredentialError

EMBEDDED_FIRST_DAY: Final = date(2021, 1, 4)
"""The first trading day that the embedded exchange serves."""

SETTINGS_FILE: Final = "ghtrader.toml"
L5_VALIDATE_PREFIX: Final = "GHTRADER_L5_VALIDATE_"
START_DATE: Final = "GHTRADER_START_DATE"
TQSDK_PASSTHROUGH: Final = ("TQ_AUTH_URL", "TQ_MD_URL", "TQ_CHINESE_HOLIDAY_URL", "TQ_CONT_TABLE_URL")


def _split_words(value: object) -> object:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _joined(value: object) -> object:
    """Several addresses as apprise takes them: a list from the settings file becomes one text."""
    return ", ".join(str(one) for one in cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_words)]


class Settings(BaseSettings):
    """All settings. Field names are the lower-case tails of `GHTRADER_*` variables unless an alias says otherwise."""

    model_config = SettingsConfigDict(env_prefix="GHTRADER_", extra="ignore", frozen=True, populate_by_name=True)

    home: Path = Field(default_factory=lambda: user_data_path("ghtrader-assets"))
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
    prometheus_port: int | None = Field(default=None, ge=0, le=65535)

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
    workspace: Path | None = None

    metrics_months: int = Field(default=12, ge=1, le=1200)
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings' own
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, _TomlSource(settings_cls))

    @property
    def uses_real_tqsdk(self) -> bool:
        """Whether TqSdk credentials are present; otherwise the embedded exchange is the provider."""
        return self.tqsdk_user is not None

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


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A setting's value and the place it came from: `env:NAME`, `file:PATH`, or `default`."""

    name: str
    value: object
    source: str


def load_settings() -> Settings:
    """Read the settings. Raises `BadInputError` naming the variable, its value's fault and the remedy."""
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
    in_file = _file_values()
    return [
        SourcedValue(variable, getattr(settings, field), _source_of(variable, in_file))
        for field in Settings.model_fields
        for variable in [variable_of(field)]
    ]


def sourced_value(settings: Settings, field: str) -> SourcedValue:
    """One setting with its value and source."""
    variable = variable_of(field)
    return SourcedValue(variable, getattr(settings, field), _source_of(variable, _file_values()))


def suffixed_values(prefix: str) -> dict[str, SourcedValue]:
    """All settings whose name begins with `prefix`: per-variety families such as `GHTRADER_START_DATE_CU`."""
    found = {name: SourcedValue(name, value, f"file:{_settings_path()}") for name, value in _file_values().items()}
    found |= {name: SourcedValue(name, value, f"env:{name}") for name, value in os.environ.items()}
    return {name: sourced for name, sourced in sorted(found.items()) if name.startswith(prefix)}


def start_date_of(settings: Settings, product: str) -> date:
    """The first trading day of one product; earlier partitions are `not_listed`. Raises `BadInputError`."""
    name = f"{START_DATE}_{product.upper()}"
    sourced = suffixed_values(name).get(name)
    if sourced is None:
        return settings.first_day
    try:
        return date.fromisoformat(str(sourced.value))
    except ValueError:
        raise BadInputError(f"{name}={sourced.value} ({sourced.source}) is no date", "write it as YYYY-MM-DD") from None


def _settings_path() -> Path:
    return Path(os.environ.get("GHTRADER_SETTINGS_FILE", SETTINGS_FILE))


def _file_values() -> dict[str, Any]:
    """The settings file as variable → value. Keys may be written with or without the `GHTRADER_` prefix."""
    path = _settings_path()
    if not path.is_file():
        return {}
    try:
        content: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"{path} is not valid TOML: {error}", "mend the line it names") from None
    aliased = {variable_of(field) for field in Settings.model_fields}
    return {
        upper if upper in aliased or upper.startswith("GHTRADER_") else f"GHTRADER_{upper}": value
        for key, value in content.items()
        for upper in [key.upper()]
    }


class _TomlSource(PydanticBaseSettingsSource):
    """Values of `ghtrader.toml` in the working directory (or `GHTRADER_SETTINGS_FILE`)."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base's own
        value = _file_values().get(variable_of(field_name))
        return (tuple(cast("list[str]", value)) if isinstance(value, list) else value), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = ((name, self.get_field_value(None, name)[0]) for name in Settings.model_fields)
        return {name: value for name, value in values if value is not None}


def _source_of(variable: str, in_file: Mapping[str, Any]) -> str:
    if variable in os.environ:
        return f"env:{variable}"
    return f"file:{_settings_path()}" if variable in in_file else "default"


def _first_fault(error: ValidationError) -> tuple[str, str]:
    fault = error.errors(include_url=False, include_input=True)[0]
    place = str(fault["loc"][0]) if fault["loc"] else "settings"
    variable = variable_of(place) if place in Settings.model_fields else place
    secret = "PASSWORD" in variable or variable.endswith("REDIS_URL")
    shown = "" if secret else f"={fault['input']}"
    return (
        f"{variable}{shown} is not a legal value: {fault['msg']}",
        "docs/cli.md lists every setting and its values",
    )
