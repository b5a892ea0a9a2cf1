"""The log-ins of a home's QuestDB: made once, whole, however many processes come first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ghtrader_assets.questdb.client.credentials import ensure_credentials


def test_of_many_that_come_at_once_one_makes_them_and_all_read_them_whole(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(100):
            home = tmp_path / str(number)
            home.mkdir()
            made = list(pool.map(lambda _, home=home: ensure_credentials(home), range(8)))
            assert len({login.password.get_secret_value() for login, _ in made}) == 1
            assert [path.name for path in home.iterdir()] == ["questdb-credentials.json"]
