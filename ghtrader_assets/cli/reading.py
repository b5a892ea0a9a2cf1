"""`coverage`, `days`, `gaps`, `quality`, `manifests`, `manifest`, `schedule`, `ticks`: what is there.

Belongs here: these commands. Does not belong here: queries (`questdb.tables.reader`, `reading.overview`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    DayArgument,
    FromOption,
    SymbolArgument,
    ToOption,
    app,
    as_document,
    day_range,
    emit_json,
    emit_rows,
    known_symbol,
    log,
    out,
    parse_day,
    require_order,
    trading_day,
)
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.context.load import LoadContext, open_load
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.manifests import as_document as manifest_document
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.questdb.tables.reader import (
    manifests_covering,
    read_gaps,
    read_manifest,
    read_quality,
    read_schedule,
)
from ghtrader_assets.questdb.tables.whole_days import require_columns
from ghtrader_assets.reading.export import export_days, put_csv, require_target, stored_days
from ghtrader_assets.reading.overview import SymbolCoverage, coverage_of, days_of
from ghtrader_assets.reference.rolls import segments_of, terms_of
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.settings import Settings, load_settings, start_date_of

DAY_COLUMNS: Final = (
    "trading_day",
    "contract",
    "rows",
    "ingest_state",
    "coverage_state",
    "quality_state",
    "reason",
    "manifest_id",
)
GAP_COLUMNS: Final = ("session", "start_ts", "end_ts", "duration_s", "attribution", "tqsdk_status")
MANIFEST_COLUMNS: Final = ("manifest_id", "symbol", "contract", "outcome", "rows", "digest", "started", "reason")
SEGMENT_COLUMNS: Final = (
    "contract",
    "first_day",
    "last_day",
    "trading_days",
    "is_roll",
    "expires",
    "expires_source",
    "price_tick",
    "multiplier",
    "terms_source",
)
SCHEDULE_COLUMNS: Final = ("trading_day", "contract", "segment_id", "is_roll", "provisional")
JSON_FIELDS: Final = ("rules_json", "sessions_json", "policy_json")


@contextmanager
def store(settings: Settings) -> Generator[LoadContext]:
    """The platform of a running `up`, or of services started for this command."""
    with services_for(settings), open_load(settings) as context:
        yield context


@app.command()
def coverage(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL…]")] = None, as_json: AsJson = False
) -> None:
    """What is stored of each symbol against the trading days expected, missing days by reason."""
    settings = load_settings()
    chosen = [known_symbol(text, settings.symbols) for text in symbols or settings.symbols]
    with store(settings) as context:
        found = [coverage_of(context, symbol) for symbol in chosen]
    columns = ("symbol", "first_day", "last_day", "n_days", "rows", "expected_days", "missing")
    rows = [as_document(one) | ({} if as_json else {"missing": _missing(one)}) for one in found]
    emit_rows("coverage", rows, columns, as_json=as_json)


@app.command()
def days(
    symbol: SymbolArgument,
    first: Annotated[str, typer.Option("--from", metavar="D", help="First trading day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="D", help="Last trading day, YYYY-MM-DD.")],
    as_json: AsJson = False,
) -> None:
    """Each trading day of a range: rows, contract, state and reason of ingest, coverage and quality."""
    settings = load_settings()
    chosen = known_symbol(symbol, settings.symbols)
    start, end = day_range(first, last, calendar_for(settings.home))
    with store(settings) as context:
        rows = [as_document(day) for day in days_of(context, chosen, start, end)]
    emit_rows(f"trading days of {chosen.text}", rows, DAY_COLUMNS, as_json=as_json)


@app.command()
def gaps(symbol: SymbolArgument, day: DayArgument, as_json: AsJson = False) -> None:
    """The gaps of a trading day, each with what it looks like."""
    settings = load_settings()
    chosen, wanted = known_symbol(symbol, settings.symbols), trading_day(day, "DAY", calendar_for(settings.home))
    with store(settings) as context:
        rows = [as_document(gap) for gap in read_gaps(context.database, chosen.text, wanted)]
    emit_rows(f"gaps of {chosen.text} on {wanted}: {len(rows)}", rows, GAP_COLUMNS, as_json=as_json)


@app.command()
def quality(symbol: SymbolArgument, day: DayArgument, as_json: AsJson = False) -> None:
    """Every field-quality figure of a trading day."""
    settings = load_settings()
    chosen, wanted = known_symbol(symbol, settings.symbols), trading_day(day, "DAY", calendar_for(settings.home))
    with store(settings) as context:
        row = read_quality(context.database, chosen.text, [wanted]).get(wanted)
    if row is None:
        raise BadInputError(f"{chosen.text} {wanted} has not been judged", "load it with `ghtrader-assets backfill`")
    document = {name: json.loads(value) if name in JSON_FIELDS else value for name, value in as_document(row).items()}
    _emit_record(f"field quality of {chosen.text} on {wanted}", document, as_json=as_json)


@app.command()
def manifests(
    covering: Annotated[str, typer.Option("--covering", metavar="DAY", help="A trading day, YYYY-MM-DD.")],
    as_json: AsJson = False,
) -> None:
    """Which loads touched a trading day, of all symbols, oldest first."""
    settings = load_settings()
    wanted = trading_day(covering, "--covering", calendar_for(settings.home))
    with store(settings) as context:
        rows = [manifest_document(one) for one in manifests_covering(context.database, wanted)]
    emit_rows(f"loads of {wanted}", rows, MANIFEST_COLUMNS, as_json=as_json)


@app.command()
def manifest(
    manifest_id: Annotated[str, typer.Argument(metavar="ID", help="A manifest's id.")], as_json: AsJson = False
) -> None:
    """One manifest whole."""
    with store(load_settings()) as context:
        found = read_manifest(context.database, manifest_id)
    if found is None:
        raise BadInputError(f"there is no manifest {manifest_id!r}", "`manifests --covering DAY` lists them")
    _emit_record(f"manifest {manifest_id}", manifest_document(found), as_json=as_json)


@app.command()
def schedule(
    symbol: SymbolArgument,
    first: FromOption = None,
    last: ToOption = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the provider first, and store what is new.")] = False,
    picture: Annotated[Path | None, typer.Option(metavar="F", help="Draw the roll history: .png or .svg.")] = None,
    as_json: AsJson = False,
) -> None:
    """The main contract of each trading day, its segment and terms, and the days it rolled."""
    settings = load_settings()
    chosen, calendar = known_symbol(symbol, settings.symbols), calendar_for(settings.home)
    start = parse_day(first, "--from") if first is not None else settings.first_day
    end = parse_day(last, "--to") if last is not None else calendar.horizon
    calendar.days(start, end)
    require_order(start, end)
    with store(settings) as context:
        if refresh:
            refresh_schedule(context, chosen, afresh=True)
        rows = read_schedule(context.database, chosen.text, start, end)
    segments = segments_of(rows, calendar)
    if picture:
        from ghtrader_assets.reference.pictures import draw_roll_history  # noqa: PLC0415 - half a second of matplotlib

        draw_roll_history(segments, picture)
        log.print(f"the roll history is drawn in {picture}", highlight=False)
    if as_json:
        emit_json([as_document(row) | terms_of(row, calendar) for row in rows])
        return
    if not rows:
        listed = start_date_of(settings, chosen.product)
        remedy = "ask with --refresh" if end >= listed else f"schedules begin at the start date, {listed}"
        out.print(f"no main contract of {chosen.text} is stored from {start} to {end}: {remedy}", highlight=False)
        return
    emit_rows(f"segments of {chosen.text}", [as_document(one) for one in segments], SEGMENT_COLUMNS, as_json=False)
    emit_rows(f"main contracts of {chosen.text}", [as_document(row) for row in rows], SCHEDULE_COLUMNS, as_json=False)
    if rows[-1].provisional:
        out.print(f"{rows[-1].trading_day} may still change until it closes", highlight=False)


@app.command()
def ticks(
    symbol: SymbolArgument,
    day: Annotated[str | None, typer.Argument(metavar="[DAY]", help="A trading day, or --from and --to.")] = None,
    first: FromOption = None,
    last: ToOption = None,
    target: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="A .parquet or .csv file, or a folder for a tree.")
    ] = None,
    columns: Annotated[str | None, typer.Option(help="Columns, comma-separated; all without.")] = None,
    as_json: AsJson = False,
) -> None:
    """Export the stored ticks of a trading day or a range to Parquet, CSV or a Parquet tree, or print them as CSV."""
    settings = load_settings()
    calendar = calendar_for(settings.home)
    chosen = known_symbol(symbol, settings.symbols)
    if day is not None and first is None and last is None:
        start = end = trading_day(day, "DAY", calendar)
    elif day is None and first is not None and last is not None:
        start, end = day_range(first, last, calendar)
    else:
        raise BadInputError("ticks wants a DAY or --from and --to", "name one or the other")
    names = require_columns([name.strip() for name in columns.split(",")] if columns is not None else None)
    if target is not None:
        require_target(target)
    elif as_json:
        raise BadInputError("--json says what a file holds", "add --out F")
    with store(settings) as context:
        if target is None:
            for number, one in enumerate(stored_days(context, chosen, start, end, names)):
                put_csv(one.ticks, sys.stdout.buffer, header=number == 0)
            return
        exported = export_days(context, chosen, start, end, names, target)
    if as_json:
        emit_json(
            {
                "symbol": chosen.text,
                "rows": exported.rows,
                "files": exported.files,
                "manifest_ids": {str(day): load for day, load in exported.manifest_ids.items()},
            }
        )
        return
    days = f"{len(exported.manifest_ids)} trading days" if start != end else f"{start}"
    out.print(f"{exported.rows:,} ticks of {chosen.text}, {days}, are in {target}", highlight=False)


def _missing(found: SymbolCoverage) -> str:
    return ", ".join(f"{len(days)} {state}" for state, days in found.missing_days.items()) or "none"


def _emit_record(title: str, document: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        emit_json(document)
        return
    rows = [{"name": name, "value": value} for name, value in document.items()]
    emit_rows(title, rows, ("name", "value"), as_json=False)
