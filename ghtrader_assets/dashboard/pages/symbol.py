"""`/symbol/<symbol>`: one symbol's calendar, each trading day a link, and how its figures went.

Belongs here: this page. Does not belong here: the trends' figure (`dashboard.figures`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from itertools import groupby

import polars as pl
from dash import html
from dash.development.base_component import Component

from ghtrader_assets.dashboard.data import Grid
from ghtrader_assets.dashboard.figures import CANDLES_HEIGHT, TRENDS_HEIGHT, candles, trends
from ghtrader_assets.dashboard.pages.parts import command_line, graph, heading, legend, section, tile, tiles, ways
from ghtrader_assets.dashboard.palette import CODES
from ghtrader_assets.dashboard.routes import day_address, symbol_address
from ghtrader_assets.market.symbols import Symbol

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
MONTHS_A_ROW = 7


def symbol_page(symbol: Symbol, name: str, grid: Grid, bars: pl.DataFrame, end: date | None) -> list[Component]:
    """The calendar of the days shown, their bars, and the trends of rows, gaps and quality over them."""
    counts = Counter(grid.codes[0])
    scores = grid.frame["score"].drop_nulls()
    average = scores.mean()
    mean = f"{average:.4f}" if isinstance(average, float) else "–"
    address = partial(symbol_address, symbol.text)
    side = html.Div([legend(dict(counts)), ways(address, grid, end)], className="side")
    return [
        html.Div(
            [
                heading([symbol.text, html.Span(name, className="product")], f"{grid.days[0]} to {grid.days[-1]}"),
                tiles(
                    tile(f"{len(grid.days):,}", "trading days"),
                    tile(f"{grid.rows:,}", "ticks stored"),
                    tile(mean, "mean quality score", "1 is faultless"),
                    tile(f"{int(grid.frame['gap_seconds'].sum() or 0):,} s", "missing in sessions"),
                ),
            ],
            className="top",
        ),
        html.Div([_calendar(symbol, grid), side], className="overview"),
        section(
            "Day bars",
            _candles(symbol, grid, bars),
            note="red: closed no lower than it opened; rolls marked, not adjusted",
        ),
        section("Trends", graph(trends(grid.frame), TRENDS_HEIGHT), note="a point is one trading day"),
    ]


def _candles(symbol: Symbol, grid: Grid, bars: pl.DataFrame) -> Component:
    if not bars.is_empty():
        return graph(candles(bars), CANDLES_HEIGHT)
    made = f"ghtrader-assets backfill {symbol.text} --from {grid.days[0]} --to {grid.days[-1]} --tables bars_1m"
    return html.P(
        ["no bars are stored of these days; those of stored ones are made by ", command_line(made)], className="empty"
    )


def _calendar(symbol: Symbol, grid: Grid) -> Component:
    """Months side by side, a column a week, a row a weekday."""
    code_of = dict(zip(grid.days, grid.codes[0], strict=True))
    months = [list(days) for _, days in groupby(grid.days, key=lambda day: (day.year, day.month))]
    rows = [months[start : start + MONTHS_A_ROW] for start in range(0, len(months), MONTHS_A_ROW)]
    return html.Div(
        [
            html.Div([_weekdays(), *(_month(symbol, days, code_of) for days in row)], className="calendar-row")
            for row in rows
        ],
        className="calendar",
    )


def _weekdays() -> Component:
    return html.Div([html.Span(), *(html.Span(name) for name in WEEKDAYS)], className="weekdays")


def _month(symbol: Symbol, days: Sequence[date], code_of: dict[date, str]) -> Component:
    first_week = days[0] - timedelta(days=days[0].weekday())
    cells: list[Component] = []
    for day in days:
        look = CODES[code_of[day]]
        cells.append(
            html.A(
                f"{day.day}",
                href=day_address(symbol.text, day),
                title=f"{day} {day:%a}: {look.word}: {look.says}",
                className=f"cell mark-{look.mark}",
                style={
                    "background": look.colour,
                    "gridColumn": str((day - first_week).days // 7 + 1),
                    "gridRow": str(day.weekday() + 1),
                },
            )
        )
    return html.Div(
        [html.Div(f"{days[0]:%b %Y}", className="month-name"), html.Div(cells, className="month-days")],
        className="month",
    )
