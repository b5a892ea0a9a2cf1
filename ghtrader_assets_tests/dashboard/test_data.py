"""What a page reads of a day: ticks and state of one load, and an end to its patience."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.dashboard import data
from ghtrader_assets.dashboard.data import DAY_BAR_COLUMNS, TICK_COLUMNS, Source
from ghtrader_assets.dashboard.figures import candles
from ghtrader_assets.dashboard.pages.overview import overview_page
from ghtrader_assets.dashboard.pages.symbol import symbol_page
from ghtrader_assets.dashboard.palette import NOT_BEGUN, look_of
from ghtrader_assets.errors import IngestState, OtherContentError
from ghtrader_assets.loading.bars import make_bars
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.records import write_daily_agg
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay
from ghtrader_assets.settings import Settings
from ghtrader_assets.validation.verdicts import State
from ghtrader_assets_tests.fix_questdb import random_ticks
from ghtrader_assets_tests.pasts import Judged, Past, put
from ghtrader_assets_tests.storing import store_days

DAY = date(2026, 1, 6)
SYMBOL = parse_symbol("KQ.m@SHFE.op")


@pytest.fixture
def source(questdb_endpoint: Endpoint, calendar: TradingCalendar, tmp_path: Path) -> Iterator[Source]:
    """A source over the session's store; no provider runs for its home."""
    settings = Settings(
        home=tmp_path,
        symbols=(SYMBOL.text, "KQ.m@GFEX.zz"),
        questdb_http=questdb_endpoint.http,
        questdb_pg=questdb_endpoint.pg,
        questdb_user=questdb_endpoint.user,
        questdb_password=questdb_endpoint.password,
    )
    opened = Source(settings, calendar, SYSTEM_CLOCK)
    yield opened
    opened.close()


def replaced(db: Database, calendar: TradingCalendar, symbol: str, seed: int) -> DailyAgg:
    """Store ticks of the day; the stored-day row that would name them is not written yet."""
    window = calendar.window(DAY)
    load = DayLoad(symbol, DAY, window, "SHFE.op2604", 0, "", random_ticks(window, 400 + seed, seed))
    (stored,) = store_days(db, [load])
    assert isinstance(stored, StoredDay)
    return DailyAgg(
        symbol=symbol, trading_day=DAY, rows_total=stored.rows, first_tick=stored.first_tick,
        last_tick=stored.last_tick, contract=load.contract, digest=stored.digest, upstream="",
        manifest_id=f"load-{seed}", updated_at=SYSTEM_CLOCK.now(),
    )  # fmt: skip


def test_a_page_shows_the_ticks_of_the_coverage_row_and_waits_for_them_so_long(
    source: Source, db: Database, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_daily_agg(db, [replaced(db, calendar, SYMBOL.text, 1)])
    view = source.day(SYMBOL, DAY)
    assert (view.ticks.height, view.state.rows) == (401, 401)
    assert tuple(view.ticks.columns) == TICK_COLUMNS
    assert view.ticks["datetime_ns"].is_sorted()

    newer = replaced(db, calendar, SYMBOL.text, 2)
    monkeypatch.setattr(data, "PATIENCE_S", 0.2)
    with pytest.raises(OtherContentError, match=r"are not those of load load-1.*--force"):
        source.day(SYMBOL, DAY)
    write_daily_agg(db, [newer])
    view = source.day(SYMBOL, DAY)
    assert view.state.digest == newer.digest


def test_a_symbol_whose_product_nobody_knows_is_shown_with_what_to_do(source: Source) -> None:
    grid = source.grid(["KQ.m@GFEX.zz", "KQ.m@SHFE.rb"], DAY)
    assert set(grid.codes[0]) == {look_of(IngestState.UNKNOWN_CONTRACT).code}
    assert list(grid.unknown) == ["KQ.m@GFEX.zz"]
    assert "take KQ.m@GFEX.zz out of GHTRADER_SYMBOLS" in str(overview_page(grid, None))
    view = source.day(parse_symbol("KQ.m@GFEX.zz"), DAY)
    assert (view.state.reason, view.sessions) == ("unknown_product", None)


def test_the_overview_opens_on_the_days_that_were_loaded_and_no_other_needs_attention(
    source: Source, db: Database
) -> None:
    name = "KQ.m@SHFE.ao"
    good = Judged("ok", "digest", "quality_ok")
    put(db, {(name, DAY): Past("digest", False, good, good, (IngestState.COMPLETE,))})
    grid = source.grid([name], None)
    codes = [look_of(state).code for state in (NOT_BEGUN, State.OK)]
    assert (grid.days[-1], grid.codes[0][-2:]) == (DAY, "".join(codes))
    page = str(overview_page(grid, None))
    for shown in ("no symbol needs attention", "'100.0%'", "newer →"):
        assert shown in page
    later = source.grid([name], grid.completed)
    assert (later.days[-1], set(later.codes[0][-30:])) == (grid.completed, {codes[0]})
    assert "newer →" not in str(overview_page(later, grid.completed))


def test_day_bars_are_shown_of_the_days_whose_minutes_are_of_their_content(
    source: Source, db: Database, calendar: TradingCalendar
) -> None:
    write_daily_agg(db, [replaced(db, calendar, SYMBOL.text, 5)])
    assert source.day_bars(SYMBOL, DAY, DAY).is_empty()
    assert "--tables bars_1m" in str(symbol_page(SYMBOL, "paper", source.grid([SYMBOL.text], DAY), pl.DataFrame(), DAY))
    assert [made.failure for made in make_bars(source.context, SYMBOL, [DAY])] == [""]
    bars = source.day_bars(SYMBOL, DAY, DAY)
    assert (bars["trading_day"].to_list(), bars.columns) == ([DAY], list(DAY_BAR_COLUMNS))
    figure = candles(pl.concat([bars, bars.with_columns(contract=pl.lit("SHFE.op2605"))]))
    assert [note.text for note in figure.layout.annotations] == ["SHFE.op2605"]
    write_daily_agg(db, [replaced(db, calendar, SYMBOL.text, 6)])
    assert source.day_bars(SYMBOL, DAY, DAY).is_empty(), "they are of the content before"
