"""`repair` as a user types it: what failed is planned with its reason, done with --apply, and then there is nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine

SYMBOL = "KQ.m@GFEX.lc"
RANGE = ("--from", "2026-01-14", "--to", "2026-01-16")
EMPTY, GOOD = "2026-01-15", "2026-01-16"


def planned(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item["trading_day"], item["cause"], item["need"]) for item in document["planned"]]


@pytest.mark.joint
def test_what_failed_is_planned_and_repaired_and_then_there_is_nothing(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    universe = {"GHTRADER_SYMBOLS": SYMBOL}
    exchange.faults({"kind": "no_data", "trading_day": EMPTY})
    loaded = shared.run("backfill", SYMBOL, "--from", EMPTY, "--to", GOOD, "--json", **universe)
    assert loaded.code == 1, loaded.err
    exchange.reset()

    plan = shared.run("repair", *RANGE, "--json", **universe)
    assert plan.code == 1, plan.err
    wanted = [("2026-01-14", "missing", "load"), (EMPTY, "provider_empty", "load")]
    assert planned(plan.document) == wanted
    assert plan.document["planned"][1]["tries"] == 1
    assert plan.document["work"]["loads"] == 2
    assert plan.document["work"]["rows"] > 10_000
    assert plan.document["applied"] is None

    done = shared.run("repair", *RANGE, "--apply", "--json", **universe)
    assert done.code == 0, done.err
    assert len(done.document["applied"]["succeeded"]) == 2

    nothing = shared.run("repair", *RANGE, **universe)
    assert nothing.code == 0, nothing.err
    assert "nothing to repair" in nothing.out

    status = shared.run("status", "--json", **universe)
    (feed,) = status.document["feeds"]
    assert (feed["symbol"], feed["state"], feed["last_day"]) == (SYMBOL, "late", GOOD)
    assert f"backfill {SYMBOL}" in feed["remedy"]


def test_a_range_that_is_none_is_refused(shared: CommandLine) -> None:
    for words in (
        ("repair", "--from", "2026-01-17", "--to", "2026-01-18"),
        ("repair", "--to", "2026-12-30"),
        ("repair", "--from", "2026-01-16", "--to", "2026-01-15"),
        ("repair", "KQ.m@SHFE.zz"),
    ):
        ran = shared.run(*words, at=datetime(2026, 12, 1, tzinfo=UTC))
        assert ran.code == 2, (words, ran.err)
        assert ran.err.startswith("error: ")
