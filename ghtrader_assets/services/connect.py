"""Finding the services and opening the platform on them.

Belongs here: from settings and runtime file to connections. Does not belong here: starting services (`embedded`).
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from pydantic import SecretStr

from ghtrader_assets.errors import QuestDBError, ServiceError
from ghtrader_assets.exchange.client_env import tqsdk_environment
from ghtrader_assets.loading.platform import Platform
from ghtrader_assets.logs import hide
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.session_events import events_for
from ghtrader_assets.metrics import metrics_into
from ghtrader_assets.questdb.connection import Database
from ghtrader_assets.questdb.credentials import Endpoint, Login, embedded_endpoint
from ghtrader_assets.questdb.schema import ensure_schema
from ghtrader_assets.services.runtime import EXCHANGE, QUESTDB, Service, read_runtime
from ghtrader_assets.settings import TQSDK_PASSTHROUGH, Settings
from ghtrader_assets.tq.provider import Provider

EMBEDDED_USER = "embedded"


@contextmanager
def open_platform(settings: Settings) -> Generator[Platform]:
    """Connect to the store, make sure of its tables, and name the provider.

    Raises `QuestDBError` when the store is away, `CredentialError` when it refuses us, `ServiceError` when an embedded
    service does not run.
    """
    with open_database(settings) as database:
        ensure_schema(database)
        home = settings.home
        yield Platform(settings, calendar_for(home), database, provider_of(settings), events_for(home))


@contextmanager
def open_database(settings: Settings, *, readonly: bool = False) -> Generator[Database]:
    """Connect to the store alone: all that reading needs. Each query's latency goes into the metrics table.

    `readonly`: by the log-in that can't change anything, where the server has one.
    """
    endpoint = questdb_endpoint(settings)
    metrics = metrics_into(endpoint)
    try:
        with Database(
            endpoint,
            prepared=settings.prepared_statements,
            sender_pool=settings.sender_pool,
            readonly=readonly,
            max_sessions=settings.questdb_sessions,
            statement_timeout_s=settings.query_timeout_s,
            on_query=metrics.observe,
        ) as database:
            yield database
    finally:
        metrics.close()


def questdb_endpoint(settings: Settings) -> Endpoint:
    """Where QuestDB is: the external server of the settings, or the embedded one of the runtime file."""
    if settings.questdb_http is not None and settings.questdb_pg is not None:
        password = settings.questdb_password or SecretStr("quest")
        hide(settings.questdb_password)
        user = settings.questdb_user or "admin"
        return Endpoint(settings.questdb_http, settings.questdb_pg, user, password, _reader(settings))
    service = _embedded(settings, QUESTDB)
    if service is None:
        raise QuestDBError(f"no QuestDB runs for {settings.home}", "start it with `ghtrader-assets up`")
    http_port, pg_port = (int(url.rpartition(":")[2]) for url in (service.urls["http"], service.urls["pg"]))
    endpoint = embedded_endpoint(settings.home, http_port, pg_port)
    hide(endpoint.password, endpoint.reader.password if endpoint.reader else None)
    return endpoint


def _reader(settings: Settings) -> Login | None:
    """The read-only log-in of an external QuestDB, where the settings name one."""
    if settings.questdb_reader_user is None or settings.questdb_reader_password is None:
        return None
    hide(settings.questdb_reader_password)
    return Login(settings.questdb_reader_user, settings.questdb_reader_password)


def provider_of(settings: Settings) -> Provider:
    """Who delivers ticks: TqSdk under the settings' account, or the embedded exchange."""
    if settings.tqsdk_user is not None and settings.tqsdk_password is not None:
        hide(settings.tqsdk_password)
        passed = {name: os.environ[name] for name in TQSDK_PASSTHROUGH if name in os.environ}
        return Provider(settings.tqsdk_user, settings.tqsdk_password, passed, "tqsdk")
    service = _embedded(settings, EXCHANGE)
    if service is None:
        raise ServiceError(
            f"no TqSdk credentials are set and no embedded exchange runs for {settings.home}",
            "start it with `ghtrader-assets up`, or set TQSDK_USER and TQSDK_PASSWORD",
        )
    environment = tqsdk_environment(service.urls["http"])
    return Provider(EMBEDDED_USER, SecretStr(EMBEDDED_USER), environment, "embedded")


def _embedded(settings: Settings, name: str) -> Service | None:
    runtime = read_runtime(settings.home)
    return None if runtime is None else runtime.service(name)
