"""What opens our servers to the network: refused without a log-in and TLS, and by TLS alone where it is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from urllib3 import HTTPSConnectionPool

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors import serving
from ghtrader_assets.doors.asgi import GuardedApp, Receive, Scope, Send, answer
from ghtrader_assets.doors.guarded import guarded_server
from ghtrader_assets.doors.keys import keys_of, link_to
from ghtrader_assets.doors.outside import outside_of
from ghtrader_assets.doors.rule import Door
from ghtrader_assets.doors.serving import WebServer
from ghtrader_assets.errors import BadInputError, CredentialError
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.doors.open_door import OPEN_TO_ALL
from ghtrader_assets_tests.fix_certificate import BEYOND, MadeCertificate
from ghtrader_assets_tests.waiting import HANGS_S


def opened(certificate: MadeCertificate, **changed: Any) -> Settings:
    given = {"web_bind": ("0.0.0.0",), "web_tls_certificate": certificate.certificate, "web_tls_key": certificate.key}
    return Settings(**{**given, **changed})


async def scheme(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, HTTPStatus.OK, scope["scheme"])


@pytest.fixture
def port(certificate: MadeCertificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(serving, "REQUEST_WITHIN_S", 3.0)
    outside = certificate.outside

    def made(port: int) -> GuardedApp:
        return GuardedApp(scheme, Door(port, outside.hosts(port)), OPEN_TO_ALL)

    server = WebServer(0, made, name="outside", outside=outside)
    server.start()
    yield server.port
    server.close()


def test_nothing_is_open_by_itself(tmp_path: Path) -> None:
    assert outside_of(Settings(home=tmp_path)) is None


@pytest.mark.parametrize(
    ("changed", "remedy"),
    [
        ({"web_auth": "off"}, "a log-in of your own belongs to a proxy on this host"),
        ({"web_tls_certificate": None}, "set GHTRADER_WEB_TLS_CERTIFICATE and GHTRADER_WEB_TLS_KEY"),
        ({"web_tls_key": None}, "set GHTRADER_WEB_TLS_CERTIFICATE and GHTRADER_WEB_TLS_KEY"),
        ({"web_tls_certificate": Path(__file__)}, "name the certificate, with its chain"),
        ({"web_bind": ("desk.example",)}, "an address that `ip -4 address` shows"),
        ({"web_bind": ("127.0.0.1",)}, "listen anyway"),
        ({"web_bind": ("192.0.2.7",)}, "this host has"),
    ],
)
def test_what_would_open_too_much_is_refused(certificate: MadeCertificate, changed: Any, remedy: str) -> None:
    with pytest.raises(BadInputError) as caught:
        outside_of(opened(certificate, **changed))
    assert remedy in str(caught.value)


def test_a_key_that_others_may_read_is_refused(certificate: MadeCertificate, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(certificate.key.read_bytes())
    key.chmod(0o644)
    with pytest.raises(CredentialError, match="chmod 600"):
        outside_of(opened(certificate, web_tls_key=key))


def test_all_addresses_are_those_that_this_host_has(certificate: MadeCertificate) -> None:
    found = outside_of(opened(certificate))
    own = {each.address for some in psutil.net_if_addrs().values() for each in some if each.family == socket.AF_INET}
    assert found is not None
    assert set(found.addresses) == {each for each in own if not each.startswith("127.")}


def test_beyond_this_host_there_is_tls_and_nothing_else(port: int, certificate: MadeCertificate) -> None:
    assert requests.get(f"http://127.0.0.1:{port}/", timeout=HANGS_S).text == "http"
    assert requests.get(f"https://{BEYOND}:{port}/", verify=certificate.certificate, timeout=HANGS_S).text == "https"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{BEYOND}:{port}/", timeout=HANGS_S)
    with HTTPSConnectionPool(BEYOND, port, cert_reqs="CERT_NONE", assert_fingerprint=certificate.fingerprint) as pool:
        assert pool.request("GET", "/", timeout=HANGS_S).data == b"https"
    assert requests.get(
        f"https://{BEYOND}:{port}/", headers={"Host": "evil.example"}, verify=certificate.certificate, timeout=HANGS_S
    ).status_code == 421  # fmt: skip


def test_half_a_handshake_is_hung_up_on(port: int) -> None:
    with socket.create_connection((BEYOND, port), timeout=HANGS_S) as half:
        half.sendall(b"\x16\x03\x01")
        assert half.recv(100) == b""


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # its certificate has other addresses
def test_a_log_in_beyond_this_host_gives_a_cookie_for_tls_alone(certificate: MadeCertificate, tmp_path: Path) -> None:
    """Through all of a server's parts, on the addresses that this host has."""
    settings = opened(certificate, home=tmp_path)
    server = guarded_server(scheme, settings, "tested", 0, start="first", clock=SYSTEM_CLOCK)
    server.start()
    outside = outside_of(settings)
    assert outside is not None
    cookies = {}
    try:
        for origin in (f"http://127.0.0.1:{server.port}", *(f"https://{host}" for host in outside.hosts(server.port))):
            link = urlsplit(link_to(keys_of(settings), "tested", f"http://127.0.0.1:{server.port}", SYSTEM_CLOCK))
            address = f"{origin}{link.path}?{link.query}"
            with requests.Session() as browser:
                cookies[origin] = browser.get(address, verify=False, timeout=HANGS_S).headers["set-cookie"]
                assert browser.get(f"{origin}/", verify=False, timeout=HANGS_S).text == origin.partition(":")[0]
    finally:
        server.close()
    assert {origin.partition(":")[0]: "Secure" in cookie for origin, cookie in cookies.items()} == {
        "http": False, **({"https": True} if outside.addresses else {})
    }  # fmt: skip
