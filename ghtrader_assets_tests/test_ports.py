"""Ports for whoever takes any."""

from __future__ import annotations

import socket

from ghtrader_assets.ports import ANY_PORT, LOOPBACK, claim_port


def test_any_port_is_free_and_never_handed_out_twice() -> None:
    """A server claims two before it binds either."""
    claimed = [claim_port(0, "-") for _ in range(2000)]
    assert len(set(claimed)) == len(claimed)
    assert set(claimed) <= set(ANY_PORT)


def test_any_port_is_none_that_somebody_listens_on() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, claim_port(0, "-")))
        taken.listen()
        assert taken.getsockname()[1] not in {claim_port(0, "-") for _ in range(200)}
