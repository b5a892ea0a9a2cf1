"""Keeping parts up: started in order, looked at, started again with a growing pause, given up by name.

Belongs here: when a part is started, when it counts as dead or hung, when it is given up. Does not belong here: what a
part is (`parts`), and who is told (`embedded`).

One thread does it all, so that no part outlives it and no two starts of one part meet. What it waits for is bounded:
each question to a part has its own time-out, each start a deadline.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from threading import Event, Thread
from typing import Final, Protocol

from ghtrader_assets.errors import GhtraderError, ServiceError
from ghtrader_assets.services.processes import last_lines

START_LOOK_S: Final = 0.1
LOOK_S: Final = 0.5
"""How often a part that is started first is asked whether it is ready; each process, from then on, whether it lives."""
HANGS_AFTER: Final = 3
"""A part that hangs was asked so often at least: the time may have gone by while this process itself was stopped."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a part hangs, and how it is started again. Times in seconds.

    A part is asked every `probe_every_s`; one that answers nothing for `hangs_s` hangs: on a busy machine an answer can
    take many seconds. It is started again after `first_pause_s`, twice as long each time, up to `longest_pause_s`, and
    given up when more than `starts` again would be needed `within_s`.
    """

    probe_every_s: float = 10.0
    hangs_s: float = 75.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    starts: int = 5
    within_s: float = 600.0


USUAL: Final = RestartPolicy()


class PlatformPart(Protocol):
    """One service, as a process that can be started again at the same place."""

    @property
    def name(self) -> str: ...

    @property
    def urls(self) -> dict[str, str]:
        """Where a person or a client opens it."""
        ...

    @property
    def log(self) -> Path: ...

    @property
    def needs(self) -> tuple[str, ...]:
        """The parts that are ready before it is started first."""
        ...

    @property
    def start_deadline_s(self) -> float: ...

    def start(self) -> None:
        """Begin a start, and return at once. Raises `GhtraderError` where it can't be begun."""
        ...

    def has_ended(self) -> bool:
        """Whether its process has ended."""
        ...

    def is_ready(self) -> bool:
        """Whether it does what a user needs of it, since this start. Raises `GhtraderError` where it never will."""
        ...

    def answers(self) -> bool:
        """Whether one that was ready shows a sign of life; true where it has no such sign."""
        ...

    def stop(self) -> None:
        """End it and what it started, in order, whatever state it is in."""
        ...


class Phase(Enum):
    """Where a part stands."""

    WAITING = auto()
    STARTING = auto()
    READY = auto()
    GIVEN_UP = auto()


@dataclass(slots=True)
class Watched:
    """A part and how it stands. Times are of the monotonic clock."""

    part: PlatformPart
    phase: Phase = Phase.WAITING
    due: float = 0.0
    """When the next step is: a start, a deadline, a question."""
    good: float = 0.0
    """When it last showed a sign of life."""
    unanswered: int = 0
    failures: deque[float] = field(default_factory=deque[float])
    why: str = ""

    pause_s: float = 0.0
    """Of one that is to be started again: until then."""

    def note_failure(self, now: float, why: str, policy: RestartPolicy) -> None:
        """Note that it died, hung or did not start: it is started again after a pause, or given up."""
        self.why = why
        self.failures.append(now)
        while self.failures[0] < now - policy.within_s:
            self.failures.popleft()
        self.phase = Phase.GIVEN_UP if len(self.failures) > policy.starts else Phase.WAITING
        self.pause_s = min(policy.first_pause_s * 2 ** (len(self.failures) - 1), policy.longest_pause_s)
        self.due = now + self.pause_s


class Listener(Protocol):
    """Who is told. Called from the supervisor's thread."""

    def looked(self) -> None:
        """All parts were looked at once more."""
        ...

    def changed(self, parts: Sequence[Watched]) -> None:
        """A part was started, is ready, has ended or was given up."""
        ...

    def say(self, message: str) -> None:
        """What happens, for the terminal and the log."""
        ...

    def failed(self, watched: Watched, parts: Sequence[Watched]) -> None:
        """A part that was up died or hangs, or a start of it failed: it is started again, or was given up."""
        ...


class Supervisor:
    """Starts parts, and with `watch` keeps them up, until it is stopped. A start that fails at first stops all."""

    def __init__(
        self, parts: Sequence[PlatformPart], listener: Listener, *, watch: bool, policy: RestartPolicy = USUAL
    ) -> None:
        self._watched = [Watched(part) for part in parts]
        self._listener = listener
        self._watches = watch
        self._policy = policy
        self._crash: Exception | None = None
        self._stopping = Event()
        self._started: Future[None] = Future()
        self._thread = Thread(target=self._run, name="supervisor")

    def start(self) -> None:
        """Return once all parts are ready. Raises what kept one from it, everything being stopped again."""
        self._thread.start()
        try:
            self._started.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the parts, the last one first. Raises what ended the supervisor itself, if anything did."""
        self._stopping.set()
        self._thread.join()
        if self._crash is not None:
            raise self._crash

    def _run(self) -> None:
        try:
            self._start_all()
        except BaseException as error:  # noqa: BLE001 - raised where the start is waited for
            self._started.set_exception(error)
        else:
            self._started.set_result(None)
            self._keep_up()
        for watched in reversed(self._watched):
            if watched.phase in (Phase.STARTING, Phase.READY):
                watched.part.stop()

    def _keep_up(self) -> None:
        try:
            while not self._stopping.wait(LOOK_S):
                for watched in self._watched if self._watches else ():
                    self._look_after(watched)
                self._listener.looked()
        except Exception as error:  # noqa: BLE001 - raised where it is stopped, which this brings about
            self._crash = error
            os.kill(os.getpid(), signal.SIGTERM)

    def _start_all(self) -> None:
        while not self._stopping.is_set() and any(watched.phase != Phase.READY for watched in self._watched):
            ready = {watched.part.name for watched in self._watched if watched.phase == Phase.READY}
            for watched in self._watched:
                if watched.phase == Phase.WAITING and ready.issuperset(watched.part.needs):
                    self._begin(watched)
                elif watched.phase == Phase.STARTING and (fault := self._fault_of_start(watched)):
                    raise fault
            self._stopping.wait(START_LOOK_S)

    def _begin(self, watched: Watched) -> None:
        self._listener.say(f"starting {watched.part.name}")
        watched.part.start()
        watched.phase, watched.due = Phase.STARTING, time.monotonic() + watched.part.start_deadline_s
        self._listener.changed(self._watched)

    def _fault_of_start(self, watched: Watched) -> GhtraderError | None:
        """Why a start has failed; None while it goes on, and once the part is ready."""
        part = watched.part
        try:
            ready = part.is_ready()
        except GhtraderError as error:
            return error
        if ready:
            watched.phase, watched.good, watched.unanswered = Phase.READY, time.monotonic(), 0
            watched.due = watched.good + self._policy.probe_every_s
            self._listener.changed(self._watched)
            self._listener.say(f"{part.name} is ready" + "".join(f"  {url}" for url in part.urls.values()))
        elif part.has_ended():
            said = next(reversed(last_lines(part.log)), "nothing was logged")
            return ServiceError(f"{part.name} stopped while starting: {said}", "see its log")
        elif time.monotonic() > watched.due:
            return ServiceError(f"{part.name} was not ready within {part.start_deadline_s:.0f} s", "see its log")
        return None

    def _look_after(self, watched: Watched) -> None:
        part, now = watched.part, time.monotonic()
        if watched.phase == Phase.WAITING and now >= watched.due:
            try:
                self._begin(watched)
            except GhtraderError as error:
                self._failed(watched, f"can't be started: {error}")
        elif watched.phase == Phase.STARTING:
            if fault := self._fault_of_start(watched):
                part.stop()
                self._failed(watched, str(fault))
        elif watched.phase == Phase.READY and part.has_ended():
            part.stop()
            self._failed(watched, "has ended")
        elif watched.phase == Phase.READY and now >= watched.due:
            watched.due = now + self._policy.probe_every_s
            watched.unanswered += 1
            if part.answers():
                watched.good, watched.unanswered = time.monotonic(), 0
            elif watched.unanswered >= HANGS_AFTER and now - watched.good > self._policy.hangs_s:
                part.stop()
                self._failed(watched, f"has not answered for {now - watched.good:.0f} s")

    def _failed(self, watched: Watched, why: str) -> None:
        watched.note_failure(time.monotonic(), why, self._policy)
        self._listener.changed(self._watched)
        self._listener.failed(watched, self._watched)
