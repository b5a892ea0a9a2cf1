"""The address of a remote store: `ghtrader://TOKEN@HOST:PORT`, and by which certificate its host is known.

Belongs here: reading an address. Does not belong here: connecting (`remote`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.ports import is_loopback

SCHEME: Final = "ghtrader"
FORM: Final = "ghtrader://TOKEN@HOST:PORT?sha256=FINGERPRINT"
DEFAULT_PORT: Final = 8050
_OPTIONS: Final = frozenset({"cafile", "sha256", "tls"})
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a remote store is. `tls`: how urllib3 knows its certificate; None for none, which loopback has by default.

    Every other host speaks TLS, under a certificate of an authority that this host knows, of `?cafile=PATH`, or with
    the fingerprint `?sha256=`; unless `?tls=off` says that the way there is safe. `?tls=on` holds for loopback too.
    """

    host: str
    port: int
    token: SecretStr
    tls: dict[str, Any] | None = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def address_of(text: str) -> Address:
    """Raises `BadInputError`, which never says the token."""
    try:
        split = urlsplit(text)
        host, port = split.hostname or "", split.port or DEFAULT_PORT
        options = dict(parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query)))
    except ValueError:
        raise BadInputError("the address of a store can't be read", f"write {FORM}") from None
    if split.scheme != SCHEME or not host or split.path not in ("", "/") or split.password is not None:
        raise BadInputError("that is no address of a store", f"write {FORM}")
    unknown = options.keys() - _OPTIONS
    if unknown or options.get("tls", "on") not in ("on", "off"):
        raise BadInputError(
            f"the address of a store has {', '.join(sorted(unknown)) or 'tls=?'}",
            "known are ?cafile=, ?sha256=, ?tls=off",
        )
    return Address(host, port, SecretStr(unquote(split.username or "")), _tls_of(split, options))


def _tls_of(split: SplitResult, options: dict[str, str]) -> dict[str, Any] | None:
    known_by = options.keys() & {"cafile", "sha256"}
    if options.get("tls") == "off":
        if known_by:
            raise BadInputError("an address of a store with ?tls=off needs no certificate", "leave one of the two out")
        return None
    if not known_by and "tls" not in options and is_loopback(f"//{split.netloc}"):
        return None
    if "sha256" in options:
        digits = options["sha256"].replace(":", "").lower()
        if _SHA256.fullmatch(digits) is None or len(known_by) > 1:
            raise BadInputError("?sha256= takes the 64 hex digits that `ghtrader-assets status` prints, and no cafile")
        return {"cert_reqs": "CERT_NONE", "assert_fingerprint": digits}
    return {"cert_reqs": "CERT_REQUIRED", "ca_certs": options.get("cafile")}
