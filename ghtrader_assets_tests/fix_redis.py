"""A real redis-server, which a test may kill and start again.

Belongs here: the process and its URL. Does not belong here: what is kept in it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from ghtrader_assets.ports import claim_port
from ghtrader_assets_tests.waiting import await_that

PASSWORD = "canary-redis-51b7"


class RedisServer:
    """A redis-server of one test on a port of its own, with a password, keeping nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = claim_port(0, "REDIS_PORT")
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        executable = shutil.which("redis-server")
        assert executable is not None, "the cache's tests need redis-server; type: sudo apt-get install redis-server"
        self._process = subprocess.Popen(
            [executable, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        await_that("redis-server comes up", self._answers)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    def client(self) -> Redis:
        return Redis.from_url(self.url)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running redis-server."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
