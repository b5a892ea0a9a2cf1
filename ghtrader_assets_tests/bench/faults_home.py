"""A home whose parts are killed and stopped: its platform, its commands, and what is stored and stuck in it.

Belongs here: starting, striking, looking. Does not belong here: which faults, and what must hold after them (`faults`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import dagster as dg
import psutil

from ghtrader_assets.assets.dagster_internals import backfills_under_way, runs_in_progress
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.market.ticks import content_digest, tick_frame
from ghtrader_assets.questdb.tables.schema import TICKS
from ghtrader_assets.runtime import CODE_SERVER, LOAD_POOL, Service, is_living_run, read_runtime
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_platform import ANY_PORTS, COMMAND, MODEL_1, CommandLine
from ghtrader_assets_tests.true_ticks import ticks_of

SYMBOLS: Final = ("KQ.m@CFFEX.IF", "KQ.m@SHFE.rb", "KQ.m@CZCE.SR")
"""Small days of three exchanges, one of them without a night session."""
ENVIRONMENT: Final = {
    **ANY_PORTS,
    **MODEL_1,
    "GHTRADER_SYMBOLS": ",".join(SYMBOLS),
    "GHTRADER_INGEST_WORKERS": "2",
    "GHTRADER_FAST_HISTORY": "on",
    "GHTRADER_PROMETHEUS_PORT": "0",
}
PARTS: Final = 7
"""Of `up` with these settings."""
LONGEST_S: Final = 400.0
"""Whatever is not over after this time, more than twice the bound, is not over by itself."""
COMES_UP_S: Final = 600.0

_LOOK_EVERY_S: Final = 0.3
_WORKED_ON: Final = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


class CampaignError(RuntimeError):
    """The campaign itself can't go on."""


@dataclass
class Typed:
    """A command that was typed, with what it says in two files."""

    words: tuple[str, ...]
    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def out(self) -> str:
        return self.out_file.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self.err_file.read_text(encoding="utf-8")


@dataclass
class FaultyHome:
    """One home for many faults, with `up` or without."""

    folder: Path
    up: Typed | None = None
    _typed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        (self.folder / "said").mkdir(parents=True, exist_ok=True)
        self.command = CommandLine(self.folder, ENVIRONMENT)

    def type(self, *words: str) -> Typed:
        """Start the console script, as a user does in a terminal of their own."""
        self._typed += 1
        out, err = (self.folder / "said" / f"{self._typed:04d}.{words[0]}.{name}" for name in ("out", "err"))
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [COMMAND, *words],
                env=self.command.whole_environment({}),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
                start_new_session=True,
            )
        return Typed(words, process, out, err)

    def start(self) -> bool:
        """Type `up` and wait until all is ready; whether it was at the first try."""
        self.up = self.type("up")
        up = self.up
        if not until(lambda: up.ended or self.is_well(), COMES_UP_S):
            raise CampaignError(f"`up` is not ready after {COMES_UP_S:.0f} s: {up.err}")
        return not up.ended

    def stop(self) -> None:
        """Type `down`, whatever runs."""
        down = self.type("down")
        if not until(lambda: down.ended, LONGEST_S):
            raise CampaignError("`down` does not end")
        self.up = None

    def services(self) -> dict[str, Service]:
        """The parts that are ready and live."""
        runtime = read_runtime(self.folder)
        found = runtime.services if runtime else ()
        return {each.name: each for each in found if each.ready and each.process.alive}

    def is_well(self) -> bool:
        """Whether all parts are ready, no run is dead, and `status` ends with 0."""
        return len(self.services()) == PARTS and not self.dead_runs() and self.command.run("status").code == 0

    def victim(self, part: str, typed: Typed) -> psutil.Process | None:
        """The process that stands for a part now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if part == "command":
                return None if typed.ended else psutil.Process(typed.process.pid)
            if part == "up":
                return psutil.Process(self.up.process.pid) if self.up else None
            if part == "run":
                return next(self._runs(), None)
            if part == "fork_server":
                return _named(psutil.Process(typed.process.pid), "ghtrader_assets.tq.fork_server")
            service = self.services().get(part)
            return psutil.Process(service.process.pid) if service else None
        return None

    def _runs(self) -> Iterator[psutil.Process]:
        """The processes of runs: descendants of the code server that hold a run's lock."""
        server = self.services().get(CODE_SERVER)
        for process in psutil.Process(server.process.pid).children(recursive=True) if server else ():
            with contextlib.suppress(psutil.Error):
                if any("/living/" in file.path for file in process.open_files()):
                    yield process

    def is_loading(self) -> bool:
        return any(is_living_run(self.folder, lock.stem) for lock in (self.folder / "living").glob("*.lock"))

    def dead_runs(self) -> list[str]:
        """The runs that Dagster says are being worked on and that no process works on."""
        with self._instance() as instance:
            runs = instance.get_runs(dg.RunsFilter(statuses=_WORKED_ON))
            return [run.run_id for run in runs if not is_living_run(self.folder, run.run_id)]

    def stuck(self) -> list[str]:
        """What of Dagster does not come to its end by itself, once no command runs."""
        found: list[str] = []

        def nothing() -> bool:
            found[:] = self._unfinished()
            return not found

        until(nothing, LONGEST_S)
        return found

    def _unfinished(self) -> list[str]:
        with self._instance() as instance:
            runs = {run.run_id: run.status.value for run in runs_in_progress(instance)}
            if self.up is None:  # what was queued goes on under the next daemon
                runs = {run_id: status for run_id, status in runs.items() if status != "QUEUED"}
            claimed = instance.event_log_storage.get_concurrency_info(LOAD_POOL).claimed_slots
            slots = [slot.run_id for slot in claimed if slot.run_id not in runs]
            backfills = self.up is not None and backfills_under_way(instance)
        return [
            *(f"run {run_id} is {status}" for run_id, status in runs.items()),
            *(f"run {run_id} has ended and holds a slot" for run_id in slots),
            *(["a backfill is under way"] if backfills else []),
        ]

    def _instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.folder / "dagster"))

    def look(self, days: Sequence[date]) -> Stored:
        """What is stored of the days, by the store's own answers and by its rows."""
        settings = Settings(
            home=self.folder,
            symbols=SYMBOLS,
            questdb_http_port=0,
            questdb_pg_port=0,
            dagster_port=0,
            dashboard_port=0,
            exchange_port=0,
        )
        stored = Stored()
        with services_for(settings, with_provider=False), Store(settings) as store:
            for symbol in SYMBOLS:
                for day in store.days(symbol, days[0], days[-1]):
                    name = (symbol, day.trading_day.isoformat())
                    if day.ingest_state == "complete" and day.digest == true_digest(day.contract, day.trading_day):
                        stored.whole.add(name)
                    counted = store.database.rows("rows_of_day", _ROWS, (symbol, day.trading_day.isoformat()))
                    if any(rows != ids for rows, ids in counted):
                        stored.doubled.add(name)
        return stored


_ROWS: Final = f"SELECT count(), count_distinct(tick_id) FROM {TICKS} WHERE symbol = %s AND trading_day = %s"


@dataclass
class Stored:
    """The symbol-days that hold exactly what the exchange serves, and those of which a tick is there twice."""

    whole: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    doubled: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])


def true_digest(contract: str, day: date) -> str:
    """What a load into a clean home stores of a contract's day, straight from the exchange's model."""
    return content_digest(tick_frame(ticks_of(contract, day)))


def until(holds: Callable[[], bool], longest_s: float) -> bool:
    """Look until it holds; False if it never did."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > longest_s:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def put_out(processes: Iterable[psutil.Process]) -> None:
    """End what a fault has left: the campaign's own hand, which is never a part of a recovery."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def send(process: psutil.Process, name: str) -> None:
    os.kill(process.pid, signal.Signals[f"SIG{name}"])


def descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _named(process: psutil.Process, word: str) -> psutil.Process | None:
    for each in descendants(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(word in argument for argument in each.cmdline()):
                return each
    return None
