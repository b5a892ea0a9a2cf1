"""`coverage`, `days`, `gaps`, `quality`, `manifests`, `manifest`, `schedule`, `ticks`: what is there.

Belongs here: these commands. Does not belong here: queries and checks of arguments (`store`), starting services
(`services`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    CoveringOption,
    DayArgument,
    EndOption,
    ManifestArgument,
    OptionalEnd,
    OptionalStart,
    ProductArgument,
    StartOption,
    SymbolArgument,
    SymbolsAndDay,
    UniverseArgument,
    as_document,
    command,
    days_asked_for,
    emit_json,
    emit_rows,
    emit_table,
    log,
    out,
    require_in_universe,
    symbols_and_day,
)
from ghtrader_assets.cli.services import services_for, store_for
from ghtrader_assets.context.load import open_load
from ghtrader_assets.context.universe import universe_of, unknown_product
from ghtrader_assets.errors import BadInputError, NoDayError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.whole_days import require_columns
from ghtrader_assets.reading.export import Exported, export_days, put_csv, require_target
from ghtrader_assets.reading.handout import Handout, as_states, handout_of
from ghtrader_assets.reading.overview import SymbolSummary, summary_of
from ghtrader_assets.reading.stored import wrong_mains
from ghtrader_assets.reference.pictures import draw_roll_history
from ghtrader_assets.reference.rolls import Segment, segments_of, terms_of
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.settings import Settings, start_date_of

COVERAGE_COLUMNS: Final = ("symbol", "first_day", "last_day", "n_days", "rows", "expected_days", "missing")
DAY_STATES: Final = ("ingest_state", "coverage_state", "quality_state")
DAY_COLUMNS: Final = ("trading_day", "contract", "rows", *DAY_STATES, "reason", "witness", "manifest_id")
CONTRACT_COLUMNS: Final = ("contract", "first_day", "last_day", "multiplier", "price_tick", "verified")
GAP_COLUMNS: Final = ("session", "start_ts", "end_ts", "duration_s", "attribution", "lots_across", "tqsdk_status")
MANIFEST_COLUMNS: Final = ("manifest_id", "symbol", "contract", "outcome", "rows", "digest", "started", "reason")
SEGMENT_TERMS: Final = ("expires", "expires_source", "price_tick", "multiplier", "terms_source")
SEGMENT_COLUMNS: Final = ("contract", "first_day", "last_day", "trading_days", "is_roll", *SEGMENT_TERMS)
SCHEDULE_COLUMNS: Final = ("trading_day", "contract", "segment_id", "is_roll", "provisional")
JSON_FIELDS: Final = ("rules_json", "sessions_json", "policy_json")


@command()
def coverage(settings: Settings, symbols: UniverseArgument = None, as_json: AsJson = False) -> None:
    """What is stored of each symbol against the trading days expected, missing days by reason."""
    chosen = symbols or universe_of(settings)
    with store_for(settings, *chosen) as store:
        found = [summary_of(store.context, symbol) for symbol in chosen]
    if as_json:
        emit_json(found)
    else:
        emit_rows("coverage", [as_document(row) | {"missing": _missing(row)} for row in found], COVERAGE_COLUMNS)


@command()
def days(
    settings: Settings, symbol: SymbolArgument, start: StartOption, end: EndOption, as_json: AsJson = False
) -> None:
    """Each trading day of a range: rows, contract, state and reason of ingest, coverage and quality."""
    start, end = calendar_for(settings.home).span(start, end)
    with store_for(settings, symbol) as store:
        rows = store.days(symbol.text, start, end)
    emit_rows(f"trading days of {symbol.text}", rows, DAY_COLUMNS, as_json=as_json)
    for row in [] if as_json else rows:
        if row.accepted is not None:
            out.print(f"{row.trading_day} was accepted {row.accepted}")
    unknown = unknown_product(settings.home, symbol)
    if unknown is not None and symbol.text in settings.symbols and not as_json:
        out.print(f"{unknown}; {unknown.remedy}")


@command()
def contracts(
    settings: Settings,
    product: ProductArgument,
    day: DayArgument,
    as_json: AsJson = False,
) -> None:
    """The contracts of a product that are listed on a trading day, with first and last day, multiplier, price tick."""
    with store_for(settings, day=day) as store:
        rows = store.contracts(product.text, day)
    emit_rows(f"contracts of {product.exchange}.{product.product} on {day}", rows, CONTRACT_COLUMNS, as_json=as_json)


@command()
def gaps(settings: Settings, symbol: SymbolArgument, day: DayArgument, as_json: AsJson = False) -> None:
    """The gaps of a trading day, each with what it looks like."""
    with store_for(settings, symbol, day=day) as store:
        rows = store.gaps(symbol.text, day)
    emit_rows(f"gaps of {symbol.text} on {day}: {len(rows)}", rows, GAP_COLUMNS, as_json=as_json)


@command()
def quality(settings: Settings, symbol: SymbolArgument, day: DayArgument, as_json: AsJson = False) -> None:
    """Every field-quality figure of a trading day."""
    with store_for(settings, symbol, day=day) as store:
        row = as_document(store.quality(symbol.text, day))
    document = {name: json.loads(value) if name in JSON_FIELDS else value for name, value in row.items()}
    _emit_record(f"field quality of {symbol.text} on {day}", document, as_json=as_json)


@command()
def manifests(settings: Settings, covering: CoveringOption, as_json: AsJson = False) -> None:
    """Which loads touched a trading day, of all symbols, oldest first."""
    with store_for(settings, day=covering) as store:
        rows = store.manifests(covering)
    emit_rows(f"loads of {covering}", rows, MANIFEST_COLUMNS, as_json=as_json)


@command()
def manifest(settings: Settings, manifest_id: ManifestArgument, as_json: AsJson = False) -> None:
    """One manifest whole."""
    with store_for(settings) as store:
        found = store.manifest(manifest_id)
    _emit_record(f"manifest {manifest_id}", as_document(found), as_json=as_json)


@command()
def schedule(
    settings: Settings,
    symbol: SymbolArgument,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the provider first, and store what is new.")] = False,
    picture: Annotated[Path | None, typer.Option(metavar="F", help="Draw the roll history: .png or .svg.")] = None,
    as_json: AsJson = False,
) -> None:
    """The main contract of each trading day, its segment and terms, and the days it rolled."""
    calendar = calendar_for(settings.home)
    start, end = calendar.span(start or settings.first_day, end or calendar.horizon)
    if refresh:
        require_in_universe(settings, symbol)
        with services_for(settings), open_load(settings) as context:
            refresh_schedule(context, symbol, force_refresh=True)
    with store_for(settings, symbol) as store:
        rows = store.schedule(symbol.text, start, end)
        wrong = wrong_mains(store.context, rows)
    if picture:
        draw_roll_history(segments_of(rows, calendar), picture)
        log.print(f"the roll history is drawn in {picture}")
    if as_json:
        told = [{**terms_of(row, calendar), "finding": wrong.get(row.trading_day, "")} for row in rows]
        emit_json([as_document(row) | more for row, more in zip(rows, told, strict=True)])
    elif rows:
        _show_schedule(symbol.text, rows, segments_of(rows, calendar, wrong))
    else:
        listed = start_date_of(settings, symbol.product)
        remedy = "ask with --refresh" if end >= listed else f"schedules begin at the start date, {listed}"
        out.print(f"no main contract of {symbol.text} is stored from {start} to {end}: {remedy}")


@contextmanager
def _exit_1_where_no_day_is_there(*, strict: bool) -> Generator[None]:
    """With `strict`, a range without any day to hand out is an answer, and no bad usage."""
    try:
        yield
    except NoDayError as error:
        if not strict:
            raise
        log.print(f"--strict: {error.line}")
        raise typer.Exit(1) from None


@command()
def ticks(
    settings: Settings,
    words: SymbolsAndDay,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    target: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="A .parquet or .csv file, or a folder for a tree.")
    ] = None,
    columns: Annotated[str | None, typer.Option(help="Columns, comma-separated; all without.")] = None,
    states: Annotated[str, typer.Option(help="Which days: any, judged, or good (judged ok or warn).")] = "any",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 unless every day is handed out, and good.")] = False,
    as_json: AsJson = False,
) -> None:
    """Export the stored ticks of a trading day or a range to Parquet, CSV or a Parquet tree, or print them as CSV.

    Of several symbols into a tree, or as CSV one after the other. Days that are missing, partial, in error or unjudged
    are named on stderr; with --strict they make exit 1.
    """
    symbols, day = symbols_and_day(words)
    start, end = days_asked_for("ticks", calendar_for(settings.home), day, start, end)
    names = require_columns([name.strip() for name in columns.split(",")] if columns is not None else None)
    _require_target(target, symbols, as_json=as_json)
    chosen = as_states(states)
    with store_for(settings, *symbols) as store:
        with _exit_1_where_no_day_is_there(strict=strict):
            handouts = [handout_of(store.context, symbol, start, end, names, states=chosen) for symbol in symbols]
        for handout in handouts:
            _warn_of(handout, strict=strict)
        if target is None:
            for number, (_, table) in enumerate(chain.from_iterable(handout.read() for handout in handouts)):
                put_csv(table, sys.stdout.buffer, header=number == 0)
        else:
            exported = [(handout, export_days(handout, target)) for handout in handouts]
            _show_exported(exported, target, as_json=as_json)
    raise typer.Exit(int(strict and not all(handout.all_good for handout in handouts)))


def _require_target(target: Path | None, symbols: Sequence[Symbol], *, as_json: bool) -> None:
    """Raises `BadInputError` for a target that can't hold the symbols."""
    if target is None:
        if as_json:
            raise BadInputError("--json says what a file holds", "add --out F")
        return
    require_target(target)
    if target.suffix and len(symbols) > 1:
        raise BadInputError(
            f"--out {target} holds one symbol, and {len(symbols)} are named", "name a folder for a tree"
        )


def _warn_of(handout: Handout, *, strict: bool) -> None:
    if handout.warning:
        log.print(f"warning: {handout.warning}")
    if strict and not handout.all_good:
        log.print(f"--strict: {len(handout.not_good)} trading days are not good, {handout.to_come} are not over yet")


def _show_exported(exported: Sequence[tuple[Handout, Exported]], target: Path, *, as_json: bool) -> None:
    """What each symbol's export holds: in JSON a document, or a list of them where several symbols were named."""
    if as_json:
        documents = [_exported_document(handout, each) for handout, each in exported]
        emit_json(documents if len(documents) > 1 else documents[0])
        return
    for handout, each in exported:
        days = each.days
        shown = f"{len(days)} trading days" if len(days) > 1 else f"{days[0].trading_day}"
        out.print(f"{each.rows:,} ticks of {handout.symbol.text}, {shown}, are in {target}")


def _exported_document(handout: Handout, exported: Exported) -> dict[str, object]:
    days = exported.days
    return {
        "symbol": handout.symbol.text,
        "rows": exported.rows,
        "files": exported.files,
        "manifest_ids": {str(day.trading_day): day.manifest_id for day in days},
        "states": {str(day.trading_day): day.state for day in days},
        "not_good": {str(day.trading_day): day.state for day in handout.not_good},
    }


def _show_schedule(symbol: str, rows: list[ScheduleDay], segments: list[Segment]) -> None:
    emit_rows(f"segments of {symbol}", segments, SEGMENT_COLUMNS)
    emit_rows(f"main contracts of {symbol}", rows, SCHEDULE_COLUMNS)
    for wrong in (segment.finding for segment in segments if segment.finding):
        out.print(f"WRONG: {wrong}")
    if rows[-1].provisional:
        out.print(f"{rows[-1].trading_day} may still change until it closes")


def _missing(found: SymbolSummary) -> str:
    return ", ".join(f"{len(days)} {state}" for state, days in found.missing_days.items()) or "none"


def _emit_record(title: str, document: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        emit_json(document)
    else:
        emit_table(title, ("name", "value"), document.items())
