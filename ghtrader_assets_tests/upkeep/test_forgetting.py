"""Forgetting days and symbols: gone for every reader, and whatever is killed, the same command brings it to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path

import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.manifests import manifest_path, write_manifest_file
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_grid
from ghtrader_assets.questdb.tables.forgetting import DaysOfSymbol
from ghtrader_assets.questdb.tables.schema import TABLES
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.runtime import living_run
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets.upkeep.forgetting import carry_out, forget, forgotten, plan_forget
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.fix_store import Record, begin

WEEK = (date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 8))
GOING = WEEK[1:3]
LoadOf = Callable[..., DayLoad]
WITH_SYMBOL = [name for name, table in TABLES.items() if any(each.name == "symbol" for each in table.columns)]


@pytest.fixture
def context(settings: Settings, calendar: TradingCalendar, db: Database) -> StoreContext:
    return StoreContext(settings=settings, calendar=calendar, database=db, clock=SYSTEM_CLOCK)


class Wiped:
    """Stands where Dagster's records are taken away."""

    def __init__(self) -> None:
        self.spans: list[DaysOfSymbol] = []

    def __call__(self, what: DaysOfSymbol) -> None:
        self.spans.append(what)


class Home:
    """A symbol of which four days are stored, with files, and another one that nothing may happen to."""

    def __init__(self, context: StoreContext, record: Record, load_of: LoadOf) -> None:
        self.context, self.db = context, context.database
        self.symbol, self.other = parse_symbol(fresh_symbol()), parse_symbol(fresh_symbol())
        for symbol in (self.symbol, self.other):
            for day in WEEK:
                manifest = record(replace(load_of(day), symbol=symbol.text))
                write_manifest_file(context.settings.home, manifest)
                assert manifest_path(context.settings.home, manifest).is_file()
        self.untouched = self.rows(self.other.text)

    def rows(self, symbol: str, days: tuple[date, ...] = WEEK) -> dict[str, int]:
        """How many rows each table that readers see has of a symbol."""
        names = [day.isoformat() for day in days]
        places = ", ".join(["%s"] * len(names))
        return {
            name: self.db.rows(
                "counted",
                f"SELECT count() FROM {name} WHERE symbol = %s AND trading_day IN ({places})",
                [symbol, *names],
            )[0][0]
            for name in WITH_SYMBOL
            if any(each.name == "trading_day" for each in TABLES[name].columns)
        }

    def files(self, symbol: str) -> list[str]:
        folder = self.context.settings.home / "manifests" / parse_symbol(symbol).key
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def require_gone(self) -> None:
        """The two days are gone and nothing else is."""
        assert set(self.rows(self.symbol.text, GOING).values()) == {0}
        assert min(self.rows(self.symbol.text, WEEK[:1])[name] for name in ("ghtrader_ticks_main_l5_v2",)) > 0
        assert self.rows(self.other.text) == self.untouched
        assert self.files(self.symbol.text) == [str(WEEK[0]), str(WEEK[3])]
        assert self.files(self.other.text) == [str(day) for day in WEEK]


@pytest.fixture
def home(context: StoreContext, record: Record, load_of: LoadOf) -> Home:
    return Home(context, record, load_of)


def test_days_are_planned_and_go_with_a_document_that_says_so(home: Home, store: Store) -> None:
    wiped, before = Wiped(), home.rows(home.symbol.text)
    (planned,) = plan_forget(home.context, home.symbol, *GOING)
    assert [day.trading_day for day in planned.days] == list(GOING)
    assert planned.rows > 0
    assert home.rows(home.symbol.text) == before, "a plan changes nothing"
    store.coverage(home.symbol.text)
    (done,) = forget(home.context, [planned], wiped, who="another")
    home.require_gone()
    assert wiped.spans == [DaysOfSymbol(home.symbol.text, *GOING, whole=False)]
    assert done.finished is not None
    assert (done.who, done.days) == ("another", planned.days)
    assert forgotten(home.context.settings.home, home.symbol) == [done]
    assert [day.trading_day for day in store.days(home.symbol.text, WEEK[0], WEEK[3]) if day.rows] == [WEEK[0], WEEK[3]]
    (covered,) = store.coverage(home.symbol.text)
    assert covered.n_days == 2, "no kept answer outlives the days"
    with pytest.raises(BadInputError, match="no whole day"):
        store.ticks(home.symbol.text, GOING[0])
    assert plan_forget(home.context, home.symbol, *GOING) == []
    grid = read_grid(home.db, WEEK[0], WEEK[3], SYSTEM_CLOCK.now())
    assert None not in set(grid["symbol"])
    assert {row.symbol for row in store.manifests(GOING[0])} == {home.other.text}, "questions that name no symbol"


def test_a_whole_symbol_goes_with_all_that_is_its_own(home: Home, store: Store) -> None:
    folder, wiped = home.context.settings.home, Wiped()
    pictures = folder / "pictures" / home.symbol.key
    pictures.mkdir(parents=True)
    (planned,) = plan_forget(home.context, home.symbol, None, None)
    (done,) = forget(home.context, [planned], wiped, who="me")
    assert set(home.rows(home.symbol.text).values()) == {0}
    assert home.rows(home.other.text) == home.untouched
    assert home.files(home.symbol.text) == []
    assert not pictures.exists()
    assert wiped.spans[0].whole
    assert home.symbol.text not in {row.symbol for row in store.coverage()}
    assert None not in {row.symbol for row in store.latest()}
    assert plan_forget(home.context, home.symbol, None, None) == [], "it was forgotten, and that is known"
    assert done.finished is not None


def test_a_day_that_is_loaded_afterwards_is_there_again(home: Home, record: Record, load_of: LoadOf) -> None:
    before = home.rows(home.symbol.text, GOING)
    forget(home.context, plan_forget(home.context, home.symbol, *GOING), Wiped(), who="me")
    for day in GOING:
        record(replace(load_of(day), symbol=home.symbol.text))
    assert home.rows(home.symbol.text, GOING) == before


def test_wherever_it_is_killed_the_same_command_brings_it_to_its_end(
    context: StoreContext, record: Record, load_of: LoadOf
) -> None:
    steps = None
    reached = 0
    while steps is None or reached < steps:
        home = Home(context, record, load_of)
        (planned,) = plan_forget(context, home.symbol, *GOING)
        begun = replace(planned, forget_id=f"forget-killed-{reached:02}", who="me", began=context.clock.now())
        walk = carry_out(context, begun, Wiped())
        done = len(list(islice(walk, reached)))
        if steps is None:
            steps = 15
        walk.close()
        assert done == reached, "fewer steps than this test believes"
        again, wiped = plan_forget(context, home.symbol, *GOING), Wiped()
        for each in forget(context, again, wiped, who="me"):
            assert each.finished is not None
        home.require_gone()
        assert wiped.spans
        assert {each.finished is None for each in forgotten(context.settings.home, home.symbol)} == {False}
        assert plan_forget(context, home.symbol, *GOING) == []
        reached += 3
    assert len(list(carry_out(context, replace(begun, forget_id="forget-whole"), Wiped()))) == steps


def test_nothing_goes_while_a_run_loads_the_symbol(home: Home, load_of: LoadOf) -> None:
    begin(home.db, replace(load_of(WEEK[3]), symbol=home.symbol.text))
    planned = plan_forget(home.context, home.symbol, *GOING)
    with living_run(home.context.settings.home, "test"), pytest.raises(ServiceError, match="is loading"):
        forget(home.context, planned, Wiped(), who="me")
    assert home.rows(home.symbol.text, GOING)["ghtrader_main_l5_daily_agg_v2"] == 2
    assert forgotten(home.context.settings.home) == []


def test_a_symbol_that_nothing_is_known_of_is_refused(context: StoreContext) -> None:
    with pytest.raises(BadInputError, match="never forgotten"):
        plan_forget(context, parse_symbol(fresh_symbol()), None, None)


def test_a_universe_that_was_mistyped_leaves_a_schedule_alone_and_that_goes(
    context: StoreContext, db: Database, load_of: LoadOf
) -> None:
    symbol = parse_symbol(fresh_symbol())
    begin(db, replace(load_of(WEEK[0]), symbol=symbol.text))
    (planned,) = plan_forget(context, symbol, None, None)
    assert planned.days[0].rows == 0
    forget(context, [planned], Wiped(), who="me")
    assert plan_forget(context, symbol, None, None) == []
    path = Path(context.settings.home / "manifests" / "forgotten")
    assert len(list(path.iterdir())) == 1
