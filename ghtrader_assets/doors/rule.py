"""The rule for every request to a web server of ours: let it in, or refuse it with a status and one line.

Belongs here: the decision, from plain values alone. Does not belong here: frameworks (`asgi`, `exchange.door`), and any
network, file or clock.

A browser says truthfully which page a request comes from, in `Origin` and `Sec-Fetch-Site`, and which name its user
typed, in `Host`; another program may say what it likes, and has to show a token instead. What a browser doesn't say
(`Sec-Fetch-*` before 2023, `Origin` of a GET) is no reason to refuse: a GET changes nothing here, and no page can send
JSON to another origin without being asked for its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote

from ghtrader_assets.ports import LOOPBACK

GRAPHQL: Final = "/graphql"
_IN_QUERY: Final = "?%&=+/:,;@!$'()*~-._"
_PLAIN: Final = "http://"
READING: Final = ("GET", "HEAD")
OPEN: Final = ("/healthz", "/readyz")
"""What everybody may ask: whether the server lives, and whether all is well."""
UNKNOWN: Final = (
    "this server wants a token: send `Authorization: Bearer TOKEN` with that of the file web/token of GHTRADER_HOME,"
    " or open the link that `ghtrader-assets status` prints"
)
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""What a browser is told with every answer, besides the policy of its pages."""
OURS: Final = ("", "none", "same-origin")
"""What `Sec-Fetch-Site` says of a request that no other page made; `same-site` is another port of this host."""


class Power(IntEnum):
    """What whoever asks has shown a token for, or a cookie that stands for one."""

    NONE = 0
    READ = 1
    OWNER = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What the rule sees of a request; a header that is missing is the empty text.

    `opens_socket`: it asks for a websocket, which is neither a page nor sent as JSON.
    """

    method: str
    path: str
    query: str = ""
    host: str = ""
    origin: str = ""
    site: str = ""
    mode: str = ""
    destination: str = ""
    content_type: str = ""
    opens_socket: bool = False
    power: Power = Power.NONE


@dataclass(frozen=True, slots=True)
class Door:
    """One server: its port, the other names it is reached by, and what of it is out of the ordinary.

    `names` are those of a proxy in front of it, as its users' browsers send them in `Host`, and its own addresses
    beyond this host; browsers reach them by https, but for names that begin with `http://`. `page_name` is the pages'
    own name of this host, which no other page knows. `has_pages`: a link on any other page may lead to it. `forms`:
    paths that take what a form sends, since a client that isn't ours sends it. `bare`: paths whose POST says nothing,
    and needs no type: a page's has its origin with it all the same. `guarded`: what paths begin with that want a token.
    `read_by_post`: paths whose POST only reads, be it that what it sends is looked at further on (`graphql`).
    """

    port: int
    names: tuple[str, ...] = ()
    page_name: str = ""
    has_pages: bool = True
    forms: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    guarded: str = "/"
    read_by_post: frozenset[str] = frozenset()

    @property
    def address(self) -> str:
        """The `Host` that programs of this host send."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def alias(self) -> str:
        return f"localhost:{self.port}"

    def scheme_of(self, host: str) -> str:
        """By which browsers reach the server under a name in small letters; empty for none of its names."""
        own = {self.address, self.alias, f"{self.page_name}:{self.port}" if self.page_name else self.address}
        named = [name.lower() for name in self.names]
        if host in own or f"{_PLAIN}{host}" in named:
            return "http"
        return "https" if host in [name.removeprefix("https://") for name in named] else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in: a status and a line; where it should have gone, if that is elsewhere."""

    status: HTTPStatus
    line: str
    location: str = ""


def refusal_of(asked: Asked, door: Door) -> Refusal | None:
    """None for a request that may come in."""
    return (
        _wrong_host(asked, door)
        or _foreign_page(asked, door)
        or _without_power(asked, door)
        or _wrong_form(asked, door)
    )


def opens_page(asked: Asked) -> bool:
    """Whether a browser goes to this address with its whole window."""
    goes = (asked.method, asked.mode, asked.destination) == ("GET", "navigate", "document")
    return goes and not asked.opens_socket


def _wrong_host(asked: Asked, door: Door) -> Refusal | None:
    """A page whose own name was made to point at this host sends that name."""
    host = asked.host.lower()
    if host == door.alias and opens_page(asked):
        query = f"?{asked.query}" if asked.query else ""
        where = f"http://{door.address}{quote(asked.path)}{quote(query, safe=_IN_QUERY)}"
        return Refusal(HTTPStatus.TEMPORARY_REDIRECT, f"this server is {door.address}", where)
    if door.scheme_of(host):
        return None
    what = f"this server is {door.address}, and not what the request calls it"
    return Refusal(HTTPStatus.MISDIRECTED_REQUEST, f"{what}; name it in GHTRADER_WEB_NAMES if a proxy of yours does")


def _foreign_page(asked: Asked, door: Door) -> Refusal | None:
    host = asked.host.lower()
    if asked.origin and asked.origin.lower() != f"{door.scheme_of(host)}://{host}":
        return Refusal(HTTPStatus.FORBIDDEN, "this server takes nothing from pages of other origins")
    if asked.site in OURS or (door.has_pages and opens_page(asked)):
        return None
    return Refusal(HTTPStatus.FORBIDDEN, "this server answers no page of another origin")


def _without_power(asked: Asked, door: Door) -> Refusal | None:
    if asked.path in OPEN or not asked.path.startswith(door.guarded):
        return None
    if asked.power is Power.NONE:
        return Refusal(HTTPStatus.UNAUTHORIZED, UNKNOWN)
    reads = asked.method in READING or asked.path in door.read_by_post
    if asked.power is Power.READ and not reads:
        return Refusal(HTTPStatus.FORBIDDEN, "a token for reading changes nothing")
    return None


def _wrong_form(asked: Asked, door: Door) -> Refusal | None:
    """What changes something comes as JSON by POST, which no page can send to another origin in silence."""
    if asked.opens_socket:
        return None
    if asked.method in READING:
        if asked.path == GRAPHQL and "query" in parse_qs(asked.query, keep_blank_values=True):
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "send GraphQL by POST, as JSON")
        return None
    if asked.method != "POST":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "this server knows GET, HEAD and POST")
    kind = asked.content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or asked.path in door.forms or (not kind and asked.path in door.bare):
        return None
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON, with `Content-Type: application/json`")
