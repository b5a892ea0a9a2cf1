"""Asking the provider for its own bars of days, and keeping its answers: the second witness of a verdict.

Belongs here: which days are requested, how they become requests, the row that an answer is kept as.
Does not belong here: reading bars (`tq`), what they say of ticks and when a day is in doubt (`validation.witness`).

Bars are asked for where a day is in doubt, or of all days, once: what was answered is not asked again. A provider that
fails leaves its reason, and the day `unwitnessed`; whatever it was is requested again the next time: each load of a
symbol asks about its older days in doubt too. An answer makes its day due for judgement, which reads only what is
stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
import polars as pl

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import FetchError, IngestState
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.market.ticks import BAR_PRICES
from ghtrader_assets.questdb.tables.reader import (
    read_daily_agg,
    read_days_witnessed_as,
    read_standing_coverage,
    read_witness,
)
from ghtrader_assets.questdb.tables.records import write_witness
from ghtrader_assets.questdb.tables.rows import WitnessAnswer
from ghtrader_assets.tq.breaker import Breaker
from ghtrader_assets.tq.market_data import fetch_bars
from ghtrader_assets.tq.slots import session_slots
from ghtrader_assets.tq.wire import ReadBars
from ghtrader_assets.validation.bars import bars_of_day
from ghtrader_assets.validation.witness import Word

MOST_DAYS: Final = 60
"""Days of a symbol that one run asks about, at most; the next run goes on."""
LONGEST_DAYS: Final = 20
"""Trading days in one request, at most: some six of the client's pages."""
NEAR_DAYS: Final = 3
"""Days so few trading days apart go into one request: what lies between them costs no page more."""
MINUTES_A_DAY: Final = 555
"""The most that any product trades: what a request is counted for at the account's pace."""
ATTEMPTS: Final = 2
"""A provider that fails is asked once more; the load or judgement that wants to know ends well without it."""


def ask_witness(
    context: LoadContext, symbol: Symbol, days: Sequence[date], *, every: bool, also: Sequence[date] = ()
) -> list[WitnessAnswer]:
    """Ask for the bars of those of these days that are in doubt, or with `every` of all that are judged; by day.

    As far as there is room, of those of the days `also` that are in doubt too. Returns what was asked now, answered or
    not. Raises `QuestDBError` when the store fails; a provider that fails is an outcome.
    """
    contracts = _unanswered(context, symbol, days, also, every=every)
    if not contracts:
        return []
    asked = contract_ranges(contracts, context.calendar)
    requests = [_request(context, contract, own) for contract, own in asked]
    rows = [
        _row(context, symbol, contract, day, answer)
        for (contract, own), answer in zip(asked, _fetch(context, requests), strict=True)
        for day in own
    ]
    write_witness(context.database, rows)
    return rows


def days_in_doubt(context: StoreContext, symbol: Symbol, but: Sequence[date]) -> list[date]:
    """The symbol's judged days, but for these, that are in doubt and without an answer."""
    found = read_days_witnessed_as(context.database, symbol.text, Word.UNWITNESSED)
    return [day for day in found if day not in but]


def contract_ranges(contracts: Mapping[date, str], calendar: TradingCalendar) -> list[tuple[str, list[date]]]:
    """The days, each with its contract, as few requests: a contract and its days, by day."""
    found: list[tuple[str, list[date]]] = []
    for day in sorted(contracts):
        if found:
            contract, own = found[-1]
            near = len(calendar.days(own[-1], day)) <= NEAR_DAYS + 1 and len(calendar.days(own[0], day)) <= LONGEST_DAYS
            if near and contract == contracts[day]:
                own.append(day)
                continue
        found.append((contracts[day], [day]))
    return found


def _unanswered(
    context: StoreContext, symbol: Symbol, days: Sequence[date], also: Sequence[date], *, every: bool
) -> dict[date, str]:
    """The contract of each day to request: those never requested first, the newest first; then those of `also`."""
    own, words = set(days), {Word.UNWITNESSED, Word.NOT_ASKED} if every else {Word.UNWITNESSED}
    verdicts = read_standing_coverage(context.database, symbol.text, sorted(own.union(also)))
    wanted = [
        day for day, verdict in verdicts.items() if verdict.witness in (words if day in own else {Word.UNWITNESSED})
    ]
    known = read_witness(context.database, symbol.text, wanted)
    open_ = {
        row.trading_day: row.contract
        for row in read_daily_agg(context.database, symbol.text, wanted)
        if not (row.trading_day in known and known[row.trading_day].answers(row.contract))
    }

    def turn(day: date) -> tuple[bool, float, int]:
        return day not in own, known[day].asked_at.timestamp() if day in known else 0.0, -day.toordinal()

    return {day: open_[day] for day in sorted(open_, key=turn)[:MOST_DAYS]}


def _request(context: StoreContext, contract: str, days: Sequence[date]) -> ReadBars:
    start, end, calendar = days[0], days[-1], context.calendar
    expected = MINUTES_A_DAY * len(calendar.days(start, end))
    return ReadBars(contract, calendar.window(start).start_ns, calendar.window(end).end_ns, expected)


def _fetch(context: LoadContext, requests: Sequence[ReadBars]) -> Sequence[pl.DataFrame | FetchError]:
    """What the provider answers to each, in one session of the account."""
    home, provider, timing = context.settings.home, context.provider, context.timing
    stopped = Breaker(home, provider, timing, context.clock).tripped()
    if stopped is not None:
        return [stopped] * len(requests)
    with session_slots(home, provider, context.settings.ingest_workers, 1):
        return fetch_bars(provider, requests, home, msgspec.structs.replace(timing, attempts=ATTEMPTS))


def _row(
    context: LoadContext, symbol: Symbol, contract: str, day: date, answer: pl.DataFrame | FetchError
) -> WitnessAnswer:
    failed = isinstance(answer, FetchError)
    bars = None if failed else bars_of_day(answer, contract, context.calendar.window(day))
    traded = bars is not None and len(bars.minutes) > 0
    return WitnessAnswer(
        symbol=symbol.text,
        trading_day=day,
        contract=contract,
        source=context.provider.name,
        outcome=answer.state if failed else IngestState.COMPLETE if traded else IngestState.PROVIDER_EMPTY,
        reason=" ".join(answer.what.split()) if failed else "",
        asked_at=context.clock.now(),
        digest=bars.digest if bars else "",
        volume=bars.volume if bars else None,
        **{name: getattr(bars, name) if traded else None for name in BAR_PRICES},
        bars_json=bars.minutes_json if bars else "",
    )
