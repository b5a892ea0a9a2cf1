"""`/evening`: the report of the last evening, as it is told, with what it is about as tables.

Belongs here: this page. Does not belong here: what a report says (`upkeep.evening`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from dash import html
from dash.development.base_component import Component

from ghtrader_assets.dashboard.pages.parts import badge, heading, section, shanghai, table, tile, tiles
from ghtrader_assets.dashboard.routes import day_address, operations_address
from ghtrader_assets.upkeep.evening import EveningReport, spans_of
from ghtrader_assets.upkeep.feeds import Feed
from ghtrader_assets.upkeep.repair import Repair
from ghtrader_assets.validation.verdicts import State


def evening_page(found: EveningReport, due: datetime) -> list[Component]:
    """The line, what is to be done, and what is not well."""
    state = State.OK if found.all_is_well else State.ERROR
    counts = ((found.loaded, "loaded"), (found.late, "late"), (found.bad, "bad"), (found.given_up, "days given up"))
    return [
        html.Div(
            [
                heading(f"The evening of {found.trading_day}", f"told at {shanghai(due, '%H:%M')} Asia/Shanghai"),
                tiles(*(tile(f"{len(each):,}", word) for each, word in counts)),
            ],
            className="top",
        ),
        html.P([badge(state, found.line)], className="calm"),
        section("What to do", *_remedies(found.remedies)),
        section("Late or bad", _feeds(found, (*found.late, *found.bad))),
        section("Given up", _spans(found.given_up), note="by cause; the last 250 trading days"),
        section("Accepted", _spans(found.accepted)),
        html.P(html.A("Operations", href=operations_address()), className="note"),
    ]


def _remedies(remedies: Sequence[str]) -> list[Component]:
    return [html.P(remedy) for remedy in remedies] or [html.P("nothing", className="empty")]


def _feeds(found: EveningReport, feeds: Iterable[Feed]) -> Component:
    day = found.trading_day
    rows = [(html.A(feed.symbol, href=day_address(feed.symbol, day)), feed.state.value, feed.reason) for feed in feeds]
    return table(("symbol", "state", "why"), rows)


def _spans(repairs: Sequence[Repair]) -> Component:
    return table(("days",), [(said,) for said in spans_of(repairs)])
