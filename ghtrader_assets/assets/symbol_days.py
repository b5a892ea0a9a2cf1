"""The days of all symbols: main contract, ticks, bars, validation summary, field quality and manifest of each trading
day.

Belongs here: the two multi-assets of the universe, of which a run selects symbols and tables. The one that loads takes
the days of all symbols of the run through one pipeline, and materializes every table of a day as the day commits, those
of the other asset too: a downstream op would not run after the `Failure` that names the days which failed, and the good
days are to be complete in every table. The other one does nothing in such a run, and Dagster skips it where it can; it
works in runs that ask for verdicts alone. They are two because a Dagster pool belongs to an op: runs that load share
the pool, and one that only judges never waits for them.
Does not belong here: what each table's materialization says (`tables`), and the work (`loading`).
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import chain
from typing import Final

import dagster as dg

from ghtrader_assets.assets.materializations import Pages, materializations, roll_picture, schedule_materialization
from ghtrader_assets.assets.partitions import BACKFILL_POLICY, last_begun
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.tables import asset_key, asset_spec
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext, page_address
from ghtrader_assets.context.universe import unknown_product
from ghtrader_assets.errors import BadInputError, FetchError, GhtraderError
from ghtrader_assets.grammar import day_of
from ghtrader_assets.lineage.aggregate import aggregate, record_aggregated
from ghtrader_assets.loading.bars import make_bars
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.judgement import judge_by_witness, judge_symbols
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.loading.probe import probe_gaps
from ghtrader_assets.loading.record import closing_attempts
from ghtrader_assets.loading.witness import days_in_doubt
from ghtrader_assets.market.lives import NOT_ASKED, FirstDays
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.orchestration.names import (
    ALL_TABLES,
    BARS_ASSET,
    BASELINE_ASSET,
    DAY_TABLES,
    EXIT_CODE,
    FOLLOWING,
    FROM_STORE,
    JUDGED,
    LOADED,
    MAIN_SCHEDULE_ASSET,
    PARTIAL_TAG,
    PARTITION,
    RANGE_END,
    RANGE_START,
    TICKS_ASSET,
    WORKERS_TAG,
)
from ghtrader_assets.questdb.standing.day_states import read_accepted
from ghtrader_assets.questdb.standing.derivation import GOOD
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.questdb.tables.rows import Acceptance
from ghtrader_assets.reference.rolls import finding_of
from ghtrader_assets.reference.schedule import Schedule, refresh_schedules
from ghtrader_assets.runtime import DASHBOARD, LOAD_POOL, living_run
from ghtrader_assets.tq.process import one_fork_server

Selected = frozenset[str]
"""The tables that a run asks for of a symbol."""

LOAD: Final = "load"
JUDGE: Final = "judge"
"""The names of the two ops, and by that of the steps of a run."""


def symbol_days(symbols: Sequence[Symbol], partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The tables of `symbols` as two subsettable multi-assets: what is loaded, and what follows from it."""
    loaded = [asset_spec(symbol, table, partitions) for symbol in symbols for table in LOADED]
    following = [asset_spec(symbol, table, partitions) for symbol in symbols for table in (BARS_ASSET, *FOLLOWING)]

    @dg.multi_asset(name=LOAD, specs=loaded, can_subset=True, backfill_policy=BACKFILL_POLICY, pool=LOAD_POOL)
    def load(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetMaterialization]:
        yield from _materialized(context, platform, symbols, LOAD)

    @dg.multi_asset(name=JUDGE, specs=following, can_subset=True, backfill_policy=BACKFILL_POLICY)
    def judge(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetMaterialization]:
        yield from _materialized(context, platform, symbols, JUDGE)

    return [load, judge]


def _materialized(
    context: dg.AssetExecutionContext, platform: PlatformResource, symbols: Sequence[Symbol], step: str
) -> Iterator[dg.AssetMaterialization]:
    """Load or judge the run's days of the run's symbols; the events of every table that the run selects."""
    asked = _asked_for(context, symbols, step)
    if not asked:
        return
    workers = context.run.tags.get(WORKERS_TAG)
    asks = any(selected & {MAIN_SCHEDULE_ASSET, TICKS_ASSET} for selected in asked)
    asks = asks or (platform.settings.source_probe and any(selected & JUDGED for selected in asked))
    lives = living_run(platform.settings.home, context.run.run_id)
    with lives, _named_failures(), one_fork_server(), platform.opened(workers) if asks else platform.store() as opened:
        work = _Work(context, opened, _days_of(context, opened))
        for selected, own in asked.items():
            yield from work.materialized(own, selected)
    if work.failed:
        raise _failure(work.failed)


def _days_of(context: dg.AssetExecutionContext, opened: StoreContext) -> list[date]:
    """The run's trading days. Raises `BadInputError` for a run of a day that is none, or whose date has not begun, and
    for a range that ends before it begins."""
    begun = last_begun(opened.calendar, opened.clock.now())
    tags = {name: context.run.tags[name] for name in (PARTITION, RANGE_START, RANGE_END) if name in context.run.tags}
    named = {name: day_of(text, name) for name, text in tags.items()}
    for day in named.values():
        opened.calendar.require_trading_day(day)
        if day > begun:
            raise BadInputError(f"{day} is no partition yet", f"the last one is {begun}")
    if RANGE_START in named and RANGE_END in named:
        opened.calendar.span(named[RANGE_START], named[RANGE_END])
    return [date.fromisoformat(key) for key in context.partition_keys]


def _asked_for(context: dg.AssetExecutionContext, symbols: Sequence[Symbol], step: str) -> dict[Selected, list[Symbol]]:
    """The symbols of which the step materializes the same tables. A step that loads ticks takes all that the run
    selects, and leaves nothing to the other."""
    chosen, steps = context.selected_asset_keys, context.run.step_keys_to_execute
    of_the_run = context.job_def.asset_layer.selected_asset_keys
    if any(key.path[-1] == TICKS_ASSET for key in of_the_run) and (not steps or LOAD in steps):
        if step != LOAD:
            return {}
        chosen = of_the_run
    asked: dict[Selected, list[Symbol]] = {}
    for symbol in symbols:
        if selected := frozenset(table for table in ALL_TABLES if asset_key(symbol, table) in chosen):
            asked.setdefault(selected, []).append(symbol)
    return asked


class _Work:
    """The work of a step on the run's days. `failed` holds why a symbol's day failed."""

    def __init__(self, context: dg.AssetExecutionContext, opened: StoreContext, days: list[date]) -> None:
        self._context = context
        self._opened = opened
        self._days = days
        console = f"http://{opened.database.endpoint.http}"
        self._pages = Pages(console, page_address(opened.settings, DASHBOARD))
        self.failed: dict[tuple[str, date], str] = {}

    def materialized(self, symbols: list[Symbol], selected: Selected) -> Iterator[dg.AssetMaterialization]:
        """Load or judge the days of symbols of which the run selects the same tables."""
        context, opened, schedules = self._context, self._opened, dict[Symbol, Schedule]()
        first_days = read_first_days(opened.database) if MAIN_SCHEDULE_ASSET in selected else NOT_ASKED
        if isinstance(opened, LoadContext) and MAIN_SCHEDULE_ASSET in selected:
            schedules = self._refreshed(opened, symbols)
            symbols = list(schedules)
        older = {
            symbol: days_in_doubt(opened, symbol, self._days) if TICKS_ASSET in selected else [] for symbol in symbols
        }
        told = {(symbol.text, day) for symbol, days in older.items() for day in days}
        again: Iterable[DayOutcome] = ()
        if isinstance(opened, LoadContext) and selected & {TICKS_ASSET, *JUDGED}:
            again = chain.from_iterable(
                _asked_about(context, opened, symbol, self._days, doubtful) for symbol, doubtful in older.items()
            )
        for outcome in chain(self._outcomes(symbols, selected), again):
            key, symbol = (outcome.symbol, outcome.trading_day), parse_symbol(outcome.symbol)
            yield from self._scheduled(symbol, schedules, first_days)
            asked = selected & FROM_STORE if key in told else selected | _changed(outcome, selected)
            told.add(key)
            if outcome.failure and key not in self.failed:
                self._note_failure(*key, outcome.failure)
            elif not outcome.failure:
                accepted = _accepted(opened, symbol, outcome)
                yield from materializations(context.instance, self._pages, symbol, outcome, asked, accepted)
        for symbol in symbols:
            yield from self._scheduled(symbol, schedules, first_days)
        if TICKS_ASSET in selected and symbols:
            made = aggregate(opened, symbols, self._days[0], self._days[-1])
            record_aggregated(opened, made)
            context.log.info(f"what is stored of this run's days: aggregated manifest {made.manifest_id}")

    def _note_failure(self, symbol: str, day: date, reason: str) -> None:
        self.failed[symbol, day] = reason
        self._context.log.error(f"{symbol} {day}: {reason}")

    def _refreshed(self, opened: LoadContext, symbols: list[Symbol]) -> dict[Symbol, Schedule]:
        """The schedules, read anew; the days of a symbol whose product is unknown have failed."""
        try:
            schedules = refresh_schedules(opened, symbols)
        except FetchError as error:
            raise _stopping(f"the main-contract schedules: {error}", error) from None
        for symbol in symbols:
            if symbol not in schedules:
                for day in self._days:
                    self._note_failure(symbol.text, day, str(unknown_product(opened.settings.home, symbol)))
        return schedules

    def _scheduled(
        self, symbol: Symbol, schedules: dict[Symbol, Schedule], first_days: FirstDays
    ) -> Iterator[dg.AssetMaterialization]:
        """The symbol's main contracts, once: before its first day, which is made of them, and while others are fetched.

        A day without main contract is no failure yet: its load says so, if the run loads.
        """
        schedule = schedules.pop(symbol, None)
        if schedule is None:
            return
        rows = schedule.rows
        more: dict[str, dg.MetadataValue] = {**self._pages.of_symbol(symbol)}
        if rows:
            more["roll_history"] = roll_picture(self._opened.settings.home, list(rows.values()))
        for day in self._days:
            if day in rows:
                finding = finding_of(rows[day], self._opened.calendar, first_days)
                yield schedule_materialization(symbol, rows[day], more if day == max(self._days) else {}, finding)
            else:
                self._context.log.warning(f"no main contract of {symbol.text} is known for {day}")

    def _outcomes(self, symbols: list[Symbol], selected: Selected) -> Iterator[DayOutcome]:
        if isinstance(self._opened, LoadContext) and TICKS_ASSET in selected:
            run_id = self._context.run.run_id
            with closing_attempts(self._opened, run_id):
                yield from load_days(
                    self._opened,
                    dict.fromkeys(symbols, self._days),
                    run_id,
                    must_judge=bool(selected & JUDGED),
                    on_retry=self._context.log.warning,
                    allow_partial=PARTIAL_TAG in self._context.run.tags,
                )
            return
        if selected & set(DAY_TABLES) - {BARS_ASSET}:
            yield from judge_symbols(self._opened, dict.fromkeys(symbols, self._days))
        if BARS_ASSET in selected:
            yield from chain.from_iterable(make_bars(self._opened, symbol, self._days) for symbol in symbols)


def _asked_about(
    context: dg.AssetExecutionContext, opened: LoadContext, symbol: Symbol, days: list[date], doubtful: list[date]
) -> Iterator[DayOutcome]:
    """Ask the provider for its bars of days in doubt, and yield the days that are judged again with them.

    Of the run's own days and of those that are `doubtful` since earlier ones, of which none fails the run. With
    `GHTRADER_SOURCE_PROBE` of all its own days, and about the worst gaps as well.
    """
    everything = opened.settings.source_probe
    answers, again = judge_by_witness(opened, symbol, days, every=everything, also=doubtful, rows=True)
    for answer in answers:
        if not answer.digest:
            context.log.info(f"{symbol.text} {answer.trading_day} is unwitnessed: {answer.outcome}: {answer.reason}")
    for outcome in again:
        if outcome.failure and outcome.trading_day in doubtful:
            context.log.warning(f"{symbol.text} {outcome.trading_day}: {outcome.failure}")
        else:
            yield outcome
    for said in probe_gaps(opened, symbol, days, context.log.warning) if everything else ():
        context.log.info(f"asked the provider about gaps again: {said}")


def _changed(outcome: DayOutcome, selected: Selected) -> Selected:
    """The tables that were written anew, selected or not: a row and its materialization tell the same.

    A load always writes the day's bars. One of ticks alone leaves the day's verdict to the sensor that follows its
    content; judging a day again writes its verdicts and what it gives to baselines.
    """
    if TICKS_ASSET in selected:
        return frozenset({BARS_ASSET})
    if outcome.judgement is None or not outcome.judgement.fresh:
        return frozenset()
    return frozenset({BASELINE_ASSET, *JUDGED})


def _accepted(opened: StoreContext, symbol: Symbol, outcome: DayOutcome) -> Acceptance | None:
    """Who accepted the verdict on a day, if it is bad."""
    if outcome.judgement is None or outcome.judgement.deciding.state in GOOD:
        return None
    day = outcome.trading_day
    return read_accepted(opened.database, [symbol.text], day, day, opened.clock.now()).get((symbol.text, day))


@contextmanager
def _named_failures() -> Generator[None]:
    """What stops all days ends the step with our one line and its exit code, not with Dagster's words around it."""
    try:
        yield
    except GhtraderError as error:
        raise _stopping(error.line, error) from error


def _stopping(reason: str, error: GhtraderError) -> dg.Failure:
    return dg.Failure(reason, metadata={EXIT_CODE: error.exit_code}, allow_retries=False)


def _failure(failed: Mapping[tuple[str, date], str]) -> dg.Failure:
    by_symbol: dict[str, dict[str, str]] = {}
    for (symbol, day), reason in sorted(failed.items()):
        by_symbol.setdefault(symbol, {})[day.isoformat()] = reason
    (symbol, day), reason = min(failed.items())
    of = symbol if len(by_symbol) == 1 else f"{len(by_symbol)} symbols"
    return dg.Failure(
        description=f"{len(failed)} trading day(s) of {of} failed; the first, {symbol} {day}: {reason}",
        metadata={"failed_days": dg.MetadataValue.json(by_symbol)},
        allow_retries=False,
    )
