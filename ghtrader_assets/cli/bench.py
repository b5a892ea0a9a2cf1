"""`bench`: the benchmarks, side by side, one JSON document out.

Belongs here: the command and the list of benchmarks. Does not belong here: any measurement: the benchmarks are part of
the repository and not of the installed package.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import app, emit_json
from ghtrader_assets.errors import BadInputError

BENCHMARKS: Final = (
    "ingest",
    "daily",
    "write",
    "scale",
    "memory",
    "validate",
    "query",
    "bars",
    "dashboard",
    "calendar",
    "truth",
    "faults",
    "year",
)
"""Each is the function `bench_NAME` of a module `NAME`, imported when it runs: one of them needs Dagster."""

_ROOM: Final = "ghtrader_assets_tests.bench"


@app.command()
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(BENCHMARKS)}.")],
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes: a few minutes at most.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON is all there is; accepted like everywhere.")] = True,  # noqa: ARG001
) -> None:
    """Run one benchmark against a QuestDB of its own and print {name, machine, variants, ratios}. From a checkout."""
    if name not in BENCHMARKS:
        raise BadInputError(f"there is no benchmark {name!r}", f"choose one of {', '.join(BENCHMARKS)}")
    if find_spec(_ROOM.partition(".")[0]) is None:
        raise BadInputError("the benchmarks are not part of the installed package", "run `bench` from a checkout")
    measure: Callable[..., object] = getattr(import_module(f"{_ROOM}.{name}"), f"bench_{name}")
    emit_json(measure(quick=quick))
