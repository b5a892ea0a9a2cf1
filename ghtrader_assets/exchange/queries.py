"""Instrument queries: the GraphQL that tqsdk sends over the websocket.

Belongs here: reading the arguments of `multi_symbol_info`, choosing instruments and the fields to show.
Does not belong here: what is known of an instrument (`instruments`), when an answer is sent (`diff`).

Only what tqsdk 3.10.4 sends is understood: one `multi_symbol_info(...)` with literal or variable arguments. An
instrument carries the fields that the query names anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, cast

from ghtrader_assets.exchange.faults import FaultRule
from ghtrader_assets.exchange.instruments import FIGURES, InstrumentRecord, describe, figures_of, known_symbols
from ghtrader_assets.exchange.misstatements import misstated_record
from ghtrader_assets.exchange.specs import Model

_ARGUMENT: Final = re.compile(r"(?P<name>\w+)\s*:\s*(?P<value>\[[^\]]*\]|\$\w+|\"[^\"]*\"|[\w.+-]+)")
_CALL: Final = re.compile(r"multi_symbol_info\s*(?:\((?P<arguments>[^()]*)\))?")


def answer(
    query: str, variables: Mapping[str, Any], today: date, model: Model, wrong: Sequence[FaultRule] = ()
) -> dict[str, Any]:
    """The `symbols.<query_id>` entry for a query: `result`, or `error` for an unknown contract asked by variable.

    `wrong` is what instruments are to be misstated as.
    tqsdk asks for what its packaged file knows one by one with variables, and falls back to that file on an error.
    """
    entry: dict[str, Any] = {"query": query, "variables": dict(variables)}
    call = _CALL.search(query)
    if call is None:
        return {**entry, "error": "unknown query: only multi_symbol_info is served"}
    arguments = _arguments(call["arguments"] or "", variables)
    named = _strings(arguments.get("instrument_id"))
    records = (describe(symbol, today, model.number) for symbol in named or known_symbols(today, model.number))
    told = (misstated_record(record, wrong) for record in records if record is not None)
    found = [record for record in told if _matches(record, arguments)]
    if variables.get("instrument_id") and not found:
        return {**entry, "error": f"instrument not found: {named}"}
    words = set(re.findall(r"\w+", query))
    return {**entry, "result": {"multi_symbol_info": [_shown(record, words, today, model) for record in found]}}


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


_FILTERS: Final[dict[str, Callable[[InstrumentRecord, Any], bool]]] = {
    "class": lambda record, wanted: record["class"] in _strings(wanted),
    "exchange_id": lambda record, wanted: record["exchange_id"] in _strings(wanted),
    "product_id": lambda record, wanted: record.get("product_id") in _strings(wanted),
    "expired": lambda record, wanted: record.get("expired", False) is wanted,
    "has_night": lambda record, wanted: bool(record["trading_time"]["night"]) is wanted,
}


def _matches(record: InstrumentRecord, arguments: Mapping[str, Any]) -> bool:
    given = ((name, value) for name, value in arguments.items() if value is not None and name in _FILTERS)
    return all(_FILTERS[name](record, value) for name, value in given)


def _strings(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(item) for item in cast("Sequence[object]", value)]
    return [] if value is None else [str(value)]


def _shown(record: InstrumentRecord, words: set[str], today: date, model: Model) -> InstrumentRecord:
    """The fields of a record that the query names; a day's figures are worked out only if it names one."""
    if record["class"] == "FUTURE" and words & FIGURES:
        record = {**record, **figures_of(record["instrument_id"], today, model)}
    chosen: InstrumentRecord = {name: value for name, value in record.items() if name in words}
    if "underlying" in chosen:
        edges = [{**edge, "node": _shown(edge["node"], words, today, model)} for edge in chosen["underlying"]["edges"]]
        chosen["underlying"] = {**chosen["underlying"], "edges": edges}
    return chosen
