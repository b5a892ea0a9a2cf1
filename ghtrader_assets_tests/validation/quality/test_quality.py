"""Field quality: ghTrader's published figures, the borders of each rule, and what is no fault."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.validation.policy import THRESHOLDS
from ghtrader_assets.validation.quality.measure import RULES
from ghtrader_assets_tests.validation.days import LIQUID, clean_day, findings, judge_columns, judge_frame
from ghtrader_assets_tests.validation.seconds import frame_of, judge_seconds

TINY = {"ticks": [1.0, 2.0, 3.0], "windows": [["day", 0, 10]]}


def tiny(**columns: list[float]) -> Any:
    return judge_seconds({**TINY, "columns": columns}).quality


def test_ghtraders_own_example() -> None:
    quality = tiny(
        bid_price1=[100, 100, 100],
        ask_price1=[101, 99, 101],
        bid_price2=[99, 101, 98],
        ask_price2=[102, 100, 100],
        bid_volume1=[1, -1, 1],
        ask_volume1=[1, 1, 1],
        volume=[10, 10, 10],
        last_price=[100, 100, -1],
    )
    assert (quality.bid_ask_cross_violations, quality.bid_ask_cross_rate) == (1, pytest.approx(1 / 3))
    assert [name for name in quality.__slots__ if isinstance(getattr(quality, name), np.generic)] == []
    assert (quality.bid_order_violations, quality.bid_order_rate) == (1, pytest.approx(1 / 3))
    assert (quality.ask_order_violations, quality.ask_order_rate) == (1, pytest.approx(1 / 3))
    assert (quality.negative_volume_violations, quality.negative_volume_rate) == (1, pytest.approx(1 / 33))
    assert (quality.negative_price_violations, quality.negative_price_rate) == (1, pytest.approx(1 / 33))


def test_null_rates_are_published_as_ghtrader_defines_them() -> None:
    nan = float("nan")
    quality = tiny(bid_price1=[nan, 99, 99], volume=[nan, nan, 3], open_interest=[5, 5, 5])
    assert quality.bid_price1_null_rate == pytest.approx(1 / 3)
    assert quality.volume_null_rate == pytest.approx(2 / 3)
    assert quality.open_interest_null_rate == 0
    assert quality.l5_fields_null_rate == pytest.approx((1 + 18 * 3) / 60)
    assert quality.score == pytest.approx(1 - (1 / 3 + 2 / 3) / 5)


def test_depth_decides_what_may_be_missing() -> None:
    shallow = judge_columns(clean_day("DCE.m2605"), "DCE.m2605").quality
    assert (shallow.levels_expected, shallow.l5_fields_null_rate, shallow.state) == (1, 0.0, "ok")
    deep = clean_day("SHFE.rb2605").copy()
    deep.columns["bid_price4"][:] = np.nan
    assert judge_columns(deep, "SHFE.rb2605").quality.reason_code == "null_l5"


def test_an_unquoted_level_is_no_missing_value() -> None:
    day = clean_day("SHFE.rb2605").copy()
    day.columns["bid_price5"][:] = np.nan
    day.columns["bid_volume5"][:] = 0.0
    verdict = judge_columns(day, "SHFE.rb2605")
    assert verdict.state == "ok"
    assert verdict.quality.l5_fields_null_rate == pytest.approx(1 / 20)


def test_before_the_first_trade_there_is_no_price() -> None:
    day = clean_day("CZCE.SR605").copy()
    for name in ("last_price", "highest", "lowest", "average"):
        day.columns[name][:400] = np.nan
    assert {"null_l1", "null_run"} <= findings(judge_columns(day, "CZCE.SR605")).keys()
    day.columns["volume"][:400] = 0.0
    assert {"null_l1", "null_run", "amount_without_volume"} <= findings(judge_columns(day, "CZCE.SR605")).keys()
    day.columns["amount"][:400] = 0.0
    assert "null_run" not in findings(judge_columns(day, "CZCE.SR605"))
    assert "null_l1" not in findings(judge_columns(day, "CZCE.SR605"))


def test_what_text_once_became_is_in_error() -> None:
    """Prices, volume and open interest as text were stored as NaN, 0 and 0; the amount went on."""
    day = clean_day("SHFE.cu2602").copy()
    for name in ("last_price", "highest", "lowest", "average"):
        day.columns[name][:] = np.nan
    for name in ("volume", "open_interest"):
        day.columns[name][:] = 0.0
    verdict = judge_columns(day, "SHFE.cu2602")
    assert (verdict.state, verdict.quality.reason_code) == ("error", "amount_without_volume")
    assert {"null_l1", "null_run", "uncounted_trade", "constant_column"} <= findings(verdict).keys()


def test_a_trade_has_a_price() -> None:
    day = clean_day("DCE.m2605").copy()
    traded = 1 + np.flatnonzero(np.diff(day.columns["volume"]) > 0)
    day.columns["last_price"][traded] = 0.0
    finding = findings(judge_columns(day, "DCE.m2605"))["volume_without_price"]
    assert (finding["count"], finding["checked"]) == (len(traded), len(traded) + 1)
    few = clean_day("DCE.m2605").copy()
    few.columns["last_price"][traded[: len(traded) // 200]] = np.nan
    assert "volume_without_price" not in findings(judge_columns(few, "DCE.m2605"))


@pytest.mark.parametrize(
    "name",
    ["open_interest", "last_price", "average", "bid_price1", "ask_volume1"],
)
@pytest.mark.parametrize("contract", ["SHFE.cu2602", "CZCE.SR605"])
def test_a_column_does_not_stand_still_while_others_move(contract: str, name: str) -> None:
    day = clean_day(contract).copy()
    day.columns[name][:] = day.columns[name][day.n // 2]
    finding = findings(judge_columns(day, contract))["constant_column"]
    assert (finding["parts"], finding["count"]) == ({name: 1}, 1)
    day.columns[name] += day.tick * (np.arange(day.n) // 1000 % 2)
    assert "constant_column" not in findings(judge_columns(day, contract))


@pytest.mark.parametrize("contract", ["SHFE.cu2602", "CZCE.SR605"])
@pytest.mark.parametrize("columns", [("volume",), ("amount",), ("volume", "amount")])
@pytest.mark.parametrize("begins", [0, 2], ids=["all day", "from the middle on"])
def test_no_trade_goes_uncounted(contract: str, columns: tuple[str, ...], begins: int) -> None:
    """A volume of 0 all day excused an amount of 0, and the other way round."""
    day = clean_day(contract).copy()
    start = day.n // begins if begins else 0
    for name in columns:
        day.columns[name][start:] = day.columns[name][start] if start else 0
    verdict = judge_columns(day, contract)
    assert verdict.state == "error"
    assert set(columns) <= findings(verdict)["uncounted_trade"]["parts"].keys()


def test_a_main_contract_whose_quotes_move_trades() -> None:
    """No price, no volume and no open interest excused each other, and the day was good."""
    day = clean_day("SHFE.cu2602").copy()
    for name in ("last_price", "highest", "lowest", "average"):
        day.columns[name][:] = np.nan
    for name in ("volume", "amount", "open_interest"):
        day.columns[name][:] = 0.0
    verdict = judge_columns(day, "SHFE.cu2602", symbol=parse_symbol("KQ.m@SHFE.cu"))
    assert (verdict.state, verdict.quality.reason_code) == ("error", "constant_column")
    own = judge_columns(day, "SHFE.cu2602", symbol=parse_symbol("SHFE.cu2602"))
    assert own.coverage.witness == "unwitnessed"


def test_no_trade_goes_uncounted_in_a_market_of_few() -> None:
    day = clean_day("SHFE.cu2602").copy()
    day.columns = {name: values[::4000] for name, values in day.columns.items()}
    day.columns["amount"][:] = 0
    assert findings(judge_columns(day, "SHFE.cu2602"))["uncounted_trade"]["parts"].keys() == {"amount"}


def test_a_quiet_day_may_stand_still() -> None:
    day = clean_day("SHFE.cu2602").copy()
    rows = slice(0, 100)
    day.columns = {name: values[rows] for name, values in day.columns.items()}
    day.columns["open_interest"][:] = 7.0
    assert "constant_column" not in findings(judge_columns(day, "SHFE.cu2602"))


def test_a_pinned_market_has_one_side_for_hours() -> None:
    day = clean_day("SHFE.rb2605").copy()
    rows = slice(9000, 15000)
    low = day.columns["lowest"][-1] - 40 * day.tick
    day.columns["lowest"][9000:] = low
    for name in ("last_price", "ask_price1"):
        day.columns[name][rows] = low
    for level in range(2, 6):
        day.columns[f"ask_price{level}"][rows] = low + (level - 1) * day.tick
    for level in range(1, 6):
        day.columns[f"bid_price{level}"][rows] = np.nan
        day.columns[f"bid_volume{level}"][rows] = 0.0
    assert set(findings(judge_columns(day, "SHFE.rb2605"))) <= {"price_jump"}
    low_on_one_row = clean_day("SHFE.rb2605").copy()
    low_on_one_row.columns["bid_price1"][5000:5101] = np.nan
    assert "null_run" in findings(judge_columns(low_on_one_row, "SHFE.rb2605"))


@pytest.mark.parametrize(("length", "broken"), [(100, False), (101, True)])
def test_a_null_run_breaks_at_one_more_than_the_threshold(length: int, broken: bool) -> None:
    day = clean_day("SHFE.rb2605").copy()
    day.columns["open_interest"][7000 : 7000 + length] = np.nan
    assert ("null_run" in findings(judge_columns(day, "SHFE.rb2605"))) is broken


@pytest.mark.parametrize(("rows", "broken"), [(120, False), (121, True)])
def test_a_frozen_book_breaks_at_one_more_than_the_threshold(rows: int, broken: bool) -> None:
    day = clean_day("SHFE.rb2605").copy()
    for name in [name for name in day.columns if name.startswith(("bid_", "ask_"))]:
        day.columns[name][9000 : 9000 + rows] = day.columns[name][9000]
        day.columns[name][8999] = day.columns[name][9000] + 5 * day.tick
        day.columns[name][9000 + rows] = day.columns[name][9000] + 5 * day.tick
    assert ("frozen_book" in findings(judge_columns(day, "SHFE.rb2605"))) is broken


def test_legal_limits_where_they_were_recorded() -> None:
    day = clean_day("SHFE.rb2605")
    high = float(day.columns["highest"][-1])
    verdict = judge_columns(day, "SHFE.rb2605", limits=(1.0, high))
    assert verdict.quality.state == "ok"
    verdict = judge_columns(day, "SHFE.rb2605", limits=(1.0, high - day.tick))
    assert findings(verdict)["outside_range"]["parts"].keys() == {"limits"}


def test_call_auction_may_cross() -> None:
    day = clean_day("SHFE.rb2605").copy()
    day.columns["bid_price1"][0] = day.columns["ask_price1"][0] + day.tick
    verdict = judge_columns(day, "SHFE.rb2605")
    assert verdict.quality.state == "ok"
    assert verdict.quality.bid_ask_cross_violations == 1


def test_ticks_that_share_a_second_are_normal_where_the_exchange_stamps_seconds() -> None:
    frame = tick_frame(clean_day("CZCE.SR605").columns)
    assert frame["seq"].max() == 1
    assert judge_frame(frame, "CZCE.SR605").state == "ok"
    assert judge_frame(frame, "DCE.m2605").quality.reason_code == "duplicate_time"


def test_every_rule_names_its_thresholds_and_their_source() -> None:
    shown = json.loads(judge_columns(clean_day("SHFE.rb2605"), "SHFE.rb2605").quality.rules_json)["rules"]
    assert [rule["rule"] for rule in shown] == [rule.name for rule in RULES]
    known = {threshold.name for threshold in THRESHOLDS}
    for rule in shown:
        assert set(rule["thresholds"]) <= known
        assert all(source == "default" for _, source in rule["thresholds"].values())
        assert rule["checked"] > 0 or rule["rule"] in {"null_run", "frozen_book"}


def test_examples_are_the_first_five_ids() -> None:
    day = clean_day("SHFE.rb2605").copy()
    rows = [4000, 5000, 6000, 7000, 8000, 9000]
    day.columns["bid_volume1"][rows] = -1.0
    finding = findings(judge_columns(day, "SHFE.rb2605"))["negative_volume"]
    assert finding["count"] == 6
    assert finding["example_ids"] == [int(day.columns["tick_id"][row]) for row in rows[:5]]


def test_outliers_ignore_breaks_gaps_and_the_warm_up() -> None:
    day = clean_day("SHFE.rb2605").copy()
    opening = day.windows[2][0]
    row = int(np.flatnonzero(day.seconds >= opening)[0])
    for name in [name for name in day.columns if "price" in name] + ["highest"]:
        day.columns[name][row:] += 60 * day.tick
    day.columns["volume"][row:] += 500_000
    assert judge_columns(day, "SHFE.rb2605").quality.state == "ok"


def test_an_empty_day_has_no_quality() -> None:
    quality = judge_frame(frame_of([]), "SHFE.cu2602").quality
    assert (quality.rows_total, quality.state, quality.reason_code) == (0, "partial", "no_ticks")


@pytest.mark.parametrize("contract", [*LIQUID, "INE.sc2603", "GFEX.lc2605", "SHFE.cu2609"])
def test_clean_days_raise_nothing(contract: str) -> None:
    days = snapshot_calendar().days(date(2026, 1, 5), date(2026, 1, 12))
    for day in days[::3]:
        verdict = judge_frame(tick_frame(clean_day(contract, day).columns), contract, day)
        assert verdict.state == "ok", f"{day} {verdict.reason_code} {findings(verdict)}"
        assert not findings(verdict)
        assert verdict.coverage.adaptive_missing_segments == 0
