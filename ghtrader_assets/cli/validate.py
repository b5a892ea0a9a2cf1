"""`validate`: judge stored trading days, by default only those whose fingerprint changed.

Belongs here: the command. Does not belong here: rules (`validation`) and what needs judging (`loading.judgement`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    EndOption,
    StartOption,
    SymbolsArgument,
    command,
    emit_json,
    log,
    out,
)
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.context.load import LoadContext, open_load, provider_at_hand
from ghtrader_assets.context.store import StoreContext, open_writable_store
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.judgement import judge_by_witness, judge_days
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.loading.probe import ProbedDay, probe_gaps
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.day_states import read_accepted
from ghtrader_assets.questdb.tables.rows import WitnessAnswer
from ghtrader_assets.reading.stored import days_stored_as, require_known
from ghtrader_assets.settings import Settings
from ghtrader_assets.validation.verdicts import State

WITNESS_FIELDS: Final = ("symbol", "trading_day", "contract", "outcome", "reason")


@command()
def validate(
    settings: Settings,
    symbols: SymbolsArgument,
    start: StartOption,
    end: EndOption,
    full: Annotated[bool, typer.Option("--full", help="Judge every day again.")] = False,
    probe: Annotated[
        bool | None,
        typer.Option(
            "--probe/--no-probe",
            help="Ask the provider about the worst gaps and for its bars (GHTRADER_SOURCE_PROBE), or nothing at all.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge stored days. Exit 0 when all was done and no day is in error, or accepted; 1 else."""
    start, end = calendar_for(settings.home).span(start, end)
    all_again = full or not settings.validate_incremental
    asks = settings.source_probe if probe is None else probe
    with (
        services_for(settings, with_provider=asks),
        _opened(settings, asks=asks, may_ask=probe is not False) as context,
    ):
        for symbol in symbols:
            require_known(context, symbol)
        days = context.calendar.days(start, end)
        stored = [days_stored_as(context, symbol, days) for symbol in symbols]
        witness: list[WitnessAnswer] = []
        outcomes = [
            (symbol.text, outcome)
            for symbol, own in stored
            for outcome in _judged(context, symbol, own, witness, full=all_again, every=asks)
            if outcome.state not in (IngestState.MISSING, IngestState.PARTIAL)
        ]
        names = sorted({stored_as.text for stored_as, _ in stored})
        accepted = read_accepted(context.database, names, start, end, context.clock.now())
        probed: list[ProbedDay] = []
        if asks and isinstance(context, LoadContext):
            probed = [answer for symbol, own in stored for answer in probe_gaps(context, symbol, own, log.print)]
    rows = [
        row_of(symbol, outcome) | {"accepted": accepted.get((symbol, outcome.trading_day))}
        for symbol, outcome in outcomes
    ]
    noop = not any(outcome.failure or outcome.judgement for _, outcome in outcomes)
    in_error = [row for row in rows if (row["failure"] or row["state"] == State.ERROR) and row["accepted"] is None]
    if as_json:
        heard = [{name: getattr(answer, name) for name in WITNESS_FIELDS} for answer in witness]
        told = {"witness": heard, **({"probed": probed} if asks else {})}
        emit_json({"result": "noop" if noop else "judged", "days": rows, **told})
        raise typer.Exit(1 if in_error else 0)
    if noop:
        out.print(f"nothing to do: all {len(rows)} stored days are judged as they are")
    for row in in_error if noop else rows:
        out.print(_shown(row))
    for day in probed:
        out.print(_answer(day))
    for answer in (each for each in witness if not each.digest):
        line = f"{answer.symbol}  {answer.trading_day}  unwitnessed: {answer.outcome}: {answer.reason}"
        out.print(line)
    raise typer.Exit(1 if in_error else 0)


@contextmanager
def _opened(settings: Settings, *, asks: bool, may_ask: bool) -> Generator[StoreContext]:
    """The store, and the provider where it is to be asked, or is at hand for days in doubt."""
    with_provider = asks or (may_ask and provider_at_hand(settings))
    with open_load(settings) if with_provider else open_writable_store(settings) as context:
        yield context


def _judged(
    context: StoreContext,
    symbol: Symbol,
    days: Sequence[date],
    witness: list[WitnessAnswer],
    *,
    full: bool,
    every: bool,
) -> Iterable[DayOutcome]:
    """The verdicts by day. Days with bars of the provider are judged again with them; its answers go to `witness`."""
    judged = {outcome.trading_day: outcome for outcome in judge_days(context, symbol, days, full=full, rows=False)}
    if isinstance(context, LoadContext):
        answers, again = judge_by_witness(context, symbol, days, every=every)
        witness += answers
        judged |= {outcome.trading_day: outcome for outcome in again}
    return judged.values()


def _answer(day: ProbedDay) -> str:
    line = f"{day.symbol}  {day.trading_day}  of its worst gaps the provider has data for {day.provider_has_data}"
    line += f" and none for {day.provider_missing}"
    return line if not day.errors else f"{line}; {day.errors} unanswered: {day.reason}"


def _shown(row: Mapping[str, object]) -> str:
    day = f"{row['symbol']}  {row['trading_day']}"
    if row["failure"]:
        return f"{day}  failed  {row['failure']}"
    line = f"{day}  {row['state']}  {row['reason']}  {'judged' if row['judged'] else 'as judged before'}"
    return f"{line}  accepted {row['accepted']}" if row["accepted"] else line


def row_of(symbol: str, outcome: DayOutcome) -> dict[str, object]:
    """A day of the JSON document: the verdict in force, or the `failure` for which there is none; the other is null."""
    judgement = outcome.judgement
    state, reason = outcome.in_force or (None, None)
    if judgement:
        state, reason = State(judgement.deciding.state), judgement.deciding.reason_code
    return {
        "symbol": symbol,
        "trading_day": outcome.trading_day,
        "state": state,
        "reason": reason,
        "judged": judgement is not None and judgement.fresh,
        "failure": outcome.failure or None,
    }
