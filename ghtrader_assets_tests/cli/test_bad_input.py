"""Bad input and broken services: one clear line each, the contract's exit code, nothing half written."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ghtrader_assets_tests.cli.refusals import refused
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine

COPPER = "KQ.m@SHFE.cu"
WEEK = ("--from", "2026-01-05", "--to", "2026-01-06")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("backfill", "SHFE.cu", *WEEK), ("SHFE.cu",)),
        (("backfill", "KQ.m@SHFE.zz", *WEEK), ("KQ.m@SHFE.zz",)),
        (("backfill", "KQ.m@SHFE.rb", *WEEK), ("not in the universe", "GHTRADER_SYMBOLS")),
        (("backfill", "KQ.m@SHFE.cu'; DROP TABLE x", *WEEK), ("DROP TABLE",)),
        (("backfill", "KQ.m@SHFE.CU", *WEEK), ("write KQ.m@SHFE.cu",)),
        (("backfill", "KQ.i@SHFE.cu", *WEEK), ("is an index", "write KQ.m@SHFE.cu")),
        (("backfill", COPPER, "--from", "2026-01-01", "--to", "2026-01-04"), ("no trading day", "2026-01-05")),
        (("repair", "--from", "2026-01-01", "--to", "2026-01-04"), ("no trading day", "2026-01-05")),
        (("backfill", COPPER, "--from", "2026-01-06", "--to", "2026-01-05"), ("2026-01-06", "2026-01-05")),
        (("backfill", COPPER, "--from", "yesterday", "--to", "2026-01-05"), ("--from", "yesterday")),
        (("backfill", COPPER, "--from", "2020-01-02", "--to", "2026-01-05"), ("2021-01-04",)),
        (("backfill", COPPER, "--from", "2026-01-05", "--to", "2031-01-06"), ("2031-01-06", "2027-12-31")),
        (("backfill", COPPER, *WEEK, "--tables", "ticks,tocks"), ("tocks", "manifest")),
        (("days", COPPER, "--from", "2026-01-03", "--to", "2026-01-04"), ("no trading day", "2026-01-05")),
        (("gaps", COPPER, "2026-02-30"), ("2026-02-30",)),
        (("quality", COPPER, "2026-01-04"), ("2026-01-04",)),
        (("manifests", "--covering", "2026-01-03"), ("2026-01-03",)),
    ],
)
def test_bad_arguments(bare: CommandLine, words: tuple[str, ...], says: tuple[str, ...]) -> None:
    refused(bare.run(*words), 2, *says)
    assert not (bare.home / "questdb").exists(), "a refused command started something"


LONG = "x" * 100_000
OTHER_DAYS = ("20260106", "2026-W02-2", "2026-01-06T00:00:00", "9999-12-31", "0001-01-01", "２０２６-01-06", "", LONG)


@pytest.mark.parametrize("day", OTHER_DAYS, ids=lambda day: day[:12])
@pytest.mark.parametrize(
    "words",
    [
        ("days", COPPER, "--from", "DAY", "--to", "2026-01-06"),
        ("calendar", "--from", "DAY"),
        ("calendar", "--to", "DAY"),
        ("accept", COPPER, "2026-01-06", "--reason", "known", "--expires", "DAY"),
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_a_day_in_another_form(bare: CommandLine, words: tuple[str, ...], day: str) -> None:
    ran = bare.run(*(day if word == "DAY" else word for word in words))
    refused(ran, 2, "YYYY-MM-DD" if not day.endswith(("-31", "-01")) else "1990-01-01")
    assert len(ran.err) < 1000


@pytest.mark.parametrize("text", ["\x00", "\udcff", "", "*", "../../x", "20260105T080000-0000000G", "' OR 1=1", LONG])
@pytest.mark.parametrize(
    "words",
    [("manifest", "ID"), ("verify-manifest", "ID"), ("diff-manifests", "ID", "20260105T080000-00000000"),
     ("diff-manifests", "20260105T080000-00000000", "ID")],
    ids=" ".join,
)  # fmt: skip
def test_what_is_no_manifests_id(bare: CommandLine, words: tuple[str, ...], text: str) -> None:
    ran = bare.run(*(text if word == "ID" else word for word in words))
    refused(ran, 2, "is no manifest's id", "manifests --covering")
    assert not (bare.home / "questdb").exists()


@pytest.mark.parametrize(
    "words",
    [
        (LONG,),
        ("days", LONG),
        ("days", COPPER, f"--{LONG}"),
        ("days", COPPER, *WEEK, LONG),
        ("backfill", COPPER, *WEEK, "--tables", LONG),
        ("backfill", COPPER, *WEEK, "--workers", LONG),
        ("ticks", COPPER, "2026-01-06", "--columns", LONG),
        ("ticks", COPPER, "2026-01-06", "--states", LONG),
        ("ticks", COPPER, "2026-01-06", "--out", LONG),
        ("metrics", "--window", LONG),
        ("bench", LONG),
        ("accept", COPPER, "2026-01-06", "--reason", LONG),
    ],
    ids=lambda words: " ".join(words)[:24],
)
def test_a_text_of_100_000_characters_is_not_said_again(bare: CommandLine, words: tuple[str, ...]) -> None:
    ran = bare.run(*words)
    assert ran.code in (2, 3), ran.err[:1000]
    assert len(ran.err) < 2000
    assert "Traceback" not in ran.err
    assert ran.err.splitlines()[-1].endswith("]"), "its code is its end, and what helps is before that"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("backfill", COPPER), ("ghtrader-assets backfill", "--from", "`ghtrader-assets backfill --help`")),
        (("days", "--nope"), ("ghtrader-assets days", "--nope")),
        (("days", *WEEK), ("ghtrader-assets days", "SYMBOL")),
        (("days", COPPER, "--from"), ("--from",)),
        (("backfill", COPPER, *WEEK, "--workers", "many"), ("--workers",)),
        (("no-such-command",), ("no-such-command", "`ghtrader-assets --help`")),
    ],
    ids=" ".join,
)
def test_usage_errors_are_one_line(bare: CommandLine, words: tuple[str, ...], says: tuple[str, ...]) -> None:
    ran = bare.run(*words)
    refused(ran, 2, *says, "[GHT-101]")
    assert len(ran.err.splitlines()) == 1


def test_help_and_no_words_at_all(bare: CommandLine) -> None:
    helped, nothing = bare.run("days", "--help"), bare.run()
    assert (helped.code, nothing.code) == (0, 2)
    assert "Usage: ghtrader-assets days" in helped.out
    assert "Usage: ghtrader-assets" in nothing.err + nothing.out


@pytest.mark.parametrize(
    ("name", "value"),
    [("GHTRADER_INGEST_WORKERS", "lots"), ("GHTRADER_SYMBOLS", "cu"), ("GHTRADER_DAGSTER_PORT", "-1")],
)
def test_malformed_settings(bare: CommandLine, name: str, value: str) -> None:
    refused(bare.run("backfill", COPPER, *WEEK, **{name: value}), 2, value)


@pytest.mark.parametrize(
    "words", [("up",), ("status",), ("days", COPPER, *WEEK), ("doctor",)], ids=lambda words: words[0]
)
@pytest.mark.parametrize(
    ("symbol", "meant"),
    [("KQ.m@CZCE.sr", "KQ.m@CZCE.SR"), ("CZCE.SR2609", "CZCE.SR609"), ("KQ.i@SHFE.cu", "KQ.m@SHFE.cu")],
)
def test_a_universe_with_what_is_no_symbol(bare: CommandLine, words: tuple[str, ...], symbol: str, meant: str) -> None:
    refused(bare.run(*words, GHTRADER_SYMBOLS=f"{COPPER},{symbol}"), 2, symbol, f"write {meant}")
    assert not (bare.home / "questdb").exists()


def test_days_before_the_symbols_start(shared: CommandLine) -> None:
    ran = shared.run("backfill", COPPER, *WEEK, GHTRADER_START_DATE_CU="2026-01-08")
    refused(ran, 2, "2026-01-05", "2026-01-08", "GHTRADER_START_DATE_CU")


def test_a_day_that_is_not_over(shared: CommandLine) -> None:
    days = ("--from", "2026-12-30", "--to", "2026-12-31")
    refused(shared.run("backfill", COPPER, *days, at=datetime(2026, 12, 1, tzinfo=UTC)), 2, "2026-12-30")


def test_a_refused_log_in(shared: CommandLine, exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "refuse", "at": "token", "status": 401, "times": None})
    refused(shared.run("backfill", COPPER, *WEEK), 3, "TQSDK_PASSWORD")


def test_an_account_without_the_grant(shared: CommandLine, exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "wrong_grant", "features": ["futr"], "times": None})
    ran = shared.run("backfill", "KQ.m@SHFE.ag", *WEEK, "--json")
    assert ran.code == 3, ran.err
    assert ["denied" in item["reason"] for item in ran.document["failed"]] == [True, True]
    listed = shared.run("days", "KQ.m@SHFE.ag", *WEEK, "--json").document
    assert [(day["rows"], day["ingest_state"]) for day in listed] == [(0, "denied")] * 2


@pytest.mark.parametrize(
    "words",
    [
        ("days", COPPER, *WEEK),
        ("verify-manifest", "20260105T080000-00000000"),
        ("lineage", COPPER, "2026-01-05"),
        ("repair", COPPER, *WEEK),
    ],
    ids=lambda words: words[0],
)
def test_questdb_away(shared: CommandLine, words: tuple[str, ...]) -> None:
    ran = shared.run(*words, GHTRADER_QUESTDB_PG="127.0.0.1:1", GHTRADER_QUESTDB_HTTP="127.0.0.1:1")
    refused(ran, 3, "QuestDB", "127.0.0.1:1")


def test_questdb_refuses_the_password(shared: CommandLine) -> None:
    refused(shared.run("days", COPPER, *WEEK, GHTRADER_QUESTDB_PASSWORD="wrong"), 3, "GHTRADER_QUESTDB_PASSWORD")


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield str(taken.getsockname()[1])


@pytest.mark.parametrize("name", ["QUESTDB_HTTP", "QUESTDB_PG", "EXCHANGE"])
def test_a_taken_port(bare: CommandLine, taken_port: str, name: str) -> None:
    ran = bare.run("up", **{f"GHTRADER_{name}_PORT": taken_port})
    refused(ran, 3, taken_port, f"GHTRADER_{name}_PORT")
    assert bare.run("status").code == 1


def test_a_disk_without_room(bare: CommandLine) -> None:
    refused(bare.run("backfill", COPPER, *WEEK, GHTRADER_MIN_FREE_MB="999999999"), 3, "MB free", "free space")
    assert not list((bare.home / "manifests").glob("**/*.json"))


def test_a_home_that_cannot_be_written(bare: CommandLine) -> None:
    blocked = Path(bare.home) / "blocked"
    blocked.write_text("a file where the home should be")
    refused(bare.run("up", GHTRADER_HOME=str(blocked)), 3, str(blocked))


def test_status_and_down_without_services(bare: CommandLine) -> None:
    status = bare.run("status", "--json")
    assert (status.code, status.document["healthy"]) == (1, False)
    assert status.document["questdb_credentials"].startswith(str(bare.home))
    assert (bare.run("down", "--json").document, bare.run("down").code) == ({"stopped": False}, 0)
