"""Model 2 is like a market where model 1 is too tidy, and stays what it is."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.exchange.contracts import MADE_WITH, Contract, contract_named, contracts_of, main_contract
from ghtrader_assets.exchange.daily import life_of
from ghtrader_assets.exchange.history import made_day, series_of
from ghtrader_assets.exchange.instruments import figures_of
from ghtrader_assets.exchange.model import Made
from ghtrader_assets.exchange.plans import LIQUID, Occasion, occasion_of
from ghtrader_assets.exchange.quotes import quote_of
from ghtrader_assets.exchange.render import PageWriter, last_tick
from ghtrader_assets.exchange.specs import specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.symbols import Exchange, depth
from ghtrader_assets.market.ticks import content_digest, tick_frame
from ghtrader_assets.settings import EMBEDDED_FIRST_DAY
from ghtrader_assets_tests.true_ticks import MODEL_2, SPECS, ticks_of

OF_MODEL_2 = specs_of(2)
DAYS = snapshot_calendar().days(EMBEDDED_FIRST_DAY, date(2026, 10, 30))
TUESDAY = date(2026, 1, 6)


@dataclass(frozen=True)
class MadeDay:
    contract: Contract
    day: date

    @property
    def made(self) -> Made:
        return made_day(self.contract, self.day, MODEL_2.seed)

    @property
    def special(self) -> Occasion | None:
        return occasion_of(self.contract, self.day, MODEL_2.seed)

    @property
    def kind(self) -> str:
        return self.special.kind if self.special is not None else ""


@st.composite
def contract_days(draw: st.DrawFn) -> MadeDay:
    """Any contract on any of its days; half of them main contracts."""
    spec = draw(st.sampled_from(list(OF_MODEL_2.values())))
    if draw(st.booleans()):
        day = draw(st.sampled_from([day for day in DAYS if day >= spec.product.listed]))
        return MadeDay(main_contract(spec, day), day)
    contract = draw(st.sampled_from([item for item in contracts_of(spec) if item.first_served <= DAYS[-1]]))
    return MadeDay(contract, draw(st.sampled_from(contract.days(DAYS[-1]))))


any_day = given(case=contract_days())
few = settings(max_examples=12, deadline=None)


SPECIAL_DAYS = {
    "halt": [
        ("SHFE.cu2103", date(2021, 1, 27)),
        ("SHFE.au2108", date(2021, 5, 31)),
        ("SHFE.ag2108", date(2021, 6, 17)),
    ],
    "limit_up": [
        ("SHFE.cu2107", date(2021, 5, 12)),
        ("SHFE.au2404", date(2024, 2, 5)),
        ("SHFE.ag2110", date(2021, 8, 13)),
    ],
    "limit_down": [
        ("SHFE.cu2208", date(2022, 6, 24)),
        ("SHFE.au2112", date(2021, 10, 14)),
        ("SHFE.ag2210", date(2022, 8, 25)),
    ],
}
"""The first day of each kind of three products' main contracts. Looking for them at each start would take a second."""


def special_days(kind: str) -> list[MadeDay]:
    found = [(contract_named(text, 2), day) for text, day in SPECIAL_DAYS[kind]]
    return [MadeDay(contract, day) for contract, day in found if contract is not None]


def test_it_has_the_products_of_all_exchanges_that_model_1_has_and_more() -> None:
    assert list(OF_MODEL_2)[: len(SPECS)] == list(SPECS)
    assert len(OF_MODEL_2) >= 12
    assert {spec.exchange for spec in OF_MODEL_2.values()} == set(Exchange)
    alive = [item for spec in OF_MODEL_2.values() for item in contracts_of(spec) if TUESDAY in item.days(TUESDAY)]
    assert len(alive) >= 60


@any_day
@few
def test_the_tape_counts_every_trade(case: MadeDay) -> None:
    made, ticks = case.made, case.made.columns
    terms = case.contract.terms(case.day)
    assert (made.lots >= 0).all()
    assert (np.cumsum(made.lots) == ticks["volume"]).all()
    assert ticks["volume"][0] > 0, "the call auction trades"
    last = np.rint(ticks["last_price"] / terms.price_tick).astype(np.int64)
    assert ((made.low <= last) & (last <= made.high)).all()
    assert (np.rint(ticks["highest"] / terms.price_tick) == np.maximum.accumulate(made.high)).all()
    assert (np.rint(ticks["lowest"] / terms.price_tick) == np.minimum.accumulate(made.low)).all()
    turnover = np.rint(np.diff(ticks["amount"], prepend=0) / terms.multiplier / terms.price_tick)
    assert (turnover >= made.lots * made.low).all()
    assert (turnover <= made.lots * made.high).all()
    assert (ticks["average"] <= ticks["highest"] + 1e-4).all()
    assert (ticks["average"] >= ticks["lowest"] - 1e-4).all()


@any_day
@few
def test_open_interest_never_changes_by_more_than_what_traded(case: MadeDay) -> None:
    made, life = case.made, life_of(case.contract, MODEL_2.seed)
    before = life.open_interest_before[life.index(case.day)]
    moved = np.abs(np.diff(made.columns["open_interest"], prepend=before))
    assert (moved <= made.lots + 1).all()
    assert made.columns["open_interest"][-1] == life.open_interest[life.index(case.day)]


@any_day
@few
def test_stamps_and_counts_are_as_planned(case: MadeDay) -> None:
    stamps, life = case.made.columns["datetime_ns"], life_of(case.contract, MODEL_2.seed)
    assert len(stamps) == life.counts[life.index(case.day)]
    window = snapshot_calendar().window(case.day)
    assert window.start_ns <= stamps[0]
    assert stamps[-1] < window.end_ns
    whole = case.contract.spec.stamps == "second"
    assert (np.diff(stamps) >= (0 if whole else 1)).all()
    assert np.unique(stamps // NS, return_counts=True)[1].max() <= 2
    if whole:
        assert (stamps % NS == 0).all()


@any_day
@few
def test_nothing_trades_outside_but_the_auction_and_the_last_prints(case: MadeDay) -> None:
    made = case.made
    stamps = made.columns["datetime_ns"]
    windows = case.contract.sessions(case.day).windows
    inside = np.zeros(len(stamps), dtype=bool)
    for window in windows:
        inside |= (stamps >= window.start_ns) & (stamps < window.end_ns + NS)
    outside = np.flatnonzero(~inside)
    assert outside[0] == 0
    assert windows[0].start_ns - stamps[0] <= 60 * NS
    after = 2 * NS if case.contract.spec.stamps == "second" else NS
    for row in outside[1:]:
        late = min(stamps[row] - window.end_ns for window in windows if stamps[row] > window.end_ns)
        assert late <= after or (made.lots[row] == 0 and late < 300 * NS)


@any_day
@few
def test_no_two_ticks_are_the_same_and_levels_never_cross(case: MadeDay) -> None:
    ticks = case.made.columns
    rows = np.column_stack([np.nan_to_num(values, nan=-1.0) for values in ticks.values()])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert not (ticks["bid_price1"] >= ticks["ask_price1"]).any()
    for level in range(1, depth(case.contract.spec.exchange)):
        assert not (ticks[f"bid_price{level}"] <= ticks[f"bid_price{level + 1}"]).any()
        assert not (ticks[f"ask_price{level}"] >= ticks[f"ask_price{level + 1}"]).any()
    if "limit" not in case.kind:
        assert not any(np.isnan(values).any() for values in ticks.values())


def test_extremes_are_traded_that_no_last_price_shows() -> None:
    hidden = 0
    for spec in OF_MODEL_2.values():
        ticks = MadeDay(main_contract(spec, TUESDAY), TUESDAY).made.columns
        hidden += ticks["highest"][-1] > ticks["last_price"].max() or ticks["lowest"][-1] < ticks["last_price"].min()
        last_times_lots = (np.diff(ticks["volume"], prepend=0) * ticks["last_price"]).sum()
        if spec.fill >= LIQUID:
            assert last_times_lots * main_contract(spec, TUESDAY).terms(TUESDAY).multiplier != ticks["amount"][-1]
    assert hidden >= 4


@pytest.mark.parametrize("kind", SPECIAL_DAYS)
def test_a_special_day_is_one_of_a_main_contract(kind: str) -> None:
    cases = special_days(kind)
    assert [case.kind for case in cases] == [kind] * len(SPECIAL_DAYS[kind])
    assert all(case.contract == main_contract(case.contract.spec, case.day) for case in cases)


def largest_trades(key: str, days: Sequence[date]) -> list[int]:
    made = (MadeDay(main_contract(OF_MODEL_2[key], day), day).made for day in days)
    return [int(each.lots[1:].max()) for each in made]


def test_a_day_can_trade_more_at_once_than_the_days_before_it() -> None:
    *before, here = largest_trades("SHFE.cu", snapshot_calendar().days(DAYS[0], date(2026, 5, 18))[-21:])
    assert here > max(before)


@pytest.mark.soak
def test_some_days_of_a_year_do() -> None:
    largest = largest_trades("SHFE.cu", DAYS[-160:])
    past = [max(largest[place - 20 : place]) for place in range(20, len(largest))]
    assert sum(here > before for here, before in zip(largest[20:], past, strict=True)) >= 3


@pytest.mark.parametrize("case", special_days("halt"), ids=lambda case: f"{case.contract.text} {case.day}")
def test_a_halt_is_minutes_without_a_tick_and_ids_go_on(case: MadeDay) -> None:
    special, made = case.special, case.made
    assert special is not None
    window = case.contract.sessions(case.day).windows[special.window(len(case.contract.sessions(case.day).windows))]
    stamps = made.columns["datetime_ns"]
    rows = np.flatnonzero((stamps >= window.start_ns) & (stamps <= window.end_ns))
    silent = np.diff(stamps[rows])
    assert abs(silent.max() - special.halt_s(window) * NS) < 6 * NS
    assert silent.max() >= 295 * NS
    assert made.lots[rows[1 + silent.argmax()]] <= made.lots[1:].max()


@pytest.mark.parametrize(
    "case", special_days("limit_up") + special_days("limit_down"), ids=lambda case: f"{case.contract.text} {case.day}"
)
def test_a_limit_day_ends_with_one_side_of_the_book_at_the_limit(case: MadeDay) -> None:
    ticks, is_up = case.made.columns, case.kind == "limit_up"
    limit = figures_of(case.contract.text, case.day, MODEL_2)["upper_limit" if is_up else "lower_limit"]
    gone, kept = ("ask", "bid") if is_up else ("bid", "ask")
    locked = np.isnan(ticks[f"{gone}_price1"])
    assert locked[-1]
    assert 20 < locked.sum() < len(locked) - 20
    assert (np.diff(np.flatnonzero(locked)) == 1).all()
    for level in range(1, depth(case.contract.spec.exchange) + 1):
        assert np.isnan(ticks[f"{gone}_price{level}"][locked]).all()
        assert (ticks[f"{gone}_volume{level}"][locked] == 0).all()
    assert (ticks[f"{kept}_price1"][locked] == limit).all()
    assert (ticks["last_price"][locked] == limit).all()
    assert ticks["highest" if is_up else "lowest"][-1] == limit
    after = snapshot_calendar().days(case.day, DAYS[-1])[1]
    if after <= case.contract.last_day:
        assert figures_of(case.contract.text, after, MODEL_2)["pre_close"] == limit


@pytest.mark.parametrize(("key", "least", "most"), [("CZCE.CY", 120, 600), ("DCE.rr", 8, 40), ("SHFE.wr", 5, 25)])
def test_thin_products_tick_once_a_minute_and_very_thin_ones_ten_times_a_session(
    key: str, least: int, most: int
) -> None:
    spec = OF_MODEL_2[key]
    counts: Counter[int] = Counter()
    for day in DAYS[-100:]:
        life = life_of(main_contract(spec, day), MODEL_2.seed)
        counts[int(life.counts[life.index(day)])] += 1
    assert least <= min(counts)
    assert max(counts) <= most
    assert len(counts) > 5


def test_the_last_day_of_a_bond_ends_at_half_past_eleven() -> None:
    stamps = ticks_of("CFFEX.T2603", date(2026, 3, 13), MODEL_2)["datetime_ns"]
    assert (stamps[-1] // NS + 8 * 3600) % 86_400 < 11 * 3600 + 36 * 60


def test_a_price_that_there_is_none_of_is_a_dash_on_the_wire() -> None:
    case = special_days("limit_up")[0]
    found = series_of(case.contract.text, case.day, frozenset(), MODEL_2)
    assert found is not None
    ticks, writer = case.made.columns, PageWriter(MODEL_2.seed, cache_bytes=60_000_000)
    last = json.loads(b"{" + writer.page(found, found.last_id, found.last_id + 1) + b"}")[str(found.last_id)]
    assert (last["ask_price1"], last["ask_volume1"], last["bid_price1"]) == ("-", 0, ticks["last_price"][-1])
    assert last_tick(found, MODEL_2.seed) == last
    assert (quote_of(case.contract.text, case.day, case.day, MODEL_2) or {})["ask_price1"] == "-"


ANSWERS = {
    ("SHFE.cu2602", date(2026, 1, 6)): "6024cabfdb6849b36376a2b005b77fde",
    ("SHFE.cu2602", date(2026, 1, 5)): "f442507ea54470790303e4e01312913c",
    ("SHFE.cu2603", date(2026, 1, 7)): "8ae1f8405e90df6640f87db9ea802d86",
    ("SHFE.cu2609", date(2026, 1, 6)): "437c081680e7b5800615a54d3b3949da",
    ("CZCE.SR605", date(2026, 1, 6)): "20bed3d56f7afa3ab7ced8f8266a0413",
    ("DCE.m2605", date(2026, 1, 6)): "ffe92fc2540c02bff13f19b3b4e45fd5",
    ("CFFEX.IF2601", date(2026, 1, 6)): "2fa6a7615e89968c732c6e4cf08884ee",
    ("INE.sc2602", date(2026, 1, 6)): "49f8f1f7d75059d9e0f5136b9979ded3",
    ("GFEX.lc2603", date(2026, 1, 6)): "1b5004f437ef16fc1a12f3d145c27490",
    ("GFEX.lc2501", date(2024, 12, 17)): "c6b9183e3a8a38eadce3dccbee73ce39",
    ("CFFEX.T2603", date(2026, 3, 13)): "c4a3a80a0853be54ba3bc9a91a01024a",
    ("GFEX.ps2506", date(2024, 12, 26)): "04f9f33eaeaa2cb0c4ce55db8bc06335",
    ("INE.bc2602", date(2026, 1, 6)): "1d301c64116c7869998f35f2f2eea2ec",
    ("CZCE.CY605", date(2026, 1, 6)): "7fbf096b7d28151330bafa29fa349eec",
    ("DCE.rr2605", date(2026, 1, 6)): "f6b29eed4f02adc1a1e9438983ca6086",
    ("SHFE.wr2605", date(2026, 1, 6)): "7594c0f6a257e4b8654d8a11702fb90b",
    ("SHFE.au2602", date(2026, 1, 6)): "76efdb840370fd46471790a01dc6f07f",
    ("SHFE.ag2602", date(2026, 1, 12)): "8207fe0ac962737edc7c2f161a3af1a0",
    ("SHFE.rb2601", date(2026, 1, 15)): "5f1925af016d1eb2e69d1348d5417898",
    ("SHFE.cu2103", date(2021, 1, 27)): "5354c43d38dbaffc11f377584f0e237b",
    ("SHFE.au2108", date(2021, 5, 31)): "873e8755d2b9cb9ae859bd03cd781e8d",
    ("SHFE.cu2107", date(2021, 5, 12)): "6e1e7c7ead868d103a55f4bd6655129f",
    ("SHFE.au2404", date(2024, 2, 5)): "8be95d63e36c36f7b20544b0188a1dd2",
    ("SHFE.cu2208", date(2022, 6, 24)): "4aa7ac92f640a00678197862970f349f",
    ("SHFE.au2112", date(2021, 10, 14)): "afdc3f0c640c9711217c7f3414ac033c",
}
"""Content digests: ordinary days, a half day, first, last and roll days, thin products, halts, limits."""


@pytest.mark.parametrize(("contract", "day"), ANSWERS)
def test_the_ticks_of_a_day_stay_what_they_are(contract: str, day: date) -> None:
    """A change here changes what every store filled from the embedded exchange holds: there is to be none."""
    assert content_digest(tick_frame(ticks_of(contract, day, MODEL_2))) == ANSWERS[contract, day]


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (12, "b15d75e7c87b3cedd3d4056c05d78fda"),
        pytest.param(4, "0c7ad05ceed9ad8ece84234a3ac4fc02", marks=pytest.mark.soak),
    ],
)
def test_the_figures_of_contracts_stay_what_they_are(every: int, expected: str) -> None:
    """Those of the days and contracts that the first calendar knew: a later one adds to them."""
    digest = hashlib.sha256()
    for spec in OF_MODEL_2.values():
        known = [contract for contract in contracts_of(spec) if contract.delivery.year <= MADE_WITH.year + 1]
        for contract in known[::every]:
            life, days = life_of(contract, MODEL_2.seed), len(contract.days(MADE_WITH))
            for values in (life.counts, life.open_ticks, life.close_ticks, life.open_interest):
                digest.update(values[:days].tobytes())
    assert digest.hexdigest()[:32] == expected


def test_both_models_have_the_same_contracts() -> None:
    for spec in SPECS.values():
        for contract in contracts_of(spec):
            twin = contract_named(contract.text, 2)
            assert twin is not None
            assert (twin.listed, twin.last_day) == (contract.listed, contract.last_day)
            assert (twin.main_from, twin.main_until) == (contract.main_from, contract.main_until)
