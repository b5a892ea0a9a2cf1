"""The table of what fooled verdicts, each row through a real load: an exchange with the fault, a home that has loaded
20 clean days before the day, and one that has loaded that day alone.

What each verdict is in its figures stands with the campaign (`bench.test_truth_table`); here it is what a day's load
leaves: how the day stands, the session named, whether a repair asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.reader import read_gaps, read_summary
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.causes import Cause
from ghtrader_assets.upkeep.repair import read_plan
from ghtrader_assets.validation.windows import WINDOW_DAYS
from ghtrader_assets_tests.fix_exchange import ExchangeControl, started_exchange

pytestmark = pytest.mark.joint

MONDAY = date(2026, 1, 12)
"""Its night session goes from Friday's evening into Saturday."""
COPPER, MEAL, INDEX = (parse_symbol(f"KQ.m@{name}") for name in ("SHFE.cu", "DCE.m", "CFFEX.IF"))
PAST = {"20 clean days": (COPPER, INDEX), "alone": (MEAL, parse_symbol("CFFEX.IF2601"))}
Stamps = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Home:
    """A home with the days that it has loaded, Monday the last of them, of an exchange of model 2."""

    context: LoadContext
    exchange: ExchangeControl
    symbol: Symbol
    index: Symbol
    history: bool
    ticks: dict[Symbol, Stamps] = field(default_factory=dict[Symbol, Stamps])
    """The seconds of Monday's ticks, as they should be."""

    def load(self, symbol: Symbol, *days: date) -> list[DayOutcome]:
        loaded = load_days(self.context, {symbol: days}, "test", must_judge=True, on_retry=lambda _: None)
        return list({outcome.trading_day: outcome for outcome in loaded}.values())

    def clean(self, symbol: Symbol, *days: date) -> None:
        self.exchange.reset()
        for outcome in self.load(symbol, *days):
            assert outcome.failure == ""
        for verdict in read_summary(self.context.database, symbol.text, days).values():
            assert verdict.state in ("ok", "warn"), verdict.detail
            assert verdict.state == "ok" or verdict.reason_code == "market_halted", verdict.detail
        assert self.repairs(symbol) == []
        window = self.context.calendar.window(MONDAY)
        frame = read_ticks(self.context.database, symbol.text, window)
        self.ticks[symbol] = frame["datetime_ns"].to_numpy() // NS

    def faulty(self, symbol: Symbol, rule: dict[str, Any]) -> DayState:
        """How Monday stands after a load with the fault."""
        self.exchange.faults({"symbol": self.standing(symbol).contract, "trading_day": str(MONDAY), **rule})
        (outcome,) = self.load(symbol, MONDAY)
        assert outcome.failure == ""
        return self.standing(symbol)

    def standing(self, symbol: Symbol) -> DayState:
        (told,) = read_day_states(self.context.database, [symbol.text], MONDAY, MONDAY, SYSTEM_CLOCK.now())
        return told

    def repairs(self, symbol: Symbol) -> list[tuple[date, Cause]]:
        found = set[tuple[date, Cause]]()
        for in_bulk in (False, True):
            plan = read_plan(self.context, [symbol], MONDAY, MONDAY, SYSTEM_CLOCK.now(), in_bulk=in_bulk)
            found |= {(item.trading_day, item.cause) for item in (*plan.planned, *plan.waiting)}
        return sorted(found)


@pytest.fixture(scope="module")
def exchange_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeControl]:
    with started_exchange(tmp_path_factory.mktemp("exchange"), model=2) as control:
        yield control


@pytest.fixture(scope="module")
def context(
    exchange_process: ExchangeControl,
    tqsdk_once: None,
    calendar: TradingCalendar,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LoadContext]:
    home = tmp_path_factory.mktemp("home")
    server = EmbeddedQuestDB(home)
    try:
        with Database(server.start()) as database:
            ensure_schema(database, home, SYSTEM_CLOCK)
            provider = Provider("quant", SecretStr("quant"), exchange_process.environment, "embedded")
            settings = Settings(
                home=home, ingest_workers=2, min_free_mb=0, fast_history="on", start_date=date(2025, 12, 1)
            )
            yield LoadContext(settings=settings, calendar=calendar, database=database, provider=provider)
    finally:
        server.stop()


@pytest.fixture(scope="module", params=PAST)
def past(request: pytest.FixtureRequest, context: LoadContext, exchange_process: ExchangeControl) -> Home:
    """Both symbols with their days loaded, Monday the last of them."""
    symbol, index = PAST[request.param]
    history = request.param != "alone"
    calendar = context.calendar
    days = calendar.days(date(2025, 12, 1), MONDAY)[-1 - WINDOW_DAYS * history :]
    home = Home(context, exchange_process, symbol, index, history)
    for each in (symbol, index):
        home.clean(each, *days)
    return home


@pytest.fixture
def home(past: Home) -> Iterator[Home]:
    past.exchange.reset()
    yield past
    past.exchange.reset()


def day_session(home: Home) -> tuple[int, int, int]:
    """The places among Monday's ticks of its day session's first, its first after ten seconds, and its closing one."""
    windows = day_sessions(home.symbol, MONDAY, home.context.calendar).windows
    opening = next(window.start_ns for window in windows if window.session == "day") // NS
    at = [opening - 1800, opening + 10, windows[-1].end_ns // NS + 1]
    first, tenth, behind = (int(place) for place in np.searchsorted(home.ticks[home.symbol], at))
    return first, tenth, behind - 1


@pytest.mark.parametrize("left", ["its closing tick", "its first ten seconds", "nothing"])
def test_a_lost_day_session_is_named_and_asked_for_again(home: Home, left: str) -> None:
    first, tenth, closing = day_session(home)
    begin = tenth if left == "its first ten seconds" else first
    amount = closing - first if left == "its closing tick" else len(home.ticks[home.symbol])
    cut = {"kind": "cut", "amount": amount, "fraction": begin / (len(home.ticks[home.symbol]) - 1)}
    told = home.faulty(home.symbol, cut)
    assert told.state == "error"
    if left == "nothing":
        assert "the day session (09:00-15:00) has no tick" in told.reason
    else:
        assert told.reason.startswith("session_lost: the day session (09:00-15:00) is lost")
    lost = [gap for gap in read_gaps(home.context.database, home.symbol.text, [MONDAY]) if gap.session == "day"]
    assert {gap.attribution for gap in lost} <= {"lost", "unknown"}
    assert home.repairs(home.symbol) == [(MONDAY, Cause.PARTIAL)]


@pytest.mark.parametrize("rule", [{"kind": "one_left"}, {"kind": "thin", "amount": 365}], ids=["one", "some 110"])
def test_a_day_of_few_ticks_is_lost_and_asked_for_again(home: Home, rule: dict[str, Any]) -> None:
    told = home.faulty(home.symbol, rule)
    assert (told.state, told.reason.partition(":")[0]) == ("error", "session_lost")
    assert home.repairs(home.symbol) == [(MONDAY, Cause.PARTIAL)]


@pytest.mark.parametrize("every", [10, 60, 2000])
def test_a_thinned_day_is_in_error_and_says_what_is_missing(home: Home, every: int) -> None:
    if home.history or every == 2000:
        told = home.faulty(home.symbol, {"kind": "thin", "amount": every})
        assert told.state == "error"
        assert "%" in told.reason
        assert {cause for _, cause in home.repairs(home.symbol)} <= {Cause.PARTIAL}


def test_an_afternoon_but_its_last_second_is_lost(home: Home) -> None:
    stamps = home.ticks[home.index]
    noon = day_sessions(home.index, MONDAY, home.context.calendar).windows[0].end_ns // NS
    kept = int(np.searchsorted(stamps, noon + 60))
    last = len(stamps) - int(np.searchsorted(stamps, stamps[-1]))
    hole = {"kind": "hole", "amount": len(stamps) - kept - last, "fraction": kept / (len(stamps) - 1)}
    told = home.faulty(home.index, hole)
    assert (told.state, told.reason.partition(":")[0]) == ("error", "session_lost")
    assert {gap.attribution for gap in read_gaps(home.context.database, home.index.text, [MONDAY])} == {"lost"}
    assert home.repairs(home.index) == [(MONDAY, Cause.PARTIAL)]


def test_the_small_hours_of_saturday_stamped_on_monday_are_named_with_their_place(home: Home) -> None:
    """Copper's night goes on past midnight; soybean meal's ends at 23:00, and half an hour of it is moved."""
    night = day_sessions(home.symbol, MONDAY, home.context.calendar).windows[0]
    stamps, end = home.ticks[home.symbol], night.end_ns // NS
    begin = end - 3600 if home.symbol is COPPER else end - 1800
    first, last = (int(np.searchsorted(stamps, each)) for each in (begin, end - 60))
    moved = {"kind": "moved", "amount": last - first, "fraction": first / (len(stamps) - 1), "offset_days": 2}
    told = home.faulty(home.symbol, moved)
    assert (told.state, told.reason.partition(":")[0]) == ("error", "trading_outside")
    assert "they belong 2 day" in told.reason
    assert "in the night session's hole" in told.reason


@pytest.mark.parametrize(
    ("rule", "late"),
    [({"offset_s": 29.0}, 29), ({"offset_s": 60.0}, 60), ({"offset_s": 290.0, "session": "day"}, 290)],
    ids=["29 s", "60 s", "the day session 290 s"],
)
def test_stamps_that_are_late_are_in_error(home: Home, rule: dict[str, Any], late: int) -> None:
    told = home.faulty(home.symbol, {"kind": "shift", **rule})
    assert (told.state, told.reason.partition(":")[0]) == ("error", "trading_outside")
    assert f"stamped {late} s late" in told.reason


def test_what_can_not_be_read_is_broken_and_replaces_nothing(home: Home) -> None:
    home.clean(home.symbol, MONDAY)
    before = home.standing(home.symbol)
    for kind in ("far_stamps",) if home.history else ("text_stamps", "far_stamps", "text_values"):
        home.exchange.reset()
        home.exchange.faults({"kind": kind, "symbol": before.contract})
        (outcome,) = home.load(home.symbol, MONDAY)
        assert (outcome.state, outcome.failure.partition(":")[0]) == ("broken", "broken"), kind
        after = home.standing(home.symbol)
        assert (after.digest, after.state, after.ingest_state) == (before.digest, "ok", "complete")


def test_the_last_days_of_a_contract_that_is_still_called_main_warn(home: Home) -> None:
    """Copper's roll of January comes to the contract that ends on the 15th; a day alone can't tell."""
    if not home.history:
        return
    roll = {"kind": "wrong_main", "symbol": COPPER.text, "trading_day": "2026-01-07", "contract": "SHFE.cu2601"}
    home.exchange.faults(roll)
    refresh_schedule(home.context, COPPER, force_refresh=True)
    try:
        (outcome,) = home.load(COPPER, MONDAY)
        assert outcome.failure == ""
        told = home.standing(COPPER)
    finally:
        home.exchange.reset()
        refresh_schedule(home.context, COPPER, force_refresh=True)
    assert (told.contract, told.state in ("warn", "error")) == ("SHFE.cu2601", True)
    assert "is it still the main contract?" in told.reason


def test_the_day_is_good_again_once_it_is_loaded_without_the_fault(home: Home) -> None:
    home.clean(home.symbol, MONDAY)
    home.clean(home.index, MONDAY)
