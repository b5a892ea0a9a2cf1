"""The first trading day of a contract that no verified listing rule states: found once by asking for days, and kept.

Belongs here: which days are asked for, and what is recorded. Does not belong here: the rules (`market.lives`), how days
are probed (`depth`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.universe import in_our_tables
from ghtrader_assets.errors import FetchError
from ghtrader_assets.logs import logger
from ghtrader_assets.market.expiry import months_after
from ghtrader_assets.market.lives import LONGEST_LIFE_MONTHS, NOT_ASKED, ONE_DAY, FirstDays, Life, lives_of
from ghtrader_assets.market.schedule import MainChange, last_completed_day
from ghtrader_assets.market.symbols import Symbol, delivery_month
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.questdb.tables.reader import read_contract_lives
from ghtrader_assets.questdb.tables.records import write_contract_lives
from ghtrader_assets.questdb.tables.rows import ContractLife
from ghtrader_assets.reference.depth import DepthSource, Probe, asking, spans_where
from ghtrader_assets.settings import start_date_of

log = logger(__name__)

STEP: Final = 40
"""Every so many trading days first: about two months."""


def learn_first_days(context: LoadContext, symbols: Sequence[Symbol]) -> None:
    """Find and record the first day of each contract among `symbols` of which no verified rule and no record has it.

    A provider that can't be asked is asked the next time; until then an unverified rule holds. Raises `QuestDBError`.
    """
    contracts = [symbol for symbol in symbols if symbol.digits and in_our_tables(symbol)]
    _learn(context, [life for contract in contracts for life in _lives(context, contract)])


def learn_of_mains(context: LoadContext, mains: Mapping[date, Symbol]) -> None:
    """Learn the first days of the main contracts of days without a tick."""
    lives = {
        life
        for day, contract in mains.items()
        for life in lives_of(contract, day, context.calendar)
        if life.delivery == delivery_month(contract, day)
    }
    _learn(context, sorted(lives, key=lambda life: (life.contract.text, life.delivery)))


def _learn(context: LoadContext, lives: Sequence[Life]) -> None:
    rows = read_contract_lives(context.database) if lives else []
    asked = {(row.contract, row.delivery) for row in rows}
    for life in lives:
        name = life.contract.text
        if (name, life.delivery) in asked or (life.known and life.first and life.first.verified):
            continue
        try:
            found = _ask(context, life)
        except FetchError as error:
            log.warning("the first day of a contract is not known yet", contract=name, reason=str(error))
            continue
        if found is not None:
            write_contract_lives(context.database, [found])


def changes_of_contract(context: LoadContext, contract: Symbol) -> list[MainChange]:
    """The first day of a contract and the day after its last, for each contract that had the name."""
    lives = _lives(context, contract, read_first_days(context.database))
    return [
        change
        for life in lives
        if life.first is not None
        for change in ((life.first.day, contract.text), (life.last.day + ONE_DAY, ""))
    ]


def _lives(context: LoadContext, contract: Symbol, first_days: FirstDays = NOT_ASKED) -> list[Life]:
    """The contracts of this name that may trade on a day from the symbol's start to the last completed one."""
    start, end = start_date_of(context.settings, contract.product), _completed(context)
    found = {
        life.delivery: life for day in (start, end) for life in lives_of(contract, day, context.calendar, first_days)
    }
    return [life for life in found.values() if life.last.day >= start and life.first and life.first.day <= end]


def _ask(context: LoadContext, life: Life) -> ContractLife | None:
    """What to record of a contract; None of one that has no tick yet."""
    completed = _completed(context)
    earliest = max(months_after(life.delivery, -LONGEST_LIFE_MONTHS), context.calendar.first)
    days = context.calendar.days(earliest, min(life.last.day, completed))
    settings = context.settings
    source = DepthSource(context.provider, settings.home, settings.ingest_workers, context.timing, context.clock)
    with asking(source, life.contract, dict.fromkeys(days, life.contract.text), context.calendar) as ask:

        def probe(days: Sequence[date]) -> dict[date, bool]:
            return {day: answer.rows > 0 for day, answer in ask(days).items()}

        first = _first(life, days, probe)
    if first is None and completed <= life.last.day:
        return None
    return ContractLife(
        contract=life.contract.text,
        delivery=life.delivery,
        first_day=first,
        first_source=f"{context.provider.name}: the first day with a tick" if first else "",
        last_day=life.last.day,
        last_source=life.last.source,
        updated_at=context.clock.now(),
    )


def _first(life: Life, days: Sequence[date], probe: Probe) -> date | None:
    """The first of `days` with a tick: that of an unverified rule, if the day before it has none, or by halving."""
    if life.known and life.first and life.first.day in days[1:]:
        pair = [days[days.index(life.first.day) - 1], life.first.day]
        if list(probe(pair).values()) == [False, True]:
            return life.first.day
    spans = spans_where(days, probe, STEP)
    return spans[0][0] if spans else None


def _completed(context: LoadContext) -> date:
    return last_completed_day(context.calendar, context.clock.now_ns())
