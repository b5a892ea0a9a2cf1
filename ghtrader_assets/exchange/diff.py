"""One websocket connection of the DIFF protocol: charts, quotes and instrument queries, one answer a peek.

Belongs here: the requests of a market-data client and the patches that answer them.
Does not belong here: HTTP (`server`), ids (`history`), text of ticks (`render`), which faults strike (`faults`).

What is answered waits until the client peeks: each `peek_message` is worth one `rtn_data` with all that is ready.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from ghtrader_assets.exchange.faults import Rule
from ghtrader_assets.exchange.history import Series, series_of
from ghtrader_assets.exchange.instruments import answer
from ghtrader_assets.exchange.market import Market
from ghtrader_assets.exchange.quotes import quote_of
from ghtrader_assets.exchange.render import is_odd
from ghtrader_assets.exchange.revisions import Revisions

MAX_VIEW_WIDTH: Final = 10_000
Request = dict[str, Any]


@dataclass
class Chart:
    """What the client last asked of one chart id. `turn` tells a newer request from one still being answered."""

    request: Request
    revisions: Revisions
    turn: int = 0
    pages: int = 0
    previous: tuple[int, int] | None = None
    state: dict[str, Any] = field(default_factory=dict)


class DiffConnection:
    """The server's side of one websocket. `run` lives as long as the connection."""

    def __init__(self, market: Market, socket: web.WebSocketResponse, number: int) -> None:
        self._market = market
        self._socket = socket
        self._number = number
        self._charts: dict[str, Chart] = {}
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

    async def _take(self, request: Request) -> None:
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

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
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
        try:
            await self._socket.send_frame(message, WSMsgType.TEXT)
        except ConnectionError:
            self._market.log.info("connection %d went away", self._number)

    async def _query(self, request: Request) -> None:
        query_id, query = str(request.get("query_id")), str(request.get("query", ""))
        if not query:
            await self._put(_dumps({"symbols": {query_id: None}}))
            return
        variables = request.get("variables") or {}
        self._market.record("ins_query", connection=self._number, query=query[:200], variables=variables)
        await self._delay()
        entry = answer(query, variables, self._market.today(), self._market.seed)
        await self._put(_dumps({"symbols": {query_id: entry}}))

    async def _quotes(self, ins_list: str) -> None:
        self._market.record("subscribe_quote", connection=self._number, symbol=ins_list)
        await self._delay()
        until, today, seed = self._market.until(), self._market.today(), self._market.seed
        quotes: dict[str, Any] = {}
        for symbol in filter(None, ins_list.split(",")):
            quote = await self._market.in_thread(quote_of, symbol, until, today, seed)
            if quote is not None:
                quotes[symbol] = quote
        await self._put(_dumps({"quotes": quotes, "ins_list": ins_list}))

    def _set_chart(self, request: Request) -> None:
        chart_id = str(request.get("chart_id"))
        if not request.get("ins_list"):
            self._charts.pop(chart_id, None)
            self._spawn(self._put(_dumps({"charts": {chart_id: None}})))
            return
        symbol = str(request["ins_list"]).split(",")[0]
        chart = self._charts.get(chart_id)
        if chart is None or chart.request["ins_list"] != request["ins_list"]:
            chart = self._charts[chart_id] = Chart(request, self._market.faults.content(symbol))
        chart.request = request
        chart.turn += 1
        self._spawn(self._page(chart_id, chart, chart.turn, symbol))

    async def _page(self, chart_id: str, chart: Chart, turn: int, symbol: str) -> None:
        request = chart.request
        await self._delay()
        series = await self._market.in_thread(
            series_of, symbol, self._market.until(), chart.revisions, self._market.seed
        )
        if chart.turn != turn or self._charts.get(chart_id) is not chart:
            return
        left, right = await self._market.in_thread(self._bounds, request, series)
        rules = self._faults(chart, symbol, series, left, right)
        self._note(chart_id, chart, symbol, left, right, rules)
        kinds = {rule.kind for rule in rules}
        if "stale_page" in kinds and chart.previous is not None:
            left, right = chart.previous
        for rule in rules:
            if rule.kind == "slow":
                await asyncio.sleep(rule.seconds)
        if kinds & {"drop", "stall", "maintenance", "garbage"}:
            await self._break(kinds, rules)
            return
        patches = await self._market.in_thread(self._patches, series, left, right)
        patches.append(_dumps(self._closing_patch(chart_id, chart, request, series, left, right)))
        chart.pages += 1
        chart.previous = (left, right)
        await self._put(*patches)
        if "duplicate_page" in kinds:
            self._outbox.append(list(patches))
            await self._flush()

    def _bounds(self, request: Request, series: Series | None) -> tuple[int, int]:
        """The chart's first and last id, as asked: they may lie outside what exists."""
        width = min(int(request.get("view_width", 1)), MAX_VIEW_WIDTH)
        if series is None or series.last_id < 0 or request.get("duration", 0) != 0:
            return -1, -1
        if "left_kline_id" in request:
            left = int(request["left_kline_id"])
        elif "focus_datetime" in request:
            found = series.id_from(int(request["focus_datetime"]), self._market.seed)
            left = found - int(request.get("focus_position", 0))
        else:
            left = series.last_id - width + 1
        return left, left + width - 1

    def _patches(self, series: Series | None, left: int, right: int) -> list[bytes]:
        if series is None or series.last_id < 0 or right < left or right < 0:
            return []
        writer = self._market.writer
        if is_odd(series):
            pages = writer.patches(series, left, right + 1)
        else:
            pages = [page for page in (writer.page(series, left, right + 1),) if page]
        name = json.dumps(series.symbol).encode()
        return [b"".join((b'{"ticks":{', name, b':{"data":{', page, b"}}}}")) for page in pages]

    def _closing_patch(
        self, chart_id: str, chart: Chart, request: Request, series: Series | None, left: int, right: int
    ) -> dict[str, Any]:
        dropped = dict.fromkeys(chart.state.keys() - request.keys())
        chart.state = dict(request)
        symbol = str(request["ins_list"]).split(",")[0]
        last_id = series.last_id if series is not None and request.get("duration", 0) == 0 else -1
        duration = str(request.get("duration", 0))
        serial = {"last_id": last_id}
        root = {"ticks": {symbol: serial}} if duration == "0" else {"klines": {symbol: {duration: serial}}}
        state = {**request, **dropped}
        found = {"left_id": left, "right_id": right, "more_data": False, "ready": True, "state": state}
        return {"charts": {chart_id: found}, "mdhis_more_data": False, **root}

    def _faults(self, chart: Chart, symbol: str, series: Series | None, left: int, right: int) -> list[Rule]:
        spans = series.span(left, right + 1) if series is not None and right >= left else []
        days: frozenset[date] = frozenset(day.day for day, _, _ in spans)
        return self._market.faults.delivery(symbol, days, chart.pages)

    def _note(self, chart_id: str, chart: Chart, symbol: str, left: int, right: int, rules: list[Rule]) -> None:
        self._market.record(
            "set_chart",
            connection=self._number,
            chart_id=chart_id,
            symbol=symbol,
            view_width=chart.request.get("view_width"),
            focus_datetime=chart.request.get("focus_datetime"),
            left_id=left,
            right_id=right,
            page=chart.pages,
            faults=[rule.kind for rule in rules],
        )

    async def _break(self, kinds: set[str], rules: list[Rule]) -> None:
        if "stall" in kinds:
            self._stalled = True
        elif "garbage" in kinds:
            await self._send(b'{"aid":"rtn_data","data":[{"ticks":{"broken":{"data":{"1":{"datetime":')
        else:
            if "maintenance" in kinds:
                text = next(rule.message for rule in rules if rule.kind == "maintenance")
                notice = {"type": "MESSAGE", "level": "WARNING", "code": 2019112999, "content": text}
                await self._send(_dumps({"aid": "rtn_data", "data": [{"notify": {"maintenance": notice}}]}))
            else:
                await self._send_half()
            await self._hang_up("maintenance" in kinds)

    async def _send_half(self) -> None:
        """Leave the client in the middle of a message: the frame's header promises more than follows."""
        transport = self._socket._req.transport if self._socket._req is not None else None  # noqa: SLF001
        if transport is not None:
            transport.write(bytes([0x81, 126, 0x27, 0x10]) + b'{"aid":"rtn_data","data":[{"ticks":')

    async def _hang_up(self, politely: bool) -> None:
        if politely:
            await self._socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"maintenance")
            return
        transport = self._socket._req.transport if self._socket._req is not None else None  # noqa: SLF001
        if transport is not None:
            transport.close()

    async def _delay(self) -> None:
        if self._market.latency_s:
            await asyncio.sleep(self._market.latency_s)


def _dumps(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
