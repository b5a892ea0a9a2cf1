"""Does the store still say what a manifest says? Recomputed from the stored columns, and compared.

Belongs here: the comparison, day by day and column by column. Does not belong here: mending what differs (`repair`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import manifest_id_of
from ghtrader_assets.lineage.aggregate import (
    STORED,
    Aggregated,
    aggregate,
    aggregated_path,
    is_aggregated,
    stored_aggregated,
)
from ghtrader_assets.manifests import Manifest, manifest_document, manifest_path, read_manifest_file
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import content_digest, five_level_rows
from ghtrader_assets.questdb.tables.reader import read_daily_agg, read_manifest
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.reading.stored import stored_symbol

STORED_DAY_ROW: Final = ("contract", "digest", "upstream", "partial")
"""What the stored-day row of a stored day repeats of its manifest, besides its rows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that the store no longer gives. `trading_day` is empty where the manifest as a whole differs."""

    symbol: str
    trading_day: str
    column: str
    stated: Any
    found: Any


def verify_manifest(context: StoreContext, manifest_id: str, *, ticks: bool = True) -> list[Difference]:
    """Where the store differs from the manifest; empty when it is as the manifest says.

    `ticks` reads every tick of its days and recomputes their digests; without, only the small tables are compared.
    Raises `BadInputError` for an unknown id or an attempt that stored nothing, `QuestDBError` when the store is away.
    """
    manifest_id_of(manifest_id)
    if is_aggregated(manifest_id):
        return list(_aggregated_differences(context, manifest_id, ticks=ticks))
    manifest = read_manifest(context.database, manifest_id)
    if manifest is None:
        raise BadInputError(f"there is no manifest {manifest_id!r}", "`manifests --covering DAY` lists them")
    if manifest.outcome not in STORED:
        raise BadInputError(f"the load {manifest_id} ended as {manifest.outcome.value}: it stored nothing to compare")
    return list(_day_differences(context, manifest, ticks=ticks))


def differences_of(first: Manifest, other: Manifest) -> dict[str, tuple[Any, Any]]:
    """What changed between two loads: every column that differs, with its two values, ids and times included."""
    before, after = manifest_document(first), manifest_document(other)
    return {name: (value, after[name]) for name, value in before.items() if after[name] != value}


def _day_differences(context: StoreContext, manifest: Manifest, *, ticks: bool) -> Iterator[Difference]:
    symbol, day = manifest.symbol, manifest.trading_day.isoformat()
    stated = manifest_document(manifest)
    found: dict[str, Any] = {}
    for agg in read_daily_agg(context.database, symbol, [manifest.trading_day]):
        found |= {"rows": agg.rows_total, **{name: getattr(agg, name) for name in STORED_DAY_ROW}}
    if not found:
        yield Difference(symbol, day, "coverage_row", manifest.manifest_id, None)
    if ticks:
        found |= _recomputed(context, symbol, manifest.trading_day)
    path = manifest_path(context.settings.home, manifest)
    if path.exists():
        twin = manifest_document(read_manifest_file(path))
        differing = {name: value for name, value in twin.items() if value != stated[name]}
        yield from (Difference(symbol, day, f"file.{name}", stated[name], value) for name, value in differing.items())
    for name, value in found.items():
        if stated[name] != value:
            yield Difference(symbol, day, name, stated[name], value)


def _recomputed(context: StoreContext, symbol: str, day: date) -> dict[str, Any]:
    """The columns of a manifest that the stored ticks give."""
    frame = read_ticks(context.database, symbol, context.calendar.window(day))
    stamps = frame["datetime_ns"].to_numpy()
    ends = (int(stamps.min()), int(stamps.max())) if len(stamps) else (None, None)
    first, last = (None if end is None else instant(end).isoformat() for end in ends)
    return {
        "rows": frame.height,
        "five_level_rows": five_level_rows(frame),
        "same_instant_rows": int((frame["seq"] > 0).sum()),
        "first_tick": first,
        "last_tick": last,
        "digest": content_digest(frame),
    }


def _aggregated_differences(context: StoreContext, manifest_id: str, *, ticks: bool) -> Iterator[Difference]:
    stated = stored_aggregated(context, manifest_id)
    if stated.manifest_id != manifest_id:
        yield Difference("", "", "manifest_id", manifest_id, stated.manifest_id)
    path = aggregated_path(context.settings.home, manifest_id)
    if path.exists() and path.read_bytes() != stated.content:
        yield Difference("", "", "file", manifest_id, str(path))
    symbols = [parse_symbol(symbol["symbol"]) for symbol in stated.symbols]
    start, end = (date.fromisoformat(stated.document[name]) for name in ("first_day", "last_day"))
    found = _lines_of(aggregate(context, symbols, start, end))
    for (symbol, day), line in _lines_of(stated).items():
        now = found.pop((symbol, day), {})
        for name in sorted(line.keys() | now.keys()):
            if line.get(name) != now.get(name):
                yield Difference(symbol, day, name, line.get(name), now.get(name))
        if ticks and line["ingest"] in STORED:
            trading_day = date.fromisoformat(day)
            stored_as = stored_symbol(context, parse_symbol(symbol), trading_day, trading_day)
            digest = _recomputed(context, stored_as.text, trading_day)["digest"]
            if digest != line["digest"]:
                yield Difference(symbol, day, "ticks.digest", line["digest"], digest)
    for symbol, day in found:
        yield Difference(symbol, day, "day", None, day)


def _lines_of(made: Aggregated) -> dict[tuple[str, str], dict[str, Any]]:
    return {(symbol["symbol"], line["day"]): line for symbol in made.symbols for line in symbol["days"]}
