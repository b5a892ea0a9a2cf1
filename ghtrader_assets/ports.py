"""Ports of the embedded services on the loopback address.

Belongs here: finding out whether a port is free. Does not belong here: which service wants which (`settings`).
"""

from __future__ import annotations

import socket
from typing import Final

from ghtrader_assets.errors import PortTakenError

LOOPBACK: Final = "127.0.0.1"


def claim_port(port: int, setting: str) -> int:
    """A free TCP port on the loopback address: `port` itself, or any for 0. Raises `PortTakenError`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise port_taken(port, setting) from None
        return int(probe.getsockname()[1])


def port_taken(port: int, setting: str) -> PortTakenError:
    """The error that names the port and the setting that moves it."""
    return PortTakenError(
        f"port {port} on {LOOPBACK} is taken", f"set {setting} to another port, or to 0 for any free one"
    )
