"""What runs by itself: a trading day is judged again when the evidence of its verdict has moved, and only then.

Belongs here: the sensor that looks at what was stored since it last looked. Does not belong here: what evidence a
verdict used (`validation.evidence`), whether a day is due by it (`upkeep`), days whose ticks changed (`automation`).

Days that are loaded move the baselines of those after them, and the provider's answers come when they come. A run
judges again what it moved of its own days; of the days of other runs, at once or long past, it knows nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from ghtrader_assets.assets.dagster_internals import AssetJob, backfills_under_way, run_starts
from ghtrader_assets.assets.partitions import begun_days
from ghtrader_assets.assets.repair import RUNS_PER_TICK, in_hand, not_in_hand, run_requests
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.evidence import Renewed, read_renewed
from ghtrader_assets.upkeep.repair import read_moved
from ghtrader_assets.validation.windows import LOOK_BACK

MOVED_INTERVAL_S: Final = 60
NOT_YET_STORED: Final = timedelta(minutes=10)
"""So long after its instant evidence may become visible that no Dagster run makes."""
FROM_THE_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_DAYS: Final = 36_000
"""So many calendar days of symbols, ten years of ten, are compared in one tick, and a symbol's at least: the first look
at a store that is years old takes several ticks, each of them far from the minute that Dagster gives one."""


@dataclass(frozen=True, slots=True)
class EvidenceLook:
    """A look at all symbols, over one tick or several: evidence of `since` or later, of symbols behind `after`.

    `begun` is where the next look begins. Kept as a sensor's cursor: the text of `since` alone before a look begins.
    """

    since: datetime
    begun: datetime
    after: str = ""

    @classmethod
    def of(cls, cursor: str | None, begun: datetime) -> EvidenceLook:
        """The look that a cursor is in, or one that begins now."""
        if cursor is not None and cursor.startswith("["):
            since, started, after = json.loads(cursor)
            return cls(datetime.fromisoformat(since), datetime.fromisoformat(started), after)
        return cls(datetime.fromisoformat(cursor) if cursor else FROM_THE_BEGINNING, begun)

    def part(self, symbols: Sequence[Symbol], renewed: Mapping[str, Renewed]) -> tuple[list[Symbol], str]:
        """The symbols of one tick, and the cursor of the next one."""
        names = [symbol.text for symbol in symbols]
        rest = symbols[names.index(self.after) + 1 if self.after in names else 0 :]
        chosen: list[Symbol] = []
        days = 0
        for symbol in rest:
            new = renewed.get(symbol.text)
            if new is None:
                continue
            days += (new.end + LOOK_BACK - new.start).days
            if chosen and days > MOST_DAYS:
                return chosen, json.dumps([self.since.isoformat(), self.begun.isoformat(), chosen[-1].text])
            chosen.append(symbol)
        return chosen, self.begun.isoformat()


def moved_sensor(symbols: Sequence[Symbol], job: AssetJob) -> dg.SensorDefinition:
    """The sensor over verdicts whose evidence moved; running by default, since a verdict on old evidence misleads.

    Its cursor says from which instant on evidence may be new. Runs in progress hold that back to their start: what they
    gather becomes visible later than its instant. The same evidence is launched for once.
    """

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="judge_moved_days",
        job=job,
        minimum_interval_seconds=MOVED_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Judges a trading day again when the baseline that its verdict used has moved, or the provider's"
        " answer about its bars has come; days that other runs have in hand, and backfills under way, are waited for.",
    )
    def judge_moved_days(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        if backfills_under_way(context.instance):
            return dg.SensorResult(skip_reason="a backfill is under way: what it moves is looked at afterwards")
        _, ranges = in_hand(context.instance)
        starts = run_starts(context.instance)
        with platform.store() as opened:
            now = opened.clock.now()
            look = EvidenceLook.of(context.cursor, min([now - NOT_YET_STORED, *starts]))
            renewed = read_renewed(opened.database, [symbol.text for symbol in symbols], look.since)
            part, looked_on = look.part(symbols, renewed)
            moved = read_moved(opened, part, renewed, now)
            days = begun_days(opened.settings.first_day, opened.calendar, now)
        todo = not_in_hand(moved, ranges)
        stamp = max((each.newest for each in renewed.values()), default=now).isoformat()
        requests = run_requests(todo, days, "moved", stamp) if todo else []
        left = len(requests) > RUNS_PER_TICK or len(todo) < len(moved)
        cursor = context.cursor if left else looked_on
        if not requests:
            return dg.SensorResult(skip_reason=f"{len(moved)} days moved, all in hand", cursor=cursor)
        return dg.SensorResult(run_requests=requests[:RUNS_PER_TICK], cursor=cursor)

    return judge_moved_days
