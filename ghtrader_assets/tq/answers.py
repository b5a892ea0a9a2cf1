"""What tqsdk asks for over HTTP, bounded: log-in, grants, holidays, tables of main contracts. Worker processes only.

Belongs here: taking a body in a piece at a time, and remembering what the last answer was.
Does not belong here: what an answer says (`login`, `reference`), how much is too much (`bounds`).

tqsdk asks through `requests`, which takes in and expands whatever comes, and waits without end where it names no
time-out. All of it passes one method of one class.
"""

from __future__ import annotations

import os
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from ghtrader_assets.ports import is_loopback
from ghtrader_assets.tq.bounds import BODY_BYTES, implausible, oversized

_PIECE_BYTES: Final = 1 << 16
_WAIT_S: Final = 30.0
"""tqsdk's own time-out where it has one: for a connection, and for each piece of an answer."""

_send: Final = HTTPAdapter.send
_last: list[requests.Response] = []


def bound_answers() -> None:
    """From now on an answer is taken in as far as `BODY_BYTES`, expanded. Once a process, before tqsdk asks."""
    setattr(HTTPAdapter, "send", _bounded_send)  # noqa: B010 - it takes all options by name


def last_answer() -> requests.Response | None:
    """The last answer of this process, with its body."""
    return _last[0] if _last else None


def _bounded_send(self: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
    _require_tls(str(request.url))
    options |= {"stream": True, "timeout": options.get("timeout") or _WAIT_S}
    _last.clear()
    answer = _send(self, request, **options)
    answer._content = _body_of(answer)  # pyright: ignore[reportPrivateUsage] - what `stream=False` would have set
    _last.append(answer)
    return answer


def _require_tls(url: str) -> None:
    """Raise `UnfitAnswerError` for an address without TLS beyond this host that no `TQ_*` variable names.

    A redirect passes here too: one that leads from https to http is refused.
    """
    asked = urlsplit(url)
    named = map(urlsplit, (value for name, value in os.environ.items() if name.startswith("TQ_")))
    told = {(each.scheme, each.hostname) for each in named}
    if asked.scheme != "https" and not is_loopback(url) and (asked.scheme, asked.hostname) not in told:
        raise implausible(f"it leads to {asked.scheme}://{asked.hostname}, without TLS, which no TQ_* variable names")


def _body_of(answer: requests.Response) -> bytes:
    """The body, expanded. Raises `UnfitAnswerError` if it is longer than any."""
    body = bytearray()
    for piece in answer.iter_content(_PIECE_BYTES):
        body += piece
        if len(body) > BODY_BYTES:
            answer.close()
            place = answer.url.partition("?")[0].rpartition("@")[2]  # no user, no password
            raise oversized(f"the answer of {place} is longer than {BODY_BYTES:,} bytes")
    return bytes(body)
