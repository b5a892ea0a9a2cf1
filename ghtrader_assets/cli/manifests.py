"""`aggregate-manifest`, `verify-manifest`, `diff-manifests`, `lineage`: what was loaded, from what, and is it so still.

Belongs here: these commands. Does not belong here: `manifests` and `manifest`, which only read (`reading`), and the
comparisons (`lineage.verify`, `lineage.day`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    DayArgument,
    SymbolArgument,
    app,
    as_document,
    day_range,
    emit_json,
    emit_rows,
    known_symbol,
    out,
    trading_day,
)
from ghtrader_assets.cli.reading import store
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.lineage.aggregate import Aggregated, aggregate, record_aggregated
from ghtrader_assets.lineage.day import DayLineage, day_lineage
from ghtrader_assets.lineage.verify import differences_of, verify_manifest
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.manifests import as_document as manifest_document
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.questdb.tables.reader import read_manifest
from ghtrader_assets.settings import load_settings

DIFFERENCE_COLUMNS: Final = ("symbol", "trading_day", "column", "stated", "found")
CHANGE_COLUMNS: Final = ("column", "before", "after")
TOTAL_COLUMNS: Final = ("symbol", "expected_days", "n_days", "rows", "gaps", "gap_seconds", "loads", "digest")
UPSTREAM_COLUMNS: Final = ("source", "version", "version_now", "current")
DOWNSTREAM_COLUMNS: Final = ("table", "version", "made_of", "state", "current")
ATTEMPT_COLUMNS: Final = ("manifest_id", "contract", "outcome", "rows", "digest", "code_version", "source", "started")
ManifestId = Annotated[str, typer.Argument(metavar="ID", help="A manifest's id.")]


@app.command("aggregate-manifest")
def aggregate_manifest(
    first: Annotated[str, typer.Option("--from", metavar="D", help="First trading day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="D", help="Last trading day, YYYY-MM-DD.")],
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL…]")] = None,
    as_json: AsJson = False,
) -> None:
    """One manifest of a range: days, rows, gaps, states, loads, code versions, and the digest of digests."""
    settings = load_settings()
    chosen = [known_symbol(text, settings.symbols) for text in symbols or settings.symbols]
    start, end = day_range(first, last, calendar_for(settings.home))
    with store(settings) as context:
        made = aggregate(context, chosen, start, end)
        path = record_aggregated(context, made)
    if as_json:
        emit_json({"manifest_id": made.manifest_id, "file": path, "manifest": made.document})
        return
    show_aggregated(made)
    out.print(f"{made.manifest_id}  {path}", highlight=False)


def show_aggregated(made: Aggregated) -> None:
    """A line a symbol and one for all of them."""
    total = {"symbol": "all", **made.document["totals"]}
    days = f"{made.document['first_day']} to {made.document['last_day']}"
    emit_rows(f"trading days from {days}", [*made.symbols, total], TOTAL_COLUMNS, as_json=False)


@app.command("verify-manifest")
def verify(
    manifest_id: ManifestId,
    tables_only: Annotated[bool, typer.Option("--tables-only", help="Do not read the ticks.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute a manifest from the stored columns and compare. Exit 0 equal, 1 naming each day and column."""
    with store(load_settings()) as context:
        found = [as_document(one) for one in verify_manifest(context, manifest_id, ticks=not tables_only)]
    if as_json:
        emit_json({"manifest_id": manifest_id, "equal": not found, "differences": found})
    elif found:
        emit_rows(f"{manifest_id} is not what is stored", found, DIFFERENCE_COLUMNS, as_json=False)
    else:
        out.print(f"{manifest_id} is what is stored", highlight=False)
    raise typer.Exit(int(bool(found)))


@app.command("diff-manifests")
def diff_manifests(
    before: Annotated[str, typer.Argument(metavar="A", help="A manifest's id.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one's.")],
    as_json: AsJson = False,
) -> None:
    """What changed between two loads: digest, rows, contract, code and every other column that differs."""
    with store(load_settings()) as context:
        found = differences_of(_manifest(context, before), _manifest(context, after))
    rows = [{"column": name, "before": one, "after": other} for name, (one, other) in found.items()]
    emit_rows(f"{before} against {after}", rows, CHANGE_COLUMNS, as_json=as_json)


@app.command()
def lineage(symbol: SymbolArgument, day: DayArgument, as_json: AsJson = False) -> None:
    """Where a trading day comes from, what was made of it, whether that is current, and every load of it."""
    settings = load_settings()
    chosen, wanted = known_symbol(symbol, settings.symbols), trading_day(day, "DAY", calendar_for(settings.home))
    with store(settings) as context:
        found = day_lineage(context, chosen, wanted)
    if as_json:
        emit_json(_document(found))
    else:
        _show(found)


def _manifest(context: StoreContext, manifest_id: str) -> Manifest:
    found = read_manifest(context.database, manifest_id)
    if found is None:
        raise BadInputError(f"there is no manifest {manifest_id!r}", "`manifests --covering DAY` lists them")
    return found


def _document(found: DayLineage) -> dict[str, Any]:
    return as_document(found) | {
        "load": manifest_document(found.load) if found.load else None,
        "attempts": [manifest_document(one) for one in found.attempts],
    }


def _show(found: DayLineage) -> None:
    load = found.load
    what = f"{found.rows:,} ticks, digest {found.digest}" if found.digest else "nothing is stored"
    out.print(f"{found.symbol} {found.trading_day}: {what}", highlight=False)
    if load is not None:
        out.print(
            f"load {load.manifest_id} of {load.contract}, schema {load.schema_hash}, code {load.code_version},"
            f" source {load.source} ({load.reader})",
            highlight=False,
        )
    emit_rows("made of", [as_document(one) for one in found.upstream], UPSTREAM_COLUMNS, as_json=False)
    emit_rows("made into", [as_document(one) for one in found.downstream], DOWNSTREAM_COLUMNS, as_json=False)
    attempts = [manifest_document(one) for one in found.attempts]
    emit_rows("loads", attempts, ATTEMPT_COLUMNS, as_json=False)
