"""Following launched days to their end, by the manifests that loads leave, and accounting for each of them.

Belongs here: which days have ended and how. Does not belong here: launching them (`launcher`), showing it (`cli`).
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date
from threading import Event, Thread
from typing import Final

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.loading.plan import plan_days
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.launcher import Launcher, Progress
from ghtrader_assets.orchestration.names import BARS_ASSET, JUDGED, LAUNCH_TAG, TICKS_ASSET
from ghtrader_assets.orchestration.report import BackfillReport
from ghtrader_assets.orchestration.runs import Needs, days_by_need
from ghtrader_assets.upkeep.due import DayResult, Need, needs_of, results_of

POLL_S: Final = 1.0
UNLOADED: Final = "its run ended before it was done; see its page in Dagster"


class Watch:
    """One launch's days: each goes from waiting into the report as its load ends, and is told to `progress`.

    The launch's runs carry `tags`; their loads are told from all others of the same days by that, and not by the clock,
    which may have been wrong. `tables` are those that the launch materializes.
    """

    def __init__(
        self,
        context: LoadContext,
        launcher: Launcher,
        needs: Needs,
        report: BackfillReport,
        progress: Progress,
        *,
        tables: Sequence[str],
    ) -> None:
        self._launch = uuid.uuid4().hex
        self._launcher = launcher
        self._tables = tables
        self._context = context
        self._report = report
        self._progress = progress
        wanted = list(days_by_need(needs))
        self._waiting = {symbol.text: set(days) for symbol, need, days in wanted if need == Need.LOAD}
        self._to_judge = {symbol: days for symbol, need, days in wanted if need == Need.JUDGEMENT}

    @property
    def tags(self) -> dict[str, str]:
        """What the runs of this launch carry."""
        return {LAUNCH_TAG: self._launch}

    @contextmanager
    def following(self) -> Generator[None]:
        """Follow the loads while the block runs."""
        done = Event()

        def follow() -> None:
            while not done.wait(POLL_S):
                # A store that is away is the run's to report; looking again is all that following can do.
                with contextlib.suppress(ServiceError):
                    self._collect()

        thread = Thread(target=follow, name="progress", daemon=True)
        with self._progress.loading(sum(len(days) for days in self._waiting.values())):
            thread.start()
            try:
                yield
            finally:
                done.set()
                thread.join()

    def finish(self, stops: Sequence[Stopped]) -> None:
        """Account for every day that was launched. Where it was stopped, also while Dagster does not answer."""
        worst = max(stops, key=lambda stop: stop.exit_code, default=None)
        with contextlib.suppress(*((ServiceError,) if worst else ())):
            self._collect()
        reason = worst.reason if worst else UNLOADED if TICKS_ASSET in self._tables else ""
        for name, days in self._waiting.items():
            for day in sorted(days):
                self._report.add(DayResult(name, day, reason, None))
        if worst and self._report.failed:
            self._report.stopped_by = max(self._report.stopped_by, worst.exit_code)
        for symbol, days in self._to_judge.items():
            for day, judged in self._judged(symbol, days, stopped=worst is not None).items():
                self._report.add(DayResult(symbol.text, day, "" if judged else reason or UNLOADED, None))

    def _judged(self, symbol: Symbol, days: Sequence[date], *, stopped: bool) -> dict[date, bool]:
        """Whether each day that was to be judged is, and has its bars, where the launch was for them."""
        try:
            plan = plan_days(self._context, symbol, days)
            judges, bars = bool(JUDGED & set(self._tables)), BARS_ASSET in self._tables
            needs = needs_of(self._context, symbol, plan.days, judges=judges, bars=bars)
            return {day: need == Need.NOTHING for day, need in needs.items()}
        except ServiceError:
            if not stopped:
                raise
            return dict.fromkeys(days, False)

    def _collect(self) -> None:
        if not any(self._waiting.values()):
            return
        for result in results_of(self._context, self._waiting, self._launcher.run_ids(self._launch)):
            self._waiting[result.symbol].discard(result.trading_day)
            self._report.add(result)
            self._progress.day_ended(result)
