"""One entrance for symbols and ranges: every command takes any days, and no command a text that is no symbol."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from ghtrader_assets.cli import FILES
from ghtrader_assets_tests.cli.refusals import refused
from ghtrader_assets_tests.fix_platform import CommandLine

pytestmark = pytest.mark.joint

SYMBOL = "KQ.m@SHFE.rb"
NEW_YEAR = ("--from", "2026-01-01", "--to", "2026-01-06")
TRADING_DAYS = ["2026-01-05", "2026-01-06"]
UNIVERSE = {"GHTRADER_SYMBOLS": SYMBOL}

Found = Callable[[Any], list[str]]


def days_in(rows: Any) -> list[str]:
    return [row["trading_day"] for row in rows]


RANGED: dict[str, tuple[tuple[str, ...], Found]] = {
    "backfill": ((), lambda found: sorted(days_in(found["succeeded"] + found["unchanged"]))),
    "days": ((), days_in),
    "validate": ((), lambda found: days_in(found["days"])),
    "aggregate-manifest": ((), lambda found: [row["day"] for row in found["manifest"]["symbols"][0]["days"]]),
    "repair": ((), lambda found: days_in(found["planned"]) or TRADING_DAYS),
    "schedule": ((), days_in),
    "sessions": ((), lambda found: days_in(found["days"])),
    "l5-start": (("--step", "1"), lambda found: days_in(found["probed"])),
    "ticks": (("--columns", "last_price", "--out", "rb.csv"), lambda found: list(found["states"])),
    "override": (
        ("--contract", "SHFE.rb2605", "--reason", "it is"),
        lambda found: [found["overrides"][-1]["first_day"], found["overrides"][-1]["last_day"]],
    ),
}


@pytest.mark.service
def test_the_ends_of_a_range_are_any_days(shared: CommandLine) -> None:
    for command, (words, found) in RANGED.items():
        ran = shared.run(command, SYMBOL, *NEW_YEAR, *words, "--json", **UNIVERSE)
        assert ran.code == 0, (command, ran.err)
        assert found(ran.document) == TRADING_DAYS, command
    assert shared.run("override", SYMBOL, *NEW_YEAR, "--revoke", **UNIVERSE).code == 0
    good = shared.run("accept", SYMBOL, NEW_YEAR[1], *NEW_YEAR[2:], "--reason", "why not", **UNIVERSE)
    refused(good, 2, "no day from 2026-01-05 to 2026-01-06 that can be accepted")


MISSPELT = {
    "KQ.m@CZCE.sr": "write KQ.m@CZCE.SR",
    "SHFE.CU2602": "write SHFE.cu2602",
    "CZCE.SR2609": "write CZCE.SR609",
    "KQ.i@SHFE.cu": "write KQ.m@SHFE.cu",
    "KQ.d@DCE.m": "write KQ.m@DCE.m",
    "copper": "write it as TqSdk does",
}
WITHOUT_SYMBOL = {
    "rotate-secrets",
    "init",
    "up",
    "down",
    "status",
    "demo",
    "doctor",
    "bench",
    "manifests",
    "manifest",
    "calendar",
    "metrics",
} | {
    "verify-manifest",
    "diff-manifests",
}


def test_a_text_that_is_no_symbol_ends_each_command_with_the_right_spelling(bare: CommandLine) -> None:
    """Each command with another one of them, where its symbol stands."""
    texts, day, days = cycle(MISSPELT.items()), (TRADING_DAYS[0],), NEW_YEAR
    after = {"gaps": day, "quality": day, "lineage": day, "contracts": day, "accept": (*day, "--reason", "why")}
    for command in FILES:
        if command not in WITHOUT_SYMBOL:
            text, says = next(texts)
            words = after.get(command, () if command == "coverage" else days)
            refused(bare.run(command, text, *words), 2, text, says)
    for text, says in MISSPELT.items():
        refused(bare.run("override", SYMBOL, "--contract", text, *days, "--reason", "why", **UNIVERSE), 2, text, says)
    assert not (bare.home / "questdb").exists(), "nothing was started for it"


def test_a_text_that_is_no_symbol_in_the_settings_ends_every_command(bare: CommandLine) -> None:
    texts = cycle(MISSPELT.items())
    for command in FILES:
        text, says = next(texts)
        refused(bare.run(command, GHTRADER_SYMBOLS=f"{SYMBOL},{text}"), 2, text, says)
    assert not list(Path(bare.home).glob("*.json"))
