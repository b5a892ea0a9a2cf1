"""`metrics`: ingest rates, validation durations and query percentiles over a window that ends now.

Belongs here: the command. Does not belong here: the queries (`questdb.tables.measured`), measuring (`metrics`).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from ghtrader_assets.cli.app import AsJson, command, emit_json, emit_rows, emit_table
from ghtrader_assets.cli.services import store_for
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import quoted
from ghtrader_assets.questdb.tables.measured import (
    Percentiles,
    read_ingest_rates,
    read_percentiles,
    read_query_percentiles,
)
from ghtrader_assets.settings import Settings

STEPS: Final = ("download_seconds", "store_seconds", "readback_seconds")
VALIDATION: Final = "validation_seconds"
PERCENTILE_COLUMNS: Final = ("name", "count", "p50_ms", "p95_ms", "p99_ms", "longest_ms")
INGEST_COLUMNS: Final = ("symbol", "days", "rows", "bytes", "seconds", "rows_per_s", "last")
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


@command()
def metrics(
    settings: Settings,
    window: Annotated[str, typer.Option(metavar="W", help="How far back: 90m, 24h, 7d.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Ingest rates by symbol, durations of a day's steps and its judgement, exact latency percentiles by query."""
    end = SYSTEM_CLOCK.now()
    start = end - parse_window(window)
    with store_for(settings) as store:
        database = store.database
        ingest = read_ingest_rates(database, start, end)
        steps = read_percentiles(database, STEPS, start, end)
        validation = read_percentiles(database, [VALIDATION], start, end)
        queries = read_query_percentiles(database, start, end)
    if as_json:
        figures = {"ingest": ingest, "steps": steps, "validation": validation, "queries": queries}
        emit_json({"from": start, "to": end, **figures})
        return
    emit_rows(f"ingest, {window}", ingest, INGEST_COLUMNS)
    emit_table("a trading day's steps", PERCENTILE_COLUMNS, map(_row, [*steps, *validation]))
    emit_table("queries", PERCENTILE_COLUMNS, map(_row, queries))


def parse_window(text: str) -> timedelta:
    """A length of time such as 90m, 24h or 7d. Raises `BadInputError`."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise BadInputError(f"--window {quoted(text)} is no length of time", "write it as 90m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _row(found: Percentiles) -> tuple[Any, ...]:
    milliseconds = (round(1e3 * value, 3) for value in (found.p50, found.p95, found.p99, found.largest))
    return (found.name.removesuffix("_seconds"), found.count, *milliseconds)
