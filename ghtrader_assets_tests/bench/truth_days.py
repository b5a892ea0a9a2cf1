"""Clean days for the campaign on truth: symbols of the embedded exchange's model 2, and what is special on their days.

Belongs here: which symbols and days, their frames, what a verdict of the product on a frame is.
Does not belong here: faults (`truth_faults`), what must be found (`truth_decidable`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from ghtrader_assets.exchange.contracts import Contract, contract_named, main_contract
from ghtrader_assets.exchange.daily import DEFAULT_SEED
from ghtrader_assets.exchange.history import made_day
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.plans import occasion_of
from ghtrader_assets.exchange.specs import Model, specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.products import Liquidity, Product, liquidity_of, product_on
from ghtrader_assets.market.sessions import DaySessions, breaks_for_holiday, day_sessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import BAR_PRICES, NUMERIC_COLUMNS, tick_frame
from ghtrader_assets.validation.bars import Bars, bars_of_day
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence
from ghtrader_assets.validation.judge import Provenance, judge_day
from ghtrader_assets.validation.policy import policy_for
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets.validation.witness import Word
from ghtrader_assets_tests.true_ticks import bars_of

MODEL: Final = Model(2, DEFAULT_SEED)
FIRST_DAY: Final = date(2025, 9, 1)
LAST_DAY: Final = date(2026, 1, 16)
"""92 trading days, with the National Day's and the New Year's holidays."""

PRODUCTS: Final = tuple(specs_of(MODEL.number))
"""All 15, of six exchanges; a product's main contracts are judged as its continuous symbol."""
CONTRACTS: Final = {
    "SHFE.cu2510": "its last days",
    "INE.sc2512": "its last days",
    "CZCE.SR601": "its last days",
    "CFFEX.IF2510": "all its days, the last one too",
    "CFFEX.T2512": "its last days, the last one half",
    "CZCE.CY601": "the last days of a thin one",
    "DCE.m2609": "its first days",
    "SHFE.rb2610": "its first days",
}
"""Contracts judged under their own names: first and last days."""
SERIES: Final = (*PRODUCTS, *CONTRACTS)

_JUDGED_AT: Final = datetime(2026, 1, 17, tzinfo=UTC)


@dataclass(frozen=True)
class SymbolDay:
    """A clean trading day of a symbol; `place` counts the days of its series before it."""

    symbol: Symbol
    contract: Contract
    day: date
    place: int
    is_roll: bool

    @property
    def columns(self) -> Columns:
        """What the exchange delivers, without ids. Not to be changed."""
        return _columns(self.contract, self.day)

    @cached_property
    def sessions(self) -> DaySessions:
        return day_sessions(self.contract.symbol, self.day, snapshot_calendar())

    @property
    def product(self) -> Product:
        return product_on(self.contract.symbol, self.day)

    @property
    def liquidity(self) -> Liquidity:
        return liquidity_of(self.symbol.product)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is special about the day."""
        calendar, windows = snapshot_calendar(), self.sessions.windows
        special = occasion_of(self.contract, self.day, MODEL.seed)
        usual = day_sessions(parse_symbol(f"KQ.m@{self.contract.spec.key}"), self.day, calendar).windows
        return (
            *([special.kind] if special else ()),
            *(["half day"] if len(windows) < len(usual) else ()),
            *(["eve of a holiday"] if breaks_for_holiday(self.day, calendar.next(self.day)) else ()),
            *(["after a holiday"] if breaks_for_holiday(calendar.previous(self.day), self.day) else ()),
            *(["roll"] if self.is_roll else ()),
            *(["first day"] if self.day == self.contract.listed else ()),
            *(["last day"] if self.day == self.contract.last_day else ()),
        )

    @property
    def is_halted(self) -> bool:
        return "halt" in self.notes

    def span(self, session: str) -> tuple[int, int]:
        """The first and the last second of a session."""
        windows = [window for window in self.sessions.windows if window.session == session]
        return windows[0].start_ns // NS, windows[-1].end_ns // NS

    @property
    def names(self) -> tuple[str, ...]:
        """The sessions of the day, in order."""
        return tuple(dict.fromkeys(window.session for window in self.sessions.windows))


_KEPT: Final = {"datetime_ns", *NUMERIC_COLUMNS}


@lru_cache(maxsize=2)
def _columns(contract: Contract, day: date) -> Columns:
    made = made_day(contract, day, MODEL.seed).columns
    return {name: values for name, values in made.items() if name in _KEPT}


@cache
def days_of(key: str) -> tuple[SymbolDay, ...]:
    """The days of a series, in order: a product's (`SHFE.cu`) or a contract's (`SHFE.cu2510`)."""
    calendar = snapshot_calendar()
    if key in PRODUCTS:
        spec, symbol = specs_of(MODEL.number)[key], parse_symbol(f"KQ.m@{key}")
        days = calendar.days(FIRST_DAY, LAST_DAY)
        contracts = [main_contract(spec, day) for day in [calendar.previous(days[0]), *days]]
        return tuple(
            SymbolDay(symbol, contract, day, place, is_roll=contract != before)
            for place, (day, (before, contract)) in enumerate(zip(days, pairwise(contracts), strict=True))
        )
    contract = contract_named(key, MODEL.number)
    assert contract is not None, key
    days = [day for day in contract.days(LAST_DAY) if day >= FIRST_DAY]
    return tuple(SymbolDay(contract.symbol, contract, day, place, is_roll=False) for place, day in enumerate(days))


def numbered(columns: Columns) -> Columns:
    """With contiguous ids, as a provider that lost ticks would number them."""
    return {"tick_id": np.arange(len(columns["datetime_ns"]), dtype=np.int64), **columns}


def verdict_on(day: SymbolDay, columns: Columns, evidence: Evidence = NO_EVIDENCE) -> DayVerdict:
    """The product's verdict on a day with these columns."""
    return judge_day(
        tick_frame(columns),
        day.symbol,
        day.contract.text,
        day.sessions,
        day.product,
        policy_for(day.symbol.product),
        Provenance(content_digest="0" * 32, judged_at=_JUDGED_AT),
        window=snapshot_calendar().window(day.day),
        evidence=evidence,
    )


def answered_verdict_on(day: SymbolDay, columns: Columns, evidence: Evidence = NO_EVIDENCE) -> DayVerdict:
    """The verdict that a day has in the end: where it is in doubt the provider's bars are asked for."""
    verdict = verdict_on(day, columns, evidence)
    if verdict.coverage.witness != Word.UNWITNESSED:
        return verdict
    bars = _bars_on(day.contract, day.day)
    return verdict_on(day, columns, replace(evidence, bars=bars, witness_digest=bars.digest))


@lru_cache(maxsize=2)
def _bars_on(contract: Contract, day: date) -> Bars:
    made = bars_of(contract.text, day, MODEL)
    told = pl.DataFrame({"start_ns": made["datetime_ns"]} | {name: made[name] for name in (*BAR_PRICES, "volume")})
    return bars_of_day(told, contract.text, snapshot_calendar().window(day))
