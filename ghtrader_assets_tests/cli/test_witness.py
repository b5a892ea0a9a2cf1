"""Days in doubt on their way through commands: asked about by a load, asked again by `validate`, shown by `days`."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine

pytestmark = pytest.mark.joint

SYMBOL, CONTRACT, DAY = "KQ.m@DCE.m", "DCE.m2605", date(2026, 1, 21)
OTHER = date(2026, 1, 22)
HOLE = {"kind": "hole", "symbol": CONTRACT, "trading_day": DAY.isoformat(), "amount": 3000}


def told(command: CommandLine, day: date, *words: str, code: int, **more: str) -> Any:
    span = ("--from", day.isoformat(), "--to", day.isoformat())
    ran = command.run(*words, SYMBOL, *span, "--json", GHTRADER_SYMBOLS=SYMBOL, **more)
    assert ran.code == code, ran.err
    return ran.document


def day_of(command: CommandLine, day: date) -> tuple[str, str, str]:
    (row,) = told(command, day, "days", code=0)
    return row["state"], row["witness"], row["reason"]


def test_a_load_hears_the_bars_of_a_day_in_doubt_and_succeeds_without_them(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    exchange.faults(HOLE)
    loaded = told(shared, DAY, "backfill", code=0)
    assert [day["trading_day"] for day in loaded["succeeded"]] == [DAY.isoformat()]
    state, witness, reason = day_of(shared, DAY)
    assert (state, witness) == ("error", "convicts")
    assert "the provider's bars trade" in reason
    assert told(shared, DAY, "validate", code=1)["result"] == "noop"

    exchange.reset()
    assert told(shared, DAY, "backfill", "--force", code=0)["failed"] == []
    assert day_of(shared, DAY)[:2] == ("ok", "agrees"), "the answer that is stored is heard at once"
    asked = [item for item in exchange.requests("set_chart") if item["duration"]]
    assert asked == [], "and not asked for again"


def test_a_provider_that_fails_leaves_a_day_unwitnessed_and_validate_asks_again(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    exchange.faults({**HOLE, "trading_day": OTHER.isoformat()})
    told(shared, OTHER, "backfill", "--tables", "ticks", code=0, GHTRADER_VALIDATE_AFTER_INGEST="never")
    exchange.faults({"kind": "maintenance", "at": "token", "times": None})
    failed = told(shared, OTHER, "validate", code=1)
    assert [(item["trading_day"], item["outcome"]) for item in failed["witness"]] == [
        (OTHER.isoformat(), "maintenance")
    ]
    assert (failed["result"], day_of(shared, OTHER)[:2]) == ("judged", ("error", "unwitnessed"))

    exchange.reset()
    assert told(shared, OTHER, "validate", "--no-probe", code=1)["witness"] == []
    heard = told(shared, OTHER, "validate", code=1)
    assert [item["outcome"] for item in heard["witness"]] == ["complete"]
    assert (heard["result"], day_of(shared, OTHER)[1]) == ("judged", "convicts")
    assert told(shared, OTHER, "validate", code=1) == {"result": "noop", "days": heard_again(heard), "witness": []}


def heard_again(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**day, "judged": False} for day in document["days"]]


def test_a_load_of_another_day_asks_about_older_days_in_doubt_too(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    """What was judged without a provider, or when it failed, is not left to somebody's `validate`."""
    old, new = date(2026, 1, 27), date(2026, 1, 29)
    exchange.faults({**HOLE, "trading_day": old.isoformat()})
    told(shared, old, "backfill", "--tables", "ticks", code=0, GHTRADER_VALIDATE_AFTER_INGEST="never")
    told(shared, old, "validate", "--no-probe", code=1)
    assert day_of(shared, old)[:2] == ("error", "unwitnessed")
    loaded = told(shared, new, "backfill", code=0)
    assert [day["trading_day"] for day in loaded["succeeded"]] == [new.isoformat()]
    assert day_of(shared, old)[1] == "convicts"
    assert told(shared, old, "validate", code=1)["result"] == "noop"


def test_repair_asks_about_days_in_doubt_and_loads_what_the_bars_convict(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    day = date(2026, 1, 26)
    exchange.faults({**HOLE, "trading_day": day.isoformat()})
    told(shared, day, "backfill", "--tables", "ticks", code=0, GHTRADER_VALIDATE_AFTER_INGEST="never")
    told(shared, day, "validate", "--no-probe", code=1)
    assert day_of(shared, day)[:2] == ("error", "unwitnessed")
    assert told(shared, day, "repair", code=0)["planned"] == [], "a plan asks nobody"

    exchange.reset()
    repaired = told(shared, day, "repair", "--apply", code=0)
    assert [each["cause"] for each in repaired["planned"]] == ["partial"]
    assert day_of(shared, day)[:2] == ("ok", "agrees")
