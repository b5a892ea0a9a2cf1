"""The Dash application: an address becomes a page, drawn by the server first and by Dash's scripts afterwards.

Belongs here: the application, its one callback, what is shown when a question can't be answered.
Does not belong here: pages (`pages`), addresses (`routes`), questions (`data`).
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast

import dash
import flask
from dash import Input, Output, dcc, html
from dash.development.base_component import Component

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import embedded_service, page_address
from ghtrader_assets.context.universe import in_our_tables
from ghtrader_assets.dashboard.data import Source
from ghtrader_assets.dashboard.markup import as_html
from ghtrader_assets.dashboard.pages.day import day_page
from ghtrader_assets.dashboard.pages.evening import evening_page
from ghtrader_assets.dashboard.pages.operations import operations_page
from ghtrader_assets.dashboard.pages.overview import overview_page
from ghtrader_assets.dashboard.pages.parts import Links, frame
from ghtrader_assets.dashboard.pages.symbol import symbol_page
from ghtrader_assets.dashboard.routes import (
    DayPage,
    EveningPage,
    OperationsPage,
    OverviewPage,
    Page,
    Router,
    SymbolPage,
)
from ghtrader_assets.doors.asgi import POWER
from ghtrader_assets.doors.rule import Power
from ghtrader_assets.errors import BadInputError, GhtraderError
from ghtrader_assets.health import Finding, is_well
from ghtrader_assets.logs import logger
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.redaction import redacted_text
from ghtrader_assets.runtime import DAGSTER, QUESTDB
from ghtrader_assets.services.platform import look_at_platform
from ghtrader_assets.settings import Settings

TITLE: Final = "ghtrader-assets"
KEPT_S: Final = 2.0
"""A page is requested twice, by the browser and then by Dash: the second answer is the first one."""

_FIRST_ANSWER: Final = "<!-- first answer -->"
_DOCUMENT: Final = (
    '<!DOCTYPE html><html lang="en"><head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>'
    f'<body><div id="first-answer">{_FIRST_ANSWER}</div>{{%app_entry%}}'
    "<footer>{%config%}{%scripts%}{%renderer%}</footer></body></html>"
)
_HERE: Final[dict[type[Page], str]] = {OverviewPage: "overview", OperationsPage: "operations", EveningPage: "evening"}

log = logger(__name__)


def dashboard_app(settings: Settings, calendar: TradingCalendar, clock: Clock) -> Dashboard:
    """The application over this platform's store. The store is not queried before the first page."""
    app = Dashboard(
        "ghtrader_assets.dashboard",
        title=TITLE,
        index_string=_DOCUMENT,
        update_title="",
        serve_locally=True,
        suppress_callback_exceptions=True,
    )
    pages = PageCache(Source(settings, calendar, clock), Router(settings.symbols, calendar))
    app.pages = pages
    app.server.add_url_rule("/healthz", "healthz", lambda: "alive")
    app.server.add_url_rule("/readyz", "readyz", Readiness(settings, clock).answer)
    app.layout = html.Div([dcc.Location(id="address"), html.Div(id="page")])

    def page_at(path: object, search: object) -> Component:
        return pages.of(_text(path) + _text(search))

    shows = app.callback(  # pyright: ignore[reportUnknownMemberType] - dash's own types are partial
        Output("page", "children"), Input("address", "pathname"), Input("address", "search")
    )
    shows(page_at)
    return app


class Readiness:
    """Whether nothing of the platform is in error, of a second or two ago at the oldest; looked at by one at a time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._look = lambda: look_at_platform(settings, clock).wrong
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Finding]] = (float("-inf"), [])

    def answer(self) -> flask.Response:
        """200, or 503 while something is in error; what is wrong as JSON in both, for whoever may read these pages."""
        with self._lock:
            if time.monotonic() - self._kept[0] >= KEPT_S:
                self._kept = (time.monotonic(), self._look())
            found = self._kept[1]
        ready = is_well(found)
        shown: dict[str, object] = {"ready": ready}
        if flask.request.environ.get(POWER, Power.NONE) is not Power.NONE:
            shown["findings"] = [dataclasses.asdict(finding) for finding in found]
        document = json.dumps(shown)
        return flask.Response(redacted_text(document), 200 if ready else 503, mimetype="application/json")


class PageCache:
    """Addresses to pages. What goes wrong is a page as well, of one clear line."""

    def __init__(self, source: Source, router: Router) -> None:
        self.source = source
        self.router = router
        self._kept: dict[str, tuple[float, Component]] = {}
        self._lock = threading.Lock()

    def of(self, address: str) -> Component:
        """The page at an address, at most `KEPT_S` old."""
        with self._lock:
            self._kept = {key: kept for key, kept in self._kept.items() if time.monotonic() - kept[0] < KEPT_S}
            found = self._kept.get(address)
        if found is not None:
            return found[1]
        page, keep = self._made(address)
        if keep:
            with self._lock:
                self._kept[address] = (time.monotonic(), page)
        return page

    def links(self) -> Links:
        settings = self.source.settings
        questdb = embedded_service(settings.home, QUESTDB)
        return Links(page_address(settings, DAGSTER), questdb.urls["http"] if questdb else None)

    def _made(self, address: str) -> tuple[Component, bool]:
        links, here = self.links(), ""
        try:
            page = self.router.page(address)
            here = _HERE.get(type(page), "")
            return frame(self._body(page, links), here, links), True
        except GhtraderError as error:
            return frame(_failure(error), here, links), False

    def _body(self, page: Page, links: Links) -> list[Component]:
        source = self.source
        match page:
            case OverviewPage(end):
                return overview_page(source.grid(source.settings.symbols, end), end)
            case SymbolPage(symbol, end):
                grid = source.grid([symbol.text], end)
                bars = source.day_bars(symbol, grid.days[0], grid.days[-1])
                return symbol_page(symbol, _name(symbol), grid, bars, end)
            case DayPage(symbol, day):
                calendar = source.calendar
                following = calendar.next(day) if day < source.last_completed() else None
                return day_page(source.day(symbol, day), _name(symbol), calendar.previous(day), following, links)
            case EveningPage():
                return evening_page(*source.evening())
            case OperationsPage(window):
                return operations_page(source.operations(window))


class Dashboard(dash.Dash):
    """Dash whose first answer is the page itself instead of "Loading…"."""

    pages: PageCache

    def index(self, *args: Any, **kwargs: Any) -> Any:
        address = flask.request.full_path.removesuffix("?")
        page = self.pages.of(address)
        document = str(cast("Callable[..., Any]", super().index)(*args, **kwargs))
        return document.replace(_FIRST_ANSWER, as_html(page), 1)


def _failure(error: GhtraderError) -> list[Component]:
    """One clear line with its code, and what to do."""
    what, remedy = error.what, error.remedy
    title = "This page does not exist" if isinstance(error, BadInputError) else "The store does not answer"
    log.info("page not shown", error=str(error))
    said = [html.H1(title), html.P([what, " ", html.Code(error.code)])]
    said += [html.P(f"What to do: {remedy}")] if remedy else []
    return [html.Div(said, className="failure", role="alert")]


def _name(symbol: Symbol) -> str:
    return product_of(symbol.exchange, symbol.product).name_en if in_our_tables(symbol) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else "/" + json.dumps(value, default=str)[:40]
