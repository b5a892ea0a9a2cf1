"""`bench`: the benchmarks, side by side, one JSON document out.

Belongs here: the command and the list of benchmarks. Does not belong here: any measurement (`bench`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ghtrader_assets.cli.app import app, emit_json
from ghtrader_assets.errors import BadInputError

if TYPE_CHECKING:
    from ghtrader_assets.bench.report import Report

BENCHMARKS: Final = ("ingest", "write", "scale", "memory", "validate", "query", "dashboard", "calendar")
"""Each is the function `bench_NAME` of the module `bench.NAME`, imported when asked for: one of them needs Dagster."""


@app.command()
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(BENCHMARKS)}.")],
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes: a few minutes at most.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON is all there is; accepted like everywhere.")] = True,  # noqa: ARG001
) -> None:
    """Run one benchmark against a QuestDB of its own and print {name, machine, variants, ratios}."""
    if name not in BENCHMARKS:
        raise BadInputError(f"there is no benchmark {name!r}", f"choose one of {', '.join(BENCHMARKS)}")
    measure: Callable[..., Report] = getattr(import_module(f"ghtrader_assets.bench.{name}"), f"bench_{name}")
    emit_json(measure(quick=quick))
