"""`accept` as a user types it: what can't be mended is closed, shown as closed, and opened again by new content."""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import Any

import pytest

from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine, Ran

pytestmark = pytest.mark.joint

SYMBOL = "KQ.m@GFEX.lc"
EMPTY, BAD, GOOD = "2025-12-15", "2025-12-16", "2025-12-17"
RANGE = ("--from", EMPTY, "--to", GOOD)
REASON = "广期所公告〔2025〕98号"


class Desk:
    """Commands about one symbol."""

    def __init__(self, shared: CommandLine) -> None:
        self._shared = shared

    def run(self, command: str, *words: str, at: datetime | None = None) -> Ran:
        return self._shared.run(command, SYMBOL, *words, at=at, GHTRADER_SYMBOLS=SYMBOL)

    def accepted(self, at: datetime | None = None) -> dict[str, Any]:
        return {day["trading_day"]: day["accepted"] for day in self.run("days", *RANGE, "--json", at=at).document}


@pytest.fixture
def desk(shared: CommandLine, exchange: ExchangeControl) -> Desk:
    """The first day is empty at the provider, the second has a hole, the third is good; nothing is accepted."""
    exchange.faults(
        {"kind": "no_data", "trading_day": EMPTY}, {"kind": "hole", "trading_day": BAD, "amount": 3000, "fraction": 0.4}
    )
    made = Desk(shared)
    made.run("accept", EMPTY, "--to", GOOD, "--revoke")
    loaded = made.run("backfill", *RANGE, "--force")
    exchange.reset()
    assert loaded.code == 1, loaded.err
    (line,) = [line for line in loaded.out.splitlines() if line.startswith("error ")]
    assert f"{SYMBOL} {BAD}  witness_lost_block: " in line
    assert "; day session: " in line, "a bad day is said to be one, with its session"
    return made


def test_what_nobody_can_mend_is_closed_until_its_content_changes(desk: Desk, exchange: ExchangeControl) -> None:
    assert (desk.run("validate", *RANGE).code, desk.run("repair", *RANGE).code) == (1, 1)

    (bad,) = desk.run("backfill", "--from", BAD, "--to", GOOD, "--json").document["bad"]
    assert (bad["symbol"], bad["trading_day"], bad["state"]) == (SYMBOL, BAD, "error")
    assert bad["reason"].startswith("witness_lost_block: ")
    assert bad["sessions"].startswith("day session: ")

    closed = desk.run("accept", EMPTY, "--to", GOOD, "--reason", REASON, "--json")
    assert closed.code == 0, closed.err
    assert desk.run("backfill", "--from", BAD, "--to", GOOD, "--json").document["bad"] == []
    assert [item["trading_day"] for item in closed.document["accepted"]] == [EMPTY, BAD]
    assert [item["trading_day"] for item in closed.document["passed_over"]] == [GOOD]

    accepted = desk.accepted()
    assert accepted[GOOD] is None
    for day in (EMPTY, BAD):
        assert accepted[day].keys() == {"who", "when", "reason"}
        assert (accepted[day]["who"], accepted[day]["reason"]) == (getpass.getuser(), REASON)
    (state,) = {day["state"] for day in desk.run("days", *RANGE, "--json").document if day["trading_day"] == BAD}
    assert state == "error", "the verdict stays"
    assert REASON in desk.run("days", *RANGE).out

    validated, repaired = desk.run("validate", *RANGE), desk.run("repair", *RANGE, "--json")
    assert (validated.code, repaired.code) == (0, 0)
    assert repaired.document["planned"] == repaired.document["waiting"] == []
    assert [item["trading_day"] for item in repaired.document["accepted"]] == [EMPTY, BAD]
    (covered,) = desk.run("coverage", "--json").document
    assert not {EMPTY, BAD} & {day for days in covered["missing_days"].values() for day in days}

    assert desk.run("backfill", "--from", BAD, "--to", BAD, "--force").code == 0
    assert desk.accepted()[BAD] is None, "other content is another matter"
    assert desk.accepted()[EMPTY] is not None

    revoked = desk.run("accept", EMPTY, "--revoke", "--json")
    assert (revoked.code, [item["trading_day"] for item in revoked.document["revoked"]]) == (0, [EMPTY])
    assert desk.run("repair", *RANGE).code == 1


def test_it_ends_on_its_day_when_revoked_and_with_another_outcome(desk: Desk, exchange: ExchangeControl) -> None:
    friday, last_minute, over = (
        datetime.fromisoformat(f"2026-01-{text}:00+08:00") for text in ("09T12:00", "11T23:59", "12T00:00")
    )
    for_now = desk.run("accept", EMPTY, "--to", BAD, "--reason", REASON, "--expires", "2026-01-12", at=friday)
    assert for_now.code == 0, for_now.err
    assert "until 2026-01-12 begins in Beijing" in for_now.out
    holding = desk.accepted(last_minute)
    assert None not in (holding[EMPTY], holding[BAD])
    assert [desk.run("validate", *RANGE, at=at).code for at in (last_minute, over)] == [0, 1]
    assert list(desk.accepted(over).values()) == [None] * 3
    assert [desk.run("repair", *RANGE, at=at).code for at in (last_minute, over)] == [0, 1]

    assert desk.run("accept", EMPTY, "--to", BAD, "--reason", REASON).code == 0
    revoked = desk.run("accept", BAD, "--revoke", "--reason", "it was mended elsewhere")
    assert (revoked.code, revoked.out) == (0, f"revoked   {SYMBOL} {BAD}  it was mended elsewhere\n")
    assert (desk.run("validate", *RANGE).code, desk.accepted()[BAD]) == (1, None)

    for fault, holds in (({"kind": "no_data"}, True), ({"kind": "truncated", "times": None}, False)):
        exchange.faults(fault | {"trading_day": EMPTY})
        assert desk.run("backfill", "--from", EMPTY, "--to", EMPTY).code == 1
        exchange.reset()
        assert (desk.accepted()[EMPTY] is not None) == holds, fault


def test_an_export_names_what_is_not_good(desk: Desk) -> None:
    told = (
        f"{SYMBOL}: 2 of 3 trading days are missing, partial, in error or unjudged: {EMPTY} provider_empty, {BAD} error"
    )
    plain, strict = desk.run("ticks", *RANGE, "--out", "week.parquet"), desk.run("ticks", *RANGE, "--strict")
    assert (plain.code, strict.code) == (0, 1)
    assert f"warning: {told}" in plain.err
    assert f"warning: {told}" in strict.err

    assert desk.run("accept", EMPTY, "--to", BAD, "--reason", REASON).code == 0
    quiet = desk.run("ticks", *RANGE, "--out", "week.csv", "--json")
    assert (quiet.code, "warning" in quiet.err) == (0, False)
    assert quiet.document["states"] == {BAD: "error", GOOD: "ok"}
    assert quiet.document["not_good"] == {EMPTY: "provider_empty", BAD: "error"}
    assert desk.run("ticks", *RANGE, "--states", "judged", "--strict").code == 1, "accepted is not good"
    good = desk.run("ticks", *RANGE, "--states", "good", "--out", "good.csv", "--json")
    assert (good.code, good.document["states"]) == (0, {GOOD: "ok"})
    assert desk.run("ticks", GOOD, "--strict").code == 0
    absent = [desk.run("ticks", "2025-06-03", *more).code for more in ((), ("--strict",))]
    assert absent == [2, 1], "a day that is not stored is no bad usage"


REFUSED: tuple[tuple[tuple[str, ...], str], ...] = (
    ((BAD,), "accept wants to know why; add --reason TEXT"),
    ((BAD, "--reason", " "), "is no reason"),
    ((GOOD, "--reason", REASON), f"can be accepted: {GOOD} ok"),
    (("2025-12-18", "--reason", REASON), "none was ever loaded"),
    ((BAD, "--to", EMPTY, "--reason", REASON), "swap them"),
    ((BAD, "--reason", REASON, "--expires", "2025-12-16"), "--expires 2025-12-16 has begun already"),
    ((BAD, "--reason", REASON, "--expires", "soon"), "is no date"),
    ((GOOD, "--revoke"), "was accepted"),
)


def test_bad_usage_is_one_line(desk: Desk) -> None:
    for words, says in REFUSED:
        ran = desk.run("accept", *words)
        assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
        assert says in ran.err
