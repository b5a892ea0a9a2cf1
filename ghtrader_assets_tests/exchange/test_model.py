"""The ticks look like a market: grid, levels, cumulative columns, clocks; and they are the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from time import process_time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.contracts import Contract, contract_named, contracts_of, main_contract
from ghtrader_assets.exchange.daily import DEFAULT_SEED, life_of
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.specs import Model
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.symbols import Exchange, depth
from ghtrader_assets.market.ticks import content_digest, tick_frame
from ghtrader_assets.settings import EMBEDDED_FIRST_DAY
from ghtrader_assets_tests.true_ticks import SPECS, ticks_of

DAY_ONLY = ("CFFEX.IF", "GFEX.lc")
DAYS = snapshot_calendar().days(EMBEDDED_FIRST_DAY, date(2026, 10, 30))


@dataclass(frozen=True)
class DrawnDay:
    contract: Contract
    day: date
    ticks: Columns

    @property
    def stamps(self) -> np.ndarray:
        return self.ticks["datetime_ns"]

    @property
    def seconds(self) -> np.ndarray:
        return self.stamps // NS


def drawn(contract: Contract, day: date) -> DrawnDay:
    return DrawnDay(contract, day, ticks_of(contract.text, day))


@st.composite
def contract_days(draw: st.DrawFn) -> DrawnDay:
    """Any contract on any of its days."""
    spec = draw(st.sampled_from(list(SPECS.values())))
    contract = draw(st.sampled_from([item for item in contracts_of(spec) if item.first_served <= DAYS[-1]]))
    return drawn(contract, draw(st.sampled_from(contract.days(DAYS[-1]))))


@st.composite
def main_days(draw: st.DrawFn) -> DrawnDay:
    """A main contract on one of its days as the main contract."""
    spec = draw(st.sampled_from(list(SPECS.values())))
    day = draw(st.sampled_from([day for day in DAYS if day >= spec.product.listed]))
    return drawn(main_contract(spec, day), day)


any_day = given(case=contract_days())
main_day = given(case=main_days())
few = settings(max_examples=12, deadline=None)


@any_day
@few
def test_prices_lie_on_the_grid(case: DrawnDay) -> None:
    tick = case.contract.terms(case.day).price_tick
    names = [name for name in case.ticks if "price" in name or name in ("highest", "lowest")]
    for name in names:
        in_ticks = case.ticks[name] / tick
        assert np.abs(in_ticks - np.rint(in_ticks)).max() < 1e-6, name
        assert (np.round(case.ticks[name], 4) == case.ticks[name]).all(), "a price has more decimals than it should"


@any_day
@few
def test_levels_are_ordered_and_never_cross(case: DrawnDay) -> None:
    levels = depth(case.contract.spec.exchange)
    spread = case.ticks["ask_price1"] - case.ticks["bid_price1"]
    tick = case.contract.terms(case.day).price_tick
    assert spread.min() > 0.5 * tick
    assert spread.max() < 3.5 * tick
    for level in range(1, levels):
        assert (case.ticks[f"bid_price{level}"] > case.ticks[f"bid_price{level + 1}"]).all()
        assert (case.ticks[f"ask_price{level}"] < case.ticks[f"ask_price{level + 1}"]).all()
    volumes = [case.ticks[name] for name in case.ticks if "_volume" in name]
    assert len(volumes) == 2 * levels
    assert min(values.min() for values in volumes) >= 1


@any_day
@few
def test_the_tape_is_consistent(case: DrawnDay) -> None:
    ticks, terms = case.ticks, case.contract.terms(case.day)
    lots = np.diff(ticks["volume"], prepend=0)
    assert lots.min() >= 0
    assert ticks["volume"][0] > 0, "the call auction trades"
    amount = np.cumsum(lots * ticks["last_price"]) * terms.multiplier
    np.testing.assert_allclose(ticks["amount"], amount, rtol=1e-9)
    np.testing.assert_allclose(ticks["average"], ticks["amount"] / ticks["volume"] / terms.multiplier, atol=6e-5)
    assert (ticks["highest"] == np.maximum.accumulate(ticks["last_price"])).all()
    assert (ticks["lowest"] == np.minimum.accumulate(ticks["last_price"])).all()
    slack = 1e-4
    assert (ticks["average"] <= ticks["highest"] + slack).all()
    assert (ticks["average"] >= ticks["lowest"] - slack).all()
    assert not any(np.isnan(values).any() for values in ticks.values())


@any_day
@few
def test_the_day_begins_and_ends_where_its_neighbours_do(case: DrawnDay) -> None:
    life = life_of(case.contract, DEFAULT_SEED)
    index = life.index(case.day)
    tick = case.contract.terms(case.day).price_tick
    assert len(case.stamps) == life.counts[index]
    assert case.ticks["tick_id"][0] == life.counts[:index].sum()
    assert (np.diff(case.ticks["tick_id"]) == 1).all()
    assert case.ticks["bid_price1"][0] == pytest.approx(life.open_ticks[index] * tick)
    assert case.ticks["bid_price1"][-1] == pytest.approx(life.close_ticks[index] * tick)
    assert case.ticks["open_interest"][-1] == life.open_interest[index]


@any_day
@few
def test_stamps_are_the_exchanges(case: DrawnDay) -> None:
    window = snapshot_calendar().window(case.day)
    assert (case.stamps >= window.start_ns).all()
    assert (case.stamps < window.end_ns).all()
    assert (np.diff(case.stamps) >= 0).all()
    per_second = np.unique(case.seconds, return_counts=True)[1]
    assert per_second.max() <= 2
    if case.contract.spec.stamps == "second":
        assert (case.stamps % NS == 0).all()
    else:
        assert (np.diff(case.stamps) > 0).all()
    if case.contract.spec.stamps == "half":
        assert (case.stamps % (NS // 2) == 0).all()


@any_day
@few
def test_ticks_outside_the_sessions_are_one_auction_and_a_few_stragglers(case: DrawnDay) -> None:
    windows = case.contract.sessions(case.day).windows
    inside = np.zeros(len(case.stamps), dtype=bool)
    for window in windows:
        inside |= (case.seconds >= window.start_ns // NS) & (case.seconds <= window.end_ns // NS)
    outside = np.flatnonzero(~inside)
    assert outside[0] == 0
    opening = windows[0].start_ns // NS
    assert case.seconds[0] == opening - 60, "the call auction is stamped in the minute before the opening"
    assert len(outside) <= 4
    closes = np.array([window.end_ns // NS for window in windows])
    late = case.seconds[outside[1:], None] - closes[None, :]
    assert ((late > 0) & (late < 300)).any(axis=1).all()
    assert (np.diff(case.ticks["volume"])[outside[1:] - 1] == 0).all(), "a straggler trades nothing"


@main_day
@few
def test_a_main_contract_is_never_silent_for_five_seconds(case: DrawnDay) -> None:
    seconds = np.unique(case.seconds)
    for window in case.contract.sessions(case.day).windows:
        first, last = window.start_ns // NS, window.end_ns // NS
        inside = seconds[(seconds >= first) & (seconds <= last)]
        assert inside[0] == first
        assert inside[-1] == last
        assert np.diff(inside).max() <= 5, "at most four whole seconds lie between two ticks"


@main_day
@few
def test_a_main_contract_ticks_like_a_liquid_one(case: DrawnDay) -> None:
    counts = np.unique(case.seconds, return_counts=True)[1]
    night_fell_away = not case.contract.sessions(case.day).has_night and case.contract.spec.key not in DAY_ONLY
    if night_fell_away:
        assert (counts == 2).mean() > 0.98
    else:
        assert 0.3 < (counts == 2).mean() < 0.78, "quiet seconds are normal: not a fixed cadence"


@pytest.mark.parametrize("key", [key for key, spec in SPECS.items() if spec.exchange is Exchange.SHFE])
def test_every_day_of_a_liquid_shfe_product_has_25_to_60_thousand_ticks(key: str) -> None:
    for day in DAYS:
        life = life_of(main_contract(SPECS[key], day), DEFAULT_SEED)
        assert 25_000 <= life.counts[life.index(day)] <= 60_000, day


@pytest.mark.parametrize("key", ["SHFE.cu", "SHFE.rb", "CZCE.SR", "DCE.m"])
def test_a_day_whose_night_fell_away_is_of_fixed_cadence_and_still_has_quiet_half_seconds(key: str) -> None:
    after_new_year = date(2026, 1, 5)
    case = drawn(main_contract(SPECS[key], after_new_year), after_new_year)
    slots = sum(2 * (window.end_ns - window.start_ns) // NS for window in case.contract.sessions(case.day).windows)
    assert 20 < slots - len(case.seconds) < 0.02 * slots / 2


@main_day
@few
def test_prices_and_volumes_move_without_outliers(case: DrawnDay) -> None:
    moves = np.diff(case.ticks["last_price"])
    rolling = pl.Series(moves).rolling_std(200, ddof=0).to_numpy()
    assert (np.abs(moves[200:]) < 6 * rolling[199:-1]).all()
    lots = np.diff(case.ticks["volume"])
    median = pl.Series(lots).rolling_median(101, center=True).to_numpy()
    assert (lots[50:-50] <= 15 * np.maximum(median[50:-50], 1)).all()
    interest = np.abs(np.diff(case.ticks["open_interest"]))
    assert (interest <= lots + 1).all()


@any_day
@few
def test_no_two_ticks_are_the_same(case: DrawnDay) -> None:
    rows = np.column_stack([values for name, values in case.ticks.items() if name != "tick_id"])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_same_every_time_and_another_by_another_seed() -> None:
    once, twice = ticks_of("SHFE.au2602", date(2026, 1, 6)), ticks_of("SHFE.au2602", date(2026, 1, 6))
    assert all((once[name] == twice[name]).all() for name in once)
    other = ticks_of("SHFE.au2602", date(2026, 1, 6), Model(1, 7))
    assert other["last_price"][0] != once["last_price"][0]


@pytest.mark.parametrize(
    ("contract", "digest"),
    [
        ("SHFE.cu2602", "8b048428d7334da7d60f35dff3bf6bb6"),
        ("CZCE.SR605", "202ba0179a2d7a9fcabcc388e36d17aa"),
        ("DCE.m2605", "bfbe53da6143cb042b42d101d63b857c"),
        ("CFFEX.IF2601", "2648a297ab985a1d28abad4a2f42a9ff"),
    ],
)
def test_the_default_market_of_a_day_stays_what_it_is(contract: str, digest: str) -> None:
    """A change here changes what every store filled from the embedded exchange holds: make it knowingly."""
    assert content_digest(tick_frame(ticks_of(contract, date(2026, 1, 6)))) == digest


def test_friday_night_belongs_to_monday_and_no_night_follows_a_holiday() -> None:
    monday = ticks_of("SHFE.au2602", date(2026, 1, 12))
    friday_evening = snapshot_calendar().window(date(2026, 1, 12)).start_ns + 3 * 3600 * NS
    assert monday["datetime_ns"][1] == friday_evening
    after_new_year = ticks_of("SHFE.au2602", date(2026, 1, 5))
    assert after_new_year["datetime_ns"][0] == (1767571200 - 8 * 3600 + 8 * 3600 + 59 * 60) * NS + NS // 2


@pytest.mark.parametrize(
    ("contract", "day"),
    [("SHFE.cu1901", date(2026, 1, 6)), ("SHFE.cu2602", date(2026, 1, 4)), ("SHFE.cu2602", date(2026, 3, 2))],
)
def test_no_ticks_where_there_is_no_trading(contract: str, day: date) -> None:
    with pytest.raises(BadInputError):
        ticks_of(contract, day)


def test_a_day_is_made_quickly() -> None:
    contract = contract_named("SHFE.cu2602", 1)
    assert contract is not None
    days = contract.days(date(2026, 1, 9))[-6:]
    ticks_of(contract.text, days[0])
    started = process_time()
    made = sum(len(ticks_of(contract.text, day)["tick_id"]) for day in days[1:])
    assert made / (process_time() - started) > 100_000, "ticks per CPU-second"
    assert days[-1] - days[0] < timedelta(days=20)
