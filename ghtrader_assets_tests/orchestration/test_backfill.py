"""A backfill without Dagster and without a terminal: any launcher and any progress will do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.backfill import carry_out, run_backfill
from ghtrader_assets.orchestration.launcher import Progress
from ghtrader_assets.orchestration.names import ALL_TABLES, LAUNCH_TAG, PARTIAL_TAG, WORKERS_TAG
from ghtrader_assets.orchestration.report import BackfillReport
from ghtrader_assets.orchestration.runs import Needs
from ghtrader_assets.orchestration.watch import UNLOADED
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.due import DayResult, Need
from ghtrader_assets_tests.fix_exchange import ExchangeControl

SYMBOL = parse_symbol("KQ.m@DCE.m")
MONDAY, TUESDAY = date(2025, 12, 22), date(2025, 12, 23)
DAYS = (MONDAY, TUESDAY)


@pytest.fixture
def context(db: Database, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    """The shared store and exchange, with a home of its own and no time to wait for the end of maintenance."""
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    settings = Settings(
        home=tmp_path, start_date=date(2025, 12, 1), ingest_workers=1, min_free_mb=0, maintenance_wait_s=0
    )
    return LoadContext(settings=settings, calendar=snapshot_calendar(), database=db, provider=provider)


class Told:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.announced: list[str] = []
        self.totals: list[int] = []
        self.ended: list[DayResult] = []
        self.waited: list[int] = []

    def announce(self, message: str) -> None:
        self.announced.append(message)

    @contextmanager
    def loading(self, total: int) -> Generator[None]:
        self.totals.append(total)
        yield

    def day_ended(self, result: DayResult) -> None:
        self.ended.append(result)

    @contextmanager
    def waiting(self, days: int) -> Generator[Callable[[float], None]]:
        self.waited.append(days)
        yield lambda _: None


class Plain:
    """A launcher that loads in this thread, or does nothing and says why."""

    retries_maintenance = False
    when_interrupted = "nothing goes on"

    def __init__(self, context: LoadContext, stops: Sequence[Stopped] | None = None) -> None:
        self._context = context
        self._stops = stops
        self.asked: list[tuple[Needs, Mapping[str, str]]] = []
        self._runs: dict[str, list[str]] = {}

    def run_ids(self, launch: str) -> list[str]:
        return self._runs.get(launch, [])

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        self.asked.append((needs, {name: value for name, value in tags.items() if name != LAUNCH_TAG}))
        if self._stops is not None:
            return list(self._stops)
        wanted = {symbol: list(by_day) for symbol, by_day in needs.items()}
        run_id = uuid.uuid4().hex
        self._runs.setdefault(tags[LAUNCH_TAG], []).append(run_id)
        for _ in load_days(self._context, wanted, run_id, must_judge=True, on_retry=lambda _: None):
            pass
        return []


def keys(results: Sequence[DayResult]) -> list[tuple[str, date]]:
    return sorted((result.symbol, result.trading_day) for result in results)


def test_days_are_loaded_once_and_told_as_they_end(context: LoadContext, exchange: ExchangeControl) -> None:
    both = [(SYMBOL.text, day) for day in DAYS]
    launcher, told = Plain(context), Told()
    report = run_backfill(context, launcher, told, [SYMBOL], *DAYS, ALL_TABLES, workers=1, force=True)
    assert (keys(report.succeeded), report.failed, report.unchanged, report.exit_code) == (both, [], [], 0)
    assert keys(told.ended) == both
    assert told.totals == [2]
    assert told.announced[0] == "reading the main-contract schedules of KQ.m@DCE.m"
    assert told.announced[-1].startswith("aggregated manifest agg-")
    assert launcher.asked == [({SYMBOL: dict.fromkeys(DAYS, Need.LOAD)}, {WORKERS_TAG: "1"})]

    again, quiet = Plain(context), Told()
    report = run_backfill(context, again, quiet, [SYMBOL], *DAYS, ALL_TABLES)
    assert (keys(report.unchanged), report.succeeded, report.exit_code) == (both, [], 0)
    assert (again.asked, quiet.totals) == ([], []), "nothing is launched for days that need nothing"


def test_days_that_meet_maintenance_fail_where_there_is_no_time_to_wait(
    context: LoadContext, exchange: ExchangeControl
) -> None:
    exchange.faults({"kind": "maintenance", "at": "handshake", "times": None})
    report, told = BackfillReport(), Told()
    carry_out(context, Plain(context), told, {SYMBOL: {MONDAY: Need.LOAD}}, ALL_TABLES, report)
    assert keys(report.failed) == [(SYMBOL.text, MONDAY)]
    assert report.failed[0].failure.startswith("maintenance: ")
    assert (told.waited, report.exit_code) == ([1], 1)


@pytest.mark.parametrize(
    ("stops", "reason", "code"),
    [
        ([Stopped("the disk is full", 3), Stopped("a step failed")], "the disk is full", 3),
        ([], UNLOADED, 1),
    ],
)
def test_days_whose_run_ended_before_them_have_its_reason(
    context: LoadContext, stops: list[Stopped], reason: str, code: int
) -> None:
    report, launcher = BackfillReport(), Plain(context, stops)
    needs = {SYMBOL: dict.fromkeys(DAYS, Need.LOAD)}
    carry_out(context, launcher, Told(), needs, ALL_TABLES, report, {PARTIAL_TAG: "yes"})
    assert launcher.asked == [(needs, {PARTIAL_TAG: "yes"})]
    assert report.document() == {
        "succeeded": [],
        "failed": [{"symbol": SYMBOL.text, "trading_day": str(day), "reason": reason} for day in DAYS],
        "unchanged": [],
        "bad": [],
    }
    assert report.exit_code == code


class Stopping(Plain):
    """A launcher whose runs record all their days and end with an error of the platform all the same."""

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        return [*super().run(needs, tables, tags, progress), Stopped("the disk is full", 3)]


def test_a_disk_that_was_full_is_told_by_the_exit_code_however_many_days_its_run_had_recorded(
    context: LoadContext, exchange: ExchangeControl
) -> None:
    report, needs = BackfillReport(), {SYMBOL: dict.fromkeys(DAYS, Need.LOAD)}
    exchange.faults({"kind": "missing_id", "trading_day": str(TUESDAY), "times": None})
    carry_out(context, Stopping(context), Told(), needs, ALL_TABLES, report)
    assert (keys(report.succeeded), keys(report.failed)) == ([(SYMBOL.text, MONDAY)], [(SYMBOL.text, TUESDAY)])
    assert report.exit_code == 3


def test_a_launch_finds_its_own_results_whatever_the_clock_said(
    context: LoadContext, exchange: ExchangeControl
) -> None:
    """The days are loaded while the clock is two days ahead, then it is right again and their loads fail."""
    two_days = 2 * 86_400 * 10**9
    ahead = replace(context, clock=Clock(lambda: time.time_ns() + two_days))
    assert run_backfill(ahead, Plain(ahead), Told(), [SYMBOL], *DAYS, ALL_TABLES, force=True).exit_code == 0
    exchange.faults(*({"kind": "missing_id", "trading_day": str(day)} for day in DAYS))
    report = run_backfill(context, Plain(context), Told(), [SYMBOL], *DAYS, ALL_TABLES, force=True)
    assert (report.succeeded, keys(report.failed)) == ([], [(SYMBOL.text, day) for day in DAYS])
    exchange.reset()
    again = run_backfill(context, Plain(context), Told(), [SYMBOL], *DAYS, ALL_TABLES, force=True)
    assert (keys(again.succeeded), again.failed) == ([(SYMBOL.text, day) for day in DAYS], [])


class Interrupted(Plain):
    """A launcher whose command is interrupted while it waits."""

    when_interrupted = "it goes on; follow it there"

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        raise KeyboardInterrupt


def test_a_command_that_is_interrupted_says_what_goes_on_without_it(context: LoadContext) -> None:
    told = Told()
    with pytest.raises(KeyboardInterrupt):
        carry_out(context, Interrupted(context), told, {SYMBOL: {MONDAY: Need.LOAD}}, ALL_TABLES, BackfillReport())
    assert told.announced == ["interrupted: it goes on; follow it there"]
