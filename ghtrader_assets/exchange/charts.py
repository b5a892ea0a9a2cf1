"""A chart's page: from a `set_chart` request to the ids it covers and the patches that answer it.

Belongs here: the meaning of a request's fields, the patches of one page. No connection, no waiting.
Does not belong here: when a page is sent (`diff`), ids across days (`history`), text of ticks (`render`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ghtrader_assets.exchange.history import Series, series_of
from ghtrader_assets.exchange.render import PageWriter
from ghtrader_assets.exchange.revisions import Revisions
from ghtrader_assets.exchange.specs import Model

MAX_VIEW_WIDTH: Final = 10_000
"""A wider view is cut to this. The live server's bound is not known; tqsdk itself asks for up to 10,000."""

ChartRequest = dict[str, Any]
ChartState = dict[str, Any]


@dataclass(frozen=True)
class View:
    """What a request covers: ids `[left, right]` as asked, which may lie outside what exists; -1, -1 without ticks."""

    series: Series | None
    left: int
    right: int

    @property
    def days(self) -> frozenset[date]:
        if self.series is None or self.right < self.left:
            return frozenset()
        return frozenset(day.day for day, _, _ in self.series.span(self.left, self.right + 1))


def symbol_of(request: ChartRequest) -> str:
    """The symbol of a chart (the first one if there are several)."""
    return str(request["ins_list"]).split(",")[0]


def duration_of(request: ChartRequest) -> int:
    """How long a bar of a chart lasts in nanoseconds; 0 for ticks."""
    return int(request.get("duration", 0))


def locate(request: ChartRequest, revisions: Revisions, end: date, model: Model) -> View:
    """Find what a request covers, for a reader with `revisions`, in the history up to trading day `end`."""
    series = series_of(symbol_of(request), end, revisions, model, duration_of(request))
    if series is None or series.last_id < 0:
        return View(None, -1, -1)
    width = min(int(request.get("view_width", 1)), MAX_VIEW_WIDTH)
    if "left_kline_id" in request:
        left = int(request["left_kline_id"])
    elif "focus_datetime" in request:
        left = series.id_from(int(request["focus_datetime"]), model.seed) - int(request.get("focus_position", 0))
    else:
        left = series.last_id - width + 1
    return View(series, left, left + width - 1)


def data_patches(view: View, writer: PageWriter) -> list[bytes]:
    """The patches with the ticks or bars of a view; none if it shows none."""
    if view.series is None or view.right < max(view.left, 0):
        return []
    pages = writer.pages(view.series, view.left, view.right + 1)
    name, duration = json.dumps(view.series.symbol).encode(), view.series.duration_ns
    before, after = b'{"ticks":{' + name + b':{"data":{', b"}}}}"
    if duration:
        before, after = b'{"klines":{' + name + b':{"%d":{"data":{' % duration, b"}}}}}"
    return [before + page + after for page in pages]


def closing_patch(chart_id: str, request: ChartRequest, before: ChartState, view: View) -> dict[str, Any]:
    """The patch that ends a page: the chart's bounds, its state, and the series' last id.

    The state repeats the request; keys of the `before` state that the request no longer has become null.
    """
    dropped: ChartState = dict.fromkeys(before.keys() - request.keys())
    chart = {
        "left_id": view.left,
        "right_id": view.right,
        "more_data": False,
        "ready": True,
        "state": {**request, **dropped},
    }
    serial = {"last_id": view.series.last_id if view.series is not None else -1}
    symbol, duration = symbol_of(request), duration_of(request)
    root = {"ticks": {symbol: serial}} if duration == 0 else {"klines": {symbol: {str(duration): serial}}}
    return {"charts": {chart_id: chart}, "mdhis_more_data": False, **root}
