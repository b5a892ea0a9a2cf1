"""Bars come with their day, are replaced with it, are made of what is stored, and any range and length agrees."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal
from pydantic import SecretStr

from ghtrader_assets.bars.frame import FIGURES
from ghtrader_assets.bars.length import BarLength
from ghtrader_assets.bars.ticks import bars_of_ticks
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import BadInputError, DayStateWarning, IngestState
from ghtrader_assets.loading.bars import make_bars
from ghtrader_assets.loading.days import FetchedLoad, judge_and_record, store_and_read_back
from ghtrader_assets.loading.plan import DayPlan
from ghtrader_assets.loading.record import begin_attempts, fetched_manifest
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.evidence import StoredEvidence
from ghtrader_assets.questdb.tables.bars import read_bar_days
from ghtrader_assets.questdb.tables.schema import BARS, TABLES
from ghtrader_assets.reading.bars import BAR_COLUMNS
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets.tq.fetch import FetchedDay, FetchStats
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.model_days import model_day, store_frames, store_schedule

COPPER = parse_symbol("KQ.m@SHFE.cu")
DAYS = [date(2026, 1, 8), date(2026, 1, 9), date(2026, 1, 12), date(2026, 1, 13)]
FIRST, LAST = DAYS[0], DAYS[-1]
Frames = dict[date, pl.DataFrame]


@pytest.fixture(scope="module")
def frames() -> Frames:
    """An eighth of each day's ticks: enough for every minute, and quickly stored."""
    return {day: tick_frame(model_day(COPPER, day)).gather_every(8, 7) for day in DAYS}


@pytest.fixture
def platform(db: Database, settings: Settings, calendar: TradingCalendar) -> LoadContext:
    provider = Provider("quant", SecretStr("quant"), {}, "embedded")
    own = settings.model_copy(
        update={"start_date": date(2025, 12, 1), "min_free_mb": 0, "validate_after_ingest": "never"}
    )
    return LoadContext(settings=own, calendar=calendar, database=db, provider=provider)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Without what a reader is told of days that are not good: here it is no matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DayStateWarning)
        yield


def load(platform: LoadContext, frames: Frames, *, partial: bool = False) -> None:
    """The days as a load stores and records them."""
    plans = store_schedule(platform, COPPER, list(frames))
    if partial:
        plans = [replace(plan, readable=plan.window) for plan in plans]
    loads = [
        FetchedLoad(plan, fetched_manifest(begun, answer), answer)
        for plan, begun in zip(plans, begin_attempts(platform, plans, "test"), strict=True)
        for answer in [fetched(plan, frames[plan.trading_day])]
    ]
    ended = judge_and_record(platform, StoredEvidence(), store_and_read_back(platform, loads), must_judge=False)
    assert {outcome.failure for outcome in ended} == {""}


def fetched(plan: DayPlan, frame: pl.DataFrame) -> FetchedDay:
    now = SYSTEM_CLOCK.now()
    stats = FetchStats(download_s=1.0, attempts=1, bytes=0, reader="tqsdk", started=now, finished=now)
    return FetchedDay(plan.request(0), IngestState.COMPLETE, "", frame, stats)


def wanted(
    platform: LoadContext, frames: Frames, length: BarLength | None = None, align: Any = "clock"
) -> pl.DataFrame:
    """The bars of these days, of their ticks."""
    plans = store_schedule(platform, COPPER, list(frames))
    return pl.concat([bars_of_ticks(frames[plan.trading_day], plan.sessions, length, align) for plan in plans])


def same(found: Any, expected: pl.DataFrame) -> None:
    """An answer in Arrow, and the bars that it should hold."""
    frame = pl.from_arrow(found)
    assert isinstance(frame, pl.DataFrame)
    names = [name for name in FIGURES.names() if name in frame.columns]
    exact = [name for name in names if name not in ("amount", "mean_spread")]
    starts = frame.select(pl.col("datetime").dt.epoch("ns").alias("start_ns"))
    assert_frame_equal(starts, expected.select("start_ns"))
    assert_frame_equal(frame.select(exact), expected.select(exact), check_exact=True)
    assert_frame_equal(frame.select(names), expected.select(names))


def live_rows(db: Database, day: date) -> list[tuple[int, int]]:
    """How many live minutes of the day are stored, by what they were made of."""
    found = db.rows("bars", f"SELECT made_of, count() FROM {BARS} WHERE trading_day = %s", [day.isoformat()])
    return [(int(mark), int(count)) for mark, count in found]


@pytest.mark.usefixtures("quiet")
def test_bars_come_with_their_days_and_any_range_and_length_agrees(
    platform: LoadContext, db: Database, store: Store, frames: Frames
) -> None:
    load(platform, frames)
    assert [live_rows(db, day)[0][1] for day in DAYS] == [465] * 4
    rows = read_bar_days(db, COPPER.text, DAYS)
    assert [rows[day].bars for day in DAYS] == [465] * 4
    assert [rows[day].volume for day in DAYS] == [frames[day]["volume"].max() for day in DAYS]

    whole = store.bars(COPPER.text, FIRST, LAST, output_format="arrow")
    assert whole.schema == pa.schema(list(BAR_COLUMNS.items()))
    same(whole, wanted(platform, frames))
    by_day = [store.bars(COPPER.text, day, output_format="arrow") for day in DAYS]
    assert pa.concat_tables(by_day).to_pylist() == whole.to_pylist()

    for text, seconds in (("5m", 300), ("1h", 3600), ("30s", 30), ("90s", 90)):
        for align in ("clock", "session"):
            found = store.bars(COPPER.text, FIRST, LAST, text, align=align, output_format="arrow")
            same(found, wanted(platform, frames, BarLength("seconds", seconds), align))
    for text, length in (("tick:700", BarLength("tick", 700)), ("volume:9000", BarLength("volume", 9000))):
        same(store.bars(COPPER.text, FIRST, LAST, text, output_format="arrow"), wanted(platform, frames, length))

    days = store.bars(COPPER.text, FIRST, LAST, "1d")
    assert days["datetime"].dt.strftime("%Y-%m-%d %H:%M").tolist() == [f"{day} 00:00" for day in DAYS]
    assert days["high"].tolist() == [frames[day]["highest"].fill_nan(None).max() for day in DAYS]
    assert days["low"].tolist() == [frames[day]["lowest"].fill_nan(None).min() for day in DAYS]
    assert days["volume"].tolist() == [frames[day]["volume"].max() for day in DAYS]
    assert days["close"].tolist() == [frames[day]["last_price"][-1] for day in DAYS]
    assert days["ticks"].tolist() == [frames[day].height for day in DAYS]
    assert days["vwap"].between(days["low"], days["high"]).all()
    weeks = store.bars(COPPER.text, FIRST, LAST, "1w", label="right", columns=["datetime", "trading_day", "volume"])
    assert weeks["datetime"].dt.strftime("%Y-%m-%d %H:%M").tolist() == ["2026-01-09 15:00", "2026-01-13 15:00"]
    assert weeks["volume"].tolist() == [days["volume"][:2].sum(), days["volume"][2:].sum()]
    mondays = store.bars(COPPER.text, FIRST, LAST, "1w", output_format="polars")
    assert mondays["datetime"].dt.strftime("%Y-%m-%d").to_list() == ["2026-01-05", "2026-01-12"]


@pytest.mark.usefixtures("quiet")
def test_forms_columns_labels_and_what_did_not_trade(platform: LoadContext, store: Store, frames: Frames) -> None:
    thin = frames[FIRST].filter(pl.int_range(pl.len()) % 90 == 0)
    load(platform, {FIRST: thin})
    full, traded = store.bars(COPPER.text, FIRST), store.bars(COPPER.text, FIRST, fill=False)
    assert isinstance(full, pd.DataFrame)
    assert str(full["datetime"].dtype) == "datetime64[ns, Asia/Shanghai]"
    assert len(full) == 465
    assert traded["volume"].tolist() == full["volume"][full["volume"] > 0].tolist()
    assert 0 < len(traded) < 100
    assert (full["open"] == full["close"])[full["volume"] == 0].all()
    right = store.bars(COPPER.text, FIRST, label="right", columns=["close", "datetime"])
    assert list(right) == ["close", "datetime"]
    assert (right["datetime"] - full["datetime"]).unique().tolist() == [pd.Timedelta("1min")]
    for freq, fill in (("1m", False), ("1m", True), ("1h", False), ("1d", True)):
        every = store.bars(COPPER.text, FIRST, freq=freq, fill=fill, output_format="polars")
        for name in BAR_COLUMNS:
            one = store.bars(COPPER.text, FIRST, freq=freq, fill=fill, columns=[name], output_format="polars")
            assert_frame_equal(one, every.select(name), check_exact=True)
    for arguments, says in (
        ({"freq": "7m"}, "there are no bars of '7m'"),
        ({"columns": ["bid"]}, "there is no bar column 'bid'"),
        ({"columns": []}, "name at least one"),
        ({"label": "middle"}, "there is no label='middle'"),
        ({"freq": "1d", "align": "session"}, "1s to 1h"),
        ({"output_format": "csv"}, "output_format"),
    ):
        with pytest.raises(BadInputError, match=says):
            store.bars(COPPER.text, FIRST, **arguments)
    with pytest.raises(BadInputError, match="no whole day"):
        store.bars(COPPER.text, "2026-02-03")


def test_days_that_are_not_good_are_told_to_who_asked(platform: LoadContext, store: Store, frames: Frames) -> None:
    load(platform, {FIRST: frames[FIRST]})
    with pytest.warns(DayStateWarning, match="unjudged") as caught:
        store.bars(COPPER.text, FIRST)
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]


@pytest.mark.usefixtures("quiet")
def test_a_day_that_is_loaded_again_has_the_bars_of_its_new_content_alone(
    platform: LoadContext, db: Database, store: Store, frames: Frames
) -> None:
    load(platform, frames)
    changed = frames[DAYS[1]].filter(pl.int_range(pl.len()) % 3 != 0)
    load(platform, {DAYS[1]: changed})
    now = frames | {DAYS[1]: changed}
    same(store.bars(COPPER.text, FIRST, LAST, output_format="arrow"), wanted(platform, now))
    assert [len(live_rows(db, day)) for day in DAYS] == [1] * 4

    # The ticks are replaced, the bars not yet: those of the old content are not handed out.
    store_frames(platform, store_schedule(platform, COPPER, [DAYS[2]]), {DAYS[2]: changed_of(frames[DAYS[2]])})
    now[DAYS[2]] = changed_of(frames[DAYS[2]])
    same(store.bars(COPPER.text, FIRST, LAST, output_format="arrow"), wanted(platform, now))
    same(
        store.bars(COPPER.text, FIRST, LAST, "1h", output_format="arrow"),
        wanted(platform, now, BarLength("seconds", 3600)),
    )


def changed_of(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.int_range(pl.len()) % 2 == 0)


@pytest.mark.usefixtures("quiet")
def test_stored_days_get_their_bars_without_a_provider_once(
    platform: LoadContext, db: Database, store: Store, frames: Frames
) -> None:
    changed = {day: frame.head(1200) for day, frame in frames.items()}
    store_frames(platform, store_schedule(platform, COPPER, DAYS), changed)
    before = store.bars(COPPER.text, FIRST, LAST, output_format="arrow").to_pylist()
    missing = date(2026, 1, 14)
    outcomes = list(make_bars(platform, COPPER, [*DAYS, missing]))
    assert [outcome.bars is not None and outcome.bars.bars for outcome in outcomes] == [465] * 4 + [False]
    assert (
        outcomes[-1].failure == f"the bars of {COPPER.text} on {missing}: no ticks of it are stored; load the day first"
    )
    rows = read_bar_days(db, COPPER.text, DAYS)
    assert {row.manifest_id for row in rows.values()} == {day.manifest_id for day in store_days(store)}
    assert store.bars(COPPER.text, FIRST, LAST, output_format="arrow").to_pylist() == before
    written = transactions(db)
    assert [outcome.bars for outcome in make_bars(platform, COPPER, DAYS)] == [rows[day] for day in DAYS]
    load(platform, changed)
    assert transactions(db) == written, "the same content is not written again"


@pytest.mark.usefixtures("quiet")
def test_a_day_in_progress_has_bars_up_to_its_last_tick_and_none_stored(
    platform: LoadContext, db: Database, store: Store, frames: Frames
) -> None:
    day = date(2026, 1, 15)
    so_far = tick_frame(model_day(COPPER, day)).head(2000)
    load(platform, {day: so_far}, partial=True)
    bars = store.bars(COPPER.text, day, output_format="polars")
    assert 0 < bars.height < 465
    assert bars["ticks"][-1] > 0
    assert bars["volume"].sum() == so_far["volume"].max()
    assert live_rows(db, day) == []
    assert [outcome.bars for outcome in make_bars(platform, COPPER, [day])] == [None]


def store_days(store: Store) -> Sequence[Any]:
    return store.days(COPPER.text, FIRST, LAST)


def transactions(db: Database) -> int:
    ((written,),) = db.rows("txn", "SELECT writerTxn FROM wal_tables() WHERE name = %s", [TABLES[BARS].base])
    return int(written)
