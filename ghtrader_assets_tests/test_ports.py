"""Ports for whoever takes any."""

from __future__ import annotations

import os
import socket
import urllib.request

import pytest

from ghtrader_assets import ports
from ghtrader_assets.errors import PortTakenError
from ghtrader_assets.ports import ANY_PORT, LOOPBACK, claim_port, keep_loopback_direct


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


def test_hosts_that_no_proxy_serves_are_kept_and_this_one_joins_them() -> None:
    here = "127.0.0.1,localhost,::1"
    for given, wanted in (
        ({}, {"no_proxy": here, "NO_PROXY": here}),
        ({"NO_PROXY": "a.example, b"}, dict.fromkeys(("no_proxy", "NO_PROXY"), f"a.example,b,{here}")),
        ({"no_proxy": "localhost"}, dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1")),
        ({"no_proxy": "a", "NO_PROXY": "b"}, dict.fromkeys(("no_proxy", "NO_PROXY"), f"a,b,{here}")),
        ({"no_proxy": "*", "no_grpc_proxy": "c"}, {"no_proxy": "*", "NO_PROXY": "*", "no_grpc_proxy": f"c,{here}"}),
    ):
        environment = dict(given)
        keep_loopback_direct(environment)
        assert environment == wanted
        keep_loopback_direct(environment)
        assert environment == wanted


def test_the_provider_may_be_proxied_and_this_host_never_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    keep_loopback_direct(os.environ)
    assert [bool(urllib.request.proxy_bypass(host)) for host in (LOOPBACK, "localhost", "auth.shinnytech.com")] == [
        True,
        True,
        False,
    ]
