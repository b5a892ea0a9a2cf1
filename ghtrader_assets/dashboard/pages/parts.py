"""What all pages are made of: the frame around them, badges, tables, tiles, commands.

Belongs here: small components. Does not belong here: a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from ghtrader_assets.dashboard.data import Grid
from ghtrader_assets.dashboard.palette import LOOKS, look_of
from ghtrader_assets.dashboard.routes import evening_address, operations_address, overview_address
from ghtrader_assets.market.clock import SHANGHAI

Children = str | Component | Sequence["str | Component"]


@dataclass(frozen=True, slots=True)
class Links:
    """Where other parts of the platform are opened; None where they don't run."""

    dagster: str | None = None
    console: str | None = None

    def partition(self, key: str, table: str, day: str) -> str | None:
        """Dagster's page of one partition of an asset."""
        return f"{self.dagster}/assets/{key}/{table}?view=partitions&partition={day}" if self.dagster else None


def frame(body: Children, here: str, links: Links) -> Component:
    """A whole page: the bar on top, and what is under it."""
    pages = [("Overview", overview_address(), "overview"), ("Operations", operations_address(), "operations")]
    pages.append(("Evening", evening_address(), "evening"))
    inside = [html.A(name, href=href, className="here" if key == here else "") for name, href, key in pages]
    outside = [("Dagster", links.dagster), ("QuestDB console", links.console)]
    others = [html.A(f"{name} ↗", href=url, target="_blank", rel="noreferrer") for name, url in outside if url]
    brand = html.A("ghtrader-assets", href="/", className="brand")
    bar = html.Header([brand, html.Nav(inside), html.Nav(others, className="outside")])
    return html.Div([bar, html.Main(body)])


def heading(title: Children, under: Children = "") -> Component:
    return html.Div([html.H1(title), html.P(under, className="under")], className="heading")


def section(title: str, *content: str | Component, note: str = "") -> Component:
    head = [html.H2(title)] + ([html.Span(note, className="note")] if note else [])
    return html.Section([html.Div(head, className="section-head"), *content])


def badge(state: str, word: str = "") -> Component:
    """A state as sign, colour and word."""
    look = look_of(state)
    sign = html.Span(look.glyph, className="sign", style={"background": look.colour}, **{"aria-hidden": "true"})  # pyright: ignore[reportArgumentType]
    return html.Span([sign, word or state], className="badge", title=look.says)


def tile(value: str, label: str, hint: str = "") -> Component:
    return html.Div(
        [html.Div(value, className="value"), html.Div(label, className="label")], className="tile", title=hint or None
    )


def tiles(*each: Component) -> Component:
    return html.Div(list(each), className="tiles")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Component | None]], numbers: Sequence[int] = ()
) -> Component:
    """A table; the columns at the indices `numbers` are set right."""
    right = frozenset(numbers)
    head = html.Tr([html.Th(name, className="number" if nth in right else "") for nth, name in enumerate(columns)])
    body = [
        html.Tr([html.Td(cell, className="number" if nth in right else "") for nth, cell in enumerate(row)])
        for row in rows
    ]
    if not body:
        return html.P("none", className="empty")
    return html.Div(html.Table([html.Thead(head), html.Tbody(body)]), className="table")


def command_line(text: str) -> Component:
    """A command line to copy."""
    return html.Code(text, className="command", title="type it in a terminal")


def graph(figure: go.Figure, height: int) -> Component:
    """A figure without plotly's tool bar, its place kept from the first answer on."""
    return dcc.Graph(figure=figure, config={"displayModeBar": False}, style={"height": f"{height}px"})


def shanghai(instant: datetime | None, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """An instant in Beijing time."""
    return "–" if instant is None else instant.astimezone(SHANGHAI).strftime(pattern)


def seconds(value: float) -> str:
    """A duration with a unit that fits it."""
    if value < 1e-3:
        return f"{value * 1e6:,.0f} µs"
    if value < 1:
        return f"{value * 1e3:,.1f} ms"
    return f"{value:,.2f} s" if value < 120 else f"{value / 60:,.1f} min"


def ways(address: Callable[[date | None], str], grid: Grid, end: date | None) -> Component:
    """Links to earlier trading days, to later ones where there are some, and back to where a page opens by itself."""
    days = grid.days
    links = [html.A("← older", href=address(days[0] - timedelta(days=1)))]
    if days[-1] < grid.completed:
        links += [html.A("newer →", href=address(min(days[-1] + timedelta(days=366), grid.completed)))]
    if end is not None:
        links += [html.A("latest", href=address(None))]
    return html.Div(links, className="ways")


def legend(counts: dict[str, int]) -> Component:
    """What each colour and sign means, with how many days there are of it."""
    return html.Div(
        [
            html.Div(
                [
                    html.Span(look.glyph, className="sign", style={"background": look.colour}),
                    html.Span(look.word, className="word"),
                    html.Span(f"{counts.get(look.code, 0):,}", className="count"),
                ],
                title=look.says,
                className="legend-row",
            )
            for look in LOOKS
        ],
        className="legend",
    )
