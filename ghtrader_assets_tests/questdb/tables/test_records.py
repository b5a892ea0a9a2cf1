"""The small tables: every row comes back as it was written, and a later row of the same key takes its place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState, QuestDBError, ServiceError, StoreLimitError
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.tables import reader, records
from ghtrader_assets.questdb.tables.rows import DailyAgg, Metric
from ghtrader_assets.validation.verdicts import (
    BaselineDay,
    CoverageVerdict,
    DayVerdict,
    GapRow,
    QualityVerdict,
    State,
    midnight_utc,
)
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.measured import write_metrics

DAY = date(2026, 1, 6)
NEXT = date(2026, 1, 7)
NOON = datetime(2026, 1, 6, 4, 0, 0, 123456, tzinfo=UTC)

Row = TypeVar("Row")

_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    # QuestDB has no other null of a LONG than its least value.
    int: st.integers(-(2**63) + 1, 2**63 - 1),
    float: st.floats(allow_infinity=False),
    str: st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40),
    bool: st.booleans(),
    date: st.dates(date(2016, 1, 1), date(2035, 1, 1)),
    datetime: st.datetimes(datetime(2016, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    IngestState: st.sampled_from(IngestState),
}
for _kind, _strategy in _VALUES.items():
    st.register_type_strategy(_kind, _strategy)


def any_row(kind: type[Row]) -> st.SearchStrategy[Row]:
    return st.from_type(kind)


def same(left: Any, right: Any) -> bool:
    """Field by field; NaN equals NaN, and None where None is legal: both are stored as null."""
    return all(
        item == other or (_is_null(item) and _is_null(other))
        for item, other in zip(dataclasses.astuple(left), dataclasses.astuple(right), strict=True)
    )


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


@settings(deadline=None, max_examples=12)
@given(row=any_row(Manifest), later=any_row(Manifest))
def test_a_manifest_comes_back_as_it_was_written(db: Database, row: Manifest, later: Manifest) -> None:
    symbol = fresh_symbol()
    row = dataclasses.replace(row, symbol=symbol, manifest_id=f"{symbol}-1")
    records.write_manifests(db, [row])
    assert same(reader.read_manifest(db, row.manifest_id), row)
    again = dataclasses.replace(later, symbol=symbol, manifest_id=row.manifest_id, trading_day=row.trading_day)
    records.write_manifests(db, [again])
    assert [same(item, again) for item in reader.manifests_covering(db, row.trading_day, [symbol])] == [True]


@settings(deadline=None, max_examples=8)
@given(coverage=any_row(CoverageVerdict), quality=any_row(QualityVerdict), gaps=st.lists(any_row(GapRow), max_size=4))
def test_a_verdict_comes_back_as_it_was_written(
    db: Database, coverage: CoverageVerdict, quality: QualityVerdict, gaps: list[GapRow]
) -> None:
    symbol = fresh_symbol()
    verdict = _verdict(symbol, coverage, quality, gaps)
    records.write_verdicts(db, [verdict])
    assert same(reader.read_summary(db, symbol, [DAY])[DAY], verdict.coverage)
    assert same(reader.read_quality(db, symbol, [DAY])[DAY], verdict.quality)
    found = reader.read_gaps(db, symbol, [DAY])
    assert [same(item, gap) for item, gap in zip(found, verdict.gaps, strict=True)] == [True] * len(gaps)


def test_a_new_verdict_replaces_the_gaps_of_its_days_only(db: Database) -> None:
    symbol, other = fresh_symbol(), fresh_symbol()
    first = [_example(symbol, DAY, gaps=5), _example(symbol, NEXT, gaps=2), _example(other, DAY, gaps=1)]
    records.write_verdicts(db, first)
    records.write_verdicts(db, [_example(symbol, DAY, gaps=2)])
    assert [len(reader.read_gaps(db, name, [day])) for name, day in ((symbol, DAY), (symbol, NEXT), (other, DAY))] == [
        2,
        2,
        1,
    ]
    records.write_verdicts(db, [_example(symbol, DAY, gaps=0)])
    assert reader.read_gaps(db, symbol, [DAY]) == []


def test_the_schedule_comes_back(db: Database) -> None:
    symbol = fresh_symbol()
    rows = [
        ScheduleDay(symbol, DAY, "SHFE.cu2602", 0, False, False),
        ScheduleDay(symbol, NEXT, "SHFE.cu2603", 1, True, True),
    ]
    records.write_schedules(db, {"0123456789abcdef": rows}, SYSTEM_CLOCK.now())
    assert reader.read_schedule(db, symbol) == rows
    assert reader.read_schedule(db, symbol, NEXT) == rows[1:]
    settled = dataclasses.replace(rows[1], provisional=False)
    records.write_schedules(db, {"0123456789abcdef": [settled]}, SYSTEM_CLOCK.now())
    assert reader.read_schedule(db, symbol) == [rows[0], settled]


def test_the_coverage_table_answers_for_many_symbols_at_once(db: Database) -> None:
    symbols = [fresh_symbol() for _ in range(3)]
    aggs = [_agg(symbol, DAY + timedelta(days=n)) for n, symbol in enumerate(symbols) for n in range(n + 1)]
    records.write_daily_agg(db, aggs)
    assert [
        (item.symbol, item.first_day, item.n_days, item.rows) for item in reader.read_stored_ranges(db, symbols)
    ] == [(symbol, DAY, n + 1, 100 * (n + 1)) for n, symbol in enumerate(symbols)]
    assert reader.read_daily_agg(db, symbols[2], [DAY]) == [_agg(symbols[2], DAY)]
    assert [row.trading_day for row in reader.read_daily_aggs(db, [symbols[2]], NEXT, NEXT)] == [NEXT]
    stored = db.rows(
        "ns", "SELECT first_datetime_ns FROM ghtrader_main_l5_daily_agg_v2 WHERE symbol = %s", [symbols[0]]
    )
    assert stored == [(1767672000123456000,)]


def test_states_of_days(db: Database, manifest: Callable[..., Manifest]) -> None:
    """Stored beats attempted, the last attempt counts, and a verdict on other content says nothing."""
    symbol = fresh_symbol()
    stale, lost = DAY + timedelta(days=2), DAY + timedelta(days=3)
    records.write_daily_agg(db, [_agg(symbol, DAY), _agg(symbol, NEXT), _agg(symbol, stale)])
    records.write_verdicts(db, [_example(symbol, DAY, gaps=1), _example(symbol, stale, gaps=0, digest="another")])
    records.write_manifests(
        db,
        [
            manifest(symbol, NEXT, "late", IngestState.SHORT, NOON),
            manifest(symbol, lost, "a", IngestState.SHORT, NOON),
            manifest(symbol, lost, "b", IngestState.MAINTENANCE, NOON + timedelta(hours=1)),
        ],
    )
    found = read_day_states(db, [symbol], DAY, lost, SYSTEM_CLOCK.now())
    assert [
        (item.trading_day, item.ingest_state, item.coverage_state, item.quality_state, item.state) for item in found
    ] == [
        (DAY, "complete", "warn", "ok", "warn"),
        (NEXT, "complete", "", "", "unjudged"),
        (stale, "complete", "", "", "unjudged"),
        (lost, "maintenance", "", "", "maintenance"),
    ]
    assert [item.manifest_id for item in found] == ["load", "load", "load", "b"]


def test_what_is_recorded_of_a_stored_day_is_there_at_once(db: Database, manifest: Callable[..., Manifest]) -> None:
    symbol = fresh_symbol()
    row = manifest(symbol, DAY, f"{symbol}-1", IngestState.COMPLETE, NOON)
    records.write_stored(db, [_example(symbol, DAY, gaps=3)], [row], [_agg(symbol, DAY)])
    assert len(reader.read_gaps(db, symbol, [DAY])) == 3
    assert reader.read_manifest(db, row.manifest_id) == row
    assert [row.trading_day for row in reader.read_daily_aggs(db, [symbol], DAY, DAY)] == [DAY]
    assert read_day_states(db, [symbol], DAY, DAY, SYSTEM_CLOCK.now())[0].state == "warn"


def test_a_suspended_table_is_an_error_not_a_silence(db: Database) -> None:
    metric = Metric(ts=NOON, name="test", symbol=fresh_symbol(), trading_day=None, value=1.0, unit="s")
    write_metrics(db, [metric])
    for code, message, error, told in (
        (24, "could not open", StoreLimitError, "limit of open files, ghtrader_metrics_v1 is suspended: could"),
        (5, "broken", QuestDBError, "is suspended: it takes writes and shows none: broken"),
        (28, "No space left on device", ServiceError, "disk is full"),
    ):
        db.execute(f"ALTER TABLE ghtrader_metrics_v1 SUSPEND WAL WITH {code}, '{message}'")  # type: ignore[arg-type]
        try:
            with pytest.raises(error, match=told):
                write_metrics(db, [dataclasses.replace(metric, name=message)])
        finally:
            db.execute("ALTER TABLE ghtrader_metrics_v1 RESUME WAL")
            db.await_applied("ghtrader_metrics_v1")
    write_metrics(db, [metric])
    found = db.rows("metrics", "SELECT count() FROM ghtrader_metrics_v1 WHERE symbol = %s", [metric.symbol])
    assert found == [(4,)]


@pytest.fixture
def manifest() -> Callable[..., Manifest]:
    blank = {
        field.name: {"int": 0, "float": 0.0, "str": "", "bool": False}.get(str(field.type))
        for field in dataclasses.fields(Manifest)
    }

    def build(symbol: str, day: date, name: str, outcome: IngestState, started: datetime) -> Manifest:
        own = {"symbol": symbol, "trading_day": day, "manifest_id": name, "outcome": outcome}
        return Manifest(**{**blank, **own, "started": started, "finished": started})  # type: ignore[arg-type]

    return build


def _agg(symbol: str, day: date) -> DailyAgg:
    return DailyAgg(
        symbol=symbol,
        trading_day=day,
        rows_total=100,
        updated_at=NOON,
        contract="SHFE.cu2602",
        digest="d",
        first_tick=NOON,
        last_tick=None,
        upstream="u",
        manifest_id="load",
    )


def _example(symbol: str, day: date, gaps: int, digest: str = "d") -> DayVerdict:
    shared = {"symbol": symbol, "trading_day": day, "ts": midnight_utc(day), "content_digest": digest}
    start = midnight_utc(day) + timedelta(hours=2)
    rows = [_blank(GapRow, symbol=symbol, trading_day=day, start_ts=start + timedelta(minutes=n)) for n in range(gaps)]
    coverage = _blank(CoverageVerdict, **shared, state="warn", reason_code="gap")
    quality = _blank(QualityVerdict, **shared, state="ok", ticks_kind="main_l5", dataset_version="v2")
    gaps_ = tuple(dataclasses.replace(row, ts=row.start_ts) for row in rows)
    return DayVerdict(
        coverage=coverage,
        gaps=gaps_,
        quality=quality,
        baseline=_blank(BaselineDay, **shared),
        state=State.WARN,
        reason_code="",
        action_hint="",
    )


def _blank(kind: type[Row], **values: Any) -> Row:
    plain = {"int": 0, "float": 0.0, "str": "", "bool": False, "datetime": NOON, "date": DAY}
    blank = {field.name: plain.get(str(field.type)) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{**blank, **values})


def _verdict(symbol: str, coverage: CoverageVerdict, quality: QualityVerdict, gaps: list[GapRow]) -> DayVerdict:
    own: dict[str, Any] = {"symbol": symbol, "trading_day": DAY}
    starts = [midnight_utc(DAY) + timedelta(minutes=n) for n in range(len(gaps))]
    return DayVerdict(
        coverage=dataclasses.replace(coverage, **own, ts=midnight_utc(DAY)),
        gaps=tuple(
            dataclasses.replace(gap, **own, ts=start, start_ts=start) for gap, start in zip(gaps, starts, strict=True)
        ),
        quality=dataclasses.replace(quality, **own, ts=midnight_utc(DAY)),
        baseline=_blank(BaselineDay, **own, ts=midnight_utc(DAY)),
        state=State.OK,
        reason_code="",
        action_hint="",
    )
