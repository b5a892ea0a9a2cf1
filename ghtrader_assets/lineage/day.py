"""Where a trading day comes from and what was made of it, and whether either is still in force.

Belongs here: putting manifest, schedule, verdicts and sessions of one day side by side.
Does not belong here: queries (`questdb.tables.reader`), the range (`aggregate`), what Dagster shows (`assets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ghtrader_assets.bars.frame import bars_fingerprint
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.loading.frames import policy_of, wanted_fingerprint
from ghtrader_assets.loading.plan import DayPlan, plan_day
from ghtrader_assets.manifests import Manifest, digest_of
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.evidence import read_evidence
from ghtrader_assets.questdb.tables.bars import read_bar_days
from ghtrader_assets.questdb.tables.reader import (
    manifests_covering,
    read_daily_agg,
    read_quality,
    read_schedule,
    read_summary,
)
from ghtrader_assets.questdb.tables.rows import BarDay, DailyAgg
from ghtrader_assets.questdb.tables.schema import BARS, FIELD_QUALITY, MAIN_SCHEDULE, VALIDATE_SUMMARY
from ghtrader_assets.validation.verdicts import CoverageVerdict, QualityVerdict

SESSIONS_SOURCE = "sessions"


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the day was loaded for: a table or the sessions, with its version then and now."""

    source: str
    version: str
    version_now: str
    current: bool


@dataclass(frozen=True, slots=True)
class Downstream:
    """A table's row that was made from the day: its version, the content that it was made from, and its state.

    Bars have no state.
    """

    table: str
    version: str
    made_of: str
    state: str
    current: bool


@dataclass(frozen=True, slots=True)
class DayLineage:
    """A symbol's trading day: the load that its content comes from, what is above and below it, every attempt.

    `load` is None where nothing is stored, or where the manifest of what is stored has gone.
    """

    symbol: str
    trading_day: date
    rows: int
    digest: str
    load: Manifest | None
    upstream: tuple[Upstream, ...]
    downstream: tuple[Downstream, ...]
    attempts: tuple[Manifest, ...]


def day_lineage(context: StoreContext, symbol: Symbol, day: date) -> DayLineage:
    """The lineage of one trading day, from a few small queries. A day that was never loaded has an empty one."""
    database, name = context.database, symbol.text
    attempts = manifests_covering(database, day, [name])
    stored = next(iter(read_daily_agg(database, name, [day])), None)
    if stored is None:
        return DayLineage(name, day, 0, "", None, (), (), tuple(attempts))
    load = next((attempt for attempt in attempts if attempt.manifest_id == stored.manifest_id), None)
    row = next(iter(read_schedule(database, name, day, day)), None)
    plan = plan_day(context, symbol, row, "") if row else None
    summary, quality = read_summary(database, name, [day]).get(day), read_quality(database, name, [day]).get(day)
    wanted = ""
    if plan and summary:
        evidence, policy = read_evidence(database, [name], day, day).of(name, day), policy_of(context.settings, symbol)
        wanted = wanted_fingerprint(plan, stored.digest, policy, evidence, summary.baseline_used)
    return DayLineage(
        symbol=name,
        trading_day=day,
        rows=stored.rows_total,
        digest=stored.digest,
        load=load,
        upstream=_upstream(load, plan),
        downstream=(
            _judged(VALIDATE_SUMMARY, summary, wanted),
            _judged(FIELD_QUALITY, quality, wanted),
            _bars(read_bar_days(database, name, [day]).get(day), stored, plan),
        ),
        attempts=tuple(attempts),
    )


def _upstream(load: Manifest | None, plan: DayPlan | None) -> tuple[Upstream, ...]:
    if load is None or plan is None:
        return ()
    pairs = {
        MAIN_SCHEDULE: (load.schedule_digest, digest_of(plan.schedule.contract)),
        SESSIONS_SOURCE: (load.sessions_fingerprint, plan.sessions.fingerprint),
    }
    return tuple(Upstream(source, then, now, then == now) for source, (then, now) in pairs.items())


def _bars(row: BarDay | None, stored: DailyAgg, plan: DayPlan | None) -> Downstream:
    if row is None:
        return Downstream(BARS, "", "", "", current=False)
    current = plan is not None and row.fingerprint == bars_fingerprint(
        stored.digest, plan.sessions.fingerprint, stored.contract
    )
    return Downstream(BARS, row.fingerprint, row.content_digest, "", current)


def _judged(table: str, verdict: CoverageVerdict | QualityVerdict | None, wanted: str) -> Downstream:
    if verdict is None:
        return Downstream(table, "", "", "", current=False)
    current = verdict.fingerprint == wanted
    return Downstream(table, verdict.fingerprint, verdict.content_digest, str(verdict.state), current)
