"""Sessions of a store: none is held by one that was never opened."""

from __future__ import annotations

import gc
import socket
import threading

import pytest
from pydantic import SecretStr

from ghtrader_assets.errors import StoreAwayError
from ghtrader_assets.questdb.client import connection
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets_tests.questdb.client.fake_servers import listening, silent


def test_a_session_that_is_never_opened_gives_its_socket_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not when the collector comes: QuestDB has 64, and whoever asks again each second would take them all."""
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 2)  # the least that libpq takes
    left = threading.Event()

    def never_welcomes(client: socket.socket) -> None:
        silent(client)
        left.set()

    gc.disable()
    try:
        with listening(never_welcomes) as address, Database(Endpoint(address, address, "any", SecretStr("any"))) as db:
            with pytest.raises(StoreAwayError):
                db.rows("any", "SELECT 1")
            assert left.wait(1)
    finally:
        gc.enable()
