"""The context of loading: that of reading, and the provider of ticks.

Belongs here: finding the provider. Does not belong here: fetching from it (`tq`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.context.store import StoreContext, embedded_service, open_writable_store
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.runtime import EXCHANGE
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider, tqsdk_environment
from ghtrader_assets.tq.timing import Timing

EMBEDDED_USER = "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadContext(StoreContext):
    """What loading needs: a store that may be written, and the provider of ticks."""

    provider: Provider

    @property
    def timing(self) -> Timing:
        return timing_of(self.settings)


def timing_of(settings: Settings) -> Timing:
    """Waits and limits of fetching, with the account's rates from the settings."""
    return Timing(sessions_per_minute=settings.sessions_per_minute, pages_per_s=settings.pages_per_second)


@contextmanager
def open_load(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Generator[LoadContext]:
    """Open the store for loading and name the provider.

    Raises `QuestDBError` when the store is away, `CredentialError` when it refuses us, `ServiceError` when an embedded
    service does not run.
    """
    with open_writable_store(settings, clock) as store:
        yield LoadContext(
            settings=store.settings,
            calendar=store.calendar,
            database=store.database,
            operator_events=store.operator_events,
            clock=store.clock,
            provider=provider_of(settings),
        )


def provider_at_hand(settings: Settings) -> bool:
    """Whether a provider can be asked without anything being started for it."""
    return settings.uses_real_tqsdk or embedded_service(settings.home, EXCHANGE) is not None


def provider_of(settings: Settings) -> Provider:
    """The provider of ticks: TqSdk under the settings' account, or the embedded exchange."""
    if settings.tqsdk_user is not None and settings.tqsdk_password is not None:
        return Provider(settings.tqsdk_user, settings.tqsdk_password, settings.tqsdk_environment, "tqsdk")
    service = embedded_service(settings.home, EXCHANGE)
    if service is None:
        raise ServiceError(
            f"no TqSdk credentials are set and no embedded exchange runs for {settings.home}",
            "start it with `ghtrader-assets up`, or set TQSDK_USER and TQSDK_PASSWORD",
        )
    environment = tqsdk_environment(service.urls["http"])
    return Provider(EMBEDDED_USER, SecretStr(EMBEDDED_USER), environment, "embedded")
