"""The HTTP side of the embedded exchange: token, grants, holidays, continuous contracts, control, the websocket door.

Belongs here: routes and their JSON. Does not belong here: what flows over the websocket (`diff`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from datetime import date
from typing import Any, Final

from aiohttp import web
from pydantic import SecretStr

from ghtrader_assets.doors.keys import WebKeys
from ghtrader_assets.doors.rule import Door
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange import floods
from ghtrader_assets.exchange.contracts import main_changes
from ghtrader_assets.exchange.diff import DiffConnection
from ghtrader_assets.exchange.door import add_headers, guard
from ghtrader_assets.exchange.faults import FaultRule, Place, as_json
from ghtrader_assets.exchange.market import Market
from ghtrader_assets.exchange.misstatements import misstated_changes, misstated_holidays
from ghtrader_assets.exchange.specs import specs_of
from ghtrader_assets.market.calendar import snapshot_calendar

REALM: Final = "/auth/realms/shinnytech"
CONTROL: Final = "/control/"
RESET: Final = f"{CONTROL}reset"
LOG_IN: Final = f"{REALM}/protocol/openid-connect/token"
FEATURES: Final = ("futr", "opt", "cmb", "adv", "sec", "lmt_idx", "tq_dl", "tq_bt", "tq_up", "tq_lc_rk")
_FAR: Final = 4102415999
FIRST_HOLIDAY_YEAR: Final = 2021


class ExchangeServer:
    """Request handlers around one market. Only `user` may log in, with `password`; None stands for any."""

    def __init__(self, market: Market, user: str | None, password: SecretStr | None) -> None:
        self._market = market
        self._user = user
        self._password = password.get_secret_value() if password is not None else None
        self._connections = 0
        self._open: set[web.WebSocketResponse] = set()

    def application(self, door: Door, keys: WebKeys | None) -> web.Application:
        app = web.Application(middlewares=[guard(door, keys)])
        app.add_routes(
            [
                web.post(LOG_IN, self._token),
                web.get(f"{REALM}/rest/get-grant/tq", self._grant),
                web.get("/shinny_chinese_holiday.json", self._holidays),
                web.get("/continuous_table.json", self._continuous),
                web.get("/t/md/front/mobile", self._websocket),
                web.get("/healthz", self._alive),
                web.post("/control/faults", self._add_faults),
                web.get("/control/faults", self._show_faults),
                web.get("/control/requests", self._requests),
                web.post(RESET, self._reset),
            ]
        )
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._on_shutdown)
        return app

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        user, password = str(form.get("username", "")), str(form.get("password", ""))
        refreshing = form.get("grant_type") == "refresh_token"
        rule = self._market.faults.access("token")
        self._market.record("token", user=user, faults=[rule.kind] if rule else [])
        if (other := await self._other_body(request, "token")) is not None:
            return other
        if rule is not None and rule.kind != "wrong_grant":
            refused = await self._trouble(rule)
            if refused is not None:
                return refused
        accepted = self._user in (None, user) and self._password in (None, password)
        if not refreshing and not accepted:
            return _json({"error": "invalid_grant", "error_description": "Invalid user credentials"}, 401)
        features = rule.features if rule is not None and rule.kind == "wrong_grant" else FEATURES
        token = {"access_token": _jwt(user, features), "refresh_token": "again", "token_type": "Bearer"}
        return _json({**token, "expires_in": 86_400})

    async def _trouble(self, rule: FaultRule) -> web.Response | None:
        """What an access rule does to an HTTP request: an answer, or None to go on after a pause."""
        if rule.kind == "slow":
            await asyncio.sleep(rule.seconds)
            return None
        if rule.kind == "stall":
            await asyncio.sleep(3600)
        status = rule.status if rule.kind == "refuse" else 503
        return _json({"error": rule.kind, "error_description": rule.message}, status)

    async def _grant(self, _request: web.Request) -> web.Response:
        self._market.record("grant")
        return _json({"exp": _FAR, "daysleft": 9999, "account_type": "PROFESSIONAL"})

    async def _holidays(self, request: web.Request) -> web.StreamResponse:
        self._market.record("holidays")
        if (other := await self._other_body(request, "holidays")) is not None:
            return other
        calendar = snapshot_calendar()
        true = calendar.holidays_on_weekdays(date(FIRST_HOLIDAY_YEAR, 1, 1), calendar.horizon)
        closed = misstated_holidays(true, self._market.faults.reference())
        return _json([day.isoformat() for day in closed])

    async def _continuous(self, request: web.Request) -> web.StreamResponse:
        self._market.record("continuous")
        if (other := await self._other_body(request, "continuous")) is not None:
            return other
        today, wrong = self._market.today(), self._market.faults.reference()
        table: dict[str, list[list[str]]] = {}
        for key, spec in specs_of(self._market.model.number).items():
            true = [(day, contract.text) for day, contract in main_changes(spec, today)]
            table[key] = [[f"{day:%Y%m%d}", name] for day, name in misstated_changes(f"KQ.m@{key}", true, wrong)]
        return _json({key: changes for key, changes in table.items() if changes})

    async def _other_body(self, request: web.Request, place: Place) -> web.StreamResponse | None:
        """What a body rule answers in place of the truth; None without one."""
        rule = self._market.faults.body(place)
        if rule is None:
            return None
        if rule.kind == "html":
            return web.Response(text=floods.HTML, content_type="text/html")
        if rule.kind == "expanding":
            body = await self._market.in_thread(floods.expanding, rule.amount)
            return web.Response(body=body, content_type="application/json", headers={"Content-Encoding": "gzip"})
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):  # the client has enough
            for piece in floods.huge(rule.amount):
                await answer.write(piece)
        return answer

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        rule = self._market.faults.access("handshake")
        self._connections += 1
        number = self._connections
        self._market.record("handshake", connection=number, faults=[rule.kind] if rule else [])
        refused = await self._trouble(rule) if rule is not None else None
        if refused is not None:
            return refused
        socket = web.WebSocketResponse(compress=self._market.faults.bombs, max_msg_size=0, timeout=1.0)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await DiffConnection(self._market, socket, request.transport, number).run()
        finally:
            self._open.discard(socket)
        return socket

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _add_faults(self, request: web.Request) -> web.Response:
        try:
            added = self._market.faults.add(await request.read())
        except BadInputError as error:
            return _json({"error": str(error)}, 400)
        return _json(as_json(added))

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return _json(as_json(self._market.faults.rules))

    async def _requests(self, _request: web.Request) -> web.Response:
        return _json(list(self._market.requests))

    async def _reset(self, _request: web.Request) -> web.Response:
        self._market.faults.rules.clear()
        self._market.requests.clear()
        return _json({"ok": True})

    async def _on_shutdown(self, _app: web.Application) -> None:
        for socket in list(self._open):
            await socket.close()
        self._market.close()


def _json(document: object, status: int = 200) -> web.Response:
    return web.json_response(document, status=status, dumps=lambda item: json.dumps(item, ensure_ascii=False))


def _jwt(user: str, features: tuple[str, ...]) -> str:
    """A token with the claims tqsdk reads; tqsdk does not check the signature."""
    claims: dict[str, Any] = {
        "sub": hashlib.sha256(user.encode()).hexdigest()[:32],
        "exp": _FAR,
        "preferred_username": user,
        "grants": {"features": list(features), "accounts": ["*"]},
    }
    head, body = _b64(b'{"alg":"HS256","typ":"JWT"}'), _b64(json.dumps(claims).encode())
    return f"{head}.{body}.{_b64(b'unsigned')}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
