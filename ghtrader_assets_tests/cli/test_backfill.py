"""The straight path as a user types it: a TqSdk server of another address, an external QuestDB, what is stored then."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ghtrader_assets.manifests import manifest_document, read_manifest_file
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.ticks import content_digest, tick_frame, trim
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.schema import BAR_DAYS, BARS, TABLES
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import PASSWORD, CommandLine, Ran, pointed_at
from ghtrader_assets_tests.true_ticks import ticks_of

SHFE, CZCE, CFFEX = "KQ.m@SHFE.rb", "KQ.m@CZCE.SR", "KQ.m@CFFEX.IF"
SYMBOLS = (SHFE, CZCE, CFFEX)
FRIDAY, MONDAY = date(2026, 1, 9), date(2026, 1, 12)
RANGE = ("--from", FRIDAY.isoformat(), "--to", MONDAY.isoformat())


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, questdb_endpoint: Endpoint, exchange_process: ExchangeControl
) -> CommandLine:
    """A SHFE, a CZCE and a CFFEX symbol over a Friday and the Monday after, loaded by one command."""
    exchange_process.reset()
    settings = pointed_at(questdb_endpoint, exchange_process) | {
        "GHTRADER_SYMBOLS": ",".join(SYMBOLS),
        "GHTRADER_INGEST_WORKERS": "2",
        "GHTRADER_FAST_HISTORY": "auto",
    }
    command = CommandLine(tmp_path_factory.mktemp("loaded"), settings)
    ran = command.run("backfill", *SYMBOLS, *RANGE, "--json")
    assert ran.code == 0, ran.err
    wanted = [{"symbol": symbol, "trading_day": str(day)} for symbol in SYMBOLS for day in (FRIDAY, MONDAY)]
    succeeded = sorted(ran.document["succeeded"], key=lambda item: (SYMBOLS.index(item["symbol"]), item["trading_day"]))
    assert succeeded == wanted
    assert ran.document["failed"] == ran.document["unchanged"] == []
    return command


def days_of(command: CommandLine, symbol: str) -> list[dict[str, Any]]:
    ran = command.run("days", symbol, *RANGE, "--json")
    assert ran.code == 0, ran.err
    return ran.document


def served(contract: str, day: date) -> pl.DataFrame:
    return trim(tick_frame(ticks_of(contract, day)), snapshot_calendar().window(day))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_what_is_stored_is_what_was_served(loaded: CommandLine, db: Database, symbol: str) -> None:
    for row in days_of(loaded, symbol):
        day = date.fromisoformat(row["trading_day"])
        stored = read_ticks(db, symbol, snapshot_calendar().window(day))
        expected = served(row["contract"], day)
        assert stored.equals(expected, null_equal=True), (symbol, day)
        assert (row["rows"], row["digest"]) == (expected.height, content_digest(expected))
        assert (row["ingest_state"], row["coverage_state"], row["quality_state"]) == ("complete", "ok", "ok")


def test_ticks_of_one_second_are_all_kept(loaded: CommandLine, db: Database) -> None:
    stored = read_ticks(db, CZCE, snapshot_calendar().window(MONDAY))
    assert int((stored["seq"] == 1).sum()) > 1000
    assert (stored["datetime_ns"] % 1_000_000_000 == 0).all()


def test_fridays_night_session_belongs_to_monday(loaded: CommandLine, db: Database) -> None:
    stored = read_ticks(db, SHFE, snapshot_calendar().window(MONDAY))
    first = stored["datetime_ns"].min()
    assert isinstance(first, int)
    beijing = np.datetime64(first, "ns") + np.timedelta64(8, "h")
    assert str(beijing)[:15] == "2026-01-09T20:5"


def test_missing_levels_are_null_and_not_zero(loaded: CommandLine, db: Database) -> None:
    stored = read_ticks(db, CFFEX, snapshot_calendar().window(MONDAY))
    assert stored["bid_price2"].is_nan().all()
    assert not stored["bid_price1"].is_nan().any()


def test_a_second_run_changes_nothing_and_asks_for_no_ticks(loaded: CommandLine, exchange: ExchangeControl) -> None:
    before = {symbol: days_of(loaded, symbol) for symbol in SYMBOLS}
    ran = loaded.run("backfill", *SYMBOLS, *RANGE, "--json")
    assert (ran.code, len(ran.document["unchanged"])) == (0, 6)
    assert exchange.requests("page") == []
    assert {symbol: days_of(loaded, symbol) for symbol in SYMBOLS} == before


def test_a_forced_load_of_the_same_content_writes_no_tick(loaded: CommandLine) -> None:
    before = days_of(loaded, SHFE)
    ran = loaded.run("backfill", SHFE, *RANGE, "--force", "--json")
    assert (ran.code, len(ran.document["succeeded"])) == (0, 2)
    after = days_of(loaded, SHFE)
    assert [row["digest"] for row in after] == [row["digest"] for row in before]
    assert [row["manifest_id"] for row in after] != [row["manifest_id"] for row in before]
    manifest = loaded.run("manifest", after[0]["manifest_id"], "--json").document
    assert manifest["replaced"] == "unchanged"


@pytest.mark.joint
def test_an_answer_that_cant_be_read_is_broken_and_replaces_nothing(
    loaded: CommandLine, exchange: ExchangeControl
) -> None:
    """Neither absence nor a number is concluded from it. Other answers of the kind: `loading.test_truth_loaded`."""
    before = days_of(loaded, CFFEX)
    exchange.faults({"kind": "text_stamps", "trading_day": str(MONDAY)})
    ran = loaded.run("backfill", CFFEX, "--from", str(MONDAY), "--to", str(MONDAY), "--force", "--json")
    exchange.reset()
    (failed,) = ran.document["failed"]
    assert (ran.code, failed["reason"].partition(":")[0]) == (1, "broken"), failed
    assert days_of(loaded, CFFEX) == before


def test_coverage_counts_what_is_stored_and_names_what_is_missing(loaded: CommandLine) -> None:
    (row,) = loaded.run("coverage", SHFE, "--json").document
    assert (row["first_day"], row["last_day"], row["n_days"]) == (str(FRIDAY), str(MONDAY), 2)
    assert row["rows"] == sum(day["rows"] for day in days_of(loaded, SHFE))
    assert row["expected_days"] - row["n_days"] == len(row["missing_days"]["missing"])


def test_a_manifest_says_which_load_produced_the_day(loaded: CommandLine) -> None:
    day = days_of(loaded, CZCE)[1]
    listed = loaded.run("manifests", "--covering", str(MONDAY), "--json").document
    (mine,) = [item for item in listed if item["manifest_id"] == day["manifest_id"]]
    whole = loaded.run("manifest", day["manifest_id"], "--json").document
    assert mine == whole
    (file,) = (loaded.home / "manifests").glob(f"*/*/{day['manifest_id']}.json")
    assert manifest_document(read_manifest_file(file)) == whole, "row and file are not twins"
    assert (whole["outcome"], whole["contract"], whole["digest"]) == ("complete", day["contract"], day["digest"])
    assert (whole["schema_hash"], whole["source"], whole["depth"]) == ("6270bba406e22ffd", "tqsdk", 1)


def test_each_load_leaves_its_figures(loaded: CommandLine, db: Database) -> None:
    found = db.rows(
        "metrics",
        "SELECT DISTINCT name FROM ghtrader_metrics_v1 WHERE symbol = %s AND trading_day = %s",
        [SHFE, str(MONDAY)],
    )
    assert {"ingest_rows", "download_seconds", "readback_seconds", "validation_seconds"} <= {name for (name,) in found}


def test_schedule_gaps_and_quality_answer(loaded: CommandLine) -> None:
    schedule = loaded.run("schedule", SHFE, *RANGE, "--json").document
    assert [row["contract"] for row in schedule] == [day["contract"] for day in days_of(loaded, SHFE)]
    assert loaded.run("gaps", SHFE, str(MONDAY), "--json").document == []
    quality = loaded.run("quality", SHFE, str(MONDAY), "--json").document
    assert quality["rows_total"] == days_of(loaded, SHFE)[1]["rows"]
    assert quality["rules_json"]


def test_ticks_are_exported_whole(loaded: CommandLine) -> None:
    target = loaded.home / "rb.parquet"
    assert loaded.run("ticks", SHFE, str(MONDAY), "--out", str(target)).code == 0
    frame = pl.read_parquet(target)
    assert frame.height == days_of(loaded, SHFE)[1]["rows"]
    assert frame["datetime"].dtype == pl.Datetime("us", "Asia/Shanghai")
    narrow = loaded.run("ticks", SHFE, str(MONDAY), "--columns", "datetime,last_price")
    assert narrow.out.splitlines()[0] == "datetime,last_price"


def test_the_doctor_names_a_misspelt_threshold_and_no_password(loaded: CommandLine) -> None:
    right, wrong = "GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S_CU", "GHTRADER_L5_VALIDATE_GAP_TRESHOLD_S"
    ran = loaded.run("doctor", "--json", **{right: "6", wrong: "6"})
    warned = {item["subject"]: item["finding"] for item in ran.document["findings"] if item["level"] == "warn"}
    assert "names no threshold" in warned[wrong]
    assert right not in warned
    assert PASSWORD not in ran.out + ran.err
    for path in loaded.home.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_a_cell_changed_behind_our_back_is_found_and_named(loaded: CommandLine, db: Database) -> None:
    window = snapshot_calendar().window(FRIDAY)
    middle = window.start_ns + (window.end_ns - window.start_ns) // 2
    row = db.rows(
        "one",
        "SELECT ts FROM ghtrader_ticks_main_l5_v2 WHERE symbol = %s AND ts >= %s LIMIT 1",
        [CFFEX, np.datetime64(middle, "ns").astype("datetime64[us]").item()],
    )[0]
    db.execute(
        "UPDATE ghtrader_ticks_main_l5_v2_base SET ask_price1 = 1.5 WHERE symbol = %s AND ts = %s", [CFFEX, row[0]]
    )
    db.await_applied("ghtrader_ticks_main_l5_v2_base")
    ran = loaded.run("validate", CFFEX, *RANGE, "--full", "--json")
    friday, monday = ran.document["days"]
    assert ran.code == 1
    assert (friday["trading_day"], friday["state"]) == (str(FRIDAY), None)
    assert "the stored ticks have digest" in friday["failure"]
    assert (monday["state"], monday["failure"]) == ("ok", None)
    assert loaded.run("backfill", CFFEX, *RANGE, "--force").code == 0
    assert loaded.run("validate", CFFEX, *RANGE, "--full").code == 0


def test_another_version_of_a_day_replaces_it_exactly(
    loaded: CommandLine, db: Database, exchange: ExchangeControl
) -> None:
    """The provider repairs a day: some prices change and some ticks go; nothing of the old version stays."""
    day = days_of(loaded, CZCE)[0]
    about = {"symbol": day["contract"], "trading_day": str(FRIDAY)}
    exchange.faults({"kind": "changed", "amount": 30, **about}, {"kind": "fewer", "amount": 9, **about})
    only_friday = ("--from", str(FRIDAY), "--to", str(FRIDAY))
    ran = loaded.run("backfill", CZCE, *only_friday, "--force", "--json")
    assert ran.code == 0, ran.err
    after = days_of(loaded, CZCE)[0]
    assert (after["rows"], after["digest"] != day["digest"]) == (day["rows"] - 9, True)
    stored = read_ticks(db, CZCE, snapshot_calendar().window(FRIDAY))
    assert (stored.height, content_digest(stored)) == (after["rows"], after["digest"])
    exchange.reset()
    assert loaded.run("backfill", CZCE, *only_friday, "--force").code == 0
    assert days_of(loaded, CZCE)[0]["digest"] == day["digest"]


@pytest.fixture
def reader(loaded: CommandLine, questdb_endpoint: Endpoint) -> CommandLine:
    """A host that only reads: no account at the provider, no embedded exchange, and a PG log-in that can't write."""
    assert questdb_endpoint.reader is not None
    kept = {name: value for name, value in loaded.environment.items() if not name.startswith(("TQSDK_", "TQ_"))}
    log_in = {
        "GHTRADER_QUESTDB_READER_USER": questdb_endpoint.reader.user,
        "GHTRADER_QUESTDB_READER_PASSWORD": questdb_endpoint.reader.password.get_secret_value(),
    }
    return CommandLine(loaded.home, kept | log_in)


def test_reading_needs_neither_a_provider_nor_the_right_to_write(reader: CommandLine) -> None:
    for words in (("coverage", SHFE), ("gaps", SHFE, str(MONDAY)), ("lineage", SHFE, str(MONDAY)), ("metrics",)):
        ran = reader.run(*words, GHTRADER_QUESTDB_PASSWORD="not the owner's")
        assert (ran.code, "starting" in ran.err) == (0, False), (words, ran.err)
    ticks = reader.run("ticks", SHFE, str(MONDAY), "--columns", "last_price")
    assert (ticks.code, ticks.err) == (0, "")


def test_judging_needs_no_provider(loaded: CommandLine) -> None:
    plain = {name: value for name, value in loaded.environment.items() if not name.startswith(("TQSDK_", "TQ_"))}
    ran = CommandLine(loaded.home, plain).run("validate", SHFE, *RANGE, "--full", "--json")
    assert (ran.code, ran.document["result"], len(ran.document["days"])) == (0, "judged", 2), ran.err
    assert "starting" not in ran.err


def test_a_contract_that_was_the_main_one_is_read_by_its_own_name(loaded: CommandLine, tmp_path: Path) -> None:
    friday, monday = days_of(loaded, SHFE)
    contract = monday["contract"]
    assert friday["contract"] == contract
    assert days_of(loaded, contract) == [friday, monday]
    (covered,) = loaded.run("coverage", contract, "--json").document
    assert (covered["symbol"], covered["n_days"]) == (contract, 2)
    assert loaded.run("lineage", contract, str(MONDAY), "--json").document["digest"] == monday["digest"]
    exported = loaded.run("ticks", contract, *RANGE, "--out", str(tmp_path / "ticks.parquet"), "--json").document
    assert exported["rows"] == friday["rows"] + monday["rows"]
    judged = loaded.run("validate", contract, *RANGE, "--json").document
    assert (judged["result"], len(judged["days"])) == ("noop", 2)
    unknown = loaded.run("gaps", "SHFE.rb2709", str(MONDAY))
    assert (unknown.code, "SHFE.rb2709 is neither in the universe" in unknown.err) == (2, True), unknown.err


def test_a_range_of_a_stored_symbol_outside_the_universe_is_aggregated(loaded: CommandLine) -> None:
    friday, monday = days_of(loaded, SHFE)
    contract = monday["contract"]
    for symbol, universe in ((SHFE, CZCE), (contract, ",".join(SYMBOLS))):
        made = loaded.run("aggregate-manifest", symbol, *RANGE, "--json", GHTRADER_SYMBOLS=universe)
        assert made.code == 0, made.err
        (figures,) = made.document["manifest"]["symbols"]
        assert (figures["symbol"], figures["rows"]) == (symbol, friday["rows"] + monday["rows"])
        assert [day["load"] for day in figures["days"]] == [friday["manifest_id"], monday["manifest_id"]]
        verified = loaded.run("verify-manifest", made.document["manifest_id"], "--json", GHTRADER_SYMBOLS=universe)
        assert (verified.code, verified.document["differences"]) == (0, []), verified.err
    unknown = loaded.run("aggregate-manifest", "SHFE.rb2709", *RANGE)
    assert (unknown.code, "SHFE.rb2709 is neither in the universe" in unknown.err) == (2, True), unknown.err


def csv_of(ran: Ran) -> pl.DataFrame:
    assert ran.code == 0, ran.err
    return pl.read_csv(ran.out.encode())


def test_bars_are_printed_and_written_whatever_their_length(loaded: CommandLine, db: Database, tmp_path: Path) -> None:
    days = csv_of(loaded.run("bars", SHFE, *RANGE, "--freq", "1d", "--columns", "trading_day,high,low,volume,ticks"))
    stored = [read_ticks(db, SHFE, snapshot_calendar().window(day)) for day in (FRIDAY, MONDAY)]
    assert days.rows() == [
        (str(day), ticks["highest"].max(), ticks["lowest"].min(), ticks["volume"].max(), ticks.height)
        for day, ticks in zip((FRIDAY, MONDAY), stored, strict=True)
    ]
    hours = csv_of(loaded.run("bars", SHFE, str(MONDAY), "--freq", "1h", "--label", "right", "--align", "session"))
    assert hours["datetime"][0] == "2026-01-09T22:00:00.000000+0800", "a Monday begins on Friday's night"
    assert hours["volume"].sum() == days["volume"][1]
    target = tmp_path / "bars.parquet"
    ran = loaded.run("bars", SHFE, *RANGE, "--out", str(target), "--json")
    assert ran.document == {"symbol": SHFE, "bars": 690, "file": str(target)}
    assert pl.read_parquet(target)["volume"].sum() == days["volume"].sum()
    for words, says in (
        ((), "bars wants a DAY or --from and --to"),
        ((str(MONDAY), "--freq", "7m"), "there are no bars of '7m'"),
        ((str(MONDAY), "--out", "bars.txt"), "has no known suffix"),
        ((str(MONDAY), "--json"), "--json says what a file holds"),
        ((str(MONDAY), "--columns", "bid"), "there is no bar column 'bid'"),
    ):
        ran = loaded.run("bars", SHFE, *words)
        assert (ran.code, says in ran.err) == (2, True), ran.err


def test_bars_of_stored_days_are_made_without_the_provider(loaded: CommandLine, db: Database) -> None:
    before = loaded.run("bars", CZCE, *RANGE).out
    counts = {symbol: bars_stored(db, symbol) for symbol in SYMBOLS}
    for name in (TABLES[BARS].base, BAR_DAYS):
        db.execute(f"TRUNCATE TABLE {name}")
    db.await_applied(TABLES[BARS].base, BAR_DAYS)
    assert loaded.run("bars", CZCE, *RANGE).out == before, "until then they are made of the ticks"
    away = dict.fromkeys(("TQ_AUTH_URL", "TQ_CHINESE_HOLIDAY_URL", "TQ_CONT_TABLE_URL"), "http://127.0.0.1:9")
    words = ("backfill", *SYMBOLS, *RANGE, "--tables", "bars_1m", "--json")
    ran = loaded.run(*words, TQ_MD_URL="ws://127.0.0.1:9", **away)
    assert (ran.code, len(ran.document["succeeded"]), ran.document["failed"]) == (0, 6, []), ran.err
    assert {symbol: bars_stored(db, symbol) for symbol in SYMBOLS} == counts
    assert min(counts.values()) > 400
    assert loaded.run("bars", CZCE, *RANGE).out == before
    assert len(loaded.run(*words, TQ_MD_URL="ws://127.0.0.1:9", **away).document["unchanged"]) == 6


def bars_stored(db: Database, symbol: str) -> int:
    ((count,),) = db.rows("bars", f"SELECT count() FROM {BARS} WHERE symbol = %s", [symbol])
    return int(count)
