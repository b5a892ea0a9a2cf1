"""How long the GraphQL questions of docs/lineage.md take on three symbols of 250 materialized trading days each.

Run it: `python -m ghtrader_assets_tests.assets.measure_lineage [DAYS]`. It prints one JSON document, seconds. The
events are those that runs leave, reported to a fresh instance on sqlite; the web server is a real one.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ("covering-graphql", "origin-graphql", "downstream-graphql", "changed-graphql")
LAST = date(2026, 1, 6)
ROUNDS = 10


def measure(days: int, home: Path) -> dict[str, object]:
    """Median and worst seconds of each question, after one that warms the status cache."""
    os.environ.update(GHTRADER_HOME=str(home), DAGSTER_HOME=str(home / "dagster"), DAGSTER_DISABLE_TELEMETRY="1")
    seeded = _seed(days)
    text = (ROOT / "docs" / "lineage.md").read_text(encoding="utf-8")
    found: dict[str, object] = {"events": seeded}
    with webserver() as url:
        for name in QUESTIONS:
            block = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
            assert block is not None
            seconds = [_asked(url, block.group(1)) for _ in range(ROUNDS + 1)]
            warm = seconds[1:]
            found[name] = {"first": seconds[0], "median": statistics.median(warm), "worst": max(warm)}
    return found


def _seed(days: int) -> int:
    import dagster as dg

    from ghtrader_assets.market.calendar import snapshot_calendar
    from ghtrader_assets.market.symbols import parse_symbol
    from ghtrader_assets.orchestration.names import ALL_TABLES
    from ghtrader_assets.services.dagster_instance import dagster_home
    from ghtrader_assets.settings import Settings

    dagster_home(Path(os.environ["GHTRADER_HOME"]))
    calendar = snapshot_calendar()
    wanted = calendar.days(calendar.first, LAST)[-days:]
    count = 0
    with dg.DagsterInstance.get() as instance:
        for text in Settings().symbols:
            for table in ALL_TABLES:
                for day in wanted:
                    instance.report_runless_asset_event(
                        dg.AssetMaterialization(
                            [parse_symbol(text).key, table],
                            partition=day.isoformat(),
                            tags={"dagster/data_version": f"{table}{day}", "dagster/code_version": "1"},
                            metadata={"manifest_id": f"m{day}", "rows": 40_000, "digest": "d" * 32, "rows_per_s": 9.5},
                        )
                    )
                    count += 1
    return count


@contextmanager
def webserver() -> Iterator[str]:
    """A web server on the environment's home and settings; its address."""
    from ghtrader_assets.ports import claim_port
    from ghtrader_assets.services.dagster_instance import WORKSPACE

    port = claim_port(0, "DAGSTER_PORT")
    command = ["dagster_webserver", "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p", str(port), "--log-level", "error"]
    with subprocess.Popen([sys.executable, "-W", "ignore", "-m", *command], stdout=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _await(url)
            yield url
        finally:
            process.terminate()


def _await(url: str) -> None:
    give_up_at = time.monotonic() + 180
    while time.monotonic() < give_up_at:
        try:
            _asked(url, "{ version }")
        except requests.RequestException:
            time.sleep(0.5)
        else:
            return
    raise SystemExit("the web server did not come up")


def _asked(url: str, query: str) -> float:
    started = time.perf_counter()
    answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=300).json()
    seconds = time.perf_counter() - started
    assert "errors" not in answer, answer
    return round(seconds, 4)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of dagster itself
    with tempfile.TemporaryDirectory() as folder:
        json.dump(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 250, Path(folder)), sys.stdout)
