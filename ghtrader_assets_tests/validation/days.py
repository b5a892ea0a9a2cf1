"""Clean days of the embedded exchange's market model, ready to be judged or spoiled."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import polars as pl

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Exchange, Symbol, depth, parse_symbol
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, tick_frame
from ghtrader_assets.validation.judge import Provenance, judge_day
from ghtrader_assets.validation.policy import Policy, policy_for
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets_tests.true_ticks import ticks_of
from ghtrader_assets_tests.validation.planting import NS, Day

JUDGED_AT = datetime(2026, 1, 7, tzinfo=UTC)
TUESDAY = date(2026, 1, 6)
MONDAY = date(2026, 1, 5)
"""The day after a holiday: no night session, half the ticks."""
LIQUID = ("SHFE.rb2605", "CZCE.SR605", "DCE.m2605", "CFFEX.IF2601", "SHFE.cu2602")


def sessions_of(contract: str, day: date) -> DaySessions:
    return day_sessions(parse_symbol(contract), day, snapshot_calendar())


@lru_cache(maxsize=24)
def clean_day(contract: str, day: date = TUESDAY) -> Day:
    symbol = parse_symbol(contract)
    columns = {name: values for name, values in ticks_of(contract, day).items() if name in _KEPT}
    windows = sessions_of(contract, day).windows
    verdict = judge_frame(tick_frame(columns), contract, day)
    thresholds = [verdict.coverage.adaptive_threshold_day_s, verdict.coverage.adaptive_threshold_night_s]
    return Day(
        columns=columns,
        windows=tuple((window.start_ns // NS, window.end_ns // NS) for window in windows),
        tick=product_of(symbol.exchange, symbol.product).price_tick,
        levels=depth(symbol.exchange),
        whole_seconds=symbol.exchange == Exchange.CZCE,
        longest_pause_s=min(each for each in thresholds if each is not None),
    )


_KEPT = {"tick_id", "datetime_ns", *NUMERIC_COLUMNS}


def judge_frame(
    frame: pl.DataFrame, contract: str, day: date = TUESDAY, policy: Policy | None = None, **options: Any
) -> DayVerdict:
    symbol: Symbol = options.pop("symbol", parse_symbol(contract))
    options.setdefault("window", snapshot_calendar().window(day))
    return judge_day(
        frame,
        symbol,
        contract,
        sessions_of(contract, day),
        product_of(symbol.exchange, symbol.product),
        policy or policy_for(symbol.product),
        Provenance(content_digest="0" * 32, judged_at=JUDGED_AT),
        **options,
    )


def judge_columns(spoiled: Day, contract: str, day: date = TUESDAY, **options: Any) -> DayVerdict:
    return judge_frame(tick_frame(spoiled.columns), contract, day, **options)


def findings(verdict: DayVerdict) -> dict[str, dict[str, Any]]:
    """The rules that found anything, by name."""
    return {rule["rule"]: rule for rule in json.loads(verdict.quality.rules_json)["rules"] if rule["failed"]}
