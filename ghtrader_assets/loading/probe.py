"""Asking the provider again about gaps: has it ticks where we have none?

Belongs here: which gaps are probed, what an answer means, recording it on the gap's row.
Does not belong here: fetching (`tq`), what a gap looks like from our own ticks (`validation.gaps`), loading the day
again: `upkeep.repair` plans that for every day with a gap that the provider has data for.

The worst come first: gaps that look like a loss or a halt before those that look quiet or pinned at a limit, longer
ones before shorter ones. What was answered is not asked again until the day's content changes. A probed day is fetched
whole and into an empty cache, because TqSdk never asks twice for what its cache holds.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.days import fetch_pool
from ghtrader_assets.market.symbols import Symbol, depth
from ghtrader_assets.questdb.tables.reader import read_gaps
from ghtrader_assets.questdb.tables.records import write_gaps
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.validation.verdicts import Attribution, GapRow, ProbeStatus

UNANSWERED: Final = frozenset({ProbeStatus.UNCHECKED.value, ProbeStatus.ERROR.value})
HARMLESS: Final = frozenset({Attribution.QUIET.value, Attribution.LIMIT_LOCKED.value})


@dataclass(frozen=True, slots=True)
class ProbedDay:
    """What the provider said about the worst gaps of a trading day: how many it has and lacks data for.

    `errors` counts the gaps about which it said nothing that can be relied on, `reason` says why.
    """

    symbol: str
    trading_day: date
    contract: str
    provider_has_data: int
    provider_missing: int
    errors: int
    reason: str


def probe_gaps(
    context: LoadContext, symbol: Symbol, days: Sequence[date], on_retry: Callable[[str], None]
) -> list[ProbedDay]:
    """Ask about the worst unanswered gaps of these days, within the budget of the settings; by trading day.

    Raises `QuestDBError` when the store fails; a provider that fails is an answer, `error`.
    """
    settings = context.settings
    gaps = read_gaps(context.database, symbol.text, days)
    chosen = worst_gaps(gaps, settings.l5_validate_tq_check_max_days, settings.l5_validate_tq_check_max_segments)
    if not chosen:
        return []
    requests = [
        FetchRequest(symbol.text, asked[0].contract, context.calendar.window(day), depth(symbol.exchange))
        for day, asked in chosen.items()
    ]
    with fetch_pool(context, len(requests), on_retry) as pool:
        found = [
            _record(context, chosen[fetched.request.window.trading_day], fetched) for fetched in pool.fetch(requests)
        ]
    return sorted(found, key=lambda probed: probed.trading_day)


def worst_gaps(gaps: Iterable[GapRow], most_days: int, most_segments: int) -> dict[date, list[GapRow]]:
    """The gaps to ask about: of each of the worst days the worst ones, worst first. 0 asks about none."""
    by_day: dict[date, list[GapRow]] = {}
    for gap in sorted(gaps, key=_badness):
        if gap.tqsdk_status in UNANSWERED:
            by_day.setdefault(gap.trading_day, []).append(gap)
    worst = sorted(by_day, key=lambda day: _day_badness(by_day[day]))[:most_days]
    return {day: by_day[day][:most_segments] for day in worst if most_segments}


def answers_to(gaps: Iterable[GapRow], fetched: FetchedDay) -> list[ProbeStatus]:
    """The answer to each gap. Only a whole day, or none at all, proves that the provider has no tick in a gap."""
    whole = fetched.state in (IngestState.COMPLETE, IngestState.PROVIDER_EMPTY)
    stamps = np.sort(_stamps(fetched.frame))
    otherwise = ProbeStatus.PROVIDER_MISSING if whole else ProbeStatus.ERROR
    return [ProbeStatus.PROVIDER_HAS_DATA if _any_within(stamps, gap) else otherwise for gap in gaps]


def _badness(gap: GapRow) -> tuple[bool, int, date]:
    return gap.attribution in HARMLESS, -gap.duration_s, gap.trading_day


def _day_badness(gaps: Sequence[GapRow]) -> tuple[bool, int]:
    """Days by the seconds of their harmful gaps; those without any come last."""
    harmful = [gap.duration_s for gap in gaps if gap.attribution not in HARMLESS]
    return not harmful, -sum(harmful or (gap.duration_s for gap in gaps))


def _stamps(frame: pl.DataFrame | None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.empty(0, dtype=np.int64) if frame is None else frame["datetime_ns"].to_numpy()


def _any_within(stamps: np.ndarray[tuple[int], np.dtype[np.int64]], gap: GapRow) -> bool:
    start, end = (int(instant.timestamp()) * 1_000_000_000 for instant in (gap.start_ts, gap.end_ts))
    low, high = np.searchsorted(stamps, [start, end + 1_000_000_000])
    return bool(high > low)


def _record(context: StoreContext, asked: Sequence[GapRow], fetched: FetchedDay) -> ProbedDay:
    """Write the answers to those gaps that still are what was probed: the day may have been judged meanwhile."""
    symbol, day = asked[0].symbol, asked[0].trading_day
    answers = dict(zip(asked, answers_to(asked, fetched), strict=True))
    known = set(read_gaps(context.database, symbol, [day]))
    now = context.clock.now()
    write_gaps(
        context.database,
        [
            dataclasses.replace(gap, tqsdk_status=answer, updated_at=now)
            for gap, answer in answers.items()
            if gap in known
        ],
    )
    counts = Counter(answers.values())
    return ProbedDay(
        symbol=symbol,
        trading_day=day,
        contract=asked[0].contract,
        provider_has_data=counts[ProbeStatus.PROVIDER_HAS_DATA],
        provider_missing=counts[ProbeStatus.PROVIDER_MISSING],
        errors=counts[ProbeStatus.ERROR],
        reason=f"{fetched.state.value}: {fetched.reason}" if counts[ProbeStatus.ERROR] else "",
    )
