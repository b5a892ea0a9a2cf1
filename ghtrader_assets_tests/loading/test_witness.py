"""The provider's bars asked for, kept, and heard: days in doubt, a provider that fails, answers in any order.

The exchange is of model 2, with thin products; each day stands alone, so that nothing is known of others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.witness import LONGEST_DAYS, NEAR_DAYS, ask_witness, contract_ranges
from ghtrader_assets.market.calendar import TradingCalendar, snapshot_calendar
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.tables.reader import read_gaps, read_quality, read_summary, read_witness
from ghtrader_assets.questdb.tables.records import write_witness
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.validation.verdicts import CoverageVerdict
from ghtrader_assets_tests.fix_exchange import ExchangeControl, started_exchange

pytestmark = pytest.mark.joint

THIN = parse_symbol("CZCE.CY605")
DAYS = [date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 8)]
TAIL = {"kind": "cut", "symbol": THIN.text, "session": "day", "amount": 100, "fraction": 0.97}
"""The last ticks of the day session: ids and volume go on as if nothing had been there."""


@pytest.fixture(scope="module")
def exchange_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeControl]:
    with started_exchange(tmp_path_factory.mktemp("exchange"), model=2) as control:
        yield control


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    home = Settings(home=tmp_path, ingest_workers=1, min_free_mb=0, fast_history="on", start_date=DAYS[0])
    return LoadContext(settings=home, calendar=calendar, database=db, provider=provider)


def load(platform: LoadContext, symbol: Symbol, *days: date) -> list[CoverageVerdict]:
    outcomes = list(load_days(platform, {symbol: days}, "test", must_judge=True, on_retry=lambda _: None))
    assert [outcome.failure for outcome in outcomes] == [""] * len(days)
    return list(read_summary(platform.database, symbol.text, days).values())


def ask(platform: LoadContext, symbol: Symbol, *days: date, every: bool = False) -> list[tuple[date, str]]:
    answers = ask_witness(platform, symbol, days, every=every)
    return [(answer.trading_day, answer.outcome) for answer in answers]


def judge(platform: LoadContext, symbol: Symbol, *days: date) -> list[date]:
    """The days that were judged now."""
    outcomes = list(judge_days(platform, symbol, days))
    return [outcome.trading_day for outcome in outcomes if outcome.judgement is not None and outcome.judgement.fresh]


def verdict(platform: LoadContext, symbol: Symbol, day: date) -> CoverageVerdict:
    return read_summary(platform.database, symbol.text, [day])[day]


def forget(platform: LoadContext, symbol: Symbol, *days: date) -> None:
    """As if these days had never been asked about."""
    known = read_witness(platform.database, symbol.text, days).values()
    write_witness(platform.database, [dataclasses.replace(answer, digest="") for answer in known])


def test_the_tail_of_a_thin_product_is_decided_by_its_bars(platform: LoadContext, exchange: ExchangeControl) -> None:
    day = DAYS[0]
    forget(platform, THIN, *DAYS)
    exchange.faults({**TAIL, "trading_day": day.isoformat()})
    (alone,) = load(platform, THIN, day)
    assert (alone.state, alone.reason_code, alone.witness, alone.witness_digest) == (
        "ok", "quality_ok", "unwitnessed", "",
    )  # fmt: skip
    (told,) = read_day_states(platform.database, [THIN.text], day, day, platform.clock.now())
    assert (told.state, told.witness) == ("ok", "unwitnessed")

    assert ask(platform, THIN, day) == [(day, "complete")]
    stored = read_witness(platform.database, THIN.text, [day])[day]
    assert (stored.contract, stored.source, stored.reason) == (THIN.text, "embedded", "")
    assert judge(platform, THIN, day) == [day], "the answer made it due"
    heard = verdict(platform, THIN, day)
    assert (heard.state, heard.witness, heard.witness_digest) == ("error", "convicts", stored.digest)
    assert heard.reason_code == "witness_lost_block"
    assert "without a tick, 2026-01-06 14:5" in heard.detail
    (told,) = read_day_states(platform.database, [THIN.text], day, day, platform.clock.now())
    assert (told.state, told.witness) == ("error", "convicts")
    assert told.reason.startswith("witness_lost_block: the provider's bars trade ")

    assert judge(platform, THIN, day) == [], "it was due once"
    assert ask(platform, THIN, day, every=True) == [], "what was answered is not asked again"
    exchange.reset()
    (mended,) = load(platform, THIN, day)
    assert (mended.state, mended.witness, mended.witness_digest) == ("ok", "agrees", stored.digest)


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ({"kind": "refuse", "status": 401, "at": "token"}, "denied"),
        ({"kind": "maintenance", "at": "token"}, "maintenance"),
        ({"kind": "refuse", "status": 502, "at": "handshake"}, "failed"),
        ({"kind": "garbage"}, "broken"),
    ],
)
def test_a_provider_that_fails_leaves_the_day_unwitnessed(
    platform: LoadContext, exchange: ExchangeControl, rule: dict[str, Any], outcome: str
) -> None:
    day = DAYS[0]
    forget(platform, THIN, *DAYS)
    (alone,) = load(platform, THIN, day)
    assert alone.witness == "unwitnessed"
    exchange.faults({**rule, "times": None})
    assert ask(platform, THIN, day) == [(day, outcome)]
    kept = read_witness(platform.database, THIN.text, [day])[day]
    assert kept.reason
    assert (kept.digest, kept.bars_json) == ("", "")
    assert judge(platform, THIN, day) == [], "no answer makes nothing due"
    assert verdict(platform, THIN, day) == alone

    exchange.reset()
    assert ask(platform, THIN, day) == [(day, "complete")]
    assert judge(platform, THIN, day) == [day]
    assert verdict(platform, THIN, day).witness == "agrees"


def test_bars_that_lost_the_same_minutes_acquit_nothing(platform: LoadContext, exchange: ExchangeControl) -> None:
    symbol, day = parse_symbol("CFFEX.IF2601"), DAYS[0]
    afternoon = {"kind": "hole", "symbol": symbol.text, "trading_day": day.isoformat(), "fraction": 0.51}
    exchange.faults({**afternoon, "amount": 10_600})
    (alone,) = load(platform, symbol, day)
    assert (alone.state, alone.witness) == ("error", "unwitnessed")

    assert ask(platform, symbol, day) == [(day, "complete")]
    judge(platform, symbol, day)
    convicted = verdict(platform, symbol, day)
    assert (convicted.state, convicted.reason_code, convicted.witness) == ("error", alone.reason_code, "convicts")
    assert "min without a tick, 2026-01-06 13:" in convicted.detail

    forget(platform, symbol, day)
    assert judge(platform, symbol, day) == [day], "an answer that is gone makes the day due as well"
    exchange.reset()
    exchange.faults({**afternoon, "amount": 10_600, "bars": True})
    assert ask(platform, symbol, day) == [(day, "complete")]
    judge(platform, symbol, day)
    heard = verdict(platform, symbol, day)
    assert heard.witness == "silent"
    assert (heard.state, heard.reason_code, heard.detail) == (alone.state, alone.reason_code, alone.detail)


def test_all_days_are_asked_about_where_it_is_wanted_in_one_request(
    platform: LoadContext, exchange: ExchangeControl
) -> None:
    symbol = parse_symbol("SHFE.cu2602")
    for verdict_ in load(platform, symbol, *DAYS):
        assert (verdict_.state, verdict_.witness) == ("ok", ""), "in no doubt"
    exchange.reset()
    assert ask(platform, symbol, *DAYS) == []
    assert exchange.requests("set_chart") == []
    assert ask(platform, symbol, *DAYS, every=True) == [(day, "complete") for day in DAYS]
    assert len({item["chart_id"] for item in exchange.requests("set_chart") if item["duration"]}) == 1
    assert judge(platform, symbol, *DAYS) == DAYS
    assert {verdict(platform, symbol, day).witness for day in DAYS} == {"agrees"}
    assert judge(platform, symbol, *DAYS) == []


Act = Callable[[LoadContext], object]


def standing_rows(platform: LoadContext) -> list[tuple[object, ...]]:
    """All that is stored of the days' verdicts, but when and by which load and judgement."""
    apart = {"updated_at": None, "judgement_id": "", "manifest_id": ""}
    rows: list[tuple[object, ...]] = []
    for day in DAYS:
        gaps = [
            dataclasses.replace(gap, updated_at=None, judgement_id="")
            for gap in read_gaps(platform.database, THIN.text, [day])
        ]
        coverage, quality = verdict(platform, THIN, day), read_quality(platform.database, THIN.text, [day])[day]
        rows.append((dataclasses.replace(coverage, **apart), gaps, dataclasses.replace(quality, **apart)))
    return rows


def test_three_orders_of_loads_and_answers_give_the_same_verdicts(
    platform: LoadContext, exchange: ExchangeControl
) -> None:
    first, second, third = DAYS
    faults: list[dict[str, Any]] = [
        {**TAIL, "trading_day": first.isoformat()},
        {"kind": "cut", "symbol": THIN.text, "session": "night", "amount": 25, "trading_day": second.isoformat()},
    ]

    def loads(*days: date) -> Act:
        return lambda context: load(context, THIN, *days)

    def asks(*days: date) -> Act:
        return lambda context: ask(context, THIN, *days)

    def fails(*days: date) -> Act:
        def act(context: LoadContext) -> None:
            exchange.reset()
            exchange.faults({"kind": "refuse", "status": 401, "at": "token", "times": None})
            ask(context, THIN, *days)
            exchange.reset()
            exchange.faults(*faults)

        return act

    orders: Sequence[Sequence[Act]] = [
        [loads(*DAYS), asks(*DAYS)],
        [loads(third), asks(third), loads(first), fails(first), loads(second), asks(second), asks(first)],
        [loads(second), loads(first, third), fails(*DAYS), asks(first), asks(third), loads(first), asks(second)],
    ]
    found: list[list[tuple[object, ...]]] = []
    for order in orders:
        forget(platform, THIN, *DAYS)
        exchange.reset()
        exchange.faults(*faults)
        for act in order:
            act(platform)
        judge(platform, THIN, *DAYS)
        assert judge(platform, THIN, *DAYS) == []
        found.append(standing_rows(platform))
    assert found[0] == found[1] == found[2]
    assert [row[0].witness for row in found[0]] == ["convicts", "convicts", "agrees"]  # type: ignore[attr-defined]


@given(
    st.dictionaries(
        st.dates(date(2025, 10, 1), date(2026, 2, 1)).filter(snapshot_calendar().is_trading_day),
        st.sampled_from(("SHFE.cu2602", "SHFE.cu2603")),
    )
)
def test_days_near_each_other_go_into_one_request(contracts: dict[date, str]) -> None:
    calendar = snapshot_calendar()
    found = contract_ranges(contracts, calendar)
    assert [day for _, own in found for day in own] == sorted(contracts)
    for contract, own in found:
        assert {contracts[day] for day in own} == {contract}
        assert len(calendar.days(own[0], own[-1])) <= LONGEST_DAYS
        assert all(len(calendar.days(a, b)) <= NEAR_DAYS + 1 for a, b in pairwise(own))
    for (contract, before), (other, after) in pairwise(found):
        far = len(calendar.days(before[-1], after[0])) > NEAR_DAYS + 1
        long = len(calendar.days(before[0], after[0])) > LONGEST_DAYS
        assert contract != other or far or long
