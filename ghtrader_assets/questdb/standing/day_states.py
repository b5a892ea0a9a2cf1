"""How a symbol's trading days stand: stored content, last attempt and verdicts, side by side.

Belongs here: the question behind `ghtrader-assets days` and the dashboard's calendar, from the small tables alone.
Does not belong here: expected days and what is missing among them (the calendar's owner knows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.schedule import is_partial
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.questdb.tables.schema import DAILY_AGG, FIELD_QUALITY, MANIFESTS, VALIDATE_SUMMARY
from ghtrader_assets.validation.verdicts import State, midnight_utc

_SEVERITY: Final = (State.OK, State.WARN, State.PARTIAL, State.ERROR)


@dataclass(frozen=True, slots=True)
class _Attempt:
    rows: int
    contract: str
    outcome: str
    reason: str
    manifest_id: str


def read_day_states(db: Database, symbols: Sequence[str], start: date, end: date) -> list[DayState]:
    """Every day of the symbols in the inclusive range that was stored or attempted, by symbol and day.

    Ingest is `complete` where content is stored, `partial` where that was before the day had closed, whatever a later
    attempt came to; otherwise it is how the last
    attempt ended. `state` is the worst of ingest, coverage and quality; `reason` says what decided it.
    """
    if not symbols:
        return []
    stored = _by_day(db, DAILY_AGG, "rows_total, contract, digest, load_id, upstream", symbols, start, end)
    attempts = _last_attempts(db, symbols, start, end)
    coverage = _by_day(db, VALIDATE_SUMMARY, "state, reason_code, content_digest", symbols, start, end)
    quality = _by_day(db, FIELD_QUALITY, "state, reason_code, content_digest", symbols, start, end)
    return [
        _day_state(key, stored.get(key), attempts.get(key), coverage.get(key), quality.get(key))
        for key in sorted(stored.keys() | attempts.keys())
    ]


Key = tuple[str, str]
Found = tuple[Any, ...]


def _day_state(
    key: Key, stored: Found | None, attempt: _Attempt | None, coverage: Found | None, quality: Found | None
) -> DayState:
    symbol, day = key[0], date.fromisoformat(key[1])
    if stored is None:
        assert attempt is not None
        return DayState(
            symbol=symbol, trading_day=day, rows=attempt.rows, contract=attempt.contract, ingest_state=attempt.outcome,
            coverage_state="", quality_state="", state=attempt.outcome, reason=attempt.reason, digest="",
            manifest_id=attempt.manifest_id,
        )  # fmt: skip
    rows, contract, digest, load_id, upstream = stored
    partial = is_partial(upstream or "")
    verdicts = [one for one in (coverage, quality) if one is not None and one[2] == digest]
    worst = max(verdicts, key=lambda one: _SEVERITY.index(State(one[0])), default=None)
    return DayState(
        symbol=symbol,
        trading_day=day,
        rows=rows,
        contract=contract,
        ingest_state=IngestState.PARTIAL if partial else IngestState.COMPLETE,
        coverage_state=_state_of(coverage, digest),
        quality_state=_state_of(quality, digest),
        state=worst[0] if worst else IngestState.PARTIAL.value if partial else "",
        reason=worst[1] if worst else "day_in_progress" if partial else "",
        digest=digest,
        manifest_id=load_id,
    )


def _state_of(verdict: Found | None, digest: str) -> str:
    """The state of a verdict on the stored content; of other content it says nothing."""
    return verdict[0] if verdict is not None and verdict[2] == digest else ""


def _by_day(db: Database, table: str, columns: str, symbols: Sequence[str], start: date, end: date) -> dict[Key, Found]:
    places, values = bound_list(symbols)
    found = db.rows(
        f"day_states.{table}",
        f"SELECT symbol, trading_day, {columns} FROM {table} WHERE ts >= %s AND ts <= %s AND symbol IN ({places})",
        [midnight_utc(start), midnight_utc(end), *values],
    )
    return {(row[0], row[1]): row[2:] for row in found}


def _last_attempts(db: Database, symbols: Sequence[str], start: date, end: date) -> dict[Key, _Attempt]:
    """The last attempt of each symbol-day: ids sort by the second they began, `started` decides within one."""
    places, values = bound_list(symbols)
    found = db.rows(
        "day_states.attempts",
        f"SELECT symbol, trading_day, rows, contract, outcome, reason, manifest_id, started FROM {MANIFESTS}"
        f" WHERE ts >= %s AND ts <= %s AND symbol IN ({places})",
        [midnight_utc(start), midnight_utc(end), *values],
    )
    return {
        (row[0], row[1]): _Attempt(row[2] or 0, row[3] or "", row[4] or "", row[5] or "", row[6])
        for row in sorted(found, key=lambda row: row[7])
    }
