"""A symbol whose product is unknown is left out by name; the others are refreshed and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghtrader_assets.context.universe import note_product, unknown_product
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets_tests.fix_platform import CommandLine

KNOWN, OURS, THEIRS = "KQ.m@SHFE.rb", "KQ.m@GFEX.zz", "KQ.m@GFEX.ps"
"""`OURS` is in no table of ours; `THEIRS` is, but the provider has none of it."""
DAY = ("--from", "2026-01-05", "--to", "2026-01-05")
UNIVERSE = {"GHTRADER_SYMBOLS": f"{KNOWN},{OURS},{THEIRS}"}


def test_what_the_provider_lacks_is_remembered_and_forgotten(tmp_path: Path) -> None:
    known, ours, theirs = (parse_symbol(text) for text in (KNOWN, OURS, THEIRS))
    assert unknown_product(tmp_path, known) is None
    assert "no product 'zz'" in str(unknown_product(tmp_path, ours))
    assert unknown_product(tmp_path, theirs) is None, "until the provider was asked"
    note_product(tmp_path, theirs, known=False)
    assert str(unknown_product(tmp_path, theirs)).startswith("unknown_product: ")
    note_product(tmp_path, theirs, known=True)
    assert unknown_product(tmp_path, theirs) is None


@pytest.mark.service
@pytest.mark.joint
def test_the_others_go_on(shared: CommandLine) -> None:
    ran = shared.run("backfill", OURS, THEIRS, KNOWN, *DAY, "--json", **UNIVERSE)
    report = ran.document
    assert ran.code == 1, ran.err
    assert [item["symbol"] for item in report["failed"]] == [OURS, THEIRS]
    assert all("unknown_product: " in item["reason"] for item in report["failed"])
    assert [item["symbol"] for item in [*report["succeeded"], *report["unchanged"]]] == [KNOWN]
    assert shared.run("backfill", OURS, *DAY, **UNIVERSE).code == 1

    for symbol in (OURS, THEIRS):
        [day] = shared.run("days", symbol, *DAY, "--json", **UNIVERSE).document
        assert (day["ingest_state"], day["state"], day["reason"]) == ("unknown_contract",) * 2 + ("unknown_product",)
        said = shared.run("days", symbol, *DAY, **UNIVERSE)
        assert (said.code, "GHTRADER_SYMBOLS" in said.out) == (0, True)

    feeds = {feed["symbol"]: feed for feed in shared.run("status", "--json", **UNIVERSE).document["feeds"]}
    findings = {item["subject"]: item for item in shared.run("doctor", "--json", **UNIVERSE).document["findings"]}
    for symbol in (OURS, THEIRS):
        assert feeds[symbol]["reason"].startswith("unknown_contract: unknown_product: ")
        assert "GHTRADER_SYMBOLS" in feeds[symbol]["remedy"]
        assert findings[symbol]["level"] == "error"
        assert "unknown_product" in str(findings[symbol])
    assert "unknown" not in feeds[KNOWN]["reason"]

    plan = shared.run("repair", *DAY, "--json", **UNIVERSE).document
    planned = {item["symbol"] for part in ("planned", "waiting", "given_up") for item in plan[part]}
    assert planned.isdisjoint({OURS, THEIRS})
    applied = shared.run("repair", *DAY, "--apply", "--json", **UNIVERSE)
    assert applied.code == 0, applied.err
