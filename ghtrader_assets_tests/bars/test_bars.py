"""Bars of any product on any day: against a slow second reckoning, and the properties that readers rely on."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ghtrader_assets.bars.frame import BAR_SCHEMA, FIGURES, bars_fingerprint, mark_of
from ghtrader_assets.bars.grid import bar_grid, into_sessions
from ghtrader_assets.bars.length import BarLength, bar_length, require_alignment
from ghtrader_assets.bars.longer import joined, vwap
from ghtrader_assets.bars.ticks import bars_of_ticks
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.clock import NS, shanghai_time
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets_tests.bars.made_days import CALENDAR, MadeDay, made_days, product_days, slow_bars
from ghtrader_assets_tests.true_ticks import MODEL_2, bars_of, ticks_of

COPPER = "SHFE.cu2602"
DAY = date(2026, 1, 6)
APPROXIMATE = ("amount", "mean_spread")
"""Sums of numbers that binary fractions don't hold: their order shows in the last digit."""


def sessions_of(symbol: str, day: date) -> DaySessions:
    return day_sessions(parse_symbol(symbol), day, CALENDAR)


def same(left: pl.DataFrame, right: pl.DataFrame) -> None:
    assert_frame_equal(left.drop(APPROXIMATE), right.drop(APPROXIMATE), check_exact=True, check_dtypes=False)
    assert_frame_equal(left.select(APPROXIMATE), right.select(APPROXIMATE), rel_tol=1e-9, abs_tol=1e-6)


def clocks(bars: pl.DataFrame, name: str = "start_ns") -> list[str]:
    return [f"{shanghai_time(start):%H:%M:%S}" for start in bars[name].to_list()]


def made_of(*rows: tuple[str, float, float, float, float], opened: date = DAY) -> pl.DataFrame:
    """Snapshots of copper's day: time of the clock, last price, highest, lowest, cumulative volume."""
    base = sessions_of("KQ.m@SHFE.cu", opened).windows[0].start_ns - 21 * 3600 * NS
    stamps = []
    for text, *_ in rows:
        hour, minute, second = text.split(":")
        past = 24 * 3600 if int(hour) < 20 else 0
        stamps.append(base + int((int(hour) * 3600 + int(minute) * 60 + float(second) + past) * NS))
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    one = np.ones(len(rows))
    return pl.DataFrame(
        {
            "datetime_ns": stamps,
            "seq": np.zeros(len(rows), dtype=np.int32),
            **{name: values[:, at] for at, name in enumerate(("last_price", "highest", "lowest", "volume"))},
            "amount": values[:, 3] * 5 * values[:, 0],
            "open_interest": one * 100,
            "bid_price1": values[:, 0] - 10,
            "ask_price1": values[:, 0],
        }
    )


@given(made_days(), st.sampled_from((60, 1, 20, 90, 300, 3600)))
def test_the_bars_of_any_day_are_those_of_a_slow_reckoning(day: MadeDay, seconds: int) -> None:
    bars = bars_of_ticks(day.ticks, day.sessions, BarLength("seconds", seconds))
    wanted = pl.DataFrame(slow_bars(day, seconds), schema=BAR_SCHEMA).with_columns(
        end_ns=pl.col("start_ns") + seconds * NS
    )
    same(bars, wanted.select(bars.columns))


@given(made_days(), st.sampled_from(("1m", "7s", "5m", "1h", "tick:7", "volume:11", "amount:3000")))
def test_volumes_add_up_and_extremes_are_the_exchanges(day: MadeDay, text: str) -> None:
    bars = bars_of_ticks(day.ticks, day.sessions, bar_length(text) if text != "7s" else BarLength("seconds", 20))
    if day.ticks.is_empty():
        assert bars["volume"].sum() == 0
        return
    assert bars["volume"].sum() == day.ticks["volume"].max()
    assert bars["amount"].sum() == pytest.approx(day.ticks["amount"].max())
    traded = bars.filter(pl.col("volume") > 0)
    assert traded["high"].max() == day.ticks["highest"].fill_nan(None).max()
    assert traded["low"].min() == day.ticks["lowest"].fill_nan(None).min()
    assert traded["ticks"].sum() + bars.filter(pl.col("volume") == 0)["ticks"].sum() == day.ticks.height
    assert traded.filter(~(pl.col("low") <= pl.min_horizontal("open", "close"))).is_empty()
    assert traded.filter(~(pl.col("high") >= pl.max_horizontal("open", "close"))).is_empty()


@given(made_days(), st.sampled_from((120, 300, 900, 1800, 3600)), st.sampled_from(("clock", "session")))
def test_bars_of_minutes_are_the_bars_of_ticks(day: MadeDay, seconds: int, align: str) -> None:
    grid = bar_grid(day.sessions.windows, seconds, align)
    minutes = bars_of_ticks(day.ticks, day.sessions)
    longer = joined(minutes, grid.place_of(minutes["start_ns"].to_numpy()))
    assert longer["place"].to_list() == list(range(len(grid.starts)))
    of_ticks = bars_of_ticks(day.ticks, day.sessions, BarLength("seconds", seconds), align)
    same(longer.select(FIGURES.names()), of_ticks.select(FIGURES.names()))


@given(product_days(), st.sampled_from((1, 60, 300, 1800, 3600)))
def test_bars_stand_within_the_sessions_and_fill_them(sessions: DaySessions, seconds: int) -> None:
    for align in ("clock", "session"):
        grid = bar_grid(sessions.windows, seconds, align)
        assert (np.diff(grid.starts) > 0).all()
        assert (grid.ends > grid.starts).all()
        inside = np.concatenate(
            [np.empty(0, dtype=np.int64), *(np.arange(each.start_ns, each.end_ns, NS) for each in sessions.windows)]
        )
        place = grid.place_of(inside)
        assert (np.unique(place) == np.arange(len(grid.starts))).all()
        assert (grid.starts[place] <= inside).all()
        assert (inside < grid.ends[place]).all()
        if align == "session":
            lengths = np.bincount(place)
            last = np.flatnonzero(lengths < seconds)
            assert len(last) <= len({each.session for each in sessions.windows})
    assert all(each.start_ns % (60 * NS) == each.end_ns % (60 * NS) == 0 for each in sessions.windows)


@given(made_days())
def test_the_order_of_rows_and_a_snapshot_that_comes_twice_or_late_change_no_price(day: MadeDay) -> None:
    bars = bars_of_ticks(day.ticks, day.sessions)
    same(bars_of_ticks(day.ticks.sample(fraction=1.0, shuffle=True, seed=7), day.sessions), bars)
    again = pl.concat([day.ticks, day.ticks.with_columns(pl.col("seq") + 1000)])
    late = day.ticks.with_columns(pl.col("datetime_ns") + 1, seq=pl.col("seq") + 1000, open_interest=pl.lit(np.nan))
    counted = ("ticks", "spread_ticks", "open_interest")
    for more in (again, pl.concat([day.ticks, late.head(1)])):
        priced = bars_of_ticks(more, day.sessions)
        same(priced.drop(counted).with_columns(mean_spread=0.0), bars.drop(counted).with_columns(mean_spread=0.0))


def test_a_tick_belongs_to_the_minute_that_begins_with_it_and_closes_and_auctions_to_their_bars() -> None:
    ticks = made_of(
        ("20:59:00", 100, 100, 100, 5),
        ("21:00:00", 101, 101, 100, 6),
        ("21:01:00", 103, 104, 100, 9),
        ("00:59:59.5", 99, 104, 98, 12),
        ("01:00:00", 99, 104, 98, 13),
        ("01:00:30", 99, 104, 98, 14),
        ("08:50:00", 99, 104, 98, 14),
        ("08:59:00", 97, 104, 97, 20),
        ("10:15:00.5", 96, 104, 96, 21),
        ("15:00:00", 95, 104, 95, 22),
        ("15:20:00", 95, 104, 95, 22),
    )
    bars = bars_of_ticks(ticks, sessions_of("KQ.m@SHFE.cu", DAY))
    traded = bars.filter(pl.col("volume") > 0)
    assert clocks(traded) == ["21:00:00", "21:01:00", "00:59:00", "09:00:00", "10:14:00", "14:59:00"]
    assert traded["volume"].to_list() == [6, 3, 5, 6, 1, 1]
    assert traded["open"].to_list() == [100, 103, 99, 97, 96, 95]
    assert traded["high"].to_list() == [101, 104, 99, 97, 96, 95]
    assert traded["low"].to_list() == [100, 103, 98, 97, 96, 95]
    assert traded["ticks"].to_list() == [2, 1, 4, 1, 1, 2]
    assert bars.height == 465
    assert bars["close"].null_count() == 0


def test_an_untraded_minute_repeats_the_close_and_knows_none_before_the_first_trade() -> None:
    ticks = made_of(("21:02:10", 100, 100, 100, 5), ("21:04:10", 102, 102, 100, 6))
    bars = bars_of_ticks(ticks, sessions_of("KQ.m@SHFE.cu", DAY)).head(6)
    assert bars["open"].to_list() == [None, None, 100, 100, 102, 102]
    assert bars["close"].to_list() == [None, None, 100, 100, 102, 102]
    assert bars["volume"].to_list() == [0, 0, 5, 0, 1, 0]
    assert bars["mean_spread"].to_list() == [None, None, 10, None, 10, None]


def test_bars_of_trading_time_skip_the_breaks_and_end_where_trading_did() -> None:
    windows = sessions_of("KQ.m@DCE.m", DAY).windows
    by_session = bar_grid(windows, 3600, "session")
    by_clock = bar_grid(windows, 3600)
    spans = pl.DataFrame({"start_ns": by_session.starts, "end_ns": by_session.ends})
    assert clocks(spans) == ["21:00:00", "22:00:00", "09:00:00", "10:00:00", "11:15:00", "14:15:00"]
    assert clocks(spans, "end_ns") == ["22:00:00", "23:00:00", "10:00:00", "11:15:00", "14:15:00", "15:00:00"]
    assert clocks(pl.DataFrame({"start_ns": by_clock.starts})) == [
        "21:00:00", "22:00:00", "09:00:00", "10:00:00", "11:00:00", "13:00:00", "14:00:00",
    ]  # fmt: skip


@pytest.mark.parametrize("contract", [COPPER, "CZCE.SR605", "CFFEX.IF2601", "DCE.m2605"])
def test_the_minutes_are_the_providers_own_bars(contract: str) -> None:
    """Open, high and low of the provider are those of its tape; ours of what snapshots prove, at most as wide."""
    columns = ticks_of(contract, DAY, MODEL_2)
    source = {name: columns[name] for name in columns if name != "tick_id"}
    ticks = pl.DataFrame(source).with_columns(seq=pl.int_range(pl.len(), dtype=pl.Int32))
    bars = bars_of_ticks(ticks, sessions_of(contract, DAY))
    theirs = bars_of(contract, DAY, MODEL_2)
    assert bars["start_ns"].to_list() == theirs["datetime_ns"].tolist()
    assert bars["volume"].to_list() == theirs["volume"].tolist()
    traded = theirs["volume"] > 0
    for name, wanted in (("close", "close"), ("open_interest", "close_oi")):
        assert bars[name].to_numpy()[traded].tolist() == theirs[wanted][traded].tolist()
    high, low = bars["high"].to_numpy()[traded], bars["low"].to_numpy()[traded]
    assert (high <= theirs["high"][traded]).all()
    assert (low >= theirs["low"][traded]).all()
    assert high.max() == theirs["high"][traded].max()
    assert low.min() == theirs["low"][traded].min()


def test_bars_of_counts_begin_anew_and_hold_what_they_say() -> None:
    columns = ticks_of(COPPER, DAY, MODEL_2)
    ticks = pl.DataFrame({name: columns[name] for name in columns if name != "tick_id"}).with_columns(seq=pl.lit(0))
    sessions = sessions_of(COPPER, DAY)
    by_tick = bars_of_ticks(ticks, sessions, bar_length("tick:1000"))
    assert by_tick["ticks"].to_list()[:-1] == [1000] * (by_tick.height - 1)
    assert by_tick["start_ns"][0] == ticks["datetime_ns"][0]
    by_lots = bars_of_ticks(ticks, sessions, bar_length("volume:500"))
    so_far = by_lots["volume"].cum_sum()
    largest = ticks["volume"].diff().max()
    assert isinstance(largest, float)
    assert by_lots["volume"].sum() == ticks["volume"].max()
    assert ((so_far - 500 * pl.int_range(1, by_lots.height + 1, eager=True))[:-1] < largest).all()


def test_the_weighted_price_is_amount_by_lots_and_multiplier() -> None:
    bars = pl.DataFrame(
        {"amount": [500.0, 0.0, 100.0], "volume": [1.0, 0.0, 1.0], "close": [100.0, 100.0, 100.0]}
    ).with_columns(multiplier=pl.lit(5), czce=pl.lit(True))  # fmt: skip
    price = vwap(pl.col("multiplier"), may_leave_multiplier_out=pl.col("czce"))
    assert bars.select(price=price)["price"].to_list() == [100.0, None, 100.0]


def test_a_day_without_sessions_or_ticks_has_no_bars_of_them() -> None:
    none = made_of(("21:02:10", 100, 100, 100, 5)).clear()
    closed = DaySessions(DAY, (), "", (), True)
    assert bars_of_ticks(none, closed).is_empty()
    assert bars_of_ticks(none, sessions_of(COPPER, DAY), bar_length("tick:3")).is_empty()
    empty = bars_of_ticks(none, sessions_of(COPPER, DAY))
    assert (empty.height, empty["volume"].sum(), empty["close"].null_count()) == (465, 0, 465)


@pytest.mark.parametrize("text", ["", "0s", "7s", "7m", "2h", "2d", "1M", "tick:0", "volume:-1", "amount:1.5", "1 m"])
def test_lengths_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="there are no bars of"):
        bar_length(text)


def test_alignments_that_are_none_are_refused() -> None:
    for label, align in (("middle", "clock"), ("left", "day")):
        with pytest.raises(BadInputError, match="there is no"):
            require_alignment(bar_length("5m"), label, align)
    with pytest.raises(BadInputError, match="1s to 1h"):
        require_alignment(bar_length("1d"), "left", "session")


def test_a_fingerprint_names_content_sessions_and_contract() -> None:
    names = {bars_fingerprint(*parts) for parts in (("a", "b", "c"), ("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x"))}
    assert len(names) == len({mark_of(name) for name in names}) == 4


def test_instants_keep_their_order_in_the_sessions() -> None:
    windows = sessions_of(COPPER, DAY).windows
    stamps = np.arange(windows[0].start_ns - 3600 * NS, windows[-1].end_ns + 3600 * NS, 30 * NS)
    inside = into_sessions(stamps, windows)
    assert (np.diff(inside) >= 0).all()
    assert all(any(each.start_ns <= stamp < each.end_ns for each in windows) for stamp in inside.tolist())
