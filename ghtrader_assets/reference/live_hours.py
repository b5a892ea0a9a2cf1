"""The provider's present hours, terms and last trading day of each symbol's contract, held against our tables.

Belongs here: asking, comparing, and the file that keeps what was found under `GHTRADER_HOME`.
Does not belong here: the tables (`market`) and showing sessions (`hours`).

Nothing is adopted, least of all for the past: a difference is for people to judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.universe import in_our_tables
from ghtrader_assets.errors import UnknownContractError
from ghtrader_assets.files import put_file
from ghtrader_assets.logs import logger
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import NS, shanghai_day
from ghtrader_assets.market.expiry import last_trading_day
from ghtrader_assets.market.products import TermsFinding, compare_terms
from ghtrader_assets.market.schedule import MainChange, last_trading_day_until
from ghtrader_assets.market.session_events import SessionEvent
from ghtrader_assets.market.sessions import SessionFinding, compare_trading_time
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.tq.market_data import Instrument, fetch_continuous_table, fetch_instruments
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing

log = logger(__name__)

SETTLE: Final = (
    "read the exchange's notice: hours of single days are a session event of your own (docs/operations.md), hours or "
    "terms that changed for good a row of ghtrader_assets/market/data (CONTRIBUTING.md)"
)


@dataclass(frozen=True, slots=True)
class LastDayFinding:
    """A contract whose last trading day differs between our rules and a provider."""

    contract: str
    ours: date
    theirs: date

    def __str__(self) -> str:
        return f"{self.contract} last trades on {self.ours} by our rules, on {self.theirs} at the provider"


@dataclass(frozen=True, slots=True)
class LiveHours:
    """How the provider's present `trading_time`, terms and last trading day of a contract compare with ours."""

    contract: str
    differences: list[SessionFinding | TermsFinding | LastDayFinding]


class KeptHours(msgspec.Struct, frozen=True):
    """What the last comparison of a symbol said: `differences` in words. `asked_at` is UTC."""

    provider: str
    asked_at: datetime
    contract: str
    differences: list[str]


def compare_live_hours(
    provider: Provider,
    home: Path,
    timing: Timing,
    symbols: Sequence[Symbol],
    clock: Clock,
    calendar: TradingCalendar,
    operator_events: tuple[SessionEvent, ...],
) -> dict[Symbol, LiveHours]:
    """Ask for the present contract of each symbol, compare on the last trading day up to today, and keep the result.

    Two fresh processes at the provider, however many symbols; those whose product is unknown are left out. Raises
    the `FetchError` family.
    """
    today = shanghai_day(clock.now_ns())
    contracts = _present_contracts(provider, home, timing, symbols, today)
    instruments = fetch_instruments(provider, sorted(set(contracts.values())), home, timing)
    day = last_trading_day_until(calendar, today)
    found = {
        symbol: LiveHours(contract, _differences(instruments[contract], day, calendar, operator_events))
        for symbol, contract in contracts.items()
    }
    _keep(home, provider, clock.now(), found)
    return found


def kept_hours(home: Path) -> dict[str, KeptHours]:
    """What the last comparison of each symbol said; nothing for those that were never compared."""
    try:
        return msgspec.json.decode(_path(home).read_bytes(), type=dict[str, KeptHours])
    except (FileNotFoundError, msgspec.MsgspecError):  # damaged: as if never asked
        return {}


def _present_contracts(
    provider: Provider, home: Path, timing: Timing, symbols: Sequence[Symbol], today: date
) -> dict[Symbol, str]:
    aliases = [symbol.text for symbol in symbols if symbol.kind != "contract"]
    table = fetch_continuous_table(provider, aliases, home, timing) if aliases else {}
    return {
        symbol: symbol.text if symbol.kind == "contract" else _main_on(symbol.text, table[symbol.text], today)
        for symbol in symbols
        if in_our_tables(symbol) and (symbol.kind == "contract" or symbol.text in table)
    }


def _main_on(alias: str, changes: Sequence[MainChange], today: date) -> str:
    known = [contract for day, contract in changes if day <= today and contract]
    if not known:
        raise UnknownContractError(f"the provider names no main contract of {alias} for {today}")
    return known[-1]


def _differences(
    instrument: Instrument, day: date, calendar: TradingCalendar, operator_events: tuple[SessionEvent, ...]
) -> list[SessionFinding | TermsFinding | LastDayFinding]:
    contract = parse_symbol(instrument.contract)
    return [
        *compare_trading_time(contract, day, calendar, instrument.trading_time, operator_events),
        *compare_terms(contract, day, instrument.price_tick, instrument.multiplier),
        *_last_day_differs(contract, day, calendar, instrument.expire_s),
    ]


def _last_day_differs(
    contract: Symbol, day: date, calendar: TradingCalendar, expire_s: float | None
) -> list[LastDayFinding]:
    ours = last_trading_day(contract, calendar, day)
    if ours is None or expire_s is None:
        return []
    theirs = shanghai_day(int(expire_s) * NS)
    return [] if theirs == ours.day else [LastDayFinding(contract.text, ours.day, theirs)]


def _keep(home: Path, provider: Provider, asked_at: datetime, found: Mapping[Symbol, LiveHours]) -> None:
    kept = kept_hours(home)
    for symbol, live in found.items():
        words = [str(difference) for difference in live.differences]
        if words:
            log.error("the provider's hours or terms differ from ours", symbol=symbol.text, differences=words)
        kept[symbol.text] = KeptHours(provider.name, asked_at, live.contract, words)
    put_file(_path(home), msgspec.json.format(msgspec.json.encode(kept)))


def _path(home: Path) -> Path:
    return home / "calendar" / "confirmed_hours.json"
