"""Pasts of trading days, made up, and the rows that they leave in the store.

Belongs here: what tests of standing and of what follows from it share. Does not belong here: what follows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, TypeVar

import polars as pl

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables import records
from ghtrader_assets.questdb.tables.codec import values_of
from ghtrader_assets.questdb.tables.rows import DailyAgg, DayException
from ghtrader_assets.questdb.tables.schema import FIELD_QUALITY, VALIDATE_SUMMARY
from ghtrader_assets.validation.verdicts import CoverageVerdict, QualityVerdict, midnight_utc

DAY = date(2019, 6, 3)
NOON = datetime(2019, 6, 3, 4, tzinfo=UTC)
NOW = datetime(2019, 7, 1, 4, tzinfo=UTC)
CONTRACT = "SHFE.cu1907"

NO_ATTEMPTS = pl.DataFrame(
    schema={"symbol": pl.String, "trading_day": pl.Date, "outcome": pl.String, "rows": pl.Int64, "seconds": pl.Float64}
)
"""The attempts of days that were never tried, as the plan reads them."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Judged:
    """A verdict of one table: its state, and the digest of what it was given on."""

    state: str
    digest: str
    reason: str
    detail: str = ""
    baseline_days: int = 20

    @property
    def fingerprint(self) -> str:
        return f"{self.state}-{self.digest}-{self.reason}"


@dataclass(frozen=True)
class Excepted:
    """An exception, or the end of one: of what stands now or of something else, until when."""

    of: Literal["this", "another"]
    revoked: bool
    expires: datetime | None


@dataclass(frozen=True)
class Past:
    """What became of one symbol's trading day. `stored` is the digest of its content, None where there is none.

    `attempts` are outcomes in the order in which they began, `exceptions` in that in which they were recorded;
    `obstacle` is what kept it from being loaded.
    """

    stored: str | None
    partial: bool
    coverage: Judged | None
    quality: Judged | None
    attempts: tuple[IngestState, ...]
    exceptions: tuple[Excepted, ...] = ()
    obstacle: IngestState | None = None

    @property
    def binding(self) -> str:
        """What an exception of the day as it stands is bound to."""
        if self.stored is None:
            return f"{self.attempts[-1].value} {CONTRACT}" if self.attempts else ""
        return " ".join(item.fingerprint if item else "" for item in (self.coverage, self.quality))

    @property
    def exception_holds(self) -> bool:
        last = self.exceptions[-1] if self.exceptions else None
        in_time = last is not None and (last.expires is None or last.expires > NOW)
        return last is not None and last.of == "this" and not last.revoked and in_time


def put(db: Database, days: dict[tuple[str, date], Past]) -> None:
    """Write the rows that such a past leaves, and the schedule that has the days' contract."""
    for symbol in {symbol for symbol, _ in days}:
        own = [ScheduleDay(symbol, day, CONTRACT, 0, False, False) for name, day in days if name == symbol]
        records.write_schedules(db, {"0123456789abcdef": own}, SYSTEM_CLOCK.now())
    records.write_daily_agg(db, [_agg(*key, past) for key, past in days.items() if past.stored is not None])
    records.write_manifests(db, [attempt for key, past in days.items() for attempt in _attempts(*key, past.attempts)])
    records.write_exceptions(db, [row for key, past in days.items() for row in _exceptions(*key, past)])
    judge(db, {key: (past.coverage, past.quality) for key, past in days.items()})


def judge(db: Database, days: Mapping[tuple[str, date], tuple[Judged | None, Judged | None]]) -> None:
    """Write the two verdicts of each day, those that there are."""
    _put_verdicts(db, VALIDATE_SUMMARY, {key: coverage for key, (coverage, _) in days.items()}, CoverageVerdict)
    _put_verdicts(db, FIELD_QUALITY, {key: quality for key, (_, quality) in days.items()}, QualityVerdict)


def _put_verdicts(
    db: Database,
    table: str,
    verdicts: dict[tuple[str, date], Judged | None],
    kind: type[CoverageVerdict | QualityVerdict],
) -> None:
    """The verdicts of one table alone, as a kill between the two leaves them."""
    rows = [
        blank(
            kind, symbol=symbol, trading_day=day, ts=midnight_utc(day), state=item.state, reason_code=item.reason,
            content_digest=item.digest, fingerprint=item.fingerprint, ticks_kind="main_l5", dataset_version="v2",
            detail=item.detail,
            baseline_days=item.baseline_days,
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


def _exceptions(symbol: str, day: date, past: Past) -> list[DayException]:
    return [
        DayException(
            ts=NOON + timedelta(seconds=nth), symbol=symbol, trading_day=day, who=f"operator {nth}", reason="as it is",
            bound_to=past.binding if item.of == "this" else "another", expires=item.expires, revoked=item.revoked,
        )
        for nth, item in enumerate(past.exceptions)
    ]  # fmt: skip


def _attempts(symbol: str, day: date, outcomes: Sequence[IngestState]) -> list[Manifest]:
    """Attempts that began in the given order, with ids in another: `started` decides."""
    return [
        blank(
            Manifest, symbol=symbol, trading_day=day, manifest_id=f"{symbol}-{day}-{9 - nth}", outcome=outcome,
            reason=f"attempt {nth}", started=NOON + timedelta(seconds=nth),
            contract=CONTRACT, finished=None if outcome == IngestState.RUNNING else NOON + timedelta(minutes=nth),
        )
        for nth, outcome in enumerate(outcomes)
    ]  # fmt: skip


def blank(kind: type[Row], **values: Any) -> Row:
    plain = {"int": 0, "float": 0.5, "str": "", "bool": False, "datetime": NOON, "date": DAY}
    blank = {field.name: plain.get(str(field.type)) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{**blank, **{name: value for name, value in values.items() if name in blank}})
