"""How long Dagster's definitions take to load for ten years of sixty symbols, in a fresh process.

Run it: `python -m ghtrader_assets_tests.assets.measure_definitions`. It prints one JSON document, seconds.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from datetime import date
from pathlib import Path

SYMBOLS = 60
FIRST_DAY = date(2016, 11, 22)


def measure() -> dict[str, float]:
    """Seconds of importing and of building definitions and graph, and the number of assets."""
    began = time.perf_counter()
    from ghtrader_assets.assets.build import build_definitions
    from ghtrader_assets.market.products import products
    from ghtrader_assets.settings import Settings

    imported = time.perf_counter()
    names = tuple(product.alias for product in products() if product.delisted is None)[:SYMBOLS]
    definitions = build_definitions(Settings(start_date=FIRST_DAY, home=Path("/nonexistent"), symbols=names))
    assets = len(list(definitions.resolve_asset_graph().get_all_asset_keys()))
    built = time.perf_counter()
    return {"symbols": len(names), "assets": assets, "import_s": imported - began, "build_s": built - imported}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of dagster itself
    json.dump(measure(), sys.stdout)
