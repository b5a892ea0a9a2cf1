"""A bare client of the DIFF protocol, to see what tqsdk hides: single messages, nulls, silence."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.waiting import HANGS_S

Message = dict[str, Any]


class DiffClient:
    """One connection. `data` is the merged state, nulls removed."""

    def __init__(self, control: ExchangeControl) -> None:
        self._opening = connect(control.environment["TQ_MD_URL"], max_size=None, open_timeout=HANGS_S)
        self._socket: ClientConnection
        self.data: Message = {}
        self.greeting: Message = {}

    def __enter__(self) -> Self:
        self._socket = self._opening.__enter__()
        self.greeting = self.receive()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opening.__exit__(kind, error, trace)

    def send(self, **request: Any) -> None:
        """Send one request."""
        self._socket.send(json.dumps(request))

    def receive(self, timeout: float = HANGS_S) -> Message:
        """The next message; TimeoutError if none comes."""
        return json.loads(self._socket.recv(timeout=timeout))

    def await_pong(self) -> None:
        """Return when the server has answered a ping: it has read what was sent before."""
        assert self._socket.ping().wait(HANGS_S)

    def peek(self, timeout: float = HANGS_S) -> Message:
        """Ask for what is new and merge it."""
        self.send(aid="peek_message")
        message = self.receive(timeout)
        assert message["aid"] == "rtn_data"
        for patch in message["data"]:
            merge(self.data, patch)
        return message

    def chart(self, chart_id: str, symbol: str, width: int, timeout: float = HANGS_S, **where: Any) -> Message:
        """Set a chart and peek until its state is the request's; returns the chart."""
        request = {"aid": "set_chart", "chart_id": chart_id, "ins_list": symbol, "duration": 0, "view_width": width}
        self.send(**request, **where)
        return self.wait_chart(chart_id, {**request, **where}, timeout)

    def wait_chart(self, chart_id: str, request: Message, timeout: float = HANGS_S) -> Message:
        """Peek until the chart answers the request."""
        while True:
            chart = self.data.get("charts", {}).get(chart_id, {})
            if chart.get("state") == request:
                return chart
            self.peek(timeout)

    def ticks(self, symbol: str) -> dict[int, Message]:
        """All ticks received of a symbol, by id."""
        return {int(key): tick for key, tick in self.data["ticks"][symbol].get("data", {}).items()}


def merge(root: Message, patch: Message) -> None:
    """Apply a DIFF patch: objects merge, null removes, anything else replaces."""
    for key, value in patch.items():
        if value is None:
            root.pop(key, None)
        elif isinstance(value, dict):
            target = root.setdefault(key, {})
            if not isinstance(target, dict):
                target = root[key] = {}
            merge(target, value)
        else:
            root[key] = value
