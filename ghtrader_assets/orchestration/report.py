"""What became of each trading day of a backfill, and the exit code that says so.

Belongs here: the report and its JSON. Does not belong here: making it (`backfill`, `watch`), showing it (`cli`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ghtrader_assets.errors import IngestState
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.reading.overview import BadDay
from ghtrader_assets.upkeep.due import DayResult


@dataclass(slots=True)
class BackfillReport:
    """What became of each symbol's day."""

    succeeded: list[DayResult] = field(default_factory=list[DayResult])
    failed: list[DayResult] = field(default_factory=list[DayResult])
    unchanged: list[DayResult] = field(default_factory=list[DayResult])
    bad: list[BadDay] = field(default_factory=list[BadDay])
    """Of the days that succeeded or are unchanged, those whose content is partial or in error, and not accepted."""
    stopped_by: int = 0
    """The exit code of what stopped a run that left days failed or untried."""

    @property
    def exit_code(self) -> int:
        """0 when nothing failed, 3 when a service, the disk or the provider refused, else 1."""
        denied = any(day.manifest and day.manifest.outcome == IngestState.DENIED for day in self.failed)
        return 3 if denied else max(self.stopped_by, int(bool(self.failed)))

    def add(self, result: DayResult) -> None:
        """Note how a day that was tried ended."""
        (self.failed if result.failure else self.succeeded).append(result)

    def document(self) -> dict[str, list[dict[str, str]]]:
        """The JSON that scripts rely on. `bad` are days of `succeeded` and `unchanged`."""
        failed = [{**_named(day), "reason": day.failure} for day in self.failed]
        succeeded, unchanged = ([_named(day) for day in days] for days in (self.succeeded, self.unchanged))
        bad = [
            {**_named(day.state), "state": day.state.state, "reason": day.state.reason, "sessions": day.sessions}
            for day in self.bad
        ]
        return {"succeeded": succeeded, "failed": failed, "unchanged": unchanged, "bad": bad}


def _named(day: DayResult | DayState) -> dict[str, str]:
    return {"symbol": day.symbol, "trading_day": day.trading_day.isoformat()}
