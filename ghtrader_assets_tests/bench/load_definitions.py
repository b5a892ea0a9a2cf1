"""Ten years of sixty symbols loaded as Dagster's definitions, in this very process: for a fresh one that is timed.

Belongs here: the load and its two times. Does not belong here: starting the process (`calendar`).
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from datetime import date
from pathlib import Path
from typing import Final

SYMBOLS: Final = 60
FIRST_DAY: Final = date(2016, 11, 22)


def load() -> dict[str, float]:
    """Seconds of importing and of building definitions and asset graph, and of the processor for both.

    With them how many symbols, assets and partitions there were.
    """
    began = time.perf_counter()
    from ghtrader_assets.assets.build import build_definitions
    from ghtrader_assets.clock import SYSTEM_CLOCK
    from ghtrader_assets.market.products import products
    from ghtrader_assets.settings import Settings

    imported = time.perf_counter()
    names = tuple(product.alias for product in products() if product.delisted is None)[:SYMBOLS]
    definitions = build_definitions(Settings(start_date=FIRST_DAY, home=Path("nowhere"), symbols=names), SYSTEM_CLOCK)
    graph = definitions.resolve_asset_graph()
    partitioned = [key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is not None]
    partitions = graph.get(partitioned[0]).partitions_def
    assert partitions is not None
    keys = len(partitions.get_partition_keys())
    built = time.perf_counter()
    return {
        "symbols": len(names),
        "assets": len(partitioned),
        "partitions": keys,
        "import_s": imported - began,
        "build_s": built - imported,
        "cpu_s": time.process_time(),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of dagster itself
    sys.stdout.write(json.dumps(load()))
