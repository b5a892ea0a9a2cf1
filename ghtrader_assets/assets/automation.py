"""What runs by itself: a trading day is judged again when the content of its ticks has changed, and only then.

Belongs here: the sensor that follows the materializations of ticks. Does not belong here: whether a day needs judgement
(`validation.judge.needs_judgement` decides, in the run), days whose evidence moved (`moved`).

Dagster has automation conditions for this. Their evaluations list every partition of every asset at each change, which
Dagster keeps: 300 kB three times a symbol-day. This sensor costs what changed, and leaves nothing but its cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Final

import dagster as dg

from ghtrader_assets.assets.dagster_internals import AssetJob
from ghtrader_assets.assets.materializations import DATA_VERSION
from ghtrader_assets.assets.partitions import begun_days
from ghtrader_assets.assets.repair import RUNS_PER_TICK, in_hand, not_in_hand, range_request
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import FOLLOWING, LAUNCHED_BY_TAG, TICKS_ASSET, VALIDATION_SUMMARY_ASSET
from ghtrader_assets.orchestration.runs import Run, cut_into_runs
from ghtrader_assets.upkeep.due import Need

INTERVAL_S: Final = 30
CHANGED: Final = "changed"
RUN_KEY: Final = "dagster/run_key"
REMEMBERED_RUNS: Final = 1000
_MATERIALIZED: Final = dg.DagsterEventType.ASSET_MATERIALIZATION


@dataclass(frozen=True, slots=True)
class UnjudgedContent:
    """A trading day whose ticks have another content than before, and no verdict yet; the place of their event."""

    symbol: Symbol
    trading_day: date
    storage_id: int


def validation_sensor(symbols: Sequence[Symbol], job: AssetJob) -> dg.SensorDefinition:
    """The sensor over the ticks of all symbols; running by default, since a verdict on old content misleads.

    Its cursor is the place in Dagster's log up to which every change has a verdict or a run. Days that runs have in
    hand hold it back: such a run judges what it loads, or leaves it to the next tick.
    """

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="judge_changed_days",
        job=job,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Judges a trading day again when the content of its ticks changed; an identical re-load does not.",
    )
    def judge_changed_days(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        kept = context.cursor or ""
        cursor = int(kept) if kept.isdecimal() else 0
        _, ranges = in_hand(context.instance)
        newest = _newest(context.instance, symbols)
        upper = max(newest.values(), default=cursor)
        fresh = [symbol for symbol, storage_id in newest.items() if storage_id > cursor]
        changed = [day for symbol in fresh for day in changed_days(context.instance, symbol, cursor, upper)]
        free = not_in_hand(changed, ranges)
        calendar, now = calendar_for(platform.settings.home), platform.clock.now()
        partitions = begun_days(platform.settings.first_day, calendar, now)
        places = {(day.symbol, day.trading_day): day.storage_id for day in free}
        begun = _begun(context.instance)
        requests = [_request(run, places) for run in _runs(free, partitions)]
        requests = [request for request in requests if request.run_key not in begun]
        left = changed if len(requests) > RUNS_PER_TICK else [day for day in changed if day not in free]
        after = str(min((day.storage_id - 1 for day in left), default=upper))
        if not requests:
            return dg.SensorResult(skip_reason=f"{len(changed)} days changed, all in hand", cursor=after)
        return dg.SensorResult(run_requests=requests[:RUNS_PER_TICK], cursor=after)

    return judge_changed_days


def changed_days(instance: dg.DagsterInstance, symbol: Symbol, after: int, upper: int) -> Iterator[UnjudgedContent]:
    """The days of a symbol whose ticks were materialized with another content behind `after`, up to `upper`, and were
    not judged since, in order. Judged behind `after` and loaded again, a day may be back at its content of before."""
    log, key = instance.event_log_storage, asset_key(symbol, TICKS_ASSET)
    now = log.get_latest_tags_by_partition(
        key, _MATERIALIZED, [DATA_VERSION], after_cursor=after, before_cursor=upper + 1
    )
    if not now:
        return
    before = log.get_latest_tags_by_partition(
        key, _MATERIALIZED, [DATA_VERSION], asset_partitions=list(now), before_cursor=after + 1
    )
    days = set(now)
    loaded = log.get_latest_storage_id_by_partition(key, _MATERIALIZED, days)
    judged = log.get_latest_storage_id_by_partition(asset_key(symbol, VALIDATION_SUMMARY_ASSET), _MATERIALIZED, days)
    for day in sorted(days):
        judged_at = judged.get(day, 0)
        if judged_at < loaded[day] and (now[day] != before.get(day) or judged_at > after):
            yield UnjudgedContent(symbol, date.fromisoformat(day), loaded[day])


def _begun(instance: dg.DagsterInstance) -> set[str]:
    """The keys of the latest runs of this sensor: asked for again, they would keep others from their turn."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={LAUNCHED_BY_TAG: CHANGED}), limit=REMEMBERED_RUNS)
    return {run.tags.get(RUN_KEY, "") for run in runs}


def _newest(instance: dg.DagsterInstance, symbols: Sequence[Symbol]) -> dict[Symbol, int]:
    """The place of each symbol's newest ticks in the log; of those that have any."""
    by_key = {asset_key(symbol, TICKS_ASSET): symbol for symbol in symbols}
    entries = [record.asset_entry for record in instance.get_asset_records(list(by_key))]
    places = {by_key[entry.asset_key]: entry.last_materialization_storage_id for entry in entries}
    return {symbol: storage_id for symbol, storage_id in places.items() if storage_id is not None}


def _runs(days: Sequence[UnjudgedContent], partitions: Sequence[date]) -> list[Run]:
    needs: dict[Symbol, dict[date, Need]] = {}
    for day in days:
        needs.setdefault(day.symbol, {})[day.trading_day] = Need.JUDGEMENT
    return cut_into_runs(needs, partitions)


def _request(run: Run, places: Mapping[tuple[Symbol, date], int]) -> dg.RunRequest:
    """A run of all that follows from ticks, at most one for the same changes."""
    changes = repr([(symbol.text, places[symbol, day]) for symbol in run.symbols for day in run.days])
    digest = blake2b(changes.encode(), digest_size=8).hexdigest()
    return range_request(run, FOLLOWING, f"{CHANGED}:{run.days[0]}:{run.days[-1]}:{digest}", CHANGED)
