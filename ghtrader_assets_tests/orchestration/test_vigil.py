"""Waiting for a daemon that may die or hang: what is said, and when the waiting ends."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.orchestration import vigil
from ghtrader_assets.runtime import RunningProcess, Runtime, write_runtime

GONE = RunningProcess(pid=os.getpid(), created_at=psutil.Process().create_time() - 1000)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was announced; the waits are a thousandth of what they are."""
    for name in ("POLL_S", "LISTEN_EVERY_S", "SAY_AFTER_S", "GIVE_UP_S"):
        monkeypatch.setattr(vigil, name, getattr(vigil, name) / 1000)
    return []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a platform that this process keeps up."""
    write_runtime(tmp_path, Runtime(owner=RunningProcess.of(os.getpid())))
    return tmp_path


def never() -> bool:
    return False


def away() -> bool:
    raise ServiceError("Dagster does not answer")


def looks(number: int) -> Callable[[], bool]:
    """Ended at the look of that number."""
    left: Iterator[int] = iter(range(number, -1, -1))
    return lambda: next(left) == 0


def test_backfills_that_end_are_waited_for_in_silence(home: Path, said: list[str]) -> None:
    beats = itertools.count()
    assert vigil.await_end(home, looks(200), lambda: next(beats), said.append) is None
    assert said == []


@pytest.mark.parametrize("has_ended", [never, away])
def test_a_daemon_that_is_not_heard_is_named_and_then_given_up(
    home: Path, said: list[str], has_ended: Callable[[], bool]
) -> None:
    stopped = vigil.await_end(home, has_ended, lambda: "always the same", said.append)
    assert isinstance(stopped, Stopped)
    assert stopped.exit_code == ServiceError.exit_code
    assert "goes on once `ghtrader-assets up` runs" in stopped.reason
    assert len(said) == 1


def test_a_platform_that_was_killed_is_waited_for_no_longer(home: Path, said: list[str]) -> None:
    write_runtime(home, Runtime(owner=GONE))
    stopped = vigil.await_end(home, away, away, said.append)
    assert stopped is not None
    assert "the platform that worked on it has ended" in stopped.reason
    assert said == []


def test_a_part_that_was_given_up_is_named(home: Path, said: list[str]) -> None:
    owner = RunningProcess.of(os.getpid())
    write_runtime(home, Runtime(owner=owner, given_up={"dagster-daemon": "stopped while starting: no such day"}))
    stopped = vigil.await_end(home, never, lambda: "always the same", said.append)
    assert stopped is not None
    assert "no such day" in stopped.reason


def test_an_owner_has_a_minute_or_two_to_start_again_what_hangs() -> None:
    assert vigil.SAY_AFTER_S <= 150 < vigil.GIVE_UP_S
