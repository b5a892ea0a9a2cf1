"""`/`: every symbol on every trading day at one look, and which symbols need attention.

Belongs here: this page. Does not belong here: one symbol's calendar (`symbol`), repairs (`operations`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from dash import html
from dash.development.base_component import Component

from ghtrader_assets.dashboard.data import Grid
from ghtrader_assets.dashboard.heatmap import heatmap
from ghtrader_assets.dashboard.pages.parts import (
    badge,
    command_line,
    heading,
    legend,
    section,
    table,
    tile,
    tiles,
    ways,
)
from ghtrader_assets.dashboard.palette import ACCEPTED, CODES, NOT_BEGUN
from ghtrader_assets.dashboard.routes import day_address, operations_address, overview_address, symbol_address
from ghtrader_assets.errors import IngestState
from ghtrader_assets.validation.verdicts import State

UNREMARKABLE = (State.OK, State.WARN, IngestState.NOT_LISTED)
NO_CONCERN = (*UNREMARKABLE, ACCEPTED, NOT_BEGUN)
SHOWN_SYMBOLS = 15


def overview_page(grid: Grid, end: date | None) -> list[Component]:
    """The heatmap with its legend, and the symbols with most days that need attention."""
    counts = Counter(code for row in grid.codes for code in row)
    begun = sum(counts[code] for code, look in CODES.items() if look.state != NOT_BEGUN)
    good = sum(counts[code] for code, look in CODES.items() if look.state in UNREMARKABLE)
    bad = sum(counts[code] for code, look in CODES.items() if look.state not in NO_CONCERN)
    side = html.Div([legend(dict(counts)), ways(overview_address, grid, end)], className="side")
    return [
        html.Div(
            [
                heading("Coverage", f"{grid.days[0]} to {grid.days[-1]}: each cell is one trading day of one symbol"),
                tiles(
                    tile(f"{len(grid.symbols):,}", "symbols"),
                    tile(f"{len(grid.days):,}", "trading days"),
                    tile(f"{grid.rows:,}", "ticks stored"),
                    tile(
                        f"{good / begun:.1%}" if begun else "–", "ok or warn", "of the symbol-days of histories shown"
                    ),
                    tile(f"{bad:,}", "need attention", "symbol-days that are neither ok nor warn, nor accepted"),
                ),
            ],
            className="top",
        ),
        html.Div([heatmap(grid.symbols, grid.days, grid.codes), side], className="overview"),
        section("Symbols that need attention", _worst(grid), note="a click on a cell opens its day"),
    ]


def _worst(grid: Grid) -> Component:
    bad = {
        symbol: [(day, code) for day, code in zip(grid.days, row, strict=True) if CODES[code].state not in NO_CONCERN]
        for symbol, row in zip(grid.symbols, grid.codes, strict=True)
    }
    ranked = sorted((item for item in bad.items() if item[1]), key=lambda item: -len(item[1]))[:SHOWN_SYMBOLS]
    if not ranked:
        return html.P([badge(State.OK, "no symbol needs attention")], className="calm")
    rows = [
        (
            html.A(symbol, href=symbol_address(symbol)),
            f"{len(days):,}",
            ", ".join(f"{count} {CODES[code].word}" for code, count in Counter(c for _, c in days).most_common()),
            html.A(f"{days[-1][0]}", href=day_address(symbol, days[-1][0])),
            _remedy(grid, symbol, [day for day, _ in days]),
        )
        for symbol, days in ranked
    ]
    why = html.A("Operations", href=operations_address())
    note = html.P(["What exactly is stale or failing, and why: ", why], className="note")
    return html.Div([table(("symbol", "days", "of which", "latest", "what would be done"), rows, numbers=(1,)), note])


def _remedy(grid: Grid, symbol: str, bad: Sequence[date]) -> Component | str:
    """What no repair mends is said; a repair is named for the other days."""
    unknown, wrong = grid.unknown.get(symbol), grid.wrong_mains.get(symbol, {})
    if unknown is not None:
        return f"{unknown}; {unknown.remedy}"
    said: list[Component] = [html.P(finding) for finding in dict.fromkeys(wrong.values())]
    others = [day for day in bad if day not in wrong]
    if others:
        said.append(command_line(f"ghtrader-assets repair --from {others[0]} --to {others[-1]}"))
    return html.Div(said)
