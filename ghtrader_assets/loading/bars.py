"""A trading day's bars of one minute: of the frame that was just stored, or of a stored day, without a provider.

Belongs here: when a day's bars are made, and of what. Does not belong here: what a bar says (`bars`), storing them
(`questdb.tables`), longer ones (`reading.bars`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial
from typing import Final

import polars as pl

from ghtrader_assets.bars.frame import bars_fingerprint
from ghtrader_assets.bars.ticks import BAR_SOURCE, bars_of_ticks
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import GhtraderError, IngestState, ServiceError
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.loading.writing import writing
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.questdb.client.connection import answers
from ghtrader_assets.questdb.tables.bars import DayBars, read_bar_days
from ghtrader_assets.questdb.tables.reader import read_daily_agg
from ghtrader_assets.questdb.tables.records import write_bars
from ghtrader_assets.questdb.tables.rows import BarDay, DailyAgg
from ghtrader_assets.questdb.tables.whole_days import read_whole_day

BATCH_DAYS: Final = 20
"""The bars of so many days are written at once, while the next days are read."""


def day_bars(
    symbol: str,
    contract: str,
    sessions: DaySessions,
    window: DayWindow,
    ticks: pl.DataFrame,
    digest: str,
    manifest_id: str,
    now: datetime,
) -> DayBars:
    """The bars of a day's ticks, whose content has this digest and came by this load."""
    frame = bars_of_ticks(ticks, sessions)
    row = BarDay(
        symbol=symbol,
        trading_day=window.trading_day,
        contract=contract,
        bars=frame.height,
        traded_bars=frame.filter(pl.col("volume") > 0).height,
        volume=float(frame["volume"].sum()),
        content_digest=digest,
        sessions_fingerprint=sessions.fingerprint,
        fingerprint=bars_fingerprint(digest, sessions.fingerprint, contract),
        manifest_id=manifest_id,
        updated_at=now,
    )
    return DayBars(row, window, frame)


def sessions_of_day(context: StoreContext, contract: str, day: date) -> DaySessions:
    """The sessions of the contract that a stored day is of."""
    return day_sessions(parse_symbol(contract), day, context.calendar, operator_events=context.operator_events)


def make_bars(context: StoreContext, symbol: Symbol, days: Sequence[date]) -> Iterator[DayOutcome]:
    """The bars of each stored day, by day: those that stand where they are of the day's content, else made of it.

    While a load stores days of the symbol, it waits. A day in progress gets none. A day without stored ticks, or
    whose content is not what was loaded, is a failure of that day. Raises `ServiceError` where the store is away.
    """
    wanted = sorted(set(days))
    with ThreadPoolExecutor(context.settings.validate_workers, thread_name_prefix="bars") as pool:
        for start in range(0, len(wanted), BATCH_DAYS):
            batch = wanted[start : start + BATCH_DAYS]
            with writing(context, [symbol]):
                contents = {row.trading_day: row for row in read_daily_agg(context.database, symbol.text, batch)}
                known = read_bar_days(context.database, symbol.text, batch)
                made = dict(zip(batch, pool.map(partial(_made, context, contents, known), batch), strict=True))
                write_bars(context.database, [each for each in made.values() if isinstance(each, DayBars)])
            yield from (_outcome(symbol, day, contents.get(day), found) for day, found in made.items())


Standing = DayBars | BarDay | str | None
"""Bars made now, what is known of those that stand, why there are none; None for a day in progress."""


def _made(context: StoreContext, contents: dict[date, DailyAgg], known: dict[date, BarDay], day: date) -> Standing:
    stored = contents.get(day)
    if stored is None:
        return "no ticks of it are stored; load the day first"
    if stored.partial:
        return None
    try:
        sessions = sessions_of_day(context, stored.contract, day)
        stands = known.get(day)
        wanted = bars_fingerprint(stored.digest, sessions.fingerprint, stored.contract)
        if stands is not None and stands.fingerprint == wanted:
            return stands
        window = context.calendar.window(day)
        whole = read_whole_day(context.database, stored.symbol, window, (*BAR_SOURCE, "seq"))
        ticks = pl.from_arrow(whole.ticks)
        assert isinstance(ticks, pl.DataFrame)  # noqa: S101 - narrows a type
        agg, now = whole.agg, context.clock.now()
        sessions = sessions_of_day(context, agg.contract, day)
        return day_bars(agg.symbol, agg.contract, sessions, window, ticks, agg.digest, agg.manifest_id, now)
    except GhtraderError as error:
        if isinstance(error, ServiceError) and not answers(context.database.endpoint):
            raise
        return error.line


def _outcome(symbol: Symbol, day: date, stored: DailyAgg | None, found: Standing) -> DayOutcome:
    if isinstance(found, str):
        return DayOutcome(symbol.text, day, IngestState.MISSING, failure=f"the bars of {symbol.text} on {day}: {found}")
    row = found.row if isinstance(found, DayBars) else found
    state = IngestState.PARTIAL if stored is not None and stored.partial else IngestState.COMPLETE
    return DayOutcome(symbol.text, day, state, bars=row)
