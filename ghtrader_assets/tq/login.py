"""Log-in through tqsdk, grants, and the bare handshake that tells a refusal from a silence. Worker processes only.

Belongs here: what precedes a session of either reader. Does not belong here: the sessions (`client`, `lean`).
The client hides a 401, 429 or 503 of the market data server behind a time-out of 60 s, so the handshake is probed
first.
"""

# tqsdk has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
from collections.abc import Generator
from typing import Final

import aiohttp
import jwt
import requests
from tqsdk import TqAuth

from ghtrader_assets.errors import LogInError, SilentProviderError, TransientFetchError, UnfitAnswerError
from ghtrader_assets.tq import faults
from ghtrader_assets.tq.answers import last_answer
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets.tq.wire import Setup

DOWNLOAD_GRANT: Final = "tq_dl"
_BODY_BYTES: Final = 8192
"""So much of a refusal is read."""


class LoggedIn(TqAuth):
    """tqsdk's own log-in, done once: `TqApi` would ask for a second token."""

    def login(self) -> None:
        if not self._access_token:
            super().login()

    @property
    def headers(self) -> dict[str, str]:
        return dict(self._base_headers)

    def market_data_url(self) -> str:
        """The market data server's address. Raises `LogInError` if the name service's answer is none."""
        with _answering(faults.NAME_SERVICE):
            return os.environ.get("TQ_MD_URL") or self._get_md_url(stock=True, backtest=False)

    def require_grants(self, contract: str) -> None:
        """Raise `DeniedError` now for what the client would tell after the download, if at all."""
        if not self._has_feature(DOWNLOAD_GRANT):
            raise faults.no_download_grant()
        try:
            self._has_md_grants(contract)
        except Exception as error:
            if type(error) is not Exception:  # a refusal is a bare one
                raise
            raise faults.no_market_grant(contract) from error


def log_in(setup: Setup) -> LoggedIn:
    """Log in. A refusal is a bare `Exception` of tqsdk's; raises `LogInError` for an answer that is none."""
    auth = LoggedIn(setup.user, setup.password)
    with _answering(faults.LOGIN_SERVER):
        auth.login()
    return auth


@contextlib.contextmanager
def _answering(place: str) -> Generator[None]:
    """Raise for an answer of `place` that is none what its status says, or `LogInError`: the same for every day."""
    try:
        yield
    except UnfitAnswerError as error:
        raise LogInError(f"{place}: {error.what}") from None
    except (LookupError, TypeError, ValueError, RecursionError, jwt.PyJWTError) as error:
        if isinstance(error, OSError) and not isinstance(error, requests.exceptions.JSONDecodeError):
            raise  # it did not answer
        answer = last_answer()
        if answer is not None and answer.status_code != 200:
            raise faults.of_status(answer.status_code, place, answer.text[:1000]) from None
        raise LogInError(f"{place} answers, but no log-in of TqSdk's (a page for a browser?)") from None


def probe_handshake(url: str, headers: dict[str, str], timing: Timing) -> None:
    """One bare websocket handshake, closed at once. Raises the `FetchError` of a refusal."""
    try:
        asyncio.run(_handshake(url, headers, timing.handshake_s))
    except TimeoutError:
        raise SilentProviderError(
            f"{faults.MARKET_DATA_SERVER} did not answer a handshake within {timing.handshake_s:g} s"
        ) from None
    except aiohttp.ClientError as error:
        raise TransientFetchError(f"{faults.MARKET_DATA_SERVER} is not reachable: {error}") from None


def raise_refusal(error: Exception) -> None:
    """Raise the `FetchError` of a handshake that a status alone explains; asking again would only add to a 429."""
    if isinstance(error, aiohttp.WSServerHandshakeError) and error.status in (401, 429):
        retry_after = error.headers.get("Retry-After") if error.headers is not None else None
        raise faults.of_status(error.status, faults.MARKET_DATA_SERVER, "", retry_after) from None


async def _handshake(url: str, headers: dict[str, str], timeout_s: float) -> None:
    asked = headers | {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
    }
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
        session.get(url.replace("ws", "http", 1), headers=asked, allow_redirects=False) as response,
    ):
        if response.status == 101:
            response.close()
            return
        body = (await response.content.read(_BODY_BYTES)).decode(errors="replace")[:1000]
        raise faults.of_status(response.status, faults.MARKET_DATA_SERVER, body, response.headers.get("Retry-After"))
