"""Kept answers: the types of fresh ones, never older than the last load, and a Redis that dies costs speed alone."""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.questdb.cache import answers as caching
from ghtrader_assets.questdb.cache import redis_link
from ghtrader_assets.questdb.cache.answers import AnswerCache, announce_load, cache_of
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.rows import DailyAgg, StoredRange
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_redis import PASSWORD, RedisServer
from ghtrader_assets_tests.waiting import HANGS_S, await_that

ENDPOINT = Endpoint("questdb.example:9000", "questdb.example:8812", "u", SecretStr("p"))
NAMES = ["KQ.m@SHFE.cu"]
INSTANT = datetime(2026, 1, 6, 6, 59, 59, 500_001, tzinfo=UTC)
COVERED = StoredRange(
    symbol=NAMES[0],
    first_day=date(2026, 1, 5),
    last_day=date(2026, 1, 6),
    n_days=2,
    rows=90_001,
    first_tick=None,
    last_tick=INSTANT,
)
STORED = DailyAgg(
    symbol=NAMES[0],
    trading_day=date(2026, 1, 6),
    rows_total=45_000,
    updated_at=INSTANT,
    contract="SHFE.cu2602",
    digest="d" * 32,
    first_tick=INSTANT,
    last_tick=INSTANT,
    upstream="u",
    manifest_id="20260106T000000-00000000",
)


class Store:
    """A store that counts how often it is asked, and whose answer can be changed."""

    def __init__(self, cache: AnswerCache) -> None:
        self.asked = 0
        self.rows = 1
        self._cache = cache

    def coverage(self) -> list[StoredRange]:
        def ask() -> list[StoredRange]:
            self.asked += 1
            return [dataclasses.replace(COVERED, rows=self.rows)]

        return self._cache.answer("coverage", NAMES, StoredRange, ask)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.service)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "memory":
        return Settings(home=tmp_path)
    server: RedisServer = request.getfixturevalue("redis_server")
    return Settings(home=tmp_path, coverage_cache="redis", redis_url=SecretStr(server.url))


@pytest.fixture(autouse=True)
def forget_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis that a test killed is not left alone by the next one, and one on a busy machine is not away."""
    monkeypatch.setattr(redis_link, "REDIS_TIMEOUT_S", HANGS_S)
    yield
    redis_link.link_to.cache_clear()


def test_a_hit_is_typed_like_a_miss(settings: Settings) -> None:
    cache = cache_of(settings, ENDPOINT)
    for _ in range(2):
        found = cache.answer("latest", NAMES, DailyAgg, lambda: [STORED])
        covered = cache.answer("coverage", NAMES, StoredRange, lambda: [COVERED])
        assert (found, covered) == ([STORED], [COVERED])
        assert type(found[0].trading_day) is date
        assert found[0].updated_at.tzinfo is not None
        assert cache.answer("empty", NAMES, DailyAgg, list) == []
    found.clear()
    covered.clear()
    assert cache.answer("latest", NAMES, DailyAgg, lambda: [STORED]) == [STORED], "an answer is the asker's own list"
    cache.close()


def test_a_load_makes_answers_old(settings: Settings) -> None:
    store = Store(cache_of(settings, ENDPOINT))
    assert [store.coverage()[0].rows for _ in range(3)] == [1, 1, 1]
    assert store.asked == 1
    store.rows = 2
    announce_load(settings, ENDPOINT)
    assert [store.coverage()[0].rows for _ in range(3)] == [2, 2, 2]
    assert store.asked == 2


def test_a_load_of_another_process_makes_answers_old(settings: Settings) -> None:
    store = Store(cache_of(settings, ENDPOINT))
    store.coverage()
    store.rows = 2
    code = (
        "from ghtrader_assets.questdb.cache.answers import announce_load\n"
        "from ghtrader_assets.questdb.client.credentials import Endpoint\n"
        "from ghtrader_assets.settings import load_settings\n"
        "from pydantic import SecretStr\n"
        f"announce_load(load_settings(), Endpoint({ENDPOINT.http!r}, '', '', SecretStr('')))"
    )
    environment = {"PATH": os.environ["PATH"], "GHTRADER_HOME": str(settings.home)}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300, env=environment)
    assert store.coverage()[0].rows == 2


def test_a_load_that_overtakes_a_question_is_not_lost(settings: Settings) -> None:
    """The answer was found before the load and is kept after it: the next question doesn't get it."""
    cache = cache_of(settings, ENDPOINT)

    def overtaken() -> list[StoredRange]:
        announce_load(settings, ENDPOINT)
        return [COVERED]

    cache.answer("coverage", NAMES, StoredRange, overtaken)
    fresh = dataclasses.replace(COVERED, rows=7)
    assert cache.answer("coverage", NAMES, StoredRange, lambda: [fresh]) == [fresh]


def test_an_answer_lives_no_longer_than_it_may(settings: Settings) -> None:
    store = Store(cache_of(settings.model_copy(update={"cache_ttl_s": 0.05}), ENDPOINT))
    await_that("a second question to the store", lambda: store.coverage() and store.asked == 2)


@pytest.mark.parametrize("change", [{"coverage_cache": "off"}, {"cache_ttl_s": 0.0}])
def test_off_asks_every_time(tmp_path: Path, change: dict[str, object]) -> None:
    store = Store(cache_of(Settings(home=tmp_path).model_copy(update=change), ENDPOINT))
    assert [store.coverage()[0].rows, store.coverage()[0].rows, store.asked] == [1, 1, 2]


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "CAPACITY", 10)
    cache = caching.MemoryCache(tmp_path, 60)
    for number in range(50):
        cache.answer("coverage", [str(number)], StoredRange, list)
    assert len(cache._kept) == 10


@pytest.fixture
def homes(redis_server: RedisServer, tmp_path: Path) -> Callable[[str], Settings]:
    """Settings of several hosts that share a QuestDB and a Redis."""

    def of(name: str) -> Settings:
        (tmp_path / name).mkdir(exist_ok=True)
        return Settings(home=tmp_path / name, coverage_cache="redis", redis_url=SecretStr(redis_server.url))

    return of


def test_hosts_share_answers_and_loads(homes: Callable[[str], Settings]) -> None:
    ours, other = Store(cache_of(homes("one"), ENDPOINT)), Store(cache_of(homes("other"), ENDPOINT))
    ours.coverage()
    other.coverage()
    assert [ours.coverage()[0].rows, other.coverage()[0].rows] == [1, 1]
    assert (ours.asked, other.asked) == (1, 1), "each host looks once, then both have hits"
    ours.rows = other.rows = 2
    announce_load(homes("one"), ENDPOINT)
    assert [other.coverage()[0].rows, ours.coverage()[0].rows] == [2, 2]


def test_a_load_that_could_not_tell_redis_still_counts_on_its_host(
    homes: Callable[[str], Settings], tmp_path: Path
) -> None:
    ours, other = Store(cache_of(homes("one"), ENDPOINT)), Store(cache_of(homes("other"), ENDPOINT))
    ours.coverage()
    other.coverage()
    ours.rows = 2
    announce_load(Settings(home=tmp_path / "one"), ENDPOINT)
    assert ours.coverage()[0].rows == 2


def test_redis_dying_changes_speed_not_answers(
    redis_server: RedisServer, homes: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(redis_link, "REDIS_PAUSE_S", 0.0)
    store = Store(cache_of(homes("one"), ENDPOINT))
    store.coverage()
    assert redis_link.redis_finding(SecretStr(redis_server.url)) == ""
    redis_server.kill()
    assert "refused" in redis_link.redis_finding(SecretStr(redis_server.url))
    with caplog.at_level(logging.WARNING):
        assert [store.coverage()[0].rows for _ in range(3)] == [1, 1, 1]
    assert store.asked == 4
    # tqsdk, once imported, puts a root logger of its own in place: then the line is on stderr.
    said = caplog.text + capsys.readouterr().err
    assert "redis does not answer" in said
    assert PASSWORD not in said
    store.rows = 2
    announce_load(homes("one"), ENDPOINT)
    assert store.coverage()[0].rows == 2
    redis_server.start()
    assert [store.coverage()[0].rows for _ in range(3)] == [2, 2, 2]
    assert store.asked == 6, "back, and asked once more"


def test_strange_entries_are_misses(redis_server: RedisServer, homes: Callable[[str], Settings]) -> None:
    store = Store(cache_of(homes("one"), ENDPOINT))
    store.coverage()
    with redis_server.client() as client:
        (key,) = client.scan_iter("ghtrader:*:coverage:*")
        whole = client.get(key)
        assert isinstance(whole, bytes)
        for strange in (b"", b"junk", b"{}", whole[:-3], whole.replace(b'"n_days":2', b'"n_days":"two"')):
            client.set(key, strange)
            assert store.coverage() == [dataclasses.replace(COVERED, rows=1)]


def test_the_password_of_redis_is_not_shown(redis_server: RedisServer, homes: Callable[[str], Settings]) -> None:
    assert PASSWORD not in repr(homes("one"))
    assert PASSWORD not in str(homes("one").model_dump())


def test_what_is_no_address_of_a_redis_is_named_and_not_shown(tmp_path: Path) -> None:
    url = SecretStr(f"http://:{PASSWORD}@127.0.0.1:1")
    settings = Settings(home=tmp_path, coverage_cache="redis", redis_url=url)
    with pytest.raises(BadInputError, match="GHTRADER_REDIS_URL") as caught:
        cache_of(settings, ENDPOINT)
    assert PASSWORD not in str(caught.value)
    assert redis_link.redis_finding(url)
    assert PASSWORD not in redis_link.redis_finding(url)
