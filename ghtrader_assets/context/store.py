"""The context of reading: settings, clock, calendar and database. No provider of ticks.

Belongs here: finding and opening the store. Does not belong here: the provider (`context.load`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.doors.keys import keys_of, page_url
from ghtrader_assets.errors import StoreAwayError
from ghtrader_assets.market.calendar import TradingCalendar, calendar_for
from ghtrader_assets.market.session_events import SessionEvent, events_for
from ghtrader_assets.metrics import metrics_into
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint, Login, embedded_endpoint
from ghtrader_assets.questdb.tables.migrations import ensure_schema, require_version
from ghtrader_assets.runtime import QUESTDB, Service, read_runtime
from ghtrader_assets.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreContext:
    """What reading needs. `operator_events` are the session events of the operator's own file.

    `clock` tells the instant by which trading days count as complete.
    """

    settings: Settings
    calendar: TradingCalendar
    database: Database
    operator_events: tuple[SessionEvent, ...] = ()
    clock: Clock = field(default=SYSTEM_CLOCK)


@contextmanager
def open_store(settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> Generator[StoreContext]:
    """Open the store for reading; nothing is connected before the first question.

    That raises `StoreAwayError` when the store is away, `CredentialError` when it refuses us, `QuestDBError` when it is
    of another version.
    """
    with open_database(settings, readonly=True, clock=clock) as database:
        yield store_context(settings, database, clock)


@contextmanager
def open_writable_store(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Generator[StoreContext]:
    """Open the store for reading and recording, its tables made sure of. Raises as `open_store`."""
    with open_database(settings, clock=clock) as database:
        ensure_schema(database, settings.home, clock)
        yield store_context(settings, database, clock)


def store_context(settings: Settings, database: Database, clock: Clock = SYSTEM_CLOCK) -> StoreContext:
    """The context of a database that is open already, with the calendar and session events of the home."""
    return StoreContext(
        settings=settings,
        calendar=calendar_for(settings.home),
        database=database,
        operator_events=events_for(settings.home),
        clock=clock,
    )


@contextmanager
def open_database(settings: Settings, *, readonly: bool = False, clock: Clock = SYSTEM_CLOCK) -> Generator[Database]:
    """Connect to the store alone. Each query's latency goes into the metrics table.

    `readonly`: with the log-in that can't change anything, where the server has one, and only a store of this version.
    """
    endpoint = questdb_endpoint(settings)
    metrics = metrics_into(endpoint, clock)
    try:
        with Database(
            endpoint,
            prepared=settings.prepared_statements,
            sender_pool=settings.sender_pool,
            readonly=readonly,
            max_sessions=settings.questdb_sessions,
            statement_timeout_s=settings.query_timeout_s,
            on_query=metrics.observe,
            before_first=require_version if readonly else None,
        ) as database:
            yield database
    finally:
        metrics.close()


def questdb_endpoint(settings: Settings) -> Endpoint:
    """Where QuestDB is: the external server of the settings, or the embedded one of the runtime file."""
    if settings.questdb_http is not None and settings.questdb_pg is not None:
        password = settings.questdb_password or SecretStr("quest")
        user = settings.questdb_user or "admin"
        return Endpoint(settings.questdb_http, settings.questdb_pg, user, password, _reader(settings))
    service = embedded_service(settings.home, QUESTDB)
    if service is None:
        raise StoreAwayError(f"no QuestDB runs for {settings.home}")
    http_port, pg_port = (int(url.rpartition(":")[2]) for url in (service.urls["http"], service.urls["pg"]))
    return embedded_endpoint(settings.home, http_port, pg_port)


def embedded_service(home: Path, name: str) -> Service | None:
    """An embedded service of this home as the runtime file records it; None where it has none."""
    runtime = read_runtime(home)
    return None if runtime is None else runtime.service(name)


def page_address(settings: Settings, name: str) -> str | None:
    """Where a browser finds the pages of an embedded service; None where it doesn't run."""
    service = embedded_service(settings.home, name)
    return None if service is None else page_url(keys_of(settings).page_name, service.urls["http"])


def _reader(settings: Settings) -> Login | None:
    """The read-only log-in of an external QuestDB, where the settings name one."""
    if settings.questdb_reader_user is None or settings.questdb_reader_password is None:
        return None
    return Login(settings.questdb_reader_user, settings.questdb_reader_password)
