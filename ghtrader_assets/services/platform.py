"""How the platform of a home stands: its services, Dagster, the store, the calendar, the provider, the feeds.

Belongs here: looking, for all who ask (`status`, `doctor`, `/readyz`). Does not belong here: the words and what follows
from them (`health`), settings and the machine (`findings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import provider_at_hand, provider_of, timing_of
from ghtrader_assets.context.store import embedded_service, open_database
from ghtrader_assets.dagster_web import DagsterAddress
from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.errors import BadInputError, GhtraderError
from ghtrader_assets.health import (
    FEED_BEHIND,
    PROVIDER_RESTS,
    TABLE_MISSING,
    TABLE_SUSPENDED,
    Finding,
    dagster_findings,
    foreign_column_findings,
    future_finding,
    horizon_finding,
    pool_findings,
    run_findings,
    service_finding,
)
from ghtrader_assets.market.calendar import calendar_for, check_horizon
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.migrations import foreign_columns_of_all, shape_findings
from ghtrader_assets.questdb.tables.reader import read_future_loads
from ghtrader_assets.runtime import (
    CODE_SERVER,
    DAEMON,
    DAGSTER,
    LOAD_POOL,
    Runtime,
    is_living_run,
    owned_runtime,
    stopped_run,
)
from ghtrader_assets.services.dagster_state import RunningDagster, read_running_dagster
from ghtrader_assets.services.health import ServiceHealth, feed_health, service_health
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.breaker import Breaker
from ghtrader_assets.upkeep.feeds import Feed


@dataclass(frozen=True, slots=True)
class PlatformHealth:
    """What was found: each service, each feed, and everything that was looked at, in the order of mending.

    Feeds are findings only where they count: they say how the data stands, not whether the platform works.
    """

    services: list[ServiceHealth]
    feeds: list[Feed]
    findings: list[Finding]

    @property
    def wrong(self) -> list[Finding]:
        """The findings that are not well: errors and warnings."""
        return [finding for finding in self.findings if finding.level != "ok"]


def look_at_platform(settings: Settings, clock: Clock, *, feeds_count: bool = False) -> PlatformHealth:
    """Look at everything that runs or is stored. Nothing is started or changed."""
    services = service_health(settings, clock)
    dagster = embedded_service(settings.home, DAGSTER)
    state = None if dagster is None else _dagster_state(settings, dagster.urls["http"], clock)
    feeds = feed_health(settings, clock, loads_daily=state.loads_daily if state else None)
    findings = [
        *_services(settings, services),
        *_dagster(settings, state, clock),
        *_store(settings, clock),
        *_calendar(settings, clock),
        *_provider(settings, clock),
        *(map(_feed, [feed for feed in feeds if not feed.good]) if feeds_count else ()),
    ]
    return PlatformHealth(services, feeds, findings)


def _dagster_state(settings: Settings, url: str, clock: Clock) -> RunningDagster | None:
    return read_running_dagster(DagsterAddress(url, keys_of(settings)), clock)


def _services(settings: Settings, services: list[ServiceHealth]) -> Iterator[Finding]:
    runtime = owned_runtime(settings.home)
    owner = runtime.owner.pid if runtime else None
    for service in services:
        if service.healthy:
            yield Finding(service.name, "ok", service.detail)
        else:
            known = embedded_service(settings.home, service.name)
            log = str(known.log) if known else ""
            given_up = runtime.given_up.get(service.name, "") if runtime else ""
            found = service_finding(service.name, service.detail, owner, log, service.code, given_up)
            yield replace(found, remedy=service.remedy, kind="", manual=False) if service.remedy else found
    if runtime is not None and any(service.name == DAGSTER for service in runtime.services):
        yield from _behind_dagster(settings, runtime)


def _behind_dagster(settings: Settings, runtime: Runtime) -> Iterator[Finding]:
    """Dagster's processes that no page of theirs shows: the web server answers without them."""
    for name in (CODE_SERVER, DAEMON):
        if runtime.service(name) is None:
            log = str(settings.home / "logs" / f"{name}.log")
            given_up = runtime.given_up.get(name, "")
            yield service_finding(name, "does not run", runtime.owner.pid, log, given_up=given_up)


def _dagster(settings: Settings, state: RunningDagster | None, clock: Clock) -> Iterator[Finding]:
    """One that does not answer is a service's finding."""
    if state is not None:
        yield from dagster_findings(state.locations, state.daemons)
        living, stopped = partial(is_living_run, settings.home), partial(stopped_run, settings.home)
        yield from run_findings(state.runs, living, stopped, clock.now())
        yield from pool_findings(LOAD_POOL, state.load_slots)


def _store(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """A store that is away, or refuses, is a service's finding."""
    try:
        with open_database(settings, clock=clock) as database:
            yield from store_findings(database, settings.symbols, clock)
    except GhtraderError:
        return


def store_findings(database: Database, symbols: Sequence[str], clock: Clock) -> Iterator[Finding]:
    """What is wrong with the tables of a store that answers, and with the loads of these symbols.

    Raises `QuestDBError`.
    """
    suspensions, shapes = database.suspensions(), shape_findings(database)
    if not suspensions and not shapes:
        yield Finding("tables", "ok", "all are there, in the shape of this version")
    for table, error in suspensions.items():
        yield TABLE_SUSPENDED.found(table, error.what, code=error.code, remedy=error.remedy)
    for table, difference in shapes.items():
        yield TABLE_MISSING.found(table, difference, table=table)
    if not shapes:
        yield from foreign_column_findings(foreign_columns_of_all(database))
        for symbol, day, started in read_future_loads(database, symbols, clock.now()):
            yield future_finding(symbol, day, started)


def _calendar(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """One that is damaged is a finding of `doctor`, and ends every other command."""
    with suppress(BadInputError):
        yield horizon_finding(check_horizon(calendar_for(settings.home), shanghai_day(clock.now_ns())))


def _provider(settings: Settings, clock: Clock) -> Iterator[Finding]:
    if provider_at_hand(settings):
        breaker = Breaker(settings.home, provider_of(settings), timing_of(settings), clock)
        stopped = breaker.tripped()
        if stopped is not None:
            yield PROVIDER_RESTS.found("provider", stopped.what, code=stopped.code)


def _feed(feed: Feed) -> Finding:
    return FEED_BEHIND.found(feed.symbol, f"{feed.state.value}: {feed.reason}", remedy=feed.remedy or "see `days`")
