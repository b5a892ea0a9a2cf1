"""Contracts before and after their lives, and a provider that names a wrong main contract, as a user meets them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ghtrader_assets.exchange.contracts import contract_named
from ghtrader_assets.exchange.specs import DEFAULT_MODEL
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine, Ran

pytestmark = pytest.mark.joint

CALENDAR = snapshot_calendar()
SUGAR, ENDED = "KQ.m@CZCE.SR", "CZCE.SR609"
LIFE = (date(2025, 9, 15), date(2026, 9, 14))


def words_of(first: str, last: str) -> tuple[str, ...]:
    return ("--from", first, "--to", last)


def states(command: CommandLine, symbol: str, first: str, last: str) -> dict[str, str]:
    ran = command.run("days", symbol, *words_of(first, last), "--json")
    assert ran.code == 0, ran.err
    return {row["trading_day"]: row["ingest_state"] for row in ran.document}


@pytest.fixture
def of_2026(shared: CommandLine) -> CommandLine:
    return CommandLine(
        shared.home, {**shared.environment, "GHTRADER_SYMBOLS": ENDED, "GHTRADER_START_DATE": "2021-01-04"}
    )


def test_a_contract_is_expected_on_the_days_of_its_life_alone(of_2026: CommandLine) -> None:
    (feed,) = of_2026.run("status", "--json").document["feeds"]
    assert (feed["state"], feed["remedy"], "2026-09-14" in feed["reason"]) == ("ended", "", True), "never loaded"
    life = [str(day) for day in CALENDAR.days(*LIFE)]
    plan = of_2026.run("repair", "--json")
    assert plan.code == 1, plan.err
    assert [item["trading_day"] for item in plan.document["planned"]] == life
    (row,) = of_2026.run("coverage", ENDED, "--json").document
    assert (row["expected_days"], {reason: len(days) for reason, days in row["missing_days"].items()}) == (
        len(life),
        {"missing": len(life)},
    )
    assert set(states(of_2026, ENDED, "2021-03-01", "2021-03-31").values()) == {"not_listed"}
    assert states(of_2026, ENDED, "2025-09-12", "2025-09-15") == {"2025-09-12": "not_listed", "2025-09-15": "missing"}

    refused = of_2026.run("backfill", ENDED, *words_of("2021-03-01", "2021-03-31"))
    assert refused.code == 2
    for word in ("the contract of 2016 has the same name", "the contract of 2026", "from 2025-09-15 to 2026-09-14"):
        assert word in refused.err

    loaded = of_2026.run("backfill", ENDED, *words_of("2026-09-11", "2026-09-18"), "--json")
    assert loaded.code == 0, loaded.err
    assert [item["trading_day"] for item in loaded.document["succeeded"]] == ["2026-09-11", "2026-09-14"]
    assert loaded.document["failed"] == []
    assert "4 trading days from 2026-09-15 to 2026-09-18 are left out: CZCE.SR609 ended on 2026-09-14" in loaded.err
    assert states(of_2026, ENDED, "2026-09-14", "2026-09-16") == {
        "2026-09-14": "complete",
        "2026-09-15": "expired",
        "2026-09-16": "expired",
    }
    after = of_2026.run("repair", "--from", "2026-09-11")
    assert (after.code, "nothing to repair" in after.out) == (0, True), after.out

    (feed,) = of_2026.run("status", "--json").document["feeds"]
    assert (feed["state"], feed["remedy"], feed["fresh"]) == ("ended", "", None)
    assert "2026-09-14" in feed["reason"]


def test_contracts_of_other_exchanges_too(shared: CommandLine) -> None:
    """A listing rule that is not verified holds until the provider is asked."""
    names = ("SHFE.ag2604", "DCE.m2609", "CFFEX.IF2603")
    universe = {"GHTRADER_SYMBOLS": ",".join(names), "GHTRADER_START_DATE": "2021-01-04"}
    plan = shared.run("repair", "--json", **universe)
    assert plan.code == 1, plan.err
    for name in names:
        contract = contract_named(name, DEFAULT_MODEL)
        assert contract is not None
        life = [str(day) for day in CALENDAR.days(contract.listed, contract.last_day)]
        assert [item["trading_day"] for item in plan.document["planned"] if item["symbol"] == name] == life
    for row in shared.run("coverage", "--json", **universe).document:
        assert row["expected_days"] == sum(item["symbol"] == row["symbol"] for item in plan.document["planned"])


def finding(text: str) -> None:
    """The one answer: contract, last day, that the provider still calls it main, what to do."""
    assert text.startswith("provider_main_expired: CZCE.SR60")
    for word in ("ended on 2026-", "the provider still calls it main", "--refresh`", "override KQ.m@CZCE.SR"):
        assert word in text


def test_an_expired_main_contract_is_one_finding_until_it_is_overridden(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    command = CommandLine(
        shared.home, {**shared.environment, "GHTRADER_SYMBOLS": SUGAR, "GHTRADER_START_DATE": "2026-01-14"}
    )
    week = words_of("2026-01-14", "2026-01-20")
    exchange.faults({"kind": "moved_roll", "symbol": SUGAR, "trading_day": "2025-12-02", "amount": 34})
    try:
        longer = command.run("schedule", SUGAR, "--refresh", GHTRADER_START_DATE="2025-12-01")
        assert longer.code == 0, "the store knows days before this home's start"
        loaded = command.run("backfill", SUGAR, *week, "--json")
        assert loaded.code == 1, loaded.err
        assert len(loaded.document["succeeded"]) == 3
        wrong = ["2026-01-19", "2026-01-20"]
        assert [item["trading_day"] for item in loaded.document["failed"]] == wrong
        for item in loaded.document["failed"]:
            finding(item["reason"])

        days = command.run("days", SUGAR, *week, "--json").document[3:]
        assert [(day["trading_day"], day["ingest_state"], day["contract"]) for day in days] == [
            (day, "missing", "CZCE.SR601") for day in wrong
        ]
        (row,) = command.run("coverage", SUGAR, "--json").document
        assert row["missing_days"]["provider_main_expired"] == wrong
        plan = command.run("repair", *week, "--json")
        assert (plan.code, plan.document["planned"]) == (1, [])
        given_up = plan.document["given_up"]
        assert [(item["trading_day"], item["cause"]) for item in given_up] == [
            (day, "provider_main_expired") for day in wrong
        ]
        schedule = command.run("schedule", SUGAR, *week)
        assert "WRONG: provider_main_expired: CZCE.SR601 ended on 2026-01-16" in schedule.out
        answers = {*(day["reason"] for day in days), *(item["reason"] for item in given_up)}
        assert answers == {item["reason"] for item in loaded.document["failed"]}, "one answer everywhere"
        finding(answers.pop())

        _overridden(command, week, wrong)
        _given_back(command, week, wrong[0])
    finally:
        exchange.reset()
        revoked = command.run("override", SUGAR, *week, "--revoke", "--json")
    assert revoked.code == 0, revoked.err
    assert revoked.document["overrides"][-1]["contract"] == ""
    later = {day["trading_day"]: day["contract"] for day in command.run("schedule", SUGAR, *week, "--json").document}
    assert set(later.values()) == {"CZCE.SR605"}, "the provider's own word, now that it is right"


def _overridden(command: CommandLine, week: tuple[str, ...], wrong: list[str]) -> None:
    refused = command.run("override", SUGAR, "--contract", "CZCE.SR601", *week, "--reason", "why")
    assert refused.code == 2
    said = ("--contract", "CZCE.SR605", *words_of(wrong[0], wrong[-1]))
    assert command.run("override", SUGAR, *said).code == 2, "a reason is wanted"
    for text in ("\x1b[31mred", "two\nlines", "long" * 200):
        unfit = command.run("override", SUGAR, *said, "--reason", text)
        assert (unfit.code, "is no reason" in unfit.err) == (2, True), text
    named = command.run("override", SUGAR, *said, "--reason", "SR601 has ended", "--json")
    assert named.code == 0, named.err
    assert [item["trading_day"] for item in named.document["changed"]] == wrong
    (version,) = [item for item in named.document["overrides"] if item["reason"] == "SR601 has ended"]
    assert (version["contract"], version["first_day"], version["last_day"]) == ("CZCE.SR605", *wrong)
    assert version["who"]
    assert "SR601 has ended" in command.run("override").out
    applied = command.run("repair", *week, "--apply", "--json")
    assert applied.code == 0, applied.err
    days: list[dict[str, Any]] = command.run("days", SUGAR, *week, "--json").document[3:]
    assert [(day["ingest_state"], day["contract"]) for day in days] == [("complete", "CZCE.SR605")] * 2


def _given_back(command: CommandLine, week: tuple[str, ...], day: str) -> None:
    """A day that is stored by an override's word, and given back while the provider is still wrong."""
    revoked = command.run("override", SUGAR, *words_of(day, day), "--revoke")
    assert revoked.code == 0, revoked.err
    assert ("no load helps: provider_main_expired" in revoked.out, "plans these days" in revoked.out) == (True, False)
    found = {row["trading_day"]: row for row in command.run("days", SUGAR, *week, "--json").document}
    wrong = [row for row in found.values() if row["wrong_main"]]
    assert [(row["trading_day"], row["wrong_main"]) for row in wrong] == [(day, "provider_main_expired")]
    assert [(row["ingest_state"], row["contract"], row["state"]) for row in wrong] == [("complete", "CZCE.SR605", "ok")]
    (summary,) = command.run("coverage", SUGAR, "--json").document
    assert summary["missing_days"]["provider_main_expired"] == [day]
    (repair,) = command.run("repair", *week, "--json").document["given_up"]
    assert (repair["trading_day"], repair["reason"]) == (day, wrong[0]["reason"])
    finding(repair["reason"])
    of_the_contract = command.run("days", "CZCE.SR605", *words_of(day, day), "--json").document
    assert [(row["ingest_state"], row["wrong_main"]) for row in of_the_contract] == [("complete", None)]


def test_an_unlisted_main_contract_is_found_by_asking_where_no_verified_rule_says_so(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    """The rule of DCE is not verified; the provider has no tick of the contract on the day."""
    meal, unlisted = "KQ.m@DCE.m", "DCE.m2705"
    days = ["2026-03-18", "2026-03-19", "2026-03-20"]  # m2605 until the first, by the market m2609 from the second on
    command = CommandLine(shared.home, {**shared.environment, "GHTRADER_SYMBOLS": meal, "GHTRADER_START_DATE": days[0]})
    exchange.faults({"kind": "wrong_main", "symbol": meal, "trading_day": days[1], "contract": unlisted})
    try:
        loaded = command.run("backfill", meal, *words_of(days[0], days[-1]), "--json")
        assert loaded.code == 1, loaded.err
        assert [item["trading_day"] for item in loaded.document["succeeded"]] == days[:1]
        reasons = {item["trading_day"]: item["reason"] for item in loaded.document["failed"]}
        (reason,) = {reasons[day] for day in days[1:]}
        assert reason.startswith(
            f"provider_main_unlisted: {unlisted} is not listed before 2026-05-20 and the provider already calls it main"
        )
        found = command.run("days", meal, *words_of(*days[1:]), "--json").document
        assert [(row["ingest_state"], row["reason"]) for row in found] == [("missing", reason)] * 2
        (summary,) = command.run("coverage", meal, "--json").document
        assert summary["missing_days"]["provider_main_unlisted"][:2] == days[1:]
        plan = command.run("repair", *words_of(*days[1:]), "--json").document
        assert plan["planned"] == plan["waiting"] == []
        assert [(item["trading_day"], item["reason"]) for item in plan["given_up"]] == [
            (day, reason) for day in days[1:]
        ]
        exchange.reset()
        exchange.faults({"kind": "wrong_main", "symbol": meal, "trading_day": days[1], "contract": unlisted})
        again = command.run("backfill", meal, *words_of(*days[1:]), "--json")
        assert {item["reason"] for item in again.document["failed"]} == {reason}
        assert [row for row in exchange.requests() if row.get("symbol") == unlisted] == [], "it is asked for once"
    finally:
        exchange.reset()
        assert command.run("schedule", meal, "--refresh").code == 0


def test_an_expired_main_contract_of_today_makes_the_feed_bad_with_a_remedy_that_works(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    command = CommandLine(
        shared.home, {**shared.environment, "GHTRADER_SYMBOLS": SUGAR, "GHTRADER_START_DATE": "2026-09-11"}
    )
    exchange.faults({"kind": "moved_roll", "symbol": SUGAR, "trading_day": "2026-08-04", "amount": 80})
    loaded = command.run("backfill", SUGAR, *words_of("2026-09-11", "2026-09-11"))
    assert loaded.code == 0, loaded.err
    (feed,) = command.run("status", "--json").document["feeds"]
    assert feed["state"] == "bad"
    finding(feed["reason"].partition("not stored: missing: ")[2])
    commands = re.findall(r"`ghtrader-assets ([^`]*)`", feed["remedy"])
    assert [words.split()[0] for words in commands] == ["schedule", "override"]
    exchange.reset()
    helped = command.run(*commands[0].split())
    assert helped.code == 0, helped.err
    (feed,) = command.run("status", "--json").document["feeds"]
    assert (feed["state"], "backfill" in feed["remedy"]) == ("late", True)


def test_a_contract_is_exported_by_its_name_wherever_it_is_stored(shared: CommandLine) -> None:
    universe = {"GHTRADER_SYMBOLS": SUGAR}
    day = "2026-02-03"
    loaded = shared.run("backfill", SUGAR, *words_of(day, day), **universe)
    assert loaded.code == 0, loaded.err

    def exported(symbol: str) -> Ran:
        return shared.run("ticks", symbol, day, "--columns", "datetime,last_price,contract", **universe)

    contract, main = exported("CZCE.SR605"), exported(SUGAR)
    assert (contract.code, main.code) == (0, 0), contract.err
    assert contract.out.splitlines()[1:] == main.out.splitlines()[1:]
    assert shared.run("ticks", "CZCE.SR505", day, **universe).code == 2


def test_a_contract_outside_the_universe_is_loaded_and_read(shared: CommandLine, tmp_path: Path) -> None:
    """Judged and shown like any other, but neither expected nor followed; two symbols go into one export."""
    universe = {"GHTRADER_SYMBOLS": SUGAR}
    day, contract = "2026-02-04", "CZCE.SR607"
    listed = shared.run("contracts", "CZCE.SR", day, "--json", **universe)
    assert contract in [row["contract"] for row in listed.document]
    before = shared.run("ticks", contract, day, **universe)
    assert (before.code, f"backfill {contract}" in before.err) == (2, True), before.err
    loaded = shared.run("backfill", contract, SUGAR, *words_of(day, day), "--json", **universe)
    assert loaded.code == 0, loaded.err
    done = {(row["symbol"], row["trading_day"]) for row in loaded.document["succeeded"]}
    assert done == {(contract, day), (SUGAR, day)}
    (row,) = shared.run("days", contract, *words_of(day, day), "--json", **universe).document
    assert (row["ingest_state"], row["contract"], row["symbol"]) == ("complete", contract, contract)
    assert row["coverage_state"]
    again = shared.run("backfill", contract, *words_of(day, day), "--json", **universe)
    assert again.document["unchanged"] == [{"symbol": contract, "trading_day": day}]
    (feed,) = shared.run("status", "--json", **universe).document["feeds"]
    assert feed["symbol"] == SUGAR

    tree = shared.run("ticks", contract, SUGAR, day, "--out", str(tmp_path / "tree"), "--json", **universe)
    assert tree.code == 0, tree.err
    assert [document["symbol"] for document in tree.document] == [contract, SUGAR]
    assert {path.parent.parent.name for path in tmp_path.rglob("ticks.parquet")} == {
        f"symbol={contract}",
        f"symbol={SUGAR}",
    }
    printed = shared.run("ticks", SUGAR, contract, *words_of(day, day), "--columns", "symbol", **universe)
    assert set(printed.out.split()) == {"symbol", contract, SUGAR}
    one_file = shared.run("ticks", SUGAR, contract, day, "--out", str(tmp_path / "two.parquet"), **universe)
    assert (one_file.code, "name a folder" in one_file.err) == (2, True)
    assert shared.run("backfill", "KQ.m@SHFE.rb", *words_of(day, day), **universe).code == 2
    assert shared.run("backfill", "SHFE.zz2602", *words_of(day, day), **universe).code != 0
