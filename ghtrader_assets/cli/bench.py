"""`bench`: the benchmarks, side by side, one JSON document out.

Belongs here: the command and the list of benchmarks. Does not belong here: any measurement (`bench`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import typer

from ghtrader_assets.bench.ingest import bench_ingest
from ghtrader_assets.bench.report import Report
from ghtrader_assets.bench.validate import bench_validate
from ghtrader_assets.cli.app import app, emit_json
from ghtrader_assets.errors import BadInputError

BENCHMARKS: Final[dict[str, Callable[..., Report]]] = {"validate": bench_validate, "ingest": bench_ingest}
"""Name → benchmark; each takes `quick`."""


@app.command()
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(BENCHMARKS)}.")],
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes: minutes become less than four.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON is all there is; accepted like everywhere.")] = True,  # noqa: ARG001
) -> None:
    """Run one benchmark against a QuestDB of its own and print {name, machine, variants, ratios}."""
    if name not in BENCHMARKS:
        raise BadInputError(f"there is no benchmark {name!r}", f"choose one of {', '.join(BENCHMARKS)}")
    emit_json(BENCHMARKS[name](quick=quick))
