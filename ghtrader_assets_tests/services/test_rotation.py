"""A QuestDB whose log-ins were made anew: it has its data, and the old ones open nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ghtrader_assets.errors import CredentialError
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.services.rotation import rotate_secrets
from ghtrader_assets.settings import Settings


@pytest.mark.joint
def test_the_data_stay_and_the_old_log_in_opens_nothing(tmp_path: Path) -> None:
    server = EmbeddedQuestDB(tmp_path)
    before = server.start()
    try:
        with Database(before) as db:
            db.execute("CREATE TABLE kept AS (SELECT x FROM long_sequence(7))")
    finally:
        server.stop()
    rotate_secrets(Settings(home=tmp_path))
    server = EmbeddedQuestDB(tmp_path)
    after = server.start()
    try:
        with Database(after) as db:
            assert db.rows("kept", "SELECT count() FROM kept") == [(7,)]
        with Database(replace(after, password=before.password)) as db, pytest.raises(CredentialError):
            db.rows("kept", "SELECT count() FROM kept")
    finally:
        server.stop()
