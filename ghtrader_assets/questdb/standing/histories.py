"""How whole histories stand: what is stored, judged, attempted and suspected of every trading day of many symbols.

Belongs here: bulk reads of a few columns each, enough for sixty symbols over ten years within a second.
Does not belong here: what follows from it (`upkeep.repair`), and single days with all their columns (`reader`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any, Final, NamedTuple

import polars as pl

from ghtrader_assets.errors import IngestState
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list, literal
from ghtrader_assets.questdb.standing.day_states import read_accepted
from ghtrader_assets.questdb.standing.derivation import UNJUDGED, with_states
from ghtrader_assets.questdb.standing.evidence import StoredEvidence, read_evidence, read_evidence_of
from ghtrader_assets.questdb.tables.columns import CONTRACT_IN_SCHEDULE
from ghtrader_assets.questdb.tables.reader import gap_bounds
from ghtrader_assets.questdb.tables.schema import (
    DAILY_AGG,
    FIELD_QUALITY,
    MAIN_SCHEDULE,
    MANIFESTS,
    VALIDATE_GAPS,
    VALIDATE_SUMMARY,
)
from ghtrader_assets.validation.states import LOAD_AGAIN
from ghtrader_assets.validation.verdicts import ProbeStatus, State

Key = tuple[str, date]
"""A symbol's trading day."""

_KEY: Final = ["symbol", "trading_day"]


class Content(NamedTuple):
    """The stored content of a day, and what it was loaded for. `partial`: while the day was in progress."""

    contract: str
    digest: str
    upstream: str
    rows: int
    partial: bool


class BulkVerdict(NamedTuple):
    """A verdict of one table on a day; it speaks of the content that `content_digest` names.

    `baseline_used` is what a coverage verdict used of the evidence of other days, as JSON.
    """

    fingerprint: str
    state: str
    reason_code: str
    content_digest: str
    baseline_used: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One load attempt of a day. Instants are zone-aware UTC; `seconds` is what fetching, storing and judging took.

    `finished` is None while it runs, and if it was killed. `partial`: the day was in progress.
    """

    outcome: IngestState
    upstream: str
    partial: bool
    digest: str
    reason: str
    run_id: str
    rows: int
    seconds: float
    started: datetime
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class Histories:
    """What the small tables say of a range of days of some symbols.

    `scheduled_to` is the last trading day, of all, for which the provider was asked for a main contract; `holes`
    counts the gaps that the provider could fill. Days in `sound` were looked at in bulk and left out of the rest; those
    in `accepted` stay as they are by an operator's word.
    """

    scheduled_to: Mapping[str, date]
    contracts: Mapping[Key, str]
    contents: Mapping[Key, Content]
    coverage: Mapping[Key, BulkVerdict]
    quality: Mapping[Key, BulkVerdict]
    holes: Mapping[Key, int]
    _attempts: pl.DataFrame
    sound: Set[Key] = frozenset()
    accepted: Set[Key] = frozenset()
    evidence: StoredEvidence = field(default_factory=StoredEvidence)

    def attempts(self, keys: Collection[Key]) -> dict[Key, list[Attempt]]:
        """Every attempt of these days, oldest first; days without one are left out."""
        if not keys or self._attempts.is_empty():
            return {}
        found: dict[Key, list[Attempt]] = {}
        attempts = self._attempts.join(_frame_of(keys), on=_KEY).sort("started", "manifest_id").drop("manifest_id")
        for symbol, day, outcome, *values in attempts.iter_rows():
            found.setdefault((symbol, day), []).append(Attempt(IngestState(outcome), *values))
        return found

    def pace(self) -> dict[str, tuple[float, float]]:
        """Of each symbol with a complete load: the mean rows and the mean seconds of one day's load."""
        whole = self._attempts.filter(pl.col("outcome") == IngestState.COMPLETE.value)
        means = whole.group_by("symbol").agg(pl.col("rows").mean(), pl.col("seconds").mean())
        return {symbol: (rows, seconds) for symbol, rows, seconds in means.rows()}


def read_histories(
    db: Database, symbols: Sequence[str], start: date, end: date, now: datetime, *, leave_out_sound: bool = False
) -> Histories:
    """How the trading days from `start` to `end` of the symbols stand at `now`. Raises `QuestDBError`.

    With `leave_out_sound` a day that is stored for its main contract, judged on its content and whole is named in
    `sound` and nowhere else: a fifth of the work where nearly all days are.
    """
    frame = partial(_frame, db, ", ".join(literal(symbol) for symbol in symbols), start, end)
    verdict = "fingerprint, state, reason_code, content_digest"
    tables = {
        MAIN_SCHEDULE: frame(MAIN_SCHEDULE, CONTRACT_IN_SCHEDULE),
        DAILY_AGG: frame(DAILY_AGG, "contract, digest, upstream, rows_total, partial"),
        VALIDATE_SUMMARY: frame(VALIDATE_SUMMARY, f"{verdict}, baseline_used").with_columns(
            pl.col("baseline_used").fill_null("")
        ),
        FIELD_QUALITY: frame(FIELD_QUALITY, verdict),
    }
    holes = _holes(db, symbols, start, end)
    sound = _sound(tables).filter(pl.lit(leave_out_sound))
    if holes:
        sound = sound.join(_frame_of(holes), on=_KEY, how="anti")
    kept = {name: table.join(sound, on=_KEY, how="anti") for name, table in tables.items()}
    coverage = {key: BulkVerdict(*row) for key, row in _rows(kept[VALIDATE_SUMMARY])}
    return Histories(
        scheduled_to=_scheduled_to(db, symbols),
        contracts={key: row[0] for key, row in _rows(kept[MAIN_SCHEDULE])},
        contents={key: Content(*row) for key, row in _rows(kept[DAILY_AGG])},
        coverage=coverage,
        quality={key: BulkVerdict(*row) for key, row in _rows(kept[FIELD_QUALITY])},
        holes=holes,
        _attempts=_attempts(frame),
        sound=set(sound.rows()),
        accepted=read_accepted(db, symbols, start, end, now).keys(),
        evidence=read_evidence_of(db, coverage) if leave_out_sound else read_evidence(db, symbols, start, end),
    )


def _sound(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The days that are stored for their main contract, and judged as whole on that very content."""
    days = tables[DAILY_AGG].join(tables[MAIN_SCHEDULE], on=_KEY)
    digest, judged = pl.col("digest"), pl.col("content_digest")
    for name, table in (("coverage", VALIDATE_SUMMARY), ("quality", FIELD_QUALITY)):
        verdict = tables[table].select(
            *_KEY, "content_digest", pl.col("state").alias(name), pl.col("reason_code").alias(f"{name}_reason")
        )
        names_content = (judged == digest) & (digest != "")
        days = (
            days.join(verdict, on=_KEY)
            .with_columns(names_content.alias(f"{name}_names_content"))
            .drop("content_digest")
        )
    return (
        with_states(days.with_columns(stored=True))
        .filter(
            (pl.col("contract") == pl.col(CONTRACT_IN_SCHEDULE))
            & (pl.col("ingest_state") == IngestState.COMPLETE)
            & (pl.col("state") != UNJUDGED)
            & (pl.col("coverage_state") != State.PARTIAL)
            & ~pl.col("coverage_reason").is_in(list(LOAD_AGAIN))
        )
        .select(_KEY)
    )


def _attempts(frame: Callable[[str, str], pl.DataFrame]) -> pl.DataFrame:
    """Every attempt, its columns in the order of `Attempt`'s fields."""
    return frame(
        MANIFESTS,
        "outcome, upstream, partial, digest, reason, run_id, rows, download_s + store_s + readback_s + judge_s seconds,"
        " started, finished, manifest_id",
    ).with_columns(
        pl.col("reason", "upstream", "digest", "run_id").fill_null(""),
        pl.col("rows").fill_null(0),
        pl.col("seconds").fill_null(0.0),
        pl.col("started", "finished").dt.replace_time_zone("UTC"),
    )


def _frame(db: Database, symbols: str, start: date, end: date, table: str, columns: str) -> pl.DataFrame:
    """Columns of a table's rows of the days from `start` to `end` of `symbols`, SQL literals."""
    found = db.export(
        f"standing.{table}",
        f"SELECT symbol, trading_day, {columns} FROM {table} WHERE symbol IN ({symbols})"  # noqa: S608 - our own names; values are bound
        f" AND ts >= '{start}' AND ts <= '{end}'",
    )
    return found.with_columns(
        pl.col("symbol").cast(pl.String), pl.col("trading_day").cast(pl.String).str.to_date("%Y-%m-%d")
    )


def _rows(frame: pl.DataFrame) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    for symbol, day, *rest in frame.iter_rows():
        yield (symbol, day), tuple(rest)


def _frame_of(keys: Collection[Key]) -> pl.DataFrame:
    return pl.DataFrame(list(keys), schema={"symbol": pl.String, "trading_day": pl.Date}, orient="row")


def _scheduled_to(db: Database, symbols: Sequence[str]) -> dict[str, date]:
    places, values = bound_list(symbols)
    found = db.rows(
        "standing.scheduled_to",
        f"SELECT symbol, max(ts) FROM {MAIN_SCHEDULE} WHERE symbol IN ({places})",  # noqa: S608 - our own names; values are bound
        values,
    )
    return {symbol: last.date() for symbol, last in found}


def _holes(db: Database, symbols: Sequence[str], start: date, end: date) -> dict[Key, int]:
    """How many gaps of each day the provider has data for, as a probe found."""
    places, values = bound_list(symbols)
    found = db.rows(
        "standing.holes",
        f"SELECT symbol, trading_day, count() FROM {VALIDATE_GAPS}"  # noqa: S608 - our own names; values are bound
        f" WHERE ts >= %s AND ts < %s AND symbol IN ({places})"
        " AND (attribution = %s OR tqsdk_status = %s)",
        [*gap_bounds(start, end), *values, *[ProbeStatus.PROVIDER_HAS_DATA.value] * 2],
    )
    days = ((symbol, date.fromisoformat(day), count) for symbol, day, count in found)
    return {(symbol, day): count for symbol, day, count in days if start <= day <= end}
