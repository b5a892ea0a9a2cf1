"""What runs by itself: a trading day is judged again when the evidence of its verdict has moved, and only then.

Belongs here: the sensor that looks at what was stored since it last looked. Does not belong here: what evidence a
verdict used (`validation.evidence`), whether a day is due by it (`upkeep`), days whose ticks changed (`automation`).

Days that are loaded move the baselines of those after them, and the provider's answers come when they come. A run
judges again what it moved of its own days; of the days of other runs, at once or long past, it knows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from ghtrader_assets.assets.dagster_internals import AssetJob, backfills_under_way, run_starts
from ghtrader_assets.assets.partitions import partition_days
from ghtrader_assets.assets.repair import RUNS_PER_TICK, in_hand, not_in_hand, run_requests
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.evidence import read_renewed
from ghtrader_assets.upkeep.repair import read_moved

MOVED_INTERVAL_S: Final = 60
NOT_YET_STORED: Final = timedelta(minutes=10)
"""So long after its instant evidence may become visible that no Dagster run makes."""
FROM_THE_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moved_sensor(
    symbols: Sequence[Symbol], partitions: dg.DailyPartitionsDefinition, job: AssetJob
) -> dg.SensorDefinition:
    """The sensor over verdicts whose evidence moved; running by default, since a verdict on old evidence misleads.

    Its cursor is the instant from which on evidence may be new. Runs in progress hold it back to their start: what they
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
        since = datetime.fromisoformat(context.cursor) if context.cursor else FROM_THE_BEGINNING
        with platform.store() as opened:
            now = opened.clock.now()
            renewed = read_renewed(opened.database, [symbol.text for symbol in symbols], since)
            moved = read_moved(opened, symbols, renewed, now)
        todo = not_in_hand(moved, ranges)
        stamp = max((each.newest for each in renewed.values()), default=now).isoformat()
        requests = run_requests(todo, partition_days(partitions), "moved", stamp) if todo else []
        left = len(requests) > RUNS_PER_TICK or len(todo) < len(moved)
        cursor = context.cursor if left else min([now - NOT_YET_STORED, *starts]).isoformat()
        if not requests:
            return dg.SensorResult(skip_reason=f"{len(moved)} days moved, all in hand", cursor=cursor)
        return dg.SensorResult(run_requests=requests[:RUNS_PER_TICK], cursor=cursor)

    return judge_moved_days
