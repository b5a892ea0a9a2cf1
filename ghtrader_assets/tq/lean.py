"""The lean reader: tick pages over TqSdk's protocol straight into columns. Worker processes only.

Belongs here: one websocket, its requests and their order. Does not belong here: parsing (`pages`), the rules of
wholeness (`wholeness`), and when this reader is trusted (`trust`).

Wide pages on two charts in turn: while one page is parsed, the next is under way. The first request comes with a
second one for the first tick at or after D 18:00, so that the ids of the day are known from the start and nothing
beyond it is asked for. Whatever does not fit what the client would have seen is a doubt: the client reads the day.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import Any, Final, Literal, cast
from uuid import uuid4

import aiohttp
import numpy as np

from ghtrader_assets.errors import TransientFetchError
from ghtrader_assets.ports import is_loopback
from ghtrader_assets.tq import faults
from ghtrader_assets.tq.bounds import DAY_TICKS, MESSAGE_BYTES, implausible, no_progress, oversized_message
from ghtrader_assets.tq.login import LoggedIn
from ghtrader_assets.tq.pace import Pace
from ghtrader_assets.tq.pages import Columns, DayBook, joined
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets.tq.values import form_of
from ghtrader_assets.tq.wholeness import Reading
from ghtrader_assets.tq.wire import ReadDay

PAGE_TICKS: Final = 10_000
"""As wide as tqsdk's own backtest pages; the live server's upper bound is unknown."""
FIRST_PAGE_TICKS: Final = 2_000
"""The first page is asked for before the day's length is known: a quiet day shall not bring weeks with it."""
CHARTS: Final = 2
_TAIL_TICKS: Final = 16
"""Enough to hold the ticks of one instant before the last, and one after it."""
_END_TICKS: Final = 2
_NOTICE_BYTES: Final = 4096
_CLOSE_S: Final = 1.0
_TOO_BIG: Final = aiohttp.WSCloseCode.MESSAGE_TOO_BIG
_PEEK: Final = '{"aid":"peek_message"}'
_FRAMES: Final = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)

ChartRequest = dict[str, Any]


class LeanDoubtError(Exception):
    """The answer is not what this reader knows how to judge: the plain client shall read the day."""


class LeanConnection:
    """One websocket to the market data server, kept across days. Not for use from several threads."""

    def __init__(self, auth: LoggedIn, url: str, pages: Pace, timing: Timing) -> None:
        self._auth = auth
        self._url = url
        self._pages = pages
        self._timing = timing
        self._runner = asyncio.Runner()
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse[Literal[False]] | None = None
        self.days_read = 0

    @property
    def patience_s(self) -> float:
        """How long a request may go without a tick, whatever else comes."""
        return self._timing.frame_s

    def open(self) -> None:
        """Connect. Raises `aiohttp.WSServerHandshakeError` if refused, `OSError` or `TimeoutError` if not answered."""
        self._runner.run(self._open())

    def read(self, job: ReadDay) -> Reading:
        """Read one day. Raises `LeanDoubtError`, the `FetchError` family, `json.JSONDecodeError`."""
        self._auth.require_grants(job.contract)
        try:
            reading = self._runner.run(_Day(self, job).read())
        except (OSError, aiohttp.ClientError) as error:
            raise faults.of_exception(error) from None
        self.days_read += 1
        return reading

    def close(self) -> None:
        self._runner.run(self._close())
        self._runner.close()

    async def _open(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._timing.handshake_s)
        self._http = aiohttp.ClientSession(timeout=timeout, trust_env=True)
        self._socket = await self._http.ws_connect(
            self._url,
            headers=self._auth.headers,
            max_msg_size=MESSAGE_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),  # pyright: ignore[reportCallIssue] - it is made by attrs
            compress=0 if is_loopback(self._url) else 15,  # pages shrink 6 to 9 times, for 30 ms a day of CPU
            decode_text=False,
        )
        await self._send(_PEEK)

    async def _close(self) -> None:
        if self._socket is not None:
            async with asyncio.timeout(1.0):
                await self._socket.close()
        if self._http is not None:
            await self._http.close()

    async def send(self, request: ChartRequest) -> None:
        if request.get("ins_list"):
            await asyncio.sleep(self._pages.reserve())
        await self._send(json.dumps(request))

    async def _send(self, text: str) -> None:
        assert self._socket is not None  # noqa: S101 - narrows a type
        await _take_in()
        try:
            await self._socket.send_str(text)
        except ConnectionError:
            await self._heed_last_words(self._socket)
            raise

    async def _heed_last_words(self, socket: aiohttp.ClientWebSocketResponse[Literal[False]]) -> None:
        """Raise `MaintenanceError` if it was announced before the connection was closed; pages no longer count."""
        while (message := await socket.receive(timeout=self._timing.frame_s)).type in _FRAMES:
            _heed_notice(message.data)

    async def frame(self) -> bytes:
        """The next frame; the next peek is out before it is parsed."""
        assert self._socket is not None  # noqa: S101 - narrows a type
        message = await self._socket.receive(timeout=self._timing.frame_s)
        if isinstance(message.data, aiohttp.WebSocketError) and message.data.code == _TOO_BIG:
            raise oversized_message()
        if message.type not in _FRAMES:
            said = f"{message.data!s} {message.extra or ''}".strip()
            faults.heed_notice(said)
            raise TransientFetchError(f"the connection failed: the connection was closed ({said})")
        data = cast("bytes", message.data)
        _heed_notice(data)
        if b"rsp_login" not in data[:200]:  # not an answer to a peek
            await self._send(_PEEK)
        return data


async def _take_in() -> None:
    """Let the loop read what has come: a write to a connection that was reset meanwhile throws it away."""
    await asyncio.sleep(0)  # the loop looks at its sockets
    await asyncio.sleep(0)  # and reads them


def _heed_notice(frame: bytes) -> None:
    """Raise `MaintenanceError` if a notice of this frame announces it, `BrokenDayError` if it has another form than the
    protocol's. Pages are never notices."""
    if len(frame) >= _NOTICE_BYTES or b'"notify"' not in frame:
        return
    for patch in form_of(json.loads(frame)).data or ():
        for notice in (patch.notify or {}).values():
            faults.heed_notice(str((notice or {}).get("content", "")))


def _require_plausible(first: int, end: int, last_id: int) -> None:
    """Raise `UnfitAnswerError` for bounds of a day that can't be: they say how much is asked for, and kept."""
    if max(first, end) > last_id + 1:
        raise implausible(f"ids {first} to {end} are said to be the day's, though they end at {last_id}")
    if end - first > DAY_TICKS:
        raise implausible(f"the day is said to have {end - first:,} ticks, from id {first} to {end}")


class _Day:
    """One day's requests on a connection."""

    def __init__(self, connection: LeanConnection, job: ReadDay) -> None:
        self._connection = connection
        self._job = job
        self._book = DayBook(job.contract, job.levels)
        self._prefix = f"PYSDK_history_{uuid4().hex}"
        self._opened: set[str] = set()
        self._heard = False

    async def read(self) -> Reading:
        try:
            first, end, following_ns = await self._bounds()
            columns = joined(await self._all_pages(first, end))
            if len(columns["tick_id"]) == 0:
                raise LeanDoubtError("no tick of the day was delivered")
            reading = await self._with_second_request(columns, first, end, following_ns)
        except TimeoutError:
            if not self._heard:
                raise LeanDoubtError("the first page was not answered") from None
            raise TransientFetchError("the server stopped answering in the middle of a day") from None
        await self._release()
        return reading

    async def _bounds(self) -> tuple[int, int, int]:
        """The day's first id, the first id after it, and that one's time."""
        job = self._job
        start = self._focus("start", job.window.start_ns, FIRST_PAGE_TICKS)
        after = self._focus("end", job.window.end_ns, _END_TICKS)
        self._book.expect(FIRST_PAGE_TICKS + _END_TICKS)
        await self._connection.send(start)
        await self._connection.send(after)
        await self._until(self._book, start)
        self._heard = True
        await self._until(self._book, after)
        first = max(self._book.chart(start["chart_id"]).left_id, 0)
        end = max(self._book.chart(after["chart_id"]).left_id, 0)
        _require_plausible(first, end, self._book.last_id)
        if self._book.last_id < 0 or end <= first:
            raise LeanDoubtError("the server has no tick of the day")
        following_ns = self._book.stamp(end)
        if self._book.unreadable(end, end + 1):  # of the next day: the server's word for where it begins must do
            following_ns = job.window.end_ns
        if following_ns is None:
            raise LeanDoubtError(f"no tick follows the day (id {end}): its end takes a second opinion")
        if following_ns < job.window.end_ns:
            raise LeanDoubtError(f"the tick said to be the first after the day lies in it (id {end})")
        return first, end, following_ns

    async def _all_pages(self, first: int, end: int) -> list[Columns]:
        """Every page of `[first, end)`, two requests under way while a third is parsed."""
        pages = [self._book.columns(first, min(first + FIRST_PAGE_TICKS, end))]
        starts = deque(range(first + FIRST_PAGE_TICKS, end, PAGE_TICKS))
        under_way: deque[tuple[ChartRequest, int, int]] = deque()
        chart = 0
        while starts or under_way:
            while starts and len(under_way) < CHARTS:
                low = starts.popleft()
                high = min(low + PAGE_TICKS, end)
                request = self._set_chart(f"page{chart}", high - low) | {"left_kline_id": low}
                chart = (chart + 1) % CHARTS
                self._book.expect(high - low)
                await self._connection.send(request)
                under_way.append((request, low, high))
            request, low, high = under_way.popleft()
            await self._until(self._book, request)
            if self._book.chart(request["chart_id"]).left_id != low:
                raise LeanDoubtError(f"a page was asked from id {low} and came from another")
            pages.append(self._book.columns(low, high))
        return pages

    async def _with_second_request(self, columns: Columns, first: int, end: int, end_ns: int) -> Reading:
        """Ask again from the last tick on, as if nothing had been asked before.

        `end_ns` is the time of id `end`, which follows the day only if the last tick that came is the one before.
        """
        last_id, last_ns = int(columns["tick_id"][-1]), int(columns["datetime_ns"][-1])
        tail = DayBook(self._job.contract, self._job.levels)
        request = self._focus("tail", last_ns, _TAIL_TICKS)
        tail.expect(_TAIL_TICKS)
        await self._connection.send(request)
        await self._until(tail, request)
        left = tail.chart(request["chart_id"]).left_id
        if not left <= last_id < left + _TAIL_TICKS - 1:
            raise LeanDoubtError(f"the second request began at id {left}, not around the last tick {last_id}")
        brought = tail.columns(left, left + _TAIL_TICKS)
        inside = brought["datetime_ns"] < self._job.window.end_ns
        again_ns = tail.stamp(last_id + 1)
        return Reading(
            columns=columns,
            second_ids=np.asarray(brought["tick_id"][inside], dtype=np.int64),
            following_ns=end_ns if again_ns is None and last_id + 1 == end else again_ns,
            series_last_id=max(tail.last_id, self._book.last_id),
            first_id=first,
            unreadable=self._book.unreadable(first, end),
        )

    async def _until(self, book: DayBook, request: ChartRequest) -> None:
        """Take frames in until the request is answered. Only ticks are progress: a frame may hold nothing."""
        held, progress_at, patience_s = book.held, time.monotonic(), self._connection.patience_s
        while not book.chart(request["chart_id"]).answers(request):
            book.apply(await self._connection.frame())
            if book.held > held:
                held, progress_at = book.held, time.monotonic()
            elif time.monotonic() - progress_at > patience_s:
                raise no_progress(patience_s)

    async def _release(self) -> None:
        """Close the day's charts, as the client does."""
        for name in sorted(self._opened):
            await self._connection.send(
                {"aid": "set_chart", "chart_id": name, "ins_list": "", "duration": 0, "view_width": PAGE_TICKS}
            )

    def _focus(self, name: str, instant_ns: int, width: int) -> dict[str, Any]:
        return self._set_chart(name, width) | {"focus_datetime": instant_ns, "focus_position": 0}

    def _set_chart(self, name: str, width: int) -> dict[str, Any]:
        chart_id = f"{self._prefix}_{name}"
        self._opened.add(chart_id)
        return {
            "aid": "set_chart",
            "chart_id": chart_id,
            "ins_list": self._job.contract,
            "duration": 0,
            "view_width": width,
        }
