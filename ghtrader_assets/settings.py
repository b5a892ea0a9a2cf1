"""Every setting, once: environment over `ghtrader.toml` over default, each value knowing where it came from.

Belongs here: names, defaults, bounds and sources of settings.
Does not belong here: what was picked at run time (ports: `runtime`) and what follows from a setting.
"""

from __future__ import annotations

from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, create_model
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from ghtrader_assets import setting_sources
from ghtrader_assets.errors import BadInputError, CredentialError
from ghtrader_assets.grammar import quoted
from ghtrader_assets.redaction import hide
from ghtrader_assets.setting_sources import (
    START_DATE,
    Environment,
    SettingsFile,
    SourcedValue,
    names_of,
    shown_value,
)
from ghtrader_assets.setting_types import Addresses, AnchoredPath, SettingDay, SettingEvening, Words

EMBEDDED_FIRST_DAY: Final = date(2021, 1, 4)
"""The first trading day that the embedded exchange serves."""


class Settings(BaseSettings):
    """All settings. Field names are the lower-case tails of `GHTRADER_*` variables unless an alias says otherwise.

    `l5_validate` and `start_dates` are the families of variables with a free tail, each variable that is set with its
    value; `sources` names the place of every variable that is set. No variable sets these three as a whole.
    """

    model_config = SettingsConfigDict(
        env_prefix="GHTRADER_", extra="ignore", frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    home: AnchoredPath = Field(default_factory=lambda: user_data_path("ghtrader-assets"), validate_default=True)
    symbols: Words = Field(default=("KQ.m@SHFE.cu", "KQ.m@SHFE.au", "KQ.m@SHFE.ag"), min_length=1)
    start_date: SettingDay | None = None

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
    web_bind: Words = ()
    web_tls_certificate: AnchoredPath | None = None
    web_tls_key: AnchoredPath | None = None
    web_auth: Literal["token", "off"] = "token"
    web_token: SecretStr | None = Field(default=None, min_length=16)
    web_token_read: SecretStr | None = Field(default=None, min_length=16)
    web_read_rows: int = Field(default=100_000_000, ge=1, le=10**12)
    web_read_s: float = Field(default=600, ge=0.001, le=86400)

    min_free_mb: int = Field(default=1024, ge=0, le=2**40)
    ingest_workers: int = Field(default=4, ge=1, le=64)
    readback: Literal["full", "checksum"] = "full"
    ingest_batch_days: int = Field(default=10, ge=1, le=250)
    sessions_per_minute: float = Field(default=120, ge=0.01, le=6000)
    pages_per_second: float = Field(default=50, ge=0.01, le=10000)
    maintenance_wait_s: float = Field(default=2700, ge=0, le=86400)
    ingest_rate_share: float = Field(default=0.3, ge=0, lt=1)
    fast_history: Literal["auto", "on", "off"] = "auto"
    sender_pool: bool = True
    prepared_statements: bool = True

    query_timeout_s: float = Field(default=60, ge=0.001, le=86400)
    read_workers: int = Field(default=2, ge=1, le=32)
    coverage_cache: Literal["memory", "redis", "off"] = "memory"
    cache_ttl_s: float = Field(default=300, ge=0, le=31 * 86400)
    redis_url: SecretStr | None = None

    validate_after_ingest: Literal["always", "never", "on-error"] = "always"
    validate_incremental: bool = True
    validate_workers: int = Field(default=2, ge=1, le=64)
    source_probe: bool = False
    l5_validate_tq_check_max_days: int = Field(default=2, ge=0, le=10_000)
    l5_validate_tq_check_max_segments: int = Field(default=8, ge=0, le=10_000)
    quality_sample_above_rows: int = Field(default=1_000_000, ge=0, le=10**12)

    automation: Literal["auto", "on", "off"] = "auto"
    repair_attempts: int = Field(default=4, ge=1, le=100)
    alert_urls: Addresses = None
    report_at: SettingEvening = time(21)
    workspace: AnchoredPath | None = None

    metrics_months: int = Field(default=12, ge=1, le=1200)
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    l5_validate: Annotated[dict[str, SourcedValue], NoDecode] = Field(default_factory=dict[str, SourcedValue])
    start_dates: Annotated[dict[str, date], NoDecode] = Field(default_factory=dict[str, date])
    tqsdk_environment: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict[str, str])
    """Variables of TqSdk's own that a client of the real provider is given: another server's addresses."""
    sources: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict[str, str])

    def model_post_init(self, _context: Any) -> None:
        """From now on no text of this process holds a secret of these settings (`redaction`)."""
        hide(*(getattr(self, field) for field in secret_fields()))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings' own
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, Environment(settings_cls), SettingsFile(settings_cls))

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
    return setting_sources.variable_of(Settings, field)


def variables_of(field: str) -> frozenset[str]:
    """Every variable that sets a field, in capitals."""
    return setting_sources.variables_of(Settings, field)


def secret_fields() -> frozenset[str]:
    """The fields whose type says that their value is a secret."""
    return names_of(Settings).secrets


def whole_folders(settings: Settings) -> dict[str, str]:
    """The variables of the folders that are set, as they were found from the folder that this process began in."""
    folders = ((variable, getattr(settings, field)) for variable, field in names_of(Settings).fields.items())
    return {variable: str(value) for variable, value in folders if isinstance(value, Path)}


def checked(field: str, value: object, where: str) -> Any:
    """A value that comes another way, as by a run's tag, within the bounds of its setting. Raises `BadInputError`."""
    info: Any = Settings.model_fields[field]
    alone: dict[str, Any] = {field: (info.annotation, info)}
    try:
        return getattr(create_model("OneSetting", **alone).model_validate({field: value}), field)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise BadInputError(
            f"{where}={quoted(value)} is not a legal value: {said}", "docs/cli.md has its bounds"
        ) from None


def sourced_values(settings: Settings) -> list[SourcedValue]:
    """Every setting with its value and source, secrets masked by their type."""
    starts = [SourcedValue(name, day, settings.sources[name]) for name, day in settings.start_dates.items()]
    fields = [sourced_value(settings, field) for field in names_of(Settings).fields.values()]
    return [*fields, *starts, *settings.l5_validate.values()]


def sourced_value(settings: Settings, field: str) -> SourcedValue:
    """One setting with its value and source."""
    variable = variable_of(field)
    return SourcedValue(variable, getattr(settings, field), settings.sources.get(variable, "default"))


def start_date_of(settings: Settings, product: str) -> date:
    """The first trading day of one product; earlier partitions are `not_listed`. Raises `BadInputError`."""
    return settings.start_dates.get(f"{START_DATE}_{product.upper()}") or settings.first_day


def _first_fault(error: ValidationError) -> tuple[str, str]:
    """What is wrong with the first value. A secret is never said, nor is a part of it that has another type."""
    fault = error.errors(include_url=False, include_input=True)[0]
    place = str(fault["loc"][0]) if fault["loc"] else "settings"
    field = names_of(Settings).fields.get(place, place)
    told = "" if field in secret_fields() else f"={shown_value(fault['input'])}"
    variable = variable_of(field) if field in Settings.model_fields else place
    return (
        f"{variable}{told} is not a legal value: {fault['msg']}",
        "docs/cli.md lists every setting and its values",
    )
