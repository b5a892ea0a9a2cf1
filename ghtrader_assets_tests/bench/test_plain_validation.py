"""The plain version of the rules, which the benchmark measures against, finds what ours finds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.symbols import depth, parse_symbol
from ghtrader_assets.market.ticks import row_hashes, tick_frame
from ghtrader_assets_tests.bench.plain_reading import NS, PlainDay
from ghtrader_assets_tests.bench.plain_validation import PlainJudge
from ghtrader_assets_tests.validation.days import LIQUID, TUESDAY, clean_day, judge_frame, sessions_of


@pytest.mark.parametrize("contract", LIQUID)
def test_the_plain_rules_count_what_ours_count(contract: str) -> None:
    symbol, day = parse_symbol(contract), clean_day(contract)
    kept = np.ones(day.n, dtype=np.bool_)
    kept[5_000:5_300] = False
    columns: dict[str, Any] = {name: values[kept].copy() for name, values in day.columns.items()}
    columns["bid_price1"][2_000] *= 2
    columns["last_price"][3_000] += 200 * day.tick
    columns["volume"][4_000] -= 50_000
    columns["open_interest"][7_000:7_150] = np.nan
    columns["highest"][8_000:] -= 300 * day.tick
    columns["bid_price1"][8_200:8_220] = 0.0
    columns["last_price"][9_000:10_500] = columns["last_price"][9_000]
    later = columns["datetime_ns"] >= day.windows[-1][0] * NS
    columns["open_interest"][later] += 200_000
    columns["amount"][later] = columns["amount"][later][0] + 10 * (
        columns["amount"][later] - columns["amount"][later][0]
    )
    frame = tick_frame(columns)
    verdict = judge_frame(frame, contract)
    window = snapshot_calendar().window(TUESDAY)
    names = [str(each.session) for each in sessions_of(contract, TUESDAY).windows]
    plain = PlainJudge(
        frame.to_pandas().assign(row_hash=row_hashes(frame)),
        PlainDay(
            symbol=symbol.alias,
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            windows=[(name, first, last) for name, (first, last) in zip(names, day.windows, strict=True)],
            tick=product_of(symbol.exchange, symbol.product).price_tick,
            multiplier=product_of(symbol.exchange, symbol.product).multiplier,
            levels=depth(symbol.exchange),
            whole_seconds=day.whole_seconds,
        ),
    ).verdict()
    counts = {rule["rule"]: rule["count"] for rule in json.loads(verdict.quality.rules_json)["rules"]}
    assert plain.counts == counts
    assert sum(count > 0 for count in counts.values()) >= 7
    gaps = [(int(gap.start_ts.timestamp()), int(gap.end_ts.timestamp())) for gap in verdict.gaps]
    assert sorted(plain.gaps) == gaps
    assert gaps
