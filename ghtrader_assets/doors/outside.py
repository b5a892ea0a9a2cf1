"""What of our web servers is reached from beyond this host: which addresses, under which certificate.

Belongs here: reading the settings for it, refusing what would open a server without TLS or a log-in. Does not belong
here: the sockets (`serving`), who may come in (`rule`).

On the loopback address nothing changes: our own processes ask there without TLS.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import psutil

from ghtrader_assets.errors import BadInputError, CredentialError
from ghtrader_assets.private import read_secret
from ghtrader_assets.settings import Settings

ALL: Final = "0.0.0.0"  # noqa: S104 - the word of a setting; no address that is bound
"""What the setting says for all of this host; no address that is bound."""
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class OutsideAddresses:
    """The addresses, and how TLS is spoken there."""

    addresses: tuple[str, ...]
    tls: ssl.SSLContext
    fingerprint: str

    def hosts(self, port: int) -> tuple[str, ...]:
        """What `Host` says of a request to one of the addresses."""
        return tuple(f"{address}:{port}" for address in self.addresses)


def outside_of(settings: Settings) -> OutsideAddresses | None:
    """None where nothing but the loopback address is listened on.

    Raises `BadInputError` for addresses without a log-in or a certificate, for what is no address of this host, and for
    what is no certificate; `CredentialError` for a key that others may read.
    """
    if not settings.web_bind:
        return None
    if settings.web_auth != "token":
        raise BadInputError(
            "GHTRADER_WEB_BIND opens the web servers to the network, and GHTRADER_WEB_AUTH=off lets all in",
            "unset one of the two; a log-in of your own belongs to a proxy on this host (docs/operations.md)",
        )
    certificate, key = settings.web_tls_certificate, settings.web_tls_key
    if certificate is None or key is None:
        raise BadInputError(
            "GHTRADER_WEB_BIND opens the web servers to the network, and nothing says a certificate",
            "set GHTRADER_WEB_TLS_CERTIFICATE and GHTRADER_WEB_TLS_KEY to PEM files, or unset GHTRADER_WEB_BIND",
        )
    return OutsideAddresses(_addresses(settings.web_bind), tls_of(certificate, key), fingerprint_of(certificate))


def fingerprint_of(certificate: Path) -> str:
    """SHA-256 of the first certificate in a PEM file, as 64 hex digits. Raises `BadInputError`."""
    try:
        text = certificate.read_text(encoding="ascii")
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = text[text.index(begin) : text.index(end) + len(end)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
    except (OSError, ValueError) as error:
        raise _no_certificate(certificate, error) from None


def tls_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """How a server speaks TLS under a certificate. Raises as `outside_of`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        read_secret(key, _MOST_BYTES)
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise _no_certificate(certificate, error) from None
    except OSError as error:
        raise CredentialError(f"GHTRADER_WEB_TLS_KEY {key}: {error.strerror}", "name a PEM file of yours") from None
    return context


def _no_password() -> str:
    """OpenSSL would ask the terminal."""
    return ""


def _no_certificate(certificate: Path, error: Exception) -> BadInputError:
    return BadInputError(
        f"GHTRADER_WEB_TLS_CERTIFICATE {certificate} and its key are no pair of PEM files: {error}",
        "name the certificate, with its chain, and its key without a password",
    )


def _addresses(named: tuple[str, ...]) -> tuple[str, ...]:
    """IPv4 addresses of this host beyond loopback; for `ALL` those that it has now."""
    try:
        wanted = [IPv4Address(each) for each in named]
    except ValueError:
        raise BadInputError(f"GHTRADER_WEB_BIND={','.join(named)} is no IPv4 address", _EXAMPLE) from None
    if any(each.is_loopback for each in wanted):
        raise BadInputError("GHTRADER_WEB_BIND names a loopback address, on which servers listen anyway", _EXAMPLE)
    own = [each.address for found in psutil.net_if_addrs().values() for each in found if each.family == socket.AF_INET]
    beyond = tuple(each for each in own if not IPv4Address(each).is_loopback)
    chosen = beyond if ALL in named else tuple(map(str, wanted))
    if unknown := set(chosen) - set(beyond):
        raise BadInputError(
            f"GHTRADER_WEB_BIND names {', '.join(sorted(unknown))}, and this host has {', '.join(beyond) or 'none'}",
            _EXAMPLE,
        )
    return chosen


_EXAMPLE: Final = f"name an address that `ip -4 address` shows, or {ALL} for all of them"
