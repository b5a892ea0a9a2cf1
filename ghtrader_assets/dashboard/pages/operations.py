"""`/operations`: what runs, what is stale or failing with the command that repairs it, rates and latencies.

Belongs here: this page. Does not belong here: working out repairs (`upkeep.repair`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby

from dash import html
from dash.development.base_component import Component

from ghtrader_assets.dashboard.data import Operations
from ghtrader_assets.dashboard.figures import COURSE_HEIGHT, ingest_course, query_course
from ghtrader_assets.dashboard.pages.parts import (
    Children,
    badge,
    command_line,
    graph,
    heading,
    seconds,
    section,
    shanghai,
    table,
)
from ghtrader_assets.dashboard.routes import WINDOWS, day_address, operations_address
from ghtrader_assets.questdb.tables.measured import Percentiles
from ghtrader_assets.upkeep.repair import Repair, RepairPlan
from ghtrader_assets.validation.verdicts import State

SHOWN_REPAIRS = 20
SHOWN_QUERIES = 20
CONSOLE = "ghtrader-assets status says where user and password of the QuestDB console are"


def operations_page(found: Operations) -> list[Component]:
    """Repairs first, then services, ingest, queries."""
    under = f"{shanghai(found.start, '%m-%d %H:%M')} to {shanghai(found.end, '%m-%d %H:%M')} Asia/Shanghai"
    loaded = graph(ingest_course(found.ingest_course, found.start, found.end, found.step), COURSE_HEIGHT)
    slowest = sorted(found.queries, key=lambda query: -query.p95)[:SHOWN_QUERIES]
    latency = graph(query_course(found.query_course, found.start, found.end), COURSE_HEIGHT)
    return [
        html.Div([heading("Operations", under), _windows(found.window)], className="top"),
        section("Stale or failing", *_repairs(found.plan), note="the last 250 trading days of what was begun"),
        html.Div(
            [
                section("Services", _services(found), note=CONSOLE),
                section("Ingest", _ingest(found), note="seconds of download, storing and reading back, added up"),
            ],
            className="columns",
        ),
        html.Div([section("Ticks loaded", loaded), section("Query latency", latency)], className="columns even"),
        section("Steps of a load", _percentiles(found.timings), note="a trading day each"),
        section("Queries by name", _percentiles(slowest), note="exact percentiles, by P95"),
    ]


def _windows(here: str) -> Component:
    ways = [
        html.A(window, href=operations_address(window), className="here" if window == here else "")
        for window in WINDOWS
    ]
    return html.Nav(ways, className="windows")


def _repairs(plan: RepairPlan) -> list[Component]:
    if plan.empty and not plan.running:
        return [html.P([badge(State.OK, "nothing is stale or failing")], className="calm")]
    groups = {"to do now": plan.planned, "waits": plan.waiting, "given up": plan.given_up, "running": plan.running}
    rows = [row for name, repairs in groups.items() for row in _grouped(name, repairs)]
    more = len(rows) - SHOWN_REPAIRS
    return [
        html.P(_repairing([repair.trading_day for repair in plan.planned])),
        table(("", "symbol", "cause", "days", "which", "why"), rows[:SHOWN_REPAIRS], numbers=(3,)),
        html.P(f"and {more} more groups: `ghtrader-assets repair` lists all" if more > 0 else "", className="note"),
    ]


def _repairing(days: Sequence[date]) -> Children:
    if not days:
        return "nothing of it is for `ghtrader-assets repair` now"
    return [
        "Does what is to do now: ",
        command_line(f"ghtrader-assets repair --from {min(days)} --to {max(days)} --apply"),
    ]


def _grouped(name: str, repairs: Iterable[Repair]) -> list[tuple[str | Component, ...]]:
    def key(repair: Repair) -> tuple[str, str]:
        return repair.symbol.text, repair.cause.value

    rows: list[tuple[str | Component, ...]] = []
    for (symbol, cause), group in groupby(sorted(repairs, key=key), key=key):
        members = list(group)
        start, end = members[0].trading_day, members[-1].trading_day
        which: list[str | Component] = [html.A(f"{start}", href=day_address(symbol, start))]
        if end != start:
            which += [" to ", html.A(f"{end}", href=day_address(symbol, end))]
        rows.append((name, symbol, badge(cause), f"{len(members):,}", html.Span(which), members[-1].reason))
    return rows


def _services(found: Operations) -> Component:
    rows = [
        (
            service.name,
            badge(State.OK if service.healthy else State.ERROR, "healthy" if service.healthy else "down"),
            service.detail,
        )
        for service in found.services
    ]
    return table(("service", "health", "says"), rows)


def _ingest(found: Operations) -> Component:
    rows = [
        (
            item.symbol,
            f"{item.days:,}",
            f"{item.rows:,}",
            f"{item.bytes / 1e6:,.1f} MB",
            seconds(item.seconds),
            f"{item.rows_per_s:,.0f}",
            shanghai(item.last, "%m-%d %H:%M"),
        )
        for item in found.ingest
    ]
    return table(
        ("symbol", "days", "ticks", "fetched", "time", "ticks/s", "last, Beijing time"), rows, numbers=(1, 2, 3, 4, 5)
    )


def _percentiles(found: list[Percentiles]) -> Component:
    rows = [
        (
            item.name.replace("_seconds", ""),
            f"{item.count:,}",
            *(seconds(value) for value in (item.p50, item.p95, item.p99, item.largest)),
        )
        for item in found
    ]
    return table(("name", "count", "P50", "P95", "P99", "longest"), rows, numbers=(1, 2, 3, 4, 5))
