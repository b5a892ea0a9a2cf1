"""Addresses of stores: what is none is refused, and what a good one asks of the connection."""

from __future__ import annotations

import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.store import connect
from ghtrader_assets.store.address import address_of


@pytest.mark.parametrize(
    "text",
    ["", "ghtrader://", "http://t@host:8050", "ghtrader://t@host:x", "ghtrader://t@host:99999", "ghtrader://t:p@host",
     "ghtrader://t@host/path", "ghtrader://t@host?tls=maybe", "ghtrader://t@host?verify=no", "ghtrader://t@host?sha256=12",
     "ghtrader://t@host?tls=off&cafile=x", "ghtrader://canary@[host", "ghtrader://t@host?a"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_its_token(text: str) -> None:
    with pytest.raises(BadInputError, match=r"address of a store|\?sha256") as caught:
        connect(text)
    assert "canary" not in str(caught.value)


def test_only_loopback_goes_without_tls_by_itself() -> None:
    assert address_of("ghtrader://t@127.0.0.1").tls is None
    assert address_of("ghtrader://t@127.0.0.1?tls=on").tls is not None
    assert address_of("ghtrader://t@127.0.0.2").tls == {"cert_reqs": "CERT_REQUIRED", "ca_certs": None}
    assert address_of("ghtrader://t@desk.example?tls=off").tls is None
