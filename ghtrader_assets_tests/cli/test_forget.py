"""`forget` as a user types it: a plan, the deed, and a deed that is killed anywhere and typed again."""

from __future__ import annotations

import random
import time

import pytest

from ghtrader_assets_tests.fix_platform import CommandLine

SYMBOL, OTHER = "KQ.m@GFEX.lc", "KQ.m@CFFEX.IF"
RANGE = ("--from", "2025-12-15", "--to", "2025-12-17")
UNIVERSE = f"{SYMBOL},{OTHER}"


def stored(shared: CommandLine, symbol: str) -> list[str]:
    days = shared.run("days", symbol, *RANGE, "--json", GHTRADER_SYMBOLS=UNIVERSE).document
    return [day["trading_day"] for day in days if day["rows"]]


@pytest.mark.joint
def test_a_symbol_is_forgotten_however_often_that_is_killed(shared: CommandLine, seed: int) -> None:
    loaded = shared.run("backfill", SYMBOL, OTHER, *RANGE, "--force", GHTRADER_SYMBOLS=UNIVERSE)
    assert loaded.code == 0, loaded.err
    before = stored(shared, SYMBOL)
    assert len(before) == 3
    planned = shared.run("forget", SYMBOL, "--from", before[1], "--to", before[2], "--json", GHTRADER_SYMBOLS=UNIVERSE)
    assert planned.code == 1
    assert [day["trading_day"] for day in planned.document["planned"][0]["days"]] == before[1:]
    assert stored(shared, SYMBOL) == before, "a plan changes nothing"

    chance = random.Random(seed)
    for _ in range(4):
        killed = shared.start(
            "forget", SYMBOL, "--from", before[1], "--to", before[2], "--apply", GHTRADER_SYMBOLS=UNIVERSE
        )
        time.sleep(chance.uniform(1.0, 4.0))
        killed.kill()
        killed.communicate(timeout=60)
    done = shared.run(
        "forget", SYMBOL, "--from", before[1], "--to", before[2], "--apply", "--json", GHTRADER_SYMBOLS=UNIVERSE
    )
    assert done.code == 0, done.err
    assert stored(shared, SYMBOL) == before[:1]
    assert stored(shared, OTHER) == before
    for path in (shared.home / "manifests" / "forgotten").glob("forget-*.json"):
        assert '"finished": null' not in path.read_text()

    assert shared.run("forget", SYMBOL, "--apply", GHTRADER_SYMBOLS=OTHER).code == 0, "one that is no longer configured"
    again = shared.run("forget", SYMBOL, "--apply", GHTRADER_SYMBOLS=OTHER)
    assert (again.code, "nothing of" in again.out) == (0, True)
    assert shared.run("days", SYMBOL, *RANGE, GHTRADER_SYMBOLS=OTHER).code == 2


def test_half_a_range_and_a_symbol_that_nothing_is_known_of_are_refused(shared: CommandLine) -> None:
    half = shared.run("forget", OTHER, "--from", "2025-12-15")
    assert (half.code, "--to" in half.err) == (2, True)
    unknown = shared.run("forget", "KQ.m@SHFE.zz")
    assert (unknown.code, "never forgotten" in unknown.err) == (2, True)
