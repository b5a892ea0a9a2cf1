"""One websocket connection of the DIFF protocol: charts, quotes and instrument queries, one answer a peek.

Belongs here: the requests of a market-data client and the patches that answer them.
Does not belong here: HTTP (`server`), ids (`history`), text of ticks (`render`), which faults strike (`faults`).

What is answered waits until the client peeks: each `peek_message` is worth one `rtn_data` with all that is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from aiohttp import WSCloseCode, WSMsgType, web

from ghtrader_assets.exchange import floods
from ghtrader_assets.exchange.charts import (
    ChartRequest,
    ChartState,
    View,
    closing_patch,
    data_patches,
    duration_of,
    locate,
    symbol_of,
)
from ghtrader_assets.exchange.faults import FaultRule
from ghtrader_assets.exchange.market import Market
from ghtrader_assets.exchange.queries import answer
from ghtrader_assets.exchange.quotes import quote_of
from ghtrader_assets.exchange.revisions import Revisions

_FAR: Final = 10**12
"""How far beyond the truth `far_bounds` puts a page."""


@dataclass
class OpenChart:
    """The client's last request for one chart id, and what it was last shown.

    `revisions` is the changed content it sees as long as it is open; `pages` counts answers.
    """

    chart_id: str
    request: ChartRequest
    revisions: Revisions
    state: ChartState
    view: View | None = None
    pages: int = 0


class DiffConnection:
    """The server's side of one websocket. `run` lives as long as the connection."""

    def __init__(
        self, market: Market, socket: web.WebSocketResponse, transport: asyncio.Transport | None, number: int
    ) -> None:
        self._market = market
        self._transport = transport
        self._socket = socket
        self._number = number
        self._charts: dict[str, OpenChart] = {}
        self._outbox: list[list[bytes]] = [[b'{"account_id":"","ins_list":"","mdhis_more_data":false}']]
        self._peeks = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stalled = False

    async def run(self) -> None:
        """Greet, then serve requests until the client or a fault closes the connection."""
        greeting = {"aid": "rsp_login", "account_id": "", "session_id": f"MDSESSION{self._number}"}
        await self._socket.send_str(json.dumps(greeting))
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        finally:
            for task in self._tasks:
                task.cancel()

    async def _take(self, request: ChartRequest) -> None:
        aid = request.get("aid")
        if aid == "peek_message":
            self._peeks += 1
            await self._flush()
        elif aid == "set_chart":
            self._set_chart(request)
        elif aid == "ins_query":
            self._spawn(self._query(request))
        elif aid == "subscribe_quote":
            self._spawn(self._quotes(str(request.get("ins_list", ""))))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._market.log.error("connection %d: %r", self._number, error, exc_info=error)

    async def _put(self, *patches: bytes) -> None:
        """Make patches ready; those of earlier answers that still wait go out in the same message."""
        if self._outbox:
            self._outbox[-1] += patches
        else:
            self._outbox.append(list(patches))
        await self._flush()

    async def _flush(self) -> None:
        while self._peeks and self._outbox and not self._stalled and not self._socket.closed:
            self._peeks -= 1
            patches = self._outbox.pop(0)
            await self._send(b'{"aid":"rtn_data","data":[' + b",".join(patches) + b"]}")

    async def _send(self, message: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # the client went away
            await self._socket.send_frame(message, WSMsgType.TEXT)

    async def _query(self, request: ChartRequest) -> None:
        query_id, query = str(request.get("query_id")), str(request.get("query", ""))
        if not query:
            await self._put(_dumps({"symbols": {query_id: None}}))
            return
        variables: dict[str, Any] = request.get("variables") or {}
        self._market.record("ins_query", connection=self._number, query=query[:200], variables=variables)
        await self._delay()
        market, wrong = self._market, self._market.faults.reference()
        entry = await market.in_thread(answer, query, variables, market.today(), market.model, wrong)
        await self._put(_dumps({"symbols": {query_id: entry}}))

    async def _quotes(self, ins_list: str) -> None:
        self._market.record("subscribe_quote", connection=self._number, symbol=ins_list)
        await self._delay()
        end, today, model = self._market.last_served(), self._market.today(), self._market.model
        quotes: dict[str, Any] = {}
        for symbol in filter(None, ins_list.split(",")):
            quote = await self._market.in_thread(quote_of, symbol, end, today, model)
            if quote is not None:
                quotes[symbol] = quote
        await self._put(_dumps({"quotes": quotes, "ins_list": ins_list}))

    def _set_chart(self, request: ChartRequest) -> None:
        chart_id = str(request.get("chart_id"))
        if not request.get("ins_list"):
            self._charts.pop(chart_id, None)
            self._spawn(self._put(_dumps({"charts": {chart_id: None}})))
            return
        chart = self._charts.get(chart_id)
        if chart is None or _shown(chart.request) != _shown(request):
            symbol, duration = _shown(request)
            revisions = self._market.faults.content(symbol, of_bars=duration > 0)
            state = chart.state if chart is not None else {}
            chart = self._charts[chart_id] = OpenChart(chart_id, request, revisions, state)
        chart.request = request
        self._spawn(self._page(chart, request))

    async def _page(self, chart: OpenChart, request: ChartRequest) -> None:
        await self._delay()
        market = self._market
        view = await market.in_thread(locate, request, chart.revisions, market.last_served(), market.model)
        if not self._is_current(chart, request):
            return
        rules = market.faults.delivery(symbol_of(request), view.days, chart.pages)
        self._note(chart, view, rules)
        kinds: set[str] = {rule.kind for rule in rules}
        if "stale_page" in kinds and chart.view is not None:
            view = chart.view
        await asyncio.sleep(sum(rule.seconds for rule in rules if rule.kind == "slow"))
        if kinds & {"drop", "stall", "maintenance", "garbage"}:
            await self._break(kinds, rules)
            return
        flood = next((rule for rule in rules if rule.kind in get_args(floods.FloodKind)), None)
        if flood is not None:
            await self._flood(flood, view)
            return
        patches = [] if "no_ticks" in kinds else await market.in_thread(data_patches, view, market.writer)
        if not self._is_current(chart, request):
            return
        bounds = replace(view, left=view.left + _FAR, right=view.right + _FAR) if "far_bounds" in kinds else view
        patches.append(_dumps(closing_patch(chart.chart_id, request, chart.state, bounds)))
        chart.state, chart.view = request, view
        chart.pages += 1
        await self._put(*patches)
        if "duplicate_page" in kinds:
            self._outbox.append(list(patches))
            await self._flush()

    def _is_current(self, chart: OpenChart, request: ChartRequest) -> bool:
        """Whether the client has neither closed the chart nor asked something newer of it."""
        return self._charts.get(chart.chart_id) is chart and chart.request is request

    def _note(self, chart: OpenChart, view: View, rules: list[FaultRule]) -> None:
        self._market.record(
            "set_chart",
            connection=self._number,
            chart_id=chart.chart_id,
            symbol=symbol_of(chart.request),
            duration=duration_of(chart.request),
            view_width=chart.request.get("view_width"),
            focus_datetime=chart.request.get("focus_datetime"),
            left_id=view.left,
            right_id=view.right,
            page=chart.pages,
            faults=[rule.kind for rule in rules] + sorted(revision.kind for revision in chart.revisions),
        )

    async def _break(self, kinds: set[str], rules: list[FaultRule]) -> None:
        if "stall" in kinds:
            self._stalled = True
        elif "garbage" in kinds:
            await self._send(b'{"aid":"rtn_data","data":[{"ticks":{"broken":{"data":{"1":{"datetime":')
        elif "maintenance" in kinds:
            text = next(rule.message for rule in rules if rule.kind == "maintenance")
            notice = {"type": "MESSAGE", "level": "WARNING", "code": 2019112999, "content": text}
            await self._send(_dumps({"aid": "rtn_data", "data": [{"notify": {"maintenance": notice}}]}))
            await self._socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"maintenance")
        elif self._transport is not None:  # half a message: the frame's header promises more than follows
            self._transport.write(bytes([0x81, 126, 0x27, 0x10]) + b'{"aid":"rtn_data","data":[{"ticks":')
            self._transport.close()

    async def _flood(self, rule: FaultRule, view: View) -> None:
        """Answer with what has no end or no measure, as long as the client stays."""
        transport = self._transport
        if rule.kind == "nested":
            await self._send(floods.nested(rule.amount))
        elif rule.kind == "bomb" and transport is not None:
            transport.write(await self._market.in_thread(floods.bomb, rule.amount))
        elif rule.kind == "promised" and transport is not None:
            await _keep_promising(transport)
        elif rule.kind == "idle":
            while not self._socket.closed:
                await asyncio.sleep(rule.seconds)
                await self._put(floods.EMPTY)
        elif view.series is not None:
            await self._send_endlessly(floods.endless_patches(view.series.symbol, view.right + 1))

    async def _send_endlessly(self, patches: Iterator[bytes]) -> None:
        while not self._socket.closed:
            if self._peeks:
                await self._put(next(patches))
            await asyncio.sleep(0)

    async def _delay(self) -> None:
        if self._market.latency_s:
            await asyncio.sleep(self._market.latency_s)


async def _keep_promising(transport: asyncio.Transport) -> None:
    """Begin a message of 2^62 bytes, and go on with it until the client has left."""
    transport.write(floods.PROMISE)
    while not transport.is_closing():
        if transport.get_write_buffer_size() < floods.MEGABYTE:
            transport.write(floods.SPACE)
        await asyncio.sleep(0)


def _shown(request: ChartRequest) -> tuple[str, int]:
    """What a chart shows: its symbol, and the length of its bars."""
    return symbol_of(request), duration_of(request)


def _dumps(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
