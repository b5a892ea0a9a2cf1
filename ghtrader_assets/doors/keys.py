"""What opens the web servers of a home: its two tokens, the links and cookies that stand for one, who shows which.

Belongs here: making and judging them. Does not belong here: what each may do (`rule`), where a header stands (`asgi`).

A token is sent by programs, in a header. A browser gets a cookie for one server, which is never the token: cookies know
no ports, so whatever listens on this host is shown all of them. A cookie and a link are signed with the token; they
hold for one server until they end, a cookie under one name. A link works once and for a server that has run since it
was made; a cookie ends with `up`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from ghtrader_assets.clock import Clock
from ghtrader_assets.doors.rule import Power
from ghtrader_assets.errors import CredentialError
from ghtrader_assets.files import put_secret_once
from ghtrader_assets.private import read_secret
from ghtrader_assets.redaction import hide
from ghtrader_assets.settings import Settings

LINK_S: Final = 600
COOKIE_S: Final = 12 * 3600
LOG_IN: Final = "/log-in"
_OWNER_FILE: Final = "web/token"
_READER_FILE: Final = "web/token_read"
TOKEN_FILES: Final = (_OWNER_FILE, _READER_FILE)
_MOST_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class WebKeys:
    """The tokens of a home: `owner` may do everything, `reader` reads. Not `required`: everybody may do everything."""

    owner: SecretStr
    reader: SecretStr
    required: bool = True

    @property
    def page_name(self) -> str:
        """A name of this host for pages alone, made of the token; empty where there are no log-ins.

        Browsers lead all names below `localhost` to the loopback address, and send the cookies of a name to all of its
        ports. This one no page of another port knows.
        """
        key = self.owner.get_secret_value().encode()
        made = hmac.new(key, b"page name", hashlib.sha256).hexdigest()[:16]
        return f"gh-{made}.localhost" if self.required else ""

    @property
    def header(self) -> dict[str, str]:
        """What a program of the owner's sends."""
        return {"Authorization": f"Bearer {self.owner.get_secret_value()}"}

    def power_of_token(self, token: str) -> Power:
        found = Power.NONE
        for power, known in ((Power.READ, self.reader), (Power.OWNER, self.owner)):
            if hmac.compare_digest(token.encode(), known.get_secret_value().encode()):
                found = power
        return found

    def signature(self, power: Power, *said: object) -> str:
        key = self.owner if power is Power.OWNER else self.reader
        text = "\n".join((power.name, *map(str, said)))
        digest = hmac.new(key.get_secret_value().encode(), text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Pass:
    """A link's or a cookie's value: signed, for one server under one name, for a time."""

    power: Power
    made: int
    nonce: str
    signature: str

    def __str__(self) -> str:
        return f"{self.power.name}.{self.made}.{self.nonce}.{self.signature}"


def keys_of(settings: Settings) -> WebKeys:
    """The tokens that the settings name, else those of the home, made on the first call and readable by its user alone.

    Raises `CredentialError` for a file that is not its user's alone, or is empty.
    """
    owner = settings.web_token or _kept(settings.home / _OWNER_FILE)
    reader = settings.web_token_read or _kept(settings.home / _READER_FILE)
    hide(owner, reader)
    return WebKeys(owner, reader, required=settings.web_auth == "token")


def link_to(keys: WebKeys, service: str, url: str, clock: Clock, power: Power = Power.OWNER) -> str:
    """An address that opens a server for a browser, once and soon; the plain one where none is needed.

    It opens the server under each of its names; this one is the pages' own.
    """
    if not keys.required:
        return url
    made = _signed(keys, power, "link", service, "", "", clock)
    return f"{page_url(keys.page_name, url)}{LOG_IN}?link={quote(str(made))}"


def page_url(page_name: str, url: str) -> str:
    """An address of this host, without its path, by the name that its pages have, if any."""
    split = urlsplit(url)
    return f"{split.scheme}://{page_name}:{split.port}" if page_name else f"{split.scheme}://{split.netloc}"


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Tells who comes to one server. `start`: of the platform which it belongs to; cookies of another don't hold."""

    keys: WebKeys
    service: str
    start: str
    clock: Clock
    _since: int = field(init=False)
    _spent: dict[str, int] = field(default_factory=dict[str, int], init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_since", int(self.clock.now_s()))

    def power_of(self, host: str, authorization: str, cookies: str) -> Power:
        """What a request may do by its headers: that of a token if one is sent, else that of its cookie."""
        if not self.keys.required:
            return Power.OWNER
        scheme, _, token = authorization.partition(" ")
        if authorization:
            return self.keys.power_of_token(token.strip()) if scheme.lower() == "bearer" else Power.NONE
        found = [value for name, value in _cookies(cookies) if name == cookie_name(host)]
        return self._power_of_pass(found[0], "cookie", host, self.start, COOKIE_S) if len(found) == 1 else Power.NONE

    def cookie_for(self, link: str, host: str, *, is_secure: bool = False) -> str:
        """The `Set-Cookie` that a link is worth; empty for one that is none, is too old, or was used before.

        `is_secure`: the browser came by https, and is to send the cookie by nothing else.
        """
        power = self._power_of_pass(link, "link", "", "", LINK_S)
        if power is Power.NONE or not self._is_first_use(link):
            return ""
        value = _signed(self.keys, power, "cookie", self.service, host, self.start, self.clock)
        secure = "; Secure" if is_secure else ""
        return f"{cookie_name(host)}={value}; Path=/; Max-Age={COOKIE_S}; HttpOnly; SameSite=Strict{secure}"

    def _is_first_use(self, link: str) -> bool:
        """And it was made since this process began: what an earlier one took isn't known here."""
        found, now = _parsed(link), int(self.clock.now_s())
        if found is None or found.made < self._since:
            return False
        with self._lock:
            for nonce in [nonce for nonce, ends in self._spent.items() if ends < now]:
                del self._spent[nonce]
            is_new = found.nonce not in self._spent
            self._spent[found.nonce] = now + LINK_S
        return is_new

    def _power_of_pass(self, text: str, kind: str, host: str, start: str, lasts_s: int) -> Power:
        found = _parsed(text)
        if found is None:
            return Power.NONE
        age = int(self.clock.now_s()) - found.made
        wanted = self.keys.signature(found.power, kind, self.service, host, start, found.made, found.nonce)
        genuine = hmac.compare_digest(found.signature.encode(), wanted.encode())
        return found.power if genuine and 0 <= age <= lasts_s else Power.NONE


def cookie_name(host: str) -> str:
    """By the port: a browser sends the cookies of all ports of a name to each."""
    return f"ghtrader_{host.rpartition(':')[2] if ':' in host else '0'}"


def _signed(keys: WebKeys, power: Power, kind: str, service: str, host: str, start: str, clock: Clock) -> Pass:
    made, nonce = int(clock.now_s()), secrets.token_urlsafe(12)
    return Pass(power, made, nonce, keys.signature(power, kind, service, host, start, made, nonce))


def _parsed(text: str) -> Pass | None:
    parts = text.split(".")
    if len(parts) != 4 or not text.isascii() or len(text) > 200:
        return None
    name, made, nonce, signature = parts
    if name not in (Power.READ.name, Power.OWNER.name) or not (made.isdigit() and len(made) < 12):
        return None
    return Pass(Power[name], int(made), nonce, signature)


def _cookies(header: str) -> list[tuple[str, str]]:
    parts = (part.strip().partition("=") for part in header.split(";"))
    return [(name, value) for name, _, value in parts]


def _kept(path: Path) -> SecretStr:
    """The token in a file, which is made where there is none."""
    if not path.exists():
        put_secret_once(path, secrets.token_urlsafe(32))
    token = read_secret(path, _MOST_BYTES).decode("ascii", "replace").strip()
    if not token:
        raise CredentialError(f"{path} is empty", "delete it and start again: a new token is made")
    return SecretStr(token)
