"""Instrument queries: the GraphQL that tqsdk sends over the websocket, answered for futures and main contracts.

Belongs here: reading the arguments of `multi_symbol_info`, choosing the instruments, describing each.
Does not belong here: when an answer is sent (`diff`), prices of the moment (`quotes`).

Only what tqsdk 3.10.4 sends is understood: one `multi_symbol_info(...)` with literal or variable arguments. An
instrument carries the fields that the query names anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

from ghtrader_assets.exchange.contracts import Contract, contract_named, contracts_of, main_contract
from ghtrader_assets.exchange.daily import life_of
from ghtrader_assets.exchange.specs import SPECS, Spec
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.market.sessions import DaySessions, SessionWindow

_ARGUMENT: Final = re.compile(r"(?P<name>\w+)\s*:\s*(?P<value>\[[^\]]*\]|\$\w+|\"[^\"]*\"|[\w.+-]+)")
_CALL: Final = re.compile(r"multi_symbol_info\s*(?:\((?P<arguments>[^()]*)\))?")
_CATEGORY: Final = {
    "au": "PRECIOUS_METALS",
    "ag": "PRECIOUS_METALS",
    "cu": "NONFERROUS_METALS",
    "rb": "FERROUS",
    "SR": "SOFT_COMMODITY",
    "m": "GREASE",
    "IF": "EQUITY_INDEX",
    "sc": "OIL",
    "lc": "NONFERROUS_METALS",
}
_LIMIT: Final = 0.08
_CLOSE_S: Final = 15 * 3600
Record = dict[str, Any]


def answer(query: str, variables: Mapping[str, Any], today: date, seed: int) -> dict[str, Any]:
    """The `symbols.<query_id>` entry for a query: `result`, or `error` for a contract of before 2020-09 by name.

    tqsdk asks for what its packaged file knows one by one with variables, and falls back to that file on an error.
    """
    entry: dict[str, Any] = {"query": query, "variables": dict(variables)}
    call = _CALL.search(query)
    if call is None:
        return {**entry, "error": "unknown query: only multi_symbol_info is served"}
    arguments = _arguments(call["arguments"] or "", variables)
    named = _strings(arguments.get("instrument_id"))
    found = [record for record in _candidates(named, today, seed) if _matches(record, arguments)]
    if variables.get("instrument_id") and not found:
        return {**entry, "error": f"instrument not found: {named}"}
    words = set(re.findall(r"\w+", query))
    return {**entry, "result": {"multi_symbol_info": [_selected(record, words) for record in found]}}


def describe(symbol: str, today: date, seed: int) -> Record | None:
    """Everything known of a contract or a `KQ.m@` alias on trading day `today`; None if there is no such one."""
    contract = contract_named(symbol)
    if contract is not None:
        return _future(contract, today, seed)
    spec = SPECS.get(symbol.removeprefix("KQ.m@")) if symbol.startswith("KQ.m@") else None
    return _main(spec, today, seed) if spec is not None else None


def limits(contract: Contract, day: date, seed: int) -> tuple[float, float]:
    """Lower and upper price limit of a contract on a trading day."""
    life = life_of(contract, seed)
    tick = contract.terms(day).price_tick
    before = int(life.previous_close_ticks[life.index(day)])
    return round(int(before * (1 - _LIMIT)) * tick, 4), round(int(before * (1 + _LIMIT)) * tick, 4)


def _candidates(named: list[str], today: date, seed: int) -> list[Record]:
    symbols = named or [
        name
        for key, spec in SPECS.items()
        if spec.product.listed <= today
        for name in (f"KQ.m@{key}", *(item.text for item in contracts_of(spec) if item.listed <= today))
    ]
    records = (describe(symbol, today, seed) for symbol in symbols)
    return [record for record in records if record is not None]


def _arguments(text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for match in _ARGUMENT.finditer(text):
        value = match["value"]
        if value.startswith("$"):
            arguments[match["name"]] = variables.get(value[1:])
        elif value.startswith("["):
            arguments[match["name"]] = [word.strip(' "') for word in value[1:-1].split(",") if word.strip()]
        elif value in ("true", "false", "null"):
            arguments[match["name"]] = json.loads(value)
        else:
            arguments[match["name"]] = value.strip('"')
    return arguments


_FILTERS: Final[dict[str, Callable[[Record, Any], bool]]] = {
    "class": lambda record, wanted: record["class"] in _strings(wanted),
    "exchange_id": lambda record, wanted: record["exchange_id"] in _strings(wanted),
    "product_id": lambda record, wanted: record.get("product_id") in _strings(wanted),
    "expired": lambda record, wanted: record.get("expired", False) is wanted,
    "has_night": lambda record, wanted: bool(record["trading_time"]["night"]) is wanted,
}


def _matches(record: Record, arguments: Mapping[str, Any]) -> bool:
    given = ((name, value) for name, value in arguments.items() if value is not None and name in _FILTERS)
    return all(_FILTERS[name](record, value) for name, value in given)


def _strings(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return [] if value is None else [str(value)]


def _selected(record: Record, words: set[str]) -> Record:
    chosen: Record = {name: value for name, value in record.items() if name in words}
    if "underlying" in chosen:
        edges = [{**edge, "node": _selected(edge["node"], words)} for edge in chosen["underlying"]["edges"]]
        chosen["underlying"] = {**chosen["underlying"], "edges": edges}
    return chosen


@lru_cache(maxsize=4096)
def _future(contract: Contract, today: date, seed: int) -> Record:
    spec = contract.spec
    life = life_of(contract, seed)
    day = _described_day(contract, today)
    index = life.index(day) if day in life.days else 0
    terms = contract.terms(day)
    before = round(int(life.previous_close_ticks[index]) * terms.price_tick, 4) if life.days else 0.0
    lower, upper = limits(contract, day, seed) if life.days else (0.0, 0.0)
    return {
        "__typename": "future",
        **_basics(spec, contract, contract.text, contract.text.split(".")[1], day),
        "class": "FUTURE",
        "trading_time": trading_time(contract, day),
        "pre_close": before,
        "volume_multiple": float(terms.multiplier),
        "quote_multiple": 1.0,
        "upper_limit": upper,
        "lower_limit": lower,
        "pre_open_interest": int(life.open_interest_before[index]) if life.days else 0,
        "expired": today > contract.last_day,
        "product_id": spec.code,
        "product_short_name": spec.product.name_zh,
        "delivery_year": contract.delivery.year,
        "delivery_month": contract.delivery.month,
        "expire_datetime": instant_ns(contract.last_day, _CLOSE_S),
        "settlement_price": before,
        "max_market_order_volume": 30,
        "max_limit_order_volume": 500,
        "min_market_order_volume": 1,
        "min_limit_order_volume": 1,
        "open_limit": 0,
        "margin": round(before * terms.multiplier * 0.1, 2),
        "commission": 5.0,
        "mmsa": True,
        "categories": [{"id": _CATEGORY[spec.code], "name": _CATEGORY[spec.code]}],
        "position_limit": 0,
    }


@lru_cache(maxsize=256)
def _main(spec: Spec, today: date, seed: int) -> Record | None:
    if today < spec.product.listed:
        return None
    contract = main_contract(spec, today)
    node = _future(contract, today, seed)
    return {
        "__typename": "cont",
        **_basics(spec, contract, f"KQ.m@{spec.key}", f"{spec.product.name_zh}主连", today),
        "class": "CONT",
        "exchange_id": "KQ",
        "trading_time": node["trading_time"],
        "underlying": {"count": 1, "edges": [{"underlying_multiple": 1.0, "node": node}]},
    }


def _basics(spec: Spec, contract: Contract, symbol: str, name: str, day: date) -> Record:
    price_tick = contract.terms(day).price_tick
    return {
        "instrument_id": symbol,
        "exchange_id": str(spec.exchange),
        "instrument_name": name,
        "english_name": spec.product.name_en,
        "price_tick": price_tick,
        "price_decs": len(f"{price_tick:g}".partition(".")[2]),
        "trading_day": f"{day:%Y%m%d}",
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


def _hours(contract: Contract, day: date) -> DaySessions:
    return contract.sessions(max(day, contract.spec.product.listed))


def _span(window: SessionWindow, trading_day: date) -> list[str]:
    base = trading_day if window.session == "day" else snapshot_calendar().previous(trading_day)
    midnight = instant_ns(base, 0)
    seconds = [(edge - midnight) // NS for edge in (window.start_ns, window.end_ns)]
    return [f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in seconds]


def _described_day(contract: Contract, today: date) -> date:
    """The day whose figures describe a contract: today, or the nearest one on which it trades."""
    return min(max(today, contract.first_served), contract.last_day, snapshot_calendar().horizon)
