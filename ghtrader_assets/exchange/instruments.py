"""What the exchange tells of an instrument: terms, hours, expiry, yesterday's figures, the contract behind an alias.

Belongs here: the record of one contract or `KQ.m@` symbol, in tqsdk's field names.
Does not belong here: which instruments a query asks for (`queries`), prices of the moment (`quotes`).
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any, Final

from ghtrader_assets.exchange.contracts import Contract, contract_named, contracts_of, main_contract
from ghtrader_assets.exchange.daily import life_of
from ghtrader_assets.exchange.specs import Model, ModelNumber, Spec, specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.market.sessions import DaySessions, SessionWindow

InstrumentRecord = dict[str, Any]
FIGURES: Final = frozenset(
    {"pre_close", "settlement_price", "upper_limit", "lower_limit", "pre_open_interest", "margin"}
)
"""Fields that depend on prices: `figures_of` has them, `describe` does not."""

_MARGIN: Final = 0.1
_CLOSE_S: Final = 15 * 3600


def known_symbols(today: date, model: ModelNumber) -> list[str]:
    """Every main symbol and contract that was listed by trading day `today`, expired ones included."""
    return [
        name
        for key, spec in specs_of(model).items()
        if spec.product.listed <= today
        for name in (f"KQ.m@{key}", *(item.text for item in contracts_of(spec) if item.listed <= today))
    ]


def describe(symbol: str, today: date, model: ModelNumber) -> InstrumentRecord | None:
    """The record of a contract or a `KQ.m@` symbol on trading day `today`; None if there is no such one yet."""
    contract = contract_named(symbol, model)
    if contract is not None:
        return _future(contract, today) if contract.listed <= today else None
    spec = specs_of(model).get(symbol.removeprefix("KQ.m@")) if symbol.startswith("KQ.m@") else None
    return _main(spec, today) if spec is not None and spec.product.listed <= today else None


@lru_cache(maxsize=4096)
def figures_of(symbol: str, today: date, model: Model) -> InstrumentRecord:
    """The `FIGURES` of a known contract on trading day `today`, or on the nearest day on which it trades."""
    contract = contract_named(symbol, model.number)
    day = _described_day(contract, today) if contract is not None else today
    if contract is None or day not in life_of(contract, model.seed).days:
        return {}
    life, terms = life_of(contract, model.seed), contract.terms(day)
    ticks = int(life.previous_close_ticks[life.index(day)])
    before = round(ticks * terms.price_tick, 4)
    return {
        "pre_close": before,
        "settlement_price": before,
        "upper_limit": round(int(ticks * (1 + contract.spec.limit)) * terms.price_tick, 4),
        "lower_limit": round(int(ticks * (1 - contract.spec.limit)) * terms.price_tick, 4),
        "pre_open_interest": int(life.open_interest_before[life.index(day)]),
        "margin": round(before * terms.multiplier * _MARGIN, 2),
    }


def trading_time(contract: Contract, day: date) -> dict[str, list[list[str]]]:
    """A contract's usual hours as tqsdk shows them, hours after midnight counted on from 24.

    Taken from a day with a night session if the product has one: a holiday is no change of hours.
    """
    calendar = snapshot_calendar()
    candidates = [day]
    while len(candidates) < 4:
        candidates.append(calendar.previous(candidates[-1]))
    sessions = next((found for item in candidates if (found := _hours(contract, item)).has_night), None)
    sessions = sessions or _hours(contract, day)
    return {
        kind: [_span(window, sessions.trading_day) for window in sessions.windows if window.session == kind]
        for kind in ("day", "night")
    }


@lru_cache(maxsize=4096)
def _future(contract: Contract, today: date) -> InstrumentRecord:
    spec, day = contract.spec, _described_day(contract, today)
    return {
        "__typename": "future",
        **_basics(contract, contract.text, contract.text.split(".")[1], day),
        "exchange_id": str(spec.exchange),
        "class": "FUTURE",
        "trading_time": trading_time(contract, day),
        "volume_multiple": float(contract.terms(day).multiplier),
        "quote_multiple": 1.0,
        "expired": today > contract.last_day,
        "product_id": spec.code,
        "product_short_name": spec.product.name_zh,
        "delivery_year": contract.delivery.year,
        "delivery_month": contract.delivery.month,
        "expire_datetime": instant_ns(contract.last_day, _CLOSE_S),
        "max_market_order_volume": 30,
        "max_limit_order_volume": 500,
        "min_market_order_volume": 1,
        "min_limit_order_volume": 1,
        "open_limit": 0,
        "commission": 5.0,
        "mmsa": True,
        "categories": [{"id": spec.category, "name": spec.category}],
        "position_limit": 0,
    }


@lru_cache(maxsize=256)
def _main(spec: Spec, today: date) -> InstrumentRecord:
    contract = main_contract(spec, today)
    node = _future(contract, today)
    return {
        "__typename": "cont",
        **_basics(contract, f"KQ.m@{spec.key}", f"{spec.product.name_zh}主连", today),
        "exchange_id": "KQ",
        "class": "CONT",
        "trading_time": node["trading_time"],
        "underlying": {"count": 1, "edges": [{"underlying_multiple": 1.0, "node": node}]},
    }


def _basics(contract: Contract, symbol: str, name: str, day: date) -> InstrumentRecord:
    price_tick = contract.terms(day).price_tick
    return {
        "instrument_id": symbol,
        "instrument_name": name,
        "english_name": contract.spec.product.name_en,
        "price_tick": price_tick,
        "price_decs": len(f"{price_tick:g}".partition(".")[2]),
        "trading_day": f"{day:%Y%m%d}",
    }


def _hours(contract: Contract, day: date) -> DaySessions:
    return contract.sessions(max(day, contract.spec.product.listed))


def _span(window: SessionWindow, trading_day: date) -> list[str]:
    base = trading_day if window.session == "day" else snapshot_calendar().previous(trading_day)
    midnight = instant_ns(base, 0)
    seconds = [(edge - midnight) // NS for edge in (window.start_ns, window.end_ns)]
    return [f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in seconds]


def _described_day(contract: Contract, today: date) -> date:
    """The day whose figures describe a contract: today, or the nearest one on which it trades."""
    calendar = snapshot_calendar()
    day = min(max(today, contract.first_served), contract.last_day, calendar.horizon)
    return day if calendar.is_trading_day(day) else calendar.previous(day)
