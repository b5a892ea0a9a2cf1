"""The old home, built once for all tests of migrations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_old_home import OLD_SYMBOLS, build_old_home
from ghtrader_assets_tests.questdb.old_store import OldHome


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldHome]:
    home = tmp_path_factory.mktemp("old-home")
    with EmbeddedQuestDB(tmp_path_factory.mktemp("questdb")) as server, Database(server.endpoint) as database:
        expected = build_old_home(server.endpoint, home)
        settings = Settings(
            home=home,
            symbols=OLD_SYMBOLS,
            start_date=date(2025, 12, 1),
            questdb_http=server.endpoint.http,
            questdb_pg=server.endpoint.pg,
            questdb_user=server.endpoint.user,
            questdb_password=server.endpoint.password,
        )
        yield OldHome(database, settings, expected)


@pytest.fixture
def old(built: OldHome) -> OldHome:
    built.make_old_again()
    return built
