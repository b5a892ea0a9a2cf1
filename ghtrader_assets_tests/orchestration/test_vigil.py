"""Waiting for a daemon that may die or hang: what is said, and when the waiting ends."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ghtrader_assets.errors import RunStoppedError, ServiceError
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.orchestration import daemon, vigil
from ghtrader_assets.runtime import CODE_SERVER, DAEMON, DAGSTER, RunningProcess, Runtime, Service, write_runtime
from ghtrader_assets.services.processes import STOP_GRACE_S
from ghtrader_assets.services.supervisor import USUAL

PARTS = (CODE_SERVER, DAEMON, DAGSTER)
ALIVE = RunningProcess.of(os.getpid())
GONE = RunningProcess(pid=os.getpid(), created_at=psutil.Process().create_time() - 1000)


class Watch:
    """A wait by a clock of its own, which stands but while the wait sleeps; what it announced."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.now_s = 0.0

    def await_end(self, home: Path, has_ended: Callable[[], bool], heartbeats: Callable[[], object]) -> Stopped | None:
        return vigil.await_end(
            home, has_ended, heartbeats, self.said.append, stopwatch=lambda: self.now_s, sleep=self.sleep
        )

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a platform that this process keeps up."""
    keep_up(tmp_path, *PARTS)
    return tmp_path


def keep_up(home: Path, *parts: str, process: RunningProcess = ALIVE) -> None:
    """Record these parts, all of them in `process`."""
    services = tuple(Service(name=name, process=process, urls={}, log=home / name) for name in parts)
    write_runtime(home, Runtime(owner=ALIVE, services=services))


def never() -> bool:
    return False


def away() -> bool:
    raise ServiceError("Dagster does not answer")


def looks(number: int) -> Callable[[], bool]:
    """Ended at the look of that number."""
    left: Iterator[int] = iter(range(number, -1, -1))
    return lambda: next(left) == 0


def test_backfills_that_end_are_waited_for_in_silence(home: Path, watch: Watch) -> None:
    beats = itertools.count()
    assert watch.await_end(home, looks(200), lambda: next(beats)) is None
    assert watch.said == []


@pytest.mark.parametrize("has_ended", [never, away])
def test_a_daemon_that_is_not_heard_is_named_and_then_given_up(
    home: Path, watch: Watch, has_ended: Callable[[], bool]
) -> None:
    stopped = watch.await_end(home, has_ended, lambda: "always the same")
    assert isinstance(stopped, Stopped)
    assert stopped.exit_code == ServiceError.exit_code
    assert "the others once `ghtrader-assets down` and `up` have started Dagster anew" in stopped.reason
    assert len(watch.said) == 1


def test_what_was_last_heard_is_the_word_at_the_end_too(home: Path, watch: Watch) -> None:
    """The daemon is looked at more often than it is listened to; between, it is not silent for another reason."""

    def in_error() -> object:
        raise ServiceError("Dagster can't load our definitions: no such day")

    stopped = watch.await_end(home, never, in_error)
    assert stopped is not None
    for said in (*watch.said, stopped.reason):
        assert said.startswith("Dagster can't load our definitions: no such day since ")


def test_a_stopped_run_is_named_with_what_helps_it(home: Path, watch: Watch) -> None:
    """`up` starts no run again, and starting Dagster anew is not what it takes."""

    def held_up() -> object:
        raise RunStoppedError("process 7 of run r is stopped", "`kill -CONT 7` has it go on")

    stopped = watch.await_end(home, never, held_up)
    assert stopped is not None
    assert len(watch.said) == 1
    for said in (*watch.said, stopped.reason):
        assert said.startswith("process 7 of run r is stopped since ")
        assert said.endswith("`kill -CONT 7` has it go on")
        assert "up`" not in said


@pytest.mark.parametrize("left", [pytest.param((), id="recorded as it was"), pytest.param(PARTS[:1], id="taken out")])
def test_a_part_that_ended_and_stays_away_is_named_before_a_hang_would_be(
    home: Path, watch: Watch, left: tuple[str, ...]
) -> None:
    """Its heartbeats in the store may be young; whoever keeps it up is stopped as well, or at something else."""
    keep_up(home, *(left or PARTS), process=ALIVE if left else GONE)
    beats = itertools.count()
    stopped = watch.await_end(home, never, lambda: next(beats))
    assert isinstance(stopped, Stopped)
    assert "dagster-daemon" in stopped.reason
    assert "was not started again" in stopped.reason


def test_a_part_started_again_is_a_sign_of_life(home: Path, watch: Watch) -> None:
    """What hangs is ended and started again for as long as `up` tries: that is waited for."""
    other = RunningProcess.of(psutil.Process().ppid())
    turns = itertools.cycle((ALIVE, other))
    looked = looks(4 * round(vigil.GIVE_UP_S / vigil.POLL_S))

    def has_ended() -> bool:
        keep_up(home, *PARTS, process=next(turns))
        return looked()

    assert watch.await_end(home, has_ended, lambda: "always the same") is None


def test_a_platform_that_was_killed_is_waited_for_no_longer(home: Path, watch: Watch) -> None:
    write_runtime(home, Runtime(owner=GONE))
    stopped = watch.await_end(home, away, away)
    assert stopped is not None
    assert "the platform that worked on it has ended" in stopped.reason
    assert watch.said == []


def test_a_part_that_was_given_up_is_named(home: Path, watch: Watch) -> None:
    owner = RunningProcess.of(os.getpid())
    write_runtime(home, Runtime(owner=owner, given_up={"dagster-daemon": "stopped while starting: no such day"}))
    stopped = watch.await_end(home, never, lambda: "always the same")
    assert stopped is not None
    assert "no such day" in stopped.reason


def test_no_wait_is_longer_than_a_minute_for_the_dead_and_150_s_for_what_hangs() -> None:
    """A look asks twice; when it is over the follower's last question ends, and the days are looked up once more."""
    asking = 2 * daemon.FOLLOW_TIMEOUT_S
    assert vigil.DEAD_S + vigil.POLL_S + daemon.FOLLOW_TIMEOUT_S <= 60
    assert vigil.GIVE_UP_S + vigil.LISTEN_EVERY_S + vigil.POLL_S + asking + daemon.FOLLOW_TIMEOUT_S <= 150
    assert USUAL.hangs_s + STOP_GRACE_S + USUAL.probe_every_s < vigil.GIVE_UP_S, "what hangs is ended by then"
