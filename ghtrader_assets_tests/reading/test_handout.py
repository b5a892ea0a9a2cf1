"""Readers are told: which days of a range are missing or not good, and how each that is handed out stands."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ghtrader_assets
from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError, DayReplacedError, DayStateWarning, IngestState
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import write_manifests
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.reading.export import METADATA_KEY, export_days
from ghtrader_assets.reading.handout import Handout, handout_of
from ghtrader_assets.reading.overview import summary_of
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets.upkeep.acceptance import accept_days
from ghtrader_assets_tests.fix_store import Record
from ghtrader_assets_tests.made_manifest import manifest
from ghtrader_assets_tests.pasts import Judged, judge

DAYS = [date(2026, 1, day) for day in (5, 6, 7, 8, 9, 12, 13, 14)]
STATES = ("ok", "warn", "error", "partial", "")
LoadOf = Callable[..., DayLoad]


@pytest.fixture
def week(load_of: LoadOf, record: Record, symbol: str) -> str:
    """A symbol whose first five days are ok, warn, in error, partial and unjudged; the next three are not stored."""
    for day, state in zip(DAYS, STATES, strict=False):
        record(load_of(day, rows=20), state=state)
    return symbol


def told(store: Store, symbol: str, start: date, end: date, **which: Any) -> DayStateWarning:
    with pytest.warns(DayStateWarning) as caught:
        store.ticks(symbol, start, end, **which)
    (warning,) = caught
    assert Path(warning.filename) == Path(__file__), "it points at who asked"
    assert isinstance(warning.message, DayStateWarning)
    return warning.message


def days_in(frame: Any) -> list[date]:
    return [day.date() for day in frame["trading_day"].unique()]


def test_the_days_that_are_not_good_are_named_once(store: Store, week: str) -> None:
    warning = told(store, week, DAYS[0], DAYS[-1])
    assert str(warning) == (
        f"{week}: 6 of 8 trading days are missing, partial, in error or unjudged: 2026-01-07 error, 2026-01-08 partial,"
        " 2026-01-09 unjudged, 2026-01-12 missing, 2026-01-13 missing and 1 more;"
        f" `ghtrader-assets days {week} --from 2026-01-07 --to 2026-01-14` says why"
    )
    assert warning.states[DAYS[2]] == "error"
    assert list(warning.states) == DAYS[2:]
    assert ghtrader_assets.DayStateWarning is DayStateWarning


def test_good_days_say_nothing(store: Store, week: str) -> None:
    assert days_in(store.ticks(week, *DAYS[:2])) == DAYS[:2]
    assert days_in(store.ticks(week, DAYS[0])) == DAYS[:1]


def test_states_choose_the_days(store: Store, week: str) -> None:
    with pytest.warns(DayStateWarning):
        assert days_in(store.ticks(week, DAYS[0], DAYS[-1], states="any")) == DAYS[:5]
    with pytest.warns(DayStateWarning):
        assert days_in(store.ticks(week, DAYS[0], DAYS[-1], states="judged")) == DAYS[:4]
    with pytest.warns(DayStateWarning):
        assert days_in(store.ticks(week, DAYS[0], DAYS[-1], states="good")) == DAYS[:2]
    with pytest.raises(BadInputError, match=r"no stored day of .* is good: 2026-01-07 error, 2026-01-08 partial; ask"):
        store.ticks(week, DAYS[2], DAYS[3], states="good")
    with pytest.raises(BadInputError, match="there is no states='fine'; choose one of any, judged, good"):
        store.ticks(week, DAYS[0], states="fine")  # type: ignore[call-overload]


def test_a_stream_hands_out_the_state_of_each_day(store: Store, week: str) -> None:
    with pytest.warns(DayStateWarning):
        found = [(day.trading_day, day.state, day.reason) for day, _ in store.stream_ticks(week, DAYS[0], DAYS[-1])]
    reasons = [
        "made_up_ok",
        "made_up_warn",
        "made_up_error",
        "made_up_partial",
        "not_judged",
    ]
    assert found == list(zip(DAYS[:5], ["ok", "warn", "error", "partial", "unjudged"], reasons, strict=True))


def test_a_file_says_how_its_days_stand(store: Store, week: str, tmp_path: Path) -> None:
    handout = handout_of(store.context, parse_symbol(week), DAYS[0], DAYS[-1])
    export_days(handout, tmp_path / "week.parquet")
    export_days(handout, tmp_path / "week.csv")
    export_days(handout, tmp_path / "tree")
    in_parquet = json.loads(pq.read_metadata(tmp_path / "week.parquet").metadata[METADATA_KEY.encode()])
    in_csv = json.loads((tmp_path / "week.csv-metadata.json").read_text())[METADATA_KEY]
    assert in_parquet == in_csv
    assert list(in_parquet["states"].values()) == ["ok", "warn", "error", "partial", "unjudged"]
    assert in_parquet["reasons"]["2026-01-07"] == "made_up_error"
    (file,) = (tmp_path / "tree").glob("*/trading_day=2026-01-08/ticks.parquet")
    assert json.loads(pq.read_metadata(file).metadata[METADATA_KEY.encode()])["states"] == {"2026-01-08": "partial"}


def as_operator(store: Store, db: Database) -> StoreContext:
    return dataclasses.replace(store.context, database=db)


def test_an_accepted_day_is_handed_out_and_not_warned_of(store: Store, db: Database, week: str, tmp_path: Path) -> None:
    empty = manifest(
        symbol=week, trading_day=DAYS[5], outcome=IngestState.PROVIDER_EMPTY, manifest_id=f"{week}-empty", digest=""
    )
    write_manifests(db, [empty])
    accept_days(as_operator(store, db), parse_symbol(week), DAYS[2], DAYS[5], who="operator", reason="so be it")
    assert list(told(store, week, DAYS[0], DAYS[5]).states) == [DAYS[4]], "it was not judged, and not accepted"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert days_in(store.ticks(week, *DAYS[:4:3], states="judged")) == DAYS[:4]
        assert days_in(store.ticks(week, *DAYS[:4:3], states="good")) == DAYS[:2], "accepted is not good"
        said = {day.trading_day: day.accepted for day, _ in store.stream_ticks(week, *DAYS[:4:3])}
    assert [day for day, accepted in said.items() if accepted is not None] == DAYS[2:4]
    handout = handout_of(store.context, parse_symbol(week), *DAYS[:4:3])
    assert (handout.warning, handout.all_good) == ("", False)
    export_days(handout, tmp_path / "week.csv")
    in_csv = json.loads((tmp_path / "week.csv-metadata.json").read_text())[METADATA_KEY]
    assert in_csv["accepted"]["2026-01-08"]["who"] == "operator"
    assert list(in_csv["accepted"]) == ["2026-01-07", "2026-01-08"]


def test_days_that_are_not_over_or_before_the_start_are_not_missing(
    settings: Settings, load_of: LoadOf, record: Record, symbol: str
) -> None:
    record(load_of(DAYS[1], rows=20))
    noon = Clock(lambda: instant_ns(DAYS[3], 12 * 3600))
    with Store(settings.model_copy(update={"start_date": DAYS[1]})) as store:
        context = dataclasses.replace(store.context, clock=noon)
        handout = handout_of(context, parse_symbol(symbol), DAYS[0], DAYS[4])
    assert [(day.trading_day, day.state) for day in handout.not_good] == [(DAYS[2], "missing")]
    assert (handout.expected, handout.to_come) == (2, 2)


def test_a_failed_day_is_named_by_its_outcome(store: Store, db: Database, week: str) -> None:
    write_manifests(
        db, [manifest(symbol=week, trading_day=DAYS[6], outcome=IngestState.SHORT, manifest_id=f"{week}-short")]
    )
    assert told(store, week, DAYS[0], DAYS[-1]).states[DAYS[6]] == "short"


def asked_by(store: Store, ask: Callable[[], object]) -> list[str]:
    """The names of the queries that an answer costs, but for those of single days."""
    names: list[str] = []
    plain = store.database.rows

    def rows(name: str, *rest: Any) -> Any:
        names.append(name)
        return plain(name, *rest)

    store.database.rows = rows  # type: ignore[method-assign]
    try:
        ask()
    finally:
        store.database.rows = plain  # type: ignore[method-assign]
    return [name for name in names if name not in {"daily_agg", "later_attempts", "our_tables", "schema_version"}]


def test_one_query_where_all_days_are_stored_and_three_more_where_not(store: Store, week: str) -> None:
    symbol = parse_symbol(week)

    def ask(end: date) -> Handout:
        return handout_of(store.context, symbol, DAYS[0], end)

    assert asked_by(store, lambda: list(ask(DAYS[1]).read())) == ["day_states.stored"]
    assert asked_by(store, lambda: list(ask(DAYS[-1]).read())) == [
        "day_states.stored", "schedule", "contract_lives", "day_states.attempts",
    ]  # fmt: skip


def test_a_contract_that_is_read_from_its_main_symbol_costs_one_query_more_at_most(
    store: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    contract = symbol.removeprefix("KQ.m@") + "2602"
    for day in DAYS[:2]:
        record(load_of(day, rows=20, contract=contract))

    def costs(ask: Callable[[str], object]) -> tuple[list[str], list[str]]:
        return asked_by(store, lambda: ask(symbol)), asked_by(store, lambda: ask(contract))

    for end in (DAYS[1], DAYS[3]):
        main, own = costs(
            lambda name, end=end: list(handout_of(store.context, parse_symbol(name), DAYS[0], end).read())
        )
        assert (own, len(main)) == (main, 1 if end == DAYS[1] else 4)
    asks: list[Callable[[str], object]] = [
        lambda name: store.days(name, DAYS[0], DAYS[3]),
        lambda name: store.gaps(name, DAYS[0]),
        lambda name: store.quality(name, DAYS[0]),
        lambda name: summary_of(store.context, parse_symbol(name)),
    ]
    for ask in asks:
        main, own = costs(ask)
        assert (own[0], own[1:], len(set(main))) == ("daily_aggs", main, len(main)), (main, own)


def test_a_day_loaded_again_meanwhile_has_the_state_of_what_is_handed_out(
    store: Store, load_of: LoadOf, record: Record, week: str
) -> None:
    good = handout_of(store.context, parse_symbol(week), *DAYS[:2], states="good")
    either = handout_of(store.context, parse_symbol(week), *DAYS[:2])
    record(load_of(DAYS[1], rows=30, seed=7), state="error")
    assert [(day.state, ticks.num_rows) for day, ticks in either.read()] == [("ok", 20), ("error", 30)]
    with pytest.raises(DayReplacedError, match="2026-01-06 was loaded again while it was read; read it again"):
        list(good.read())


def test_a_verdict_on_other_content_is_no_verdict(store: Store, db: Database, week: str) -> None:
    other = Judged("ok", "another", "quality_ok")
    judge(db, {(week, DAYS[0]): (other, other)})
    assert told(store, week, *DAYS[:2]).states == {DAYS[0]: "unjudged"}


def test_a_contract_is_told_of_the_days_on_which_it_was_the_main_one(
    store: Store, db: Database, load_of: LoadOf, record: Record, symbol: str
) -> None:
    from ghtrader_assets.market.schedule import ScheduleDay
    from ghtrader_assets.questdb.tables.records import write_schedules

    contract = symbol.removeprefix("KQ.m@") + "2602"
    others = symbol.removeprefix("KQ.m@") + "2603"
    names = [contract] * 4 + [others] * 4
    rows = [ScheduleDay(symbol, day, name, 0, False, False) for day, name in zip(DAYS, names, strict=True)]
    write_schedules(db, {"0123456789abcdef": rows}, SYSTEM_CLOCK.now())
    for day in DAYS[1:3]:
        record(load_of(day, rows=20, contract=contract))
    assert told(store, contract, DAYS[0], DAYS[-1]).states == {DAYS[0]: "missing", DAYS[3]: "missing"}
    assert list(told(store, symbol, DAYS[0], DAYS[-1], contracts=[contract]).states) == [DAYS[0], DAYS[3]]
