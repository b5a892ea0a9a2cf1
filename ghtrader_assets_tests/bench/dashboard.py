"""`bench dashboard`: the heatmap of 60 symbols on 250 trading days in a real browser, against plotly's own heatmap.

Belongs here: the two pages' paint times. Does not belong here: the pages (`dashboard`).

Both are asked for in turn by a fresh browser profile each time, with nothing in its cache. A time runs from the start
of the navigation to the moment the browser says that the cells are on the screen (largest contentful paint).
The server's answer to an earlier request is never reused: it keeps pages two seconds, rounds lie further apart.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from statistics import median
from typing import Any, Final

import dash
import plotly.graph_objects as go
from dash import dcc
from werkzeug.serving import make_server

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.dashboard.app import KEPT_S
from ghtrader_assets.dashboard.data import SHOWN_DAYS
from ghtrader_assets.dashboard.palette import CODES, LOOKS, look_of
from ghtrader_assets.errors import GhtraderError, ServiceError
from ghtrader_assets.market.products import products
from ghtrader_assets.ports import LOOPBACK
from ghtrader_assets.questdb.standing.day_states import read_grid
from ghtrader_assets_tests.bench.report import Report, Variant, rounded
from ghtrader_assets_tests.bench.store import own_store
from ghtrader_assets_tests.made_records import fill_records

SYMBOLS: Final = 60
ROUNDS: Final = 15
QUICK_ROUNDS: Final = 5
LAST_DAY: Final = date(2026, 1, 9)
SCREEN: Final = {"width": 1366, "height": 768}
CHROMIUM: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

_WATCH: Final = """
window.__painted = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.__painted.push(
  {at: entry.startTime, cells: !!entry.element && entry.element.classList.contains("heatmap-cells")}
))).observe({type: "largest-contentful-paint", buffered: true});
"""
_CELLS: Final = "() => (window.__painted.find((entry) => entry.cells) || {}).at"
_FIRST: Final = "() => (performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime"
_NOW: Final = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def bench_dashboard(*, quick: bool) -> Report:
    """Measure both pages. Raises `GhtraderError` when they show other states than were recorded."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise GhtraderError("playwright is not installed", "run `make install`") from None
    executable = shutil.which("chromium")
    if executable is None:
        raise ServiceError("there is no chromium on the PATH", "sh infra/dev/test-parts.sh")
    found: dict[str, list[dict[str, float]]] = {"ours": [], "plotly": []}
    with own_store() as platform:
        symbols = [f"KQ.m@{product.exchange}.{product.code}" for product in products() if product.delisted is None][
            :SYMBOLS
        ]
        days = platform.calendar.days(platform.calendar.first, LAST_DAY)[-SHOWN_DAYS:]
        expected = fill_records(platform.database, symbols, days)
        with (
            _ours(platform, symbols, days[0]) as ours,
            _plotly(platform, symbols, days) as plain,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM))
            for _ in range(1 + (QUICK_ROUNDS if quick else ROUNDS)):
                found["ours"].append(_painted(browser, f"{ours}/?to={LAST_DAY}", expected))
                found["plotly"].append(_drawn(browser, plain))
                time.sleep(KEPT_S)
            browser.close()
    return _report(found)


def _report(found: dict[str, list[dict[str, float]]]) -> Report:
    ours, plain = ({name: median(item[name] for item in rounds[1:]) for name in rounds[0]} for rounds in found.values())
    slowest = max(item["cells_painted_s"] for item in found["ours"][1:])
    return Report(
        "dashboard",
        [
            Variant("the overview: 60 symbols, 250 days", rounded({**ours, "cells_painted_slowest_s": slowest})),
            Variant("plotly's heatmap of the same states, by Dash alone", rounded(plain)),
        ],
        rounded({"cells_painted_vs_plotly": plain["cells_painted_s"] / ours["cells_painted_s"]}),
        rounded({"heatmap_first_paint_s": ours["cells_painted_s"]}),
    )


@contextmanager
def _ours(platform: LoadContext, symbols: list[str], first: date) -> Generator[str]:
    """The dashboard's own process over the benchmark's store."""
    endpoint = platform.database.endpoint
    environment = {
        **os.environ,
        "GHTRADER_HOME": str(platform.settings.home),
        "GHTRADER_WEB_AUTH": "off",
        "GHTRADER_QUESTDB_HTTP": endpoint.http,
        "GHTRADER_QUESTDB_PG": endpoint.pg,
        "GHTRADER_QUESTDB_USER": endpoint.user,
        "GHTRADER_QUESTDB_PASSWORD": endpoint.password.get_secret_value(),
        "GHTRADER_SYMBOLS": ",".join(symbols),
        "GHTRADER_START_DATE": first.isoformat(),
    }
    command = [sys.executable, "-m", "ghtrader_assets.dashboard", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            if not line:
                raise GhtraderError(f"the dashboard ended with exit code {process.wait()}")
            yield str(json.loads(line)["url"])
        finally:
            process.terminate()


@contextmanager
def _plotly(platform: LoadContext, symbols: list[str], days: list[date]) -> Generator[str]:
    """The straightforward way: Dash, a layout with a graph, plotly's heatmap of state codes."""
    order = "".join(CODES)
    app = dash.Dash("plain", serve_locally=True)

    def layout() -> dcc.Graph:
        grid = read_grid(platform.database, days[0], days[-1], platform.clock.now())
        states = {(symbol, day): state for symbol, day, state in grid.select(grid.columns[:3]).iter_rows()}
        codes = [
            [order.index(look_of(states.get((symbol, day), "missing")).code) for day in days] for symbol in symbols
        ]
        scale = [(nth / (len(LOOKS) - 1), look.colour) for nth, look in enumerate(LOOKS)]
        figure = go.Figure(
            go.Heatmap(z=codes, x=[str(day) for day in days], y=symbols, colorscale=scale, zmin=0, zmax=len(LOOKS) - 1)
        )
        return dcc.Graph(figure=figure.update_layout(height=760, xaxis_type="category"))  # pyright: ignore[reportUnknownMemberType] - plotly has no types

    app.layout = layout
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(LOOPBACK, 0, app.server, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()


def _painted(browser: Any, url: str, expected: dict[tuple[str, date], str]) -> dict[str, float]:
    """When the overview's first paint and its cells were on the screen, and when Dash had taken over; seconds."""
    with _fresh_page(browser) as page:
        page.goto(url, wait_until="commit")
        page.wait_for_function(_CELLS)
        cells, first = page.evaluate(_CELLS), page.evaluate(_FIRST)
        page.wait_for_selector("#page .heatmap-cells")
        taken_over = page.evaluate(_NOW)
        _require_states(page, expected)
    return {"first_paint_s": first / 1e3, "cells_painted_s": cells / 1e3, "drawn_by_dash_s": taken_over / 1e3}


def _drawn(browser: Any, url: str) -> dict[str, float]:
    """When plotly's heatmap was on the screen; seconds."""
    with _fresh_page(browser) as page:
        page.goto(url, wait_until="commit")
        page.wait_for_selector(".heatmaplayer image", timeout=120_000)
        return {"first_paint_s": page.evaluate(_FIRST) / 1e3, "cells_painted_s": page.evaluate(_NOW) / 1e3}


@contextmanager
def _fresh_page(browser: Any) -> Generator[Any]:
    context = browser.new_context(viewport=SCREEN, bypass_csp=True)  # what is measured is asked by `eval`
    context.add_init_script(_WATCH)
    yield context.new_page()
    context.close()


def _require_states(page: Any, expected: dict[tuple[str, date], str]) -> None:
    image = page.locator("#page .heatmap-cells")
    symbols, days, codes = (image.get_attribute(f"data-{name}").split() for name in ("symbols", "days", "codes"))
    rows = dict(zip(symbols, codes, strict=True))
    shown = {(item, day): code for item, row in rows.items() for day, code in zip(days, row, strict=True)}
    wrong = [key for key, state in expected.items() if shown[key[0], key[1].isoformat()] != look_of(state).code]
    if wrong:
        raise GhtraderError(
            f"the heatmap shows another state than was recorded for {len(wrong)} days, {wrong[0]} first"
        )
