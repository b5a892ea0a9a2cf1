"""`aggregate-manifest`, `verify-manifest`, `diff-manifests`, `lineage`: what was loaded, from what, and is it so still.

Belongs here: these commands. Does not belong here: `manifests` and `manifest`, which only read (`reading`), and the
comparisons (`lineage.verify`, `lineage.day`).
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    DayArgument,
    EndOption,
    ManifestArgument,
    StartOption,
    SymbolArgument,
    UniverseArgument,
    command,
    emit_json,
    emit_rows,
    out,
)
from ghtrader_assets.cli.services import services_for, store_for
from ghtrader_assets.context.store import open_writable_store
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.grammar import manifest_id_of
from ghtrader_assets.lineage.aggregate import aggregate, record_aggregated
from ghtrader_assets.lineage.day import DayLineage, day_lineage
from ghtrader_assets.lineage.verify import differences_of, verify_manifest
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.reading.stored import require_known, stored_symbol
from ghtrader_assets.settings import Settings

DIFFERENCE_COLUMNS: Final = ("symbol", "trading_day", "column", "stated", "found")
CHANGE_COLUMNS: Final = ("column", "before", "after")
TOTAL_COLUMNS: Final = ("symbol", "expected_days", "n_days", "rows", "gaps", "gap_seconds", "loads", "digest")
UPSTREAM_COLUMNS: Final = ("source", "version", "version_now", "current")
DOWNSTREAM_COLUMNS: Final = ("table", "version", "made_of", "state", "current")
ATTEMPT_COLUMNS: Final = ("manifest_id", "contract", "outcome", "rows", "digest", "code_version", "source", "started")


@command("aggregate-manifest")
def aggregate_manifest(
    settings: Settings, start: StartOption, end: EndOption, symbols: UniverseArgument = None, as_json: AsJson = False
) -> None:
    """One manifest of a range: days, rows, gaps, states, loads, code versions, and the digest of digests."""
    chosen = symbols or universe_of(settings)
    start, end = calendar_for(settings.home).span(start, end)
    with services_for(settings, with_provider=False), open_writable_store(settings) as context:
        for symbol in chosen:
            require_known(context, symbol)
        made = aggregate(context, chosen, start, end)
        path = record_aggregated(context, made)
    if as_json:
        emit_json({"manifest_id": made.manifest_id, "file": path, "manifest": made.document})
        return
    rows = [*made.symbols, {"symbol": "all", **made.document["totals"]}]
    emit_rows(f"trading days from {start} to {end}", rows, TOTAL_COLUMNS)
    out.print(f"{made.manifest_id}  {path}")


@command("verify-manifest")
def verify(
    settings: Settings,
    manifest_id: ManifestArgument,
    tables_only: Annotated[bool, typer.Option("--tables-only", help="Do not read the ticks.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute a manifest from the stored columns and compare. Exit 0 equal, 1 naming each day and column."""
    with store_for(settings) as store:
        differences = verify_manifest(store.context, manifest_id, ticks=not tables_only)
    if as_json:
        emit_json({"manifest_id": manifest_id, "equal": not differences, "differences": differences})
    elif differences:
        emit_rows(f"{manifest_id} is not what is stored", differences, DIFFERENCE_COLUMNS)
    else:
        out.print(f"{manifest_id} is what is stored")
    raise typer.Exit(int(bool(differences)))


@command("diff-manifests")
def diff_manifests(
    settings: Settings,
    before: Annotated[str, typer.Argument(metavar="A", help="A manifest's id.", parser=manifest_id_of)],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one's.", parser=manifest_id_of)],
    as_json: AsJson = False,
) -> None:
    """What changed between two loads: digest, rows, contract, code and every other column that differs."""
    with store_for(settings) as store:
        found = differences_of(store.manifest(before), store.manifest(after))
    rows = [{"column": name, "before": old, "after": new} for name, (old, new) in found.items()]
    emit_rows(f"{before} against {after}", rows, CHANGE_COLUMNS, as_json=as_json)


@command()
def lineage(settings: Settings, symbol: SymbolArgument, day: DayArgument, as_json: AsJson = False) -> None:
    """Where a trading day comes from, what was made of it, whether that is current, and every load of it."""
    with store_for(settings, symbol, day=day) as store:
        found = day_lineage(store.context, stored_symbol(store.context, symbol, day, day), day)
    if as_json:
        emit_json(found)
    else:
        _show(found)


def _show(found: DayLineage) -> None:
    load = found.load
    what = f"{found.rows:,} ticks, digest {found.digest}" if found.digest else "nothing is stored"
    out.print(f"{found.symbol} {found.trading_day}: {what}")
    if load is not None:
        out.print(
            f"load {load.manifest_id} of {load.contract}, schema {load.schema_hash}, code {load.code_version},"
            f" source {load.source} ({load.reader})"
        )
    emit_rows("made of", found.upstream, UPSTREAM_COLUMNS)
    emit_rows("made into", found.downstream, DOWNSTREAM_COLUMNS)
    emit_rows("loads", found.attempts, ATTEMPT_COLUMNS)
