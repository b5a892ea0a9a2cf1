"""Sixty symbols over ten years: how long a partitions page takes to settle.

Run it: `python -m ghtrader_assets_tests.assets.measure_pages [SEEDED_DAYS]`. It prints one JSON document, seconds.
Ticks and verdicts of one symbol are reported for the last SEEDED_DAYS (all without); the others have none.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from ghtrader_assets_tests.assets.measure_lineage import webserver
from ghtrader_assets_tests.bench.load_definitions import FIRST_DAY, SYMBOLS
from ghtrader_assets_tests.fix_browser import QUIET

PAGE_ROUNDS = 3


def measure(seeded: int | None, home: Path) -> dict[str, object]:
    """Seconds of each opening of the page, the first one cold."""
    from ghtrader_assets.market.products import products

    names = [product.alias for product in products() if product.delisted is None][:SYMBOLS]
    os.environ.update(
        GHTRADER_HOME=str(home),
        DAGSTER_HOME=str(home / "dagster"),
        DAGSTER_DISABLE_TELEMETRY="1",
        GHTRADER_SYMBOLS=",".join(names),
        GHTRADER_START_DATE=FIRST_DAY.isoformat(),
    )
    from ghtrader_assets.definitions import defs
    from ghtrader_assets.services.dagster_instance import dagster_home

    dagster_home(home)
    group, events = _seed(defs, names[0], seeded)
    with webserver() as url:
        pages = _pages(f"{url}/assets/{group}/ticks?view=partitions")
    return {"events": events, "page_cold": pages[0], "page": pages[1:]}


def _seed(defs: Any, name: str, seeded: int | None) -> tuple[str, int]:
    import dagster as dg

    from ghtrader_assets.market.symbols import parse_symbol

    group = parse_symbol(name).key
    partitions = defs.resolve_asset_graph().get(dg.AssetKey([group, "ticks"])).partitions_def
    days = partitions.get_partition_keys()
    days = days if seeded is None else days[-seeded:]
    with dg.DagsterInstance.get() as instance:
        for table in ("ticks", "validation_summary"):
            for day in days:
                tags = {"dagster/data_version": f"{table}{day}"}
                event = dg.AssetMaterialization([group, table], partition=day, tags=tags, metadata={"rows": 40_000})
                instance.report_runless_asset_event(event)
    return group, 2 * len(days)


def _pages(address: str) -> list[float]:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        seconds: list[float] = []
        for _ in range(PAGE_ROUNDS):
            began = time.perf_counter()
            page.goto(address, timeout=180_000)
            expect(page.get_by_text("Missing (").first).to_be_visible(timeout=180_000)
            seconds.append(round(time.perf_counter() - began, 2))
        chromium.close()
    return seconds


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of dagster itself
    with tempfile.TemporaryDirectory() as folder:
        json.dump(measure(int(sys.argv[1]) if len(sys.argv) > 1 else None, Path(folder)), sys.stdout)
