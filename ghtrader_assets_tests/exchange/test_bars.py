"""The provider's bars say what all trades of a day say, and reach the real client."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.exchange.bars import DAY_NS, MINUTE_NS, bars_of
from ghtrader_assets.exchange.contracts import Contract, contract_named, contracts_of, main_contract
from ghtrader_assets.exchange.history import Series, made_day, series_of
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.model2 import day_bar
from ghtrader_assets.exchange.plans import occasion_of
from ghtrader_assets.exchange.render import PageWriter
from ghtrader_assets.exchange.revisions import Revision
from ghtrader_assets.exchange.specs import Model, specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.true_ticks import MODEL_1, MODEL_2

UNTIL = date(2026, 1, 9)
DAY = date(2026, 1, 6)
DAYS = snapshot_calendar().days(date(2025, 1, 2), UNTIL)
models = st.sampled_from([MODEL_1, MODEL_2])


def series(symbol: str, model: Model, duration_ns: int, *revisions: Revision) -> Series:
    found = series_of(symbol, UNTIL, frozenset(revisions), model, duration_ns)
    assert found is not None
    return found


def bars(symbol: str, day: date, model: Model, duration_ns: int = MINUTE_NS, *revisions: Revision) -> Columns:
    found = series(symbol, model, duration_ns, *revisions)
    return found.columns(next(item for item in found.days if item.day == day), model.seed)


@st.composite
def contract_days(draw: st.DrawFn) -> tuple[Contract, date, Model]:
    model = draw(models)
    spec = draw(st.sampled_from(list(specs_of(model.number).values())))
    every = [item for item in contracts_of(spec) if item.days(UNTIL) and item.last_day >= DAYS[0]]
    contract = draw(st.sampled_from(every))
    return contract, draw(st.sampled_from([day for day in contract.days(UNTIL) if day >= DAYS[0]])), model


@given(case=contract_days())
@settings(max_examples=25, deadline=None)
def test_bars_add_up_to_the_days_tape(case: tuple[Contract, date, Model]) -> None:
    contract, day, model = case
    ticks = made_day(contract, day, model.seed).columns
    for duration_ns in (MINUTE_NS, DAY_NS):
        found = bars(contract.text, day, model, duration_ns)
        assert found["volume"].sum() == ticks["volume"][-1]
        assert (found["high"].max(), found["low"].min()) == (ticks["highest"][-1], ticks["lowest"][-1])
        assert found["open"][0] == ticks["last_price"][0]
        assert found["close"][-1] == ticks["last_price"][-1]
        assert found["close_oi"][-1] == ticks["open_interest"][-1]
        assert (found["open_oi"][1:] == found["close_oi"][:-1]).all()
        for name in ("open", "close"):
            assert ((found["low"] <= found[name]) & (found[name] <= found["high"])).all()
        assert (np.diff(found["datetime_ns"]) > 0).all()


@pytest.mark.parametrize("symbol", ["CZCE.CY605", "DCE.rr2605", "SHFE.cu2602"])
def test_a_minute_holds_what_was_traded_in_it(symbol: str) -> None:
    contract = contract_named(symbol, 2)
    assert contract is not None
    made, found = made_day(contract, DAY, MODEL_2.seed), bars(symbol, DAY, MODEL_2)
    starts = found["datetime_ns"].tolist()
    volumes, closes = dict.fromkeys(starts, 0), {}
    for stamp, lots, last in zip(
        made.columns["datetime_ns"].tolist(), made.lots.tolist(), made.columns["last_price"].tolist(), strict=True
    ):
        minute = max((start for start in starts if start <= stamp), default=starts[0])
        volumes[minute] += lots
        if lots:
            closes[minute] = last
    assert list(volumes.values()) == found["volume"].tolist()
    shown = dict(zip(starts, found["close"].tolist(), strict=True))
    assert {minute: shown[minute] for minute in closes} == closes
    windows = contract.sessions(DAY).windows
    assert len(starts) == sum((window.end_ns - window.start_ns) // MINUTE_NS for window in windows)


@pytest.mark.parametrize("key", ["SHFE.cu", "CFFEX.IF", "GFEX.lc", "CZCE.SR", "INE.bc", "SHFE.wr"])
def test_a_days_bar_is_the_one_of_all_its_ticks(key: str) -> None:
    """Ordinary days, and those that are halted or pinned at a limit."""
    days = series(f"KQ.m@{key}", MODEL_2, DAY_NS).days
    special = [item for item in days if occasion_of(item.contract, item.day, MODEL_2.seed)]
    for item in (*special[-3:], *days[-300::150]):
        made = made_day(item.contract, item.day, MODEL_2.seed, with_book=False)
        of_ticks = bars_of(item.contract, item.day, DAY_NS, made, MODEL_2.seed)
        alone = day_bar(item.contract, item.day, MODEL_2.seed)
        assert [(name, values.dtype, values.tobytes()) for name, values in alone.items()] == [
            (name, values.dtype, values.tobytes()) for name, values in of_ticks.items()
        ]


def test_ids_are_contiguous_and_a_day_is_stamped_midnight() -> None:
    for duration_ns in (MINUTE_NS, DAY_NS):
        found = series("SHFE.cu2602", MODEL_2, duration_ns)
        assert [day.first_id for day in found.days] == [0, *(day.end_id for day in found.days[:-1])]
        assert found.last_id == found.days[-1].end_id - 1
    days = series("SHFE.cu2602", MODEL_2, DAY_NS)
    assert bars("SHFE.cu2602", DAY, MODEL_2, DAY_NS)["datetime_ns"].tolist() == [instant_ns(DAY, 0)]
    place = next(item.first_id for item in days.days if item.day == DAY)
    assert days.id_from(snapshot_calendar().window(DAY).start_ns, MODEL_2.seed) == place
    assert series_of("SHFE.cu2602", UNTIL, frozenset(), MODEL_2, 5 * NS) is None


@given(left=st.integers(-3, 300), width=st.integers(1, 300), duration_ns=st.sampled_from([MINUTE_NS, DAY_NS]))
@settings(max_examples=15, deadline=None)
def test_a_page_of_bars_says_what_the_columns_say(left: int, width: int, duration_ns: int) -> None:
    """Whatever days it spans, and where it begins in the first of them."""
    found = series("DCE.rr2605", MODEL_2, duration_ns)
    page = json.loads(b"{%b}" % PageWriter(MODEL_2.seed, 1).page(found, left, left + width))
    assert list(page) == [str(number) for number in range(max(left, 0), min(left + width, found.last_id + 1))]
    for number, bar in page.items():
        (day, place, _) = found.span(int(number), int(number) + 1)[0]
        columns = found.columns(day, MODEL_2.seed)
        row = {name: values[place - day.first_id].item() for name, values in columns.items()}
        assert bar == {"datetime" if name == "datetime_ns" else name: value for name, value in row.items()}


def test_a_day_of_an_alias_has_the_bars_of_its_main_contract() -> None:
    main = main_contract(specs_of(2)["SHFE.cu"], DAY)
    alias, own = bars("KQ.m@SHFE.cu", DAY, MODEL_2), bars(main.text, DAY, MODEL_2)
    assert all((alias[name] == own[name]).all() for name in own)


def test_bars_that_lost_minutes_show_no_trade_in_them() -> None:
    plain = bars("SHFE.cu2602", DAY, MODEL_2)
    lost = bars("SHFE.cu2602", DAY, MODEL_2, MINUTE_NS, Revision("hole", DAY, amount=1000, bars=True))
    changed = np.flatnonzero(plain["volume"] != lost["volume"])
    assert 8 <= len(changed) <= 14, "1,000 ticks are some eleven minutes"
    assert (np.diff(changed) == 1).all()
    assert (lost["volume"][changed] == 0).all()
    assert set(lost["close"][changed]) == {plain["close"][changed[0] - 1]}
    assert lost["close_oi"][-1] == plain["close_oi"][-1]
    assert len(lost["volume"]) == len(plain["volume"])


@pytest.mark.parametrize(
    ("symbol", "model", "digest"),
    [
        ("SHFE.cu2602", MODEL_1, "43b2aba1898c62f9b1bff7ebb9d67ae5"),
        ("SHFE.cu2602", MODEL_2, "8fc4a75a397393fe30a2c89eaf2f4bf1"),
        ("CZCE.CY605", MODEL_2, "fc4c812dd4b73560eaf9d3625aae2b75"),
        ("DCE.rr2605", MODEL_2, "b1a8163d6b885b2a1533620cb7a155ae"),
    ],
)
def test_the_bars_of_a_day_stay_what_they_are(symbol: str, model: Model, digest: str) -> None:
    found = hashlib.sha256()
    for duration_ns in (MINUTE_NS, DAY_NS):
        for values in bars(symbol, DAY, model, duration_ns).values():
            found.update(values.tobytes())
    assert found.hexdigest()[:32] == digest


CLIENT = """
import numpy as np, requests, shutil, tqsdk.data_series
from ghtrader_assets_tests.exchange.test_bars import DAY, DAY_NS, MINUTE_NS, MODEL_2, bars
api = TqApi(auth=TqAuth("user", "password"), disable_print=True)
same = {}
def compare(name, got, want):
    names = [name for name in want if name != "datetime_ns"]
    stamps = np.array_equal(got["datetime"].to_numpy().astype("int64"), want["datetime_ns"])
    same[name] = bool(stamps) and all(np.array_equal(got[each].to_numpy(), want[each]) for each in names)
durations = {60: MINUTE_NS, 86400: DAY_NS}
for symbol in ("SHFE.cu2602", "CZCE.CY605", "KQ.m@SHFE.cu"):
    for seconds in durations if symbol[0] != "K" else [60]:
        want = bars(symbol, DAY, MODEL_2, durations[seconds])
        compare(f"{symbol} {seconds} series", api.get_kline_data_series(symbol, seconds, DAY, DAY), want)
for symbol, seconds, length in (("CFFEX.IF2601", 60, 2500), ("CFFEX.IF2601", 86400, 20), ("KQ.m@SHFE.cu", 86400, 225)):
    want = bars(symbol, DAY, MODEL_2, durations[seconds])
    serial = api.get_kline_serial(symbol, seconds, data_length=length)
    start, end = want["datetime_ns"][0], want["datetime_ns"][-1]
    compare(f"{symbol} {seconds} serial", serial[(serial.datetime >= start) & (serial.datetime <= end)], want)
rule = {"kind": "hole", "symbol": "SHFE.cu2602", "trading_day": "2026-01-06", "amount": 3000}
def volumes():
    return int(api.get_kline_data_series("SHFE.cu2602", 60, DAY, DAY)["volume"].sum())
api.close()
for name, rules in (("left alone", [rule]), ("told", [{**rule, "bars": True}])):
    requests.post(f"{URL}/control/reset", json={})
    requests.post(f"{URL}/control/faults", json=rules)
    shutil.rmtree(tqsdk.data_series.CACHE_DIR)
    api = TqApi(auth=TqAuth("user", "password"), disable_print=True)
    same[name] = volumes() == int(bars("SHFE.cu2602", DAY, MODEL_2)["volume"].sum())
    api.close()
print(json.dumps(same))
"""


@pytest.mark.joint
def test_the_real_client_reads_the_bars(tmp_path: Path, run_client: Callable[..., CompletedProcess[str]]) -> None:
    with started_exchange(tmp_path / "exchange", model=2) as control:
        ended = run_client(control, f"URL = {control.url!r}\n{CLIENT}")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told.pop("told") is False
    assert all(told.values()), told
