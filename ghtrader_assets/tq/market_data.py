"""Reference data as the provider has it: main contracts, instruments, holidays, bars; asked in a fresh process.

Belongs here: the questions and their typed answers. tqsdk keeps its tables for the life of a process, so a daemon
that asked in its own would never see a new main contract.
Does not belong here: what is made of the answers (`market.schedule`, `market.calendar`, `validation.witness`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import date
from multiprocessing.connection import wait
from pathlib import Path

import msgspec
import polars as pl

from ghtrader_assets.errors import (
    DeniedError,
    FetchError,
    LogInError,
    MaintenanceError,
    ThrottledError,
    TransientFetchError,
    UnfitAnswerError,
)
from ghtrader_assets.logs import logger
from ghtrader_assets.market.holidays import implausible_list
from ghtrader_assets.market.schedule import MainChange
from ghtrader_assets.tq import faults, wire
from ghtrader_assets.tq.bounds import implausible
from ghtrader_assets.tq.process import WorkerProcess, running_fork_server
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing

log = logger(__name__)

Question = wire.AskMarket | wire.ReadBars


class Instrument(msgspec.Struct, frozen=True):
    """A contract as the provider describes it. Prices in the quote unit.

    `trading_time` maps `day` and `night` to `[start, end]` pairs as `HH:MM:SS`, hours beyond 24 for after midnight;
    `expire_s` is the expiry in epoch seconds UTC, None if the provider leaves it out.
    """

    contract: str
    price_tick: float
    multiplier: int
    trading_time: dict[str, list[list[str]]]
    expire_s: float | None


def fetch_continuous_table(
    provider: Provider, symbols: Sequence[str], home: Path, timing: Timing
) -> dict[str, list[MainChange]]:
    """The main contract changes of each symbol such as `KQ.m@SHFE.cu`: (first trading day, contract), oldest first.

    A symbol that the provider's table lacks is left out. Raises the `FetchError` family.
    """
    return _changes(_ask(provider, home, timing, wire.AskMarket("main_contracts", tuple(symbols))))


def _changes(content: bytes) -> dict[str, list[MainChange]]:
    table = msgspec.json.decode(content, type=dict[str, list[tuple[str, str]]])
    return {
        symbol: sorted((date.fromisoformat(day), name) for day, name in changes) for symbol, changes in table.items()
    }


def fetch_table_and_holidays(
    provider: Provider, symbols: Sequence[str], home: Path, timing: Timing
) -> tuple[dict[str, list[MainChange]], list[date] | FetchError]:
    """`fetch_continuous_table` and, from the same process, `fetch_holidays`: confirming the calendar costs a request.

    A holiday list that can't be had is handed back as its error: main contracts are no worse for it.
    """
    questions = (wire.AskMarket("main_contracts", tuple(symbols)), wire.AskMarket("holidays"))
    table, holidays = _ask_all(provider, home, timing, questions)
    if isinstance(table, FetchError):
        raise table
    try:
        return _changes(table), holidays if isinstance(holidays, FetchError) else _days(holidays)
    except UnfitAnswerError as error:
        return _changes(table), error


def fetch_instruments(
    provider: Provider, contracts: Sequence[str], home: Path, timing: Timing
) -> dict[str, Instrument]:
    """The provider's description of each contract, in one process and session. Raises the `FetchError` family."""
    content = _ask(provider, home, timing, wire.AskMarket("instruments", tuple(contracts)))
    return msgspec.json.decode(content, type=dict[str, Instrument])


def fetch_holidays(provider: Provider, home: Path, timing: Timing) -> list[date]:
    """The provider's days without trading other than weekends, for the calendar's check. Raises `FetchError`."""
    return _days(_ask(provider, home, timing, wire.AskMarket("holidays")))


def fetch_bars(
    provider: Provider, requests: Sequence[wire.ReadBars], home: Path, timing: Timing
) -> list[pl.DataFrame | FetchError]:
    """The 1-minute bars of contracts, each request's whole or the error that it ended with, in one process and session.

    An error that no other request will escape is that of all that follow.
    """
    try:
        answers = _ask_all(provider, home, timing, requests)
    except FetchError as error:
        return [error] * len(requests)
    return [answer if isinstance(answer, FetchError) else pl.read_ipc(answer) for answer in answers]


def _days(content: bytes) -> list[date]:
    """The days of a holiday list. Raises `UnfitAnswerError` for one that no calendar is like."""
    days = sorted(msgspec.json.decode(content, type=list[date]))
    if what := implausible_list(days):
        raise implausible(f"the provider's holiday list {what}")
    return days


def _ask(provider: Provider, home: Path, timing: Timing, question: Question) -> bytes:
    (answer,) = _ask_all(provider, home, timing, [question])
    if isinstance(answer, FetchError):
        raise answer
    return answer


def _ask_all(provider: Provider, home: Path, timing: Timing, questions: Sequence[Question]) -> list[bytes | FetchError]:
    """Ask in a fresh process each time, again if the first question met a transient failure, until attempts or the
    deadline run out."""
    deadline = time.monotonic() + timing.day_s
    attempt = 0
    while True:
        attempt += 1
        try:
            return _ask_once(provider, home, timing, questions)
        except TransientFetchError as error:
            pause = getattr(error, "pause_s", None) or timing.backoff_s * 2 ** (attempt - 1)
            pause = min(pause, timing.backoff_cap_s) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads waits, keeps no secret
            if attempt >= timing.attempts or time.monotonic() + pause > deadline:
                raise
            log.warning("the provider is asked again", asked=questions[0].kind, reason=str(error), attempt=attempt)
            time.sleep(pause)


def _ask_once(
    provider: Provider, home: Path, timing: Timing, questions: Sequence[Question]
) -> list[bytes | FetchError]:
    """The answers of one process; failures are answers too.

    A failure that no further question will escape ends them: it is raised where the first question met it, else it is
    the answer of all that follow.
    """
    answers: list[bytes | FetchError] = []
    with running_fork_server(provider, home) as fork_server:
        worker = fork_server.worker(home, timing)
        for question in questions:
            try:
                answers.append(_one_answer(worker, timing, question))
            except (TransientFetchError, DeniedError, LogInError, MaintenanceError) as error:
                if not answers:
                    raise
                return [*answers, *[error] * (len(questions) - len(answers))]
            except FetchError as error:
                answers.append(error)
    return answers


def _one_answer(worker: WorkerProcess, timing: Timing, question: Question) -> bytes:
    worker.send(question)
    answer = _next(worker, timing.start_s)
    if isinstance(answer, wire.Ready):
        answer = _next(worker, timing.attempt_s)
    if isinstance(answer, wire.MarketAnswer):
        return answer.content
    assert isinstance(answer, wire.DayFailed)  # noqa: S101 - narrows a type
    raise rebuilt(answer)


def _next(worker: WorkerProcess, timeout_s: float) -> wire.FromWorker:
    if not wait([worker.connection], timeout_s):
        raise TransientFetchError(f"no answer within {timeout_s:g} s")
    try:
        return worker.receive()
    except (EOFError, OSError) as error:
        raise worker.died(error) from None


def rebuilt(failure: wire.DayFailed) -> FetchError:
    """The error that a worker reported."""
    kind = faults.KINDS[failure.kind]
    if kind is ThrottledError:
        return ThrottledError(failure.what, failure.remedy, failure.pause_s)
    return kind(failure.what, failure.remedy)
