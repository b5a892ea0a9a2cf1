"""The days of one symbol: main contract, ticks, validation summary, field quality and manifest of each trading day.

Belongs here: the two multi-assets of a symbol. The one that loads materializes every table of a day as the day commits,
those of the other asset too: a downstream op would not run after the `Failure` that names the days which failed, and
the good days are to be complete in every table. The other one does nothing in such a run, and Dagster skips it where it
can; it works in runs that ask for verdicts alone. They are two because a Dagster pool belongs to an op: runs that load
share the pool, and one that only judges never waits for them.
Does not belong here: what each table's materialization says (`tables`), and the work (`loading`).
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import chain

import dagster as dg

from ghtrader_assets.assets import tables
from ghtrader_assets.assets.automation import content_changed
from ghtrader_assets.assets.partitions import BACKFILL_POLICY
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext, embedded_service
from ghtrader_assets.errors import FetchError, GhtraderError
from ghtrader_assets.lineage.aggregate import aggregate, record_aggregated
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.loading.probe import probe_gaps
from ghtrader_assets.loading.witness import ask_witness, days_in_doubt
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import (
    ALL_TABLES,
    DAY_TABLES,
    EXIT_CODE,
    FOLLOWING,
    JUDGED,
    LOAD_POOL,
    LOADED,
    MAIN_SCHEDULE,
    PARTIAL_TAG,
    TICKS,
    WORKERS_TAG,
)
from ghtrader_assets.questdb.standing.day_states import read_accepted
from ghtrader_assets.questdb.standing.derivation import GOOD
from ghtrader_assets.questdb.tables.rows import Acceptance
from ghtrader_assets.reference.rolls import finding_of
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.runtime import DASHBOARD

Selected = frozenset[str]


def symbol_days(symbol: Symbol, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The tables of `symbol` as two subsettable multi-assets: what is loaded, and what follows from it."""
    loaded = [tables.asset_spec(symbol, table, partitions) for table in LOADED]
    following = [tables.asset_spec(symbol, table, partitions, content_changed()) for table in FOLLOWING]

    @dg.multi_asset(
        name=_load_name(symbol), specs=loaded, can_subset=True, backfill_policy=BACKFILL_POLICY, pool=LOAD_POOL
    )
    def load(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetMaterialization]:
        yield from _materialized(context, platform, symbol)

    @dg.multi_asset(name=f"{symbol.key}_judge", specs=following, can_subset=True, backfill_policy=BACKFILL_POLICY)
    def judge(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetMaterialization]:
        yield from _materialized(context, platform, symbol)

    return [load, judge]


def _materialized(
    context: dg.AssetExecutionContext, platform: PlatformResource, symbol: Symbol
) -> Iterator[dg.AssetMaterialization]:
    """Load or judge the run's days of `symbol`; the events of every table that the run selects."""
    selected = _asked_for(context, symbol)
    if not selected:
        return
    wanted = [date.fromisoformat(key) for key in context.partition_keys]
    failed: dict[str, str] = {}
    workers = context.run.tags.get(WORKERS_TAG)
    asks = selected & {MAIN_SCHEDULE, TICKS} or (selected & JUDGED and platform.settings.source_probe)
    with _named_failures(), platform.opened(workers) if asks else platform.store() as opened:
        dashboard = embedded_service(opened.settings.home, DASHBOARD)
        console = f"http://{opened.database.endpoint.http}"
        pages = tables.Pages(console, dashboard.urls["http"] if dashboard else None)
        if isinstance(opened, LoadContext) and MAIN_SCHEDULE in selected:
            yield from _scheduled(context, opened, symbol, wanted)
        doubtful = days_in_doubt(opened, symbol, wanted) if TICKS in selected else []
        told = set(doubtful)
        again: Iterable[DayOutcome] = ()
        if isinstance(opened, LoadContext) and selected & {TICKS, *JUDGED}:
            again = _asked_about(context, opened, symbol, wanted, doubtful)
        for outcome in chain(_outcomes(context, opened, symbol, wanted, selected), again):
            asked = selected & JUDGED if outcome.trading_day in told else selected
            told.add(outcome.trading_day)
            if outcome.failure:
                failed[outcome.trading_day.isoformat()] = outcome.failure
                context.log.error(f"{symbol.text} {outcome.trading_day}: {outcome.failure}")
            else:
                accepted = _accepted(opened, symbol, outcome)
                yield from tables.materializations(context.instance, pages, symbol, outcome, asked, accepted)
        if TICKS in selected:
            made = aggregate(opened, [symbol], wanted[0], wanted[-1])
            record_aggregated(opened, made)
            context.log.info(f"what is stored of this run's days: aggregated manifest {made.manifest_id}")
    if failed:
        raise _failure(symbol, failed)


def _asked_about(
    context: dg.AssetExecutionContext, opened: LoadContext, symbol: Symbol, days: list[date], doubtful: list[date]
) -> Iterator[DayOutcome]:
    """Ask the provider for its bars of days in doubt, and yield the days that are judged again with them.

    Of the run's own days and of those that are `doubtful` since earlier ones, of which none fails the run. With
    `GHTRADER_SOURCE_PROBE` of all its own days, and about the worst gaps as well.
    """
    everything = opened.settings.source_probe
    answers = ask_witness(opened, symbol, days, every=everything, also=doubtful)
    for answer in answers:
        if not answer.digest:
            context.log.info(f"{symbol.text} {answer.trading_day} is unwitnessed: {answer.outcome}: {answer.reason}")
    for outcome in judge_days(opened, symbol, [answer.trading_day for answer in answers if answer.digest]):
        if outcome.failure and outcome.trading_day in doubtful:
            context.log.warning(f"{symbol.text} {outcome.trading_day}: {outcome.failure}")
        else:
            yield outcome
    for said in probe_gaps(opened, symbol, days, context.log.warning) if everything else ():
        context.log.info(f"asked the provider about gaps again: {said}")


def _accepted(opened: StoreContext, symbol: Symbol, outcome: DayOutcome) -> Acceptance | None:
    """Who accepted the verdict on a day, if it is bad."""
    if outcome.judgement is None or outcome.judgement.deciding.state in GOOD:
        return None
    day = outcome.trading_day
    return read_accepted(opened.database, [symbol.text], day, day, opened.clock.now()).get((symbol.text, day))


def _asked_for(context: dg.AssetExecutionContext, symbol: Symbol) -> Selected:
    """The tables of `symbol` that this step materializes: a step that loads takes all that the run selects."""
    mine = frozenset(key.path[-1] for key in context.selected_asset_keys)
    of_the_run = context.job_def.asset_layer.selected_asset_keys
    asked = frozenset(table for table in ALL_TABLES if tables.asset_key(symbol, table) in of_the_run)
    steps = context.run.step_keys_to_execute
    if TICKS not in asked or (steps and _load_name(symbol) not in steps):
        return mine
    return asked if TICKS in mine else frozenset()


def _load_name(symbol: Symbol) -> str:
    return f"{symbol.key}_load"


@contextmanager
def _named_failures() -> Generator[None]:
    """What stops all days ends the step with our one line and its exit code, not with Dagster's words around it."""
    try:
        yield
    except GhtraderError as error:
        raise _stopping(error.line, error) from error


def _stopping(reason: str, error: GhtraderError) -> dg.Failure:
    return dg.Failure(reason, metadata={EXIT_CODE: error.exit_code}, allow_retries=False)


def _scheduled(
    context: dg.AssetExecutionContext, platform: LoadContext, symbol: Symbol, days: list[date]
) -> Iterator[dg.AssetMaterialization]:
    """Refresh the schedule. A day without main contract is no failure yet: its load says so, if the run loads."""
    try:
        rows = refresh_schedule(platform, symbol).rows
    except FetchError as error:
        raise _stopping(f"the main-contract schedule of {symbol.text}: {error}", error) from None
    history = tables.roll_picture(platform.settings.home, list(rows.values())) if rows else None
    for day in days:
        if day in rows:
            finding = finding_of(rows[day], platform.calendar)
            yield tables.schedule_materialization(symbol, rows[day], history if day == max(days) else None, finding)
        else:
            context.log.warning(f"no main contract of {symbol.text} is known for {day}")


def _outcomes(
    context: dg.AssetExecutionContext,
    platform: StoreContext,
    symbol: Symbol,
    days: list[date],
    selected: Selected,
) -> Iterator[DayOutcome]:
    if isinstance(platform, LoadContext) and TICKS in selected:
        yield from load_days(
            platform,
            {symbol: days},
            context.run.run_id,
            must_judge=bool(selected & JUDGED),
            on_retry=context.log.warning,
            allow_partial=PARTIAL_TAG in context.run.tags,
        )
    elif selected & set(DAY_TABLES):
        yield from judge_days(platform, symbol, days)


def _failure(symbol: Symbol, failed: dict[str, str]) -> dg.Failure:
    first_day, first_reason = next(iter(sorted(failed.items())))
    return dg.Failure(
        description=f"{len(failed)} trading day(s) of {symbol.text} failed; the first, {first_day}: {first_reason}",
        metadata={"failed_days": dg.MetadataValue.json(failed)},
        allow_retries=False,
    )
