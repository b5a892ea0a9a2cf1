"""Ports of the embedded services on the loopback address.

Belongs here: finding out whether a port is free, whether a host is this one, and that no proxy stands before it.
Does not belong here: which service wants which port (`settings`).
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import MutableMapping
from typing import Final
from urllib.parse import urlsplit

import psutil

from ghtrader_assets.errors import PortTakenError

LOOPBACK: Final = "127.0.0.1"
_LOOPBACK_HOSTS: Final = (LOOPBACK, "localhost", "::1")

_NO_PROXY: Final = ("no_proxy", "NO_PROXY")
_NO_GRPC_PROXY: Final = "no_grpc_proxy"

ANY_PORT: Final = range(15_000, 32_000)
"""Where any port is taken from: below those that systems lend to outgoing connections, one of which might take a port
between its claim and the service's start."""

_handed_out: Final[set[int]] = set()


def is_loopback(url: str) -> bool:
    """Whether the host of a URL is this one, to which bytes are cheaper than their compression."""
    return urlsplit(url).hostname in _LOOPBACK_HOSTS


def keep_loopback_direct(environment: MutableMapping[str, str] = os.environ) -> None:
    """Name this host among those that no proxy serves, in the variables that every client and child process obeys: of
    this process, if no other environment is given.

    What they name already stays. The lower-case one goes before the other with most clients, so both get what either
    has; gRPC reads one of its own first, where that is set.
    """
    given = [environment[name] for name in _NO_PROXY if environment.get(name)]
    for name in _NO_PROXY:
        environment[name] = _with_loopback(",".join(given))
    if environment.get(_NO_GRPC_PROXY):
        environment[_NO_GRPC_PROXY] = _with_loopback(environment[_NO_GRPC_PROXY])


def _with_loopback(hosts: str) -> str:
    named = [host.strip() for host in hosts.split(",") if host.strip()]
    return "*" if "*" in named else ",".join(dict.fromkeys([*named, *_LOOPBACK_HOSTS]))


def claim_port(port: int, setting: str) -> int:
    """A free TCP port on the loopback address: `port` itself, or for 0 any, and never one twice in a process, which may
    claim several before it binds the first. Raises `PortTakenError`."""
    if port == 0:
        return _any_port(setting)
    if not _is_free(port):
        raise port_taken(port, setting)
    return port


def _any_port(setting: str) -> int:
    for _ in ANY_PORT:
        port = random.choice(ANY_PORT)  # noqa: S311 - a port, no secret
        if port not in _handed_out and _is_free(port):
            _handed_out.add(port)
            return port
    raise PortTakenError(f"no port of {LOOPBACK} from {ANY_PORT.start} on is free", f"set {setting} to one that is")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def port_taken(port: int, setting: str) -> PortTakenError:
    """The error that names the port, who has it as far as we may know, and the setting that moves it."""
    what = f"port {port} on {LOOPBACK} is taken{_taker_of(port)}"
    return PortTakenError(what, f"set {setting} to another port, or to 0 for any free one")


def _taker_of(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,)
            if listens and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""
