"""How a day stands: every reader of the store says what the rules say, whatever was stored, attempted and judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import polars as pl
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.lives import Obstacle
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_day_states, read_grid
from ghtrader_assets.questdb.standing.derivation import FACTS, state_of_attempt, state_untouched, with_states
from ghtrader_assets.questdb.standing.histories import read_standing
from ghtrader_assets.questdb.tables import records
from ghtrader_assets.questdb.tables.codec import values_of
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.schema import FIELD_QUALITY, VALIDATE_SUMMARY
from ghtrader_assets.upkeep.causes import never_stored
from ghtrader_assets.validation.verdicts import CoverageVerdict, QualityVerdict, State, midnight_utc
from ghtrader_assets_tests.fix_questdb import fresh_symbol

DAY = date(2019, 6, 3)
NOON = datetime(2019, 6, 3, 4, tzinfo=UTC)
CONTRACT = "SHFE.cu1907"
WORST_FIRST = ["error", "partial", "warn", "ok"]

Row = TypeVar("Row")


@dataclass(frozen=True)
class Judged:
    """A verdict of one table: its state, and the digest of what it was given on."""

    state: str
    digest: str
    reason: str


@dataclass(frozen=True)
class Past:
    """What became of one symbol's trading day. `stored` is the digest of its content, None where there is none.
    `obstacle` is what kept it from being loaded.

    `attempts` are outcomes in the order in which they began.
    """

    stored: str | None
    partial: bool
    coverage: Judged | None
    quality: Judged | None
    attempts: tuple[IngestState, ...]
    obstacle: IngestState | None = None


@dataclass(frozen=True)
class Stands:
    ingest_state: str
    coverage_state: str
    quality_state: str
    state: str
    reason: str


def by_the_rules(past: Past) -> Stands:
    """The rules as `derivation` words them, for one day and without a library."""
    if past.stored is None and past.obstacle is not None:
        return Stands(past.obstacle.value, "", "", past.obstacle.value, "in the way")
    if past.stored is None:
        last = past.attempts[-1].value
        if last in {"complete", "partial"}:
            return Stands("running", "", "", "running", "the load has not ended: its coverage row is missing")
        return Stands(last, "", "", last, f"attempt {len(past.attempts) - 1}")
    if past.partial:
        return Stands("partial", "", "", "partial", "day_in_progress")
    force = {
        name: item
        for name, item in (("coverage", past.coverage), ("quality", past.quality))
        if item is not None and item.digest and item.digest == past.stored and item.state in WORST_FIRST
    }
    states = {name: force[name].state if name in force else "" for name in ("coverage", "quality")}
    if len(force) < 2:
        return Stands("complete", *states.values(), "unjudged", "the stored content has not been judged yet")
    deciding = min(force.values(), key=lambda item: WORST_FIRST.index(item.state))
    return Stands("complete", *states.values(), deciding.state, deciding.reason)


DIGESTS = st.sampled_from(["", "d", "e"])
VERDICTS = st.none() | st.builds(Judged, st.sampled_from([*State, ""]), DIGESTS, st.sampled_from(["", "gap_warn"]))
ATTEMPTS = st.lists(st.sampled_from(sorted(set(IngestState) - {IngestState.MISSING})), max_size=3).map(tuple)
OBSTACLES = st.none() | st.sampled_from([IngestState.NOT_LISTED, IngestState.EXPIRED, IngestState.MISSING])
PASTS = st.builds(Past, st.none() | DIGESTS, st.booleans(), VERDICTS, VERDICTS, ATTEMPTS, OBSTACLES).filter(
    lambda past: past.stored is not None or past.attempts or past.obstacle
)


def facts_of(past: Past) -> dict[str, Any]:
    """The day as one row of facts, null where there is nothing."""
    facts: dict[str, Any] = dict.fromkeys(FACTS)
    for name, item in (("coverage", past.coverage), ("quality", past.quality)):
        if item is not None:
            same = bool(item.digest) and item.digest == past.stored
            facts |= {name: item.state, f"{name}_reason": item.reason, f"{name}_names_content": same}
    if past.attempts:
        facts |= {"outcome": past.attempts[-1].value, "outcome_reason": f"attempt {len(past.attempts) - 1}"}
    if past.obstacle is not None:
        facts |= {"obstacle": past.obstacle.value, "obstacle_reason": "in the way"}
    stored = past.stored is not None
    return facts | {"stored": stored, "partial": past.partial if stored else None}


ALIKE = Past("d", False, Judged("warn", "d", "gap_warn"), Judged("warn", "d", "price_jump"), (IngestState.COMPLETE,))
"""Coverage and quality are as bad: the reason is coverage's."""


@settings(deadline=None, max_examples=40)
@example([ALIKE])
@given(st.lists(PASTS, min_size=1, max_size=50))
def test_a_frame_of_days_stands_as_each_by_the_rules(pasts: list[Past]) -> None:
    frame = with_states(pl.DataFrame([facts_of(past) for past in pasts], schema=FACTS))
    found = [Stands(**row) for row in frame.select(name.name for name in dataclasses.fields(Stands)).to_dicts()]
    assert found == [by_the_rules(past) for past in pasts]


def test_columns_that_a_frame_lacks_are_null() -> None:
    frame = with_states(pl.DataFrame({"stored": [False], "outcome": ["short"], "outcome_reason": [None]}))
    assert frame.select("ingest_state", "coverage_state", "quality_state", "state", "reason").row(0) == (
        "short", "", "", "short", "",
    )  # fmt: skip


def test_a_day_that_nothing_is_known_of() -> None:
    assert state_untouched(DAY, DAY) == IngestState.MISSING
    assert state_untouched(DAY, DAY + timedelta(days=1)) == IngestState.NOT_LISTED


def test_every_outcome_has_a_state_and_is_told() -> None:
    told = {outcome: state_of_attempt(outcome) for outcome in IngestState}
    assert {outcome for outcome, state in told.items() if state != outcome} == {
        IngestState.COMPLETE,
        IngestState.PARTIAL,
    }
    assert never_stored([])[0] == "missing"


@settings(deadline=None, max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(PASTS, min_size=40, max_size=80))
def test_every_reader_of_the_store_says_the_same(db: Database, pasts: list[Past]) -> None:
    symbols = [fresh_symbol() for _ in range(4)]
    days = {(symbols[nth % 4], DAY + timedelta(days=nth // 4)): past for nth, past in enumerate(pasts)}
    put(db, days)
    wanted = {key: by_the_rules(past) for key, past in days.items()}
    last = DAY + timedelta(days=len(pasts))

    obstacles = {key: Obstacle(past.obstacle, "in the way", "") for key, past in days.items() if past.obstacle}
    found = read_day_states(db, symbols, DAY, last, obstacles)
    one_by_one = {(state.symbol, state.trading_day): state for state in found}
    assert {key: _stands(item) for key, item in one_by_one.items()} == wanted

    grid = read_grid(db, DAY, last, obstacles).filter(pl.col("symbol").is_in(symbols))
    rows = grid.select("symbol", "trading_day", "state", "reason").iter_rows()
    assert {(symbol, day): rest for symbol, day, *rest in rows} == {
        key: [item.state, item.reason] for key, item in wanted.items()
    }
    for symbol, day, gap_seconds, score in grid.select("symbol", "trading_day", "gap_seconds", "score").iter_rows():
        stands = wanted[symbol, day]
        assert (gap_seconds is not None, score is not None) == (bool(stands.coverage_state), bool(stands.quality_state))

    in_bulk = read_standing(db, symbols, DAY, last, leave_out_sound=True)
    assert in_bulk.sound == {
        key
        for key, item in wanted.items()
        if item.ingest_state == "complete" and item.state != "unjudged" and item.coverage_state != "partial"
    }
    assert in_bulk.contents.keys().isdisjoint(in_bulk.sound)
    begun = [key for key, past in days.items() if past.stored is not None or past.attempts]
    firsts = {symbol: min(day for name, day in begun if name == symbol) for symbol, _ in begun}
    assert read_standing(db, symbols, DAY, last).first_days() == firsts


def test_a_grid_of_days_that_are_all_stored_or_all_not_or_none(db: Database, symbol: str) -> None:
    empty, attempted, stored = (date(year, 3, 1) for year in (2001, 2002, 2003))
    put(db, {(symbol, attempted): Past(None, False, None, None, (IngestState.SHORT,))})
    put(db, {(symbol, stored): Past("d", False, None, None, ())})
    found = [read_grid(db, day, day)["state"].to_list() for day in (empty, attempted, stored)]
    assert found == [[], ["short"], ["unjudged"]]
    assert read_day_states(db, [symbol], empty, empty) == []


def _stands(day: Any) -> Stands:
    return Stands(**{field.name: getattr(day, field.name) for field in dataclasses.fields(Stands)})


def put(db: Database, days: dict[tuple[str, date], Past]) -> None:
    """Write the rows that such a past leaves, and the schedule that has the days' contract."""
    for symbol in {symbol for symbol, _ in days}:
        own = [ScheduleDay(symbol, day, CONTRACT, 0, False, False) for name, day in days if name == symbol]
        records.write_schedule(db, own, "0123456789abcdef", SYSTEM_CLOCK.now())
    records.write_daily_agg(db, [_agg(*key, past) for key, past in days.items() if past.stored is not None])
    records.write_manifests(db, [attempt for key, past in days.items() for attempt in _attempts(*key, past.attempts)])
    _put_verdicts(db, VALIDATE_SUMMARY, {key: past.coverage for key, past in days.items()}, CoverageVerdict)
    _put_verdicts(db, FIELD_QUALITY, {key: past.quality for key, past in days.items()}, QualityVerdict)


def _put_verdicts(
    db: Database,
    table: str,
    verdicts: dict[tuple[str, date], Judged | None],
    kind: type[CoverageVerdict | QualityVerdict],
) -> None:
    """The verdicts of one table alone, as a kill between the two leaves them."""
    rows = [
        _blank(
            kind, symbol=symbol, trading_day=day, ts=midnight_utc(day), state=item.state, reason_code=item.reason,
            content_digest=item.digest, ticks_kind="main_l5", dataset_version="v2",
        )
        for (symbol, day), item in verdicts.items()
        if item is not None
    ]  # fmt: skip
    records._write(db, table, map(values_of, rows))


def _agg(symbol: str, day: date, past: Past) -> DailyAgg:
    return DailyAgg(
        symbol=symbol, trading_day=day, rows_total=7, updated_at=NOON, contract=CONTRACT, digest=past.stored or "",
        first_tick=NOON, last_tick=NOON, upstream="u", manifest_id="load", partial=past.partial,
    )  # fmt: skip


def _attempts(symbol: str, day: date, outcomes: Sequence[IngestState]) -> list[Manifest]:
    """Attempts that began in the given order, with ids in another: `started` decides."""
    return [
        _blank(
            Manifest, symbol=symbol, trading_day=day, manifest_id=f"{symbol}-{day}-{9 - nth}", outcome=outcome,
            reason=f"attempt {nth}", started=NOON + timedelta(seconds=nth),
            finished=None if outcome == IngestState.RUNNING else NOON + timedelta(minutes=nth),
        )
        for nth, outcome in enumerate(outcomes)
    ]  # fmt: skip


def _blank(kind: type[Row], **values: Any) -> Row:
    plain = {"int": 0, "float": 0.5, "str": "", "bool": False, "datetime": NOON, "date": DAY}
    blank = {field.name: plain.get(str(field.type)) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{**blank, **{name: value for name, value in values.items() if name in blank}})
