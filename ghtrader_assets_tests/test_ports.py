"""Ports for whoever takes any."""

from __future__ import annotations

import socket

import pytest

from ghtrader_assets import ports
from ghtrader_assets.errors import PortTakenError
from ghtrader_assets.ports import ANY_PORT, LOOPBACK, claim_port


def test_any_port_is_free_and_never_handed_out_twice() -> None:
    """A server claims two before it binds either."""
    claimed = [claim_port(0, "-") for _ in range(2000)]
    assert len(set(claimed)) == len(claimed)
    assert set(claimed) <= set(ANY_PORT)


def test_any_port_is_none_that_somebody_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one port to take, and it is taken."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "ANY_PORT", range(port, port + 1))
        with pytest.raises(PortTakenError, match="set SOME_PORT to one that is"):
            claim_port(0, "SOME_PORT")
