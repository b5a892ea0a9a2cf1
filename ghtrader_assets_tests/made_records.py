"""A store that holds the records of many symbols and days, without their ticks: what a large installation looks like.

Belongs here: making those records up, seeded. Does not belong here: what is measured on them.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar, get_type_hints

from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.record import daily_agg
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import write_manifests, write_stored
from ghtrader_assets.validation.verdicts import (
    BaselineDay,
    CoverageVerdict,
    DayVerdict,
    QualityVerdict,
    State,
    midnight_utc,
)

Row = TypeVar("Row")

_BLANK: Final[dict[Any, Any]] = {int: 0, float: 0.0, str: "", bool: False}
_FAILURES: Final = (IngestState.FAILED, IngestState.SHORT, IngestState.PROVIDER_EMPTY, IngestState.MAINTENANCE)
CHUNK_DAYS: Final = 500


def fill_records(
    db: Database, symbols: Sequence[str], days: Sequence[date], seed: int = 0
) -> dict[tuple[str, date], str]:
    """Record each symbol-day as stored and judged, as failed, or not at all; returns the state of each.

    About one day in fifty failed, one in fifty is missing and one in a hundred was not judged.
    """
    draw = random.Random(seed)
    expected: dict[tuple[str, date], str] = {}
    stored: list[tuple[Manifest, DayVerdict | None]] = []
    failed: list[Manifest] = []
    for symbol in symbols:
        for day in days:
            chance = draw.random()
            state = _drawn_state(chance, draw)
            expected[symbol, day] = state
            if state == "missing":
                continue
            if state in set(_FAILURES):
                failed.append(_manifest(symbol, day, IngestState(state), 0))
                continue
            manifest = _manifest(symbol, day, IngestState.COMPLETE, draw.randrange(20_000, 60_000))
            stored.append((manifest, None if state == "unjudged" else _verdict(manifest, State(state), draw)))
    for part in _chunks(failed):
        write_manifests(db, part)
    for part in _chunks(stored):
        verdicts = [verdict for _, verdict in part if verdict is not None]
        write_stored(db, verdicts, [item for item, _ in part], [daily_agg(item) for item, _ in part])
    return expected


def _drawn_state(chance: float, draw: random.Random) -> str:
    if chance < 0.02:
        return "missing"
    if chance < 0.04:
        return draw.choice(_FAILURES)
    if chance < 0.05:
        return "unjudged"
    return draw.choices(list(State), [80, 12, 3, 5])[0]


def _manifest(symbol: str, day: date, outcome: IngestState, rows: int) -> Manifest:
    at = midnight_utc(day) + timedelta(hours=12)
    complete = outcome is IngestState.COMPLETE
    return _filled(
        Manifest,
        manifest_id=f"{day:%Y%m%d}T120000-{abs(hash((symbol, day))) % 16**8:08x}",
        symbol=symbol,
        trading_day=day,
        contract=symbol.removeprefix("KQ.m@") + "2602",
        outcome=outcome,
        reason="" if complete else f"made up: the load ended as {outcome}",
        rows=rows,
        digest=f"{rows:032x}" if complete else "",
        started=at,
        finished=at + timedelta(seconds=3),
        first_tick=None,
        last_tick=None,
    )


def _verdict(manifest: Manifest, state: State, draw: random.Random) -> DayVerdict:
    common = {
        "ts": midnight_utc(manifest.trading_day),
        "symbol": manifest.symbol,
        "trading_day": manifest.trading_day,
        "contract": manifest.contract,
        "state": state,
        "reason_code": f"made_up_{state}",
        "content_digest": manifest.digest,
        "updated_at": manifest.finished,
        "rows_total": manifest.rows,
    }
    gap_seconds = 0 if state == State.OK else draw.randrange(5, 900)
    coverage = _filled(CoverageVerdict, **common, missing_seconds=gap_seconds, missing_segments=gap_seconds // 5)
    quality = _filled(QualityVerdict, **common, score=1.0 if state == State.OK else round(draw.uniform(0.7, 1.0), 4))
    days = {name: common[name] for name in ("ts", "symbol", "trading_day", "contract", "rows_total")}
    return DayVerdict(
        coverage=coverage,
        gaps=(),
        quality=quality,
        baseline=_filled(BaselineDay, **days),
        state=state,
        reason_code=coverage.reason_code,
        action_hint="",
    )


def _filled(kind: type[Row], **values: Any) -> Row:
    """An instance whose other fields are blank."""
    hints = get_type_hints(kind)
    blank = {field.name: _blank(hints[field.name]) for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    return kind(**{**blank, **values})


def _blank(hint: Any) -> Any:
    return datetime(2026, 1, 1, tzinfo=UTC) if hint is datetime else _BLANK.get(hint)


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), CHUNK_DAYS):
        yield items[start : start + CHUNK_DAYS]
