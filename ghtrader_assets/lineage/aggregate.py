"""Aggregated manifests: what is stored of a range of trading days, named by its content.

Belongs here: building, storing and reading one, as rows and as a file. Does not belong here: comparing one with the
store (`verify`), and the manifest of a single load (`manifests`).

An aggregated manifest says nothing of when it was made: its document is canonical JSON (sorted keys, no spaces, UTF-8,
one newline at its end), its id the digest of those bytes. The same content gives the same bytes and the same id, on any
machine. The digest of digests speaks of ticks alone: an identical re-load changes the id, because another load
stands behind the day, and leaves that digest as it was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError, IngestState, ServiceError
from ghtrader_assets.files import put_file
from ghtrader_assets.manifests import Manifest, digest_of
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.reader import GapSum, read_aggregated, read_gap_sums, read_manifests
from ghtrader_assets.questdb.tables.records import write_aggregated
from ghtrader_assets.questdb.tables.rows import AggregatedRow, DayState
from ghtrader_assets.reading.overview import days_known_as
from ghtrader_assets.reading.stored import stored_symbol

FORMAT: Final = "ghtrader-aggregated-manifest-1"
PREFIX: Final = "agg-"
STORED: Final = frozenset({IngestState.COMPLETE, IngestState.PARTIAL})
SUMMED: Final = ("expected_days", "n_days", "rows", "gaps", "gap_seconds")

DayLine = dict[str, Any]
"""One trading day of one symbol, as `day_line` writes it."""


@dataclass(frozen=True, slots=True)
class Aggregated:
    """An aggregated manifest: its id, and its document as JSON values."""

    manifest_id: str
    document: dict[str, Any]

    @property
    def content(self) -> bytes:
        """The canonical bytes, those of the file."""
        return canonical(self.document)

    @property
    def symbols(self) -> list[dict[str, Any]]:
        return self.document["symbols"]


def is_aggregated(manifest_id: str) -> bool:
    """Whether an id names an aggregated manifest and not a single load's."""
    return manifest_id.startswith(PREFIX)


def aggregate(context: StoreContext, symbols: Sequence[Symbol], start: date, end: date) -> Aggregated:
    """What is stored now of the trading days from `start` to `end`, both included. Raises `BadInputError` for none."""
    lines = {symbol.text: day_lines(context, symbol, start, end) for symbol in symbols}
    if not any(lines.values()):
        raise BadInputError(f"no trading day of any symbol lies from {start} to {end}", "choose a longer range")
    return _built(start, end, {name: days for name, days in lines.items() if days})


def day_lines(context: StoreContext, symbol: Symbol, start: date, end: date) -> list[DayLine]:
    """One line for each trading day of the range, stored or not; of a contract, those of `days_known_as`."""
    days = days_known_as(context, symbol, start, end)
    stored_as = stored_symbol(context, symbol, start, end).text
    loads = {
        manifest.manifest_id: manifest
        for manifest in read_manifests(context.database, stored_as, [day.trading_day for day in days])
    }
    gaps = read_gap_sums(context.database, stored_as, start, end)
    return [day_line(day, loads.get(day.manifest_id), gaps.get(day.trading_day)) for day in days]


def day_line(day: DayState, load: Manifest | None, gaps: GapSum | None) -> DayLine:
    """What a manifest says of a day. Nothing but its state where nothing is stored; gaps only where it is judged."""
    line: DayLine = {"day": day.trading_day.isoformat(), "ingest": day.ingest_state, "state": day.state}
    if day.ingest_state not in STORED:
        return line
    judged = bool(day.coverage_state)
    return line | {
        "contract": day.contract,
        "rows": day.rows,
        "digest": day.digest,
        "load": day.manifest_id,
        "coverage": day.coverage_state,
        "quality": day.quality_state,
        "gaps": gaps.gaps if gaps and judged else 0,
        "gap_seconds": gaps.seconds if gaps and judged else 0,
        "upstream": _upstream(load) if load else "",
        "schema": load.schema_hash if load else "",
        "code": load.code_version if load else "",
        "source": load.source if load else "",
    }


def _upstream(load: Manifest) -> str:
    """Format 1 marks what a day in progress was loaded for: the same content keeps its id."""
    return f"partial:{load.upstream}" if load.partial else load.upstream


def record_aggregated(context: StoreContext, made: Aggregated) -> Path:
    """Store the manifest as rows and as a file. Storing it again changes nothing. Raises `ServiceError`."""
    path = aggregated_path(context.settings.home, made.manifest_id)
    try:
        put_file(path, made.content)
    except OSError as error:
        raise ServiceError(
            f"the manifest {path} could not be written: {error.strerror}", "free or mend the disk under GHTRADER_HOME"
        ) from None
    write_aggregated(context.database, list(_rows(made)))
    return path


def stored_aggregated(context: StoreContext, manifest_id: str) -> Aggregated:
    """The manifest under its id, built again from its rows, so with the id that they give. Raises `BadInputError`."""
    rows = read_aggregated(context.database, manifest_id)
    if not rows:
        raise BadInputError(f"there is no manifest {manifest_id!r}", "`aggregate-manifest` makes one")
    lines = {
        symbol: [line for row in parts for line in json.loads(row.days_json)]
        for symbol, parts in groupby(rows, key=lambda row: row.symbol)
    }
    return _built(rows[0].first_day, rows[0].last_day, lines)


def aggregated_path(home: Path, manifest_id: str) -> Path:
    """Where the file of an aggregated manifest lies."""
    return home / "manifests" / "aggregated" / f"{manifest_id}.json"


def canonical(document: object) -> bytes:
    """The one way in which a document is written."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _built(start: date, end: date, lines: Mapping[str, Sequence[DayLine]]) -> Aggregated:
    symbols = [
        {"symbol": name, **_figures(days), "digest": _digest_of_digests({name: days}), "days": list(days)}
        for name, days in sorted(lines.items())
    ]
    every = [line for days in lines.values() for line in days]
    totals = _figures(every) | {"digest": _digest_of_digests(lines)}
    document = {
        "format": FORMAT,
        "first_day": start.isoformat(),
        "last_day": end.isoformat(),
        "symbols": symbols,
        "totals": totals,
    }
    return Aggregated(PREFIX + digest_of(canonical(document).decode()), document)


def _figures(lines: Iterable[DayLine]) -> dict[str, Any]:
    """Sums, and how often each state, load source, schema and code version stands behind a stored day."""
    days = list(lines)
    stored = [line for line in days if line["ingest"] in STORED]
    return {
        "expected_days": len(days),
        "n_days": len(stored),
        "rows": sum(line["rows"] for line in stored),
        "gaps": sum(line["gaps"] for line in stored),
        "gap_seconds": sum(line["gap_seconds"] for line in stored),
        "ingest": _counted(days, "ingest"),
        "coverage": _counted(stored, "coverage"),
        "quality": _counted(stored, "quality"),
        "contracts": _counted(stored, "contract"),
        "code_versions": _counted(stored, "code"),
        "schemas": _counted(stored, "schema"),
        "sources": _counted(stored, "source"),
        "loads": len({line["load"] for line in stored}),
    }


def _counted(lines: Iterable[DayLine], name: str) -> dict[str, int]:
    return dict(sorted(Counter(str(line[name]) for line in lines).items()))


def _digest_of_digests(lines: Mapping[str, Sequence[DayLine]]) -> str:
    """Names the ticks of all stored days: one line `symbol day digest` each, by symbol and day."""
    return digest_of(
        "".join(
            f"{name} {line['day']} {line['digest']}\n"
            for name, days in sorted(lines.items())
            for line in days
            if line["ingest"] in STORED
        )
    )


def _rows(made: Aggregated) -> Iterable[AggregatedRow]:
    """One row a symbol and calendar year: a row of ten years would be larger than QuestDB's send buffer."""
    start, end = (date.fromisoformat(made.document[name]) for name in ("first_day", "last_day"))
    for symbol in made.symbols:
        for _, part in groupby(symbol["days"], key=lambda line: line["day"][:4]):
            days = list(part)
            figures = _figures(days)
            yield AggregatedRow(
                symbol=symbol["symbol"],
                trading_day=date.fromisoformat(days[0]["day"]),
                manifest_id=made.manifest_id,
                first_day=start,
                last_day=end,
                digest=_digest_of_digests({symbol["symbol"]: days}),
                days_json=canonical(days).decode().rstrip("\n"),
                **{name: figures[name] for name in SUMMED},
            )
