"""What a symbol's trading days need before the provider is asked, and what became of them afterwards.

Belongs here: comparing what is stored with what a day should be loaded for. Does not belong here: doing the work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

from ghtrader_assets.bars.frame import bars_fingerprint
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.loading.frames import policy_of, wanted_fingerprint
from ghtrader_assets.loading.plan import DayPlan
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.evidence import read_evidence
from ghtrader_assets.questdb.tables.bars import read_bar_days
from ghtrader_assets.questdb.tables.reader import (
    read_daily_agg,
    read_manifests_of_runs,
    read_quality,
    read_summary,
)
from ghtrader_assets.validation.judge import needs_judgement


class Need(StrEnum):
    """What a trading day needs: nothing, a judgement (or bars) of what is stored, or a load."""

    NOTHING = "nothing"
    JUDGEMENT = "judgement"
    LOAD = "load"


class Lack(StrEnum):
    """What a trading day lacks; `ITS_OWN_CONTENT`: it was loaded for another contract, other sessions or a schema of
    before."""

    NOTHING = "nothing"
    CONTENT = "content"
    ITS_OWN_CONTENT = "its own content"
    WHOLE_CONTENT = "whole content"
    VERDICT = "verdict"
    VERDICT_OF_NOW = "verdict of now"
    BARS = "bars"


NEED_OF: Final[Mapping[Lack, Need]] = {
    Lack.NOTHING: Need.NOTHING,
    Lack.CONTENT: Need.LOAD,
    Lack.ITS_OWN_CONTENT: Need.LOAD,
    Lack.WHOLE_CONTENT: Need.LOAD,
    Lack.VERDICT: Need.JUDGEMENT,
    Lack.VERDICT_OF_NOW: Need.JUDGEMENT,
    Lack.BARS: Need.JUDGEMENT,
}


@dataclass(frozen=True, slots=True)
class DayResult:
    """How a symbol's day came out of a backfill; `failure` is empty where it succeeded."""

    symbol: str
    trading_day: date
    failure: str
    manifest: Manifest | None


class LoadedFor(Protocol):
    """What a stored day was loaded for, and whether it was complete then."""

    @property
    def upstream(self) -> str: ...

    @property
    def partial(self) -> bool: ...


def lack_of(stored: LoadedFor | None, upstream: str | None, verdicts: Sequence[str | None], wanted: str | None) -> Lack:
    """What a day lacks by what is stored of it. What it needs follows from that, and from nothing else.

    `upstream` is what it should be loaded for, `wanted` the fingerprint that its two `verdicts` should have: None where
    nothing is known that they could be held against. A verdict that was never given is None.
    """
    if stored is None:
        return Lack.CONTENT
    if upstream not in (None, stored.upstream):
        return Lack.ITS_OWN_CONTENT
    if stored.partial:
        return Lack.WHOLE_CONTENT
    if None in verdicts:
        return Lack.VERDICT
    if wanted is not None and any(needs_judgement(verdict, wanted) for verdict in verdicts):
        return Lack.VERDICT_OF_NOW
    return Lack.NOTHING


def needs_of(
    context: StoreContext, symbol: Symbol, plans: Sequence[DayPlan], *, judges: bool = True, bars: bool = False
) -> dict[date, Need]:
    """What each planned day needs: a load unless its content is stored for the same contract, sessions and schema.

    A day in progress always needs one, and a day that was stored before it was complete too. Verdicts count where the
    caller `judges`, bars of one minute where it makes `bars`.
    """
    days = [plan.trading_day for plan in plans]
    if not days:
        return {}
    stored = {row.trading_day: row for row in read_daily_agg(context.database, symbol.text, days)}
    summaries = read_summary(context.database, symbol.text, days)
    qualities = read_quality(context.database, symbol.text, days)
    evidence = read_evidence(context.database, [symbol.text], min(days), max(days))
    policy = policy_of(context.settings, symbol)
    made = read_bar_days(context.database, symbol.text, days) if bars else {}

    def need(plan: DayPlan) -> Need:
        if plan.is_partial:
            return Need.LOAD
        row, summary = stored.get(plan.trading_day), summaries.get(plan.trading_day)
        found = [each and each.fingerprint for each in (summary, qualities.get(plan.trading_day))]
        wanted = None
        if row is not None and summary is not None:
            now = evidence.of(symbol.text, plan.trading_day)
            wanted = wanted_fingerprint(plan, row.digest, policy, now, summary.baseline_used)
        lack = lack_of(row, plan.upstream, found, wanted)
        if not judges and lack in (Lack.VERDICT, Lack.VERDICT_OF_NOW):
            lack = Lack.NOTHING
        if bars and lack == Lack.NOTHING and row is not None:
            bars_of_now = bars_fingerprint(row.digest, plan.sessions.fingerprint, row.contract)
            own = made.get(plan.trading_day)
            lack = Lack.NOTHING if own is not None and own.fingerprint == bars_of_now else Lack.BARS
        return NEED_OF[lack]

    return {plan.trading_day: need(plan) for plan in plans}


def results_of(
    context: StoreContext, wanted: Mapping[str, Collection[date]], run_ids: Sequence[str]
) -> list[DayResult]:
    """Those of each symbol's days whose load by one of these runs has ended."""
    days = [day for own in wanted.values() for day in own]
    if not days or not run_ids:
        return []
    names = [name for name, own in wanted.items() if own]
    manifests = read_manifests_of_runs(context.database, names, min(days), max(days), run_ids)
    return [
        DayResult(name, day, manifest.failure, manifest)
        for (name, day), manifest in manifests.items()
        if day in wanted[name] and manifest.finished is not None
    ]
