"""The two ops that serve all symbols: what a run of many records of each, and which step does what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.symbol_days import JUDGE, LOAD
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import (
    ALL_TABLES,
    BARS_ASSET,
    BASELINE_ASSET,
    DAY_TABLES,
    JUDGED,
    MAIN_SCHEDULE_ASSET,
    MANIFEST_ASSET,
    RANGE_END,
    RANGE_START,
    VALIDATION_SUMMARY_ASSET,
    WORKERS_TAG,
)
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.schema import BAR_DAYS, BARS, TABLES
from ghtrader_assets.settings import load_settings
from ghtrader_assets_tests.apart import apart
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine
from ghtrader_assets_tests.model_days import contract_of

SILVER, SUGAR, INDEX, NOBODYS = SYMBOLS = [
    parse_symbol(text) for text in ("KQ.m@SHFE.ag", "KQ.m@CZCE.SR", "KQ.m@CFFEX.IF", "KQ.m@SHFE.zz")
]
FRIDAY, MONDAY = DAYS = (date(2026, 1, 16), date(2026, 1, 19))


@pytest.fixture
def instance(
    shared: CommandLine, exchange: ExchangeControl, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    for name, value in shared.whole_environment(
        {"GHTRADER_SYMBOLS": ",".join(symbol.text for symbol in SYMBOLS)}
    ).items():
        monkeypatch.setenv(name, value)
    with dg.instance_for_test() as instance:
        yield instance


def run(instance: dg.DagsterInstance, selected: list[dg.AssetKey], first: object, last: object, **tags: str) -> Any:
    """A run in this process, as the command makes it."""
    job = build_definitions(load_settings(), SYSTEM_CLOCK).resolve_implicit_global_asset_job_def()
    return apart(
        job.execute_in_process,
        instance=instance,
        asset_selection=selected,
        tags={RANGE_START: str(first), RANGE_END: str(last), **tags},
        raise_on_error=False,
    )


def made(ran: Any) -> list[tuple[str, str, str]]:
    """What a run materialized: symbol key, table, day."""
    events = [event for node in {event.node_name for event in ran.all_node_events} for event in (
        ran.asset_materializations_for_node(node)
    )]  # fmt: skip
    return sorted((*event.asset_key.path, event.partition) for event in events)


def test_a_run_of_many_symbols_fails_with_exactly_the_days_that_did(
    instance: dg.DagsterInstance, exchange: ExchangeControl
) -> None:
    exchange.faults({"kind": "no_data", "symbol": contract_of(SUGAR, MONDAY), "trading_day": str(MONDAY)})
    ran = run(instance, [asset_key(symbol, table) for symbol in SYMBOLS for table in ALL_TABLES], *DAYS)
    (failure,) = ran.get_step_failure_events()
    said = failure.step_failure_data.user_failure_data
    assert said, failure.step_failure_data.error
    failed = json.loads(json.dumps(said.metadata["failed_days"].value))
    assert {name: sorted(days) for name, days in failed.items()} == {
        SUGAR.text: [str(MONDAY)], NOBODYS.text: [str(FRIDAY), str(MONDAY)],
    }  # fmt: skip
    assert failed[SUGAR.text][str(MONDAY)].startswith("provider_empty")
    assert said.description.startswith("3 trading day(s) of 2 symbols failed; the first, KQ.m@CZCE.SR 2026-01-19")

    good = {SILVER: DAYS, INDEX: DAYS, SUGAR: (FRIDAY,)}
    wanted = [(symbol.key, table, str(day)) for symbol, days in good.items() for table in DAY_TABLES for day in days]
    wanted += [(symbol.key, MAIN_SCHEDULE_ASSET, str(day)) for symbol in good for day in DAYS]
    assert made(ran) == sorted(wanted)


@pytest.mark.parametrize(
    ("day", "says"),
    [
        (date(2026, 1, 4), r"2026-01-04 \(Sunday\) is not a trading day; its neighbours are 2025-12-31 and 2026-01-05"),
        (date(2027, 12, 31), "2027-12-31 is no partition"),
    ],
)
def test_a_day_that_does_not_trade_or_has_not_begun_fails_by_name(
    instance: dg.DagsterInstance, day: date, says: str
) -> None:
    """Launched by hand over GraphQL, which looks at no tag: it once succeeded with nothing done."""
    ran = run(instance, [asset_key(SILVER, table) for table in ALL_TABLES], day, day)
    assert not ran.success
    (failure,) = ran.get_step_failure_events()
    said = failure.step_failure_data.user_failure_data
    assert said, failure.step_failure_data.error
    assert re.search(says, said.description)


def test_in_a_run_that_loads_one_symbol_the_same_step_judges_the_other(instance: dg.DagsterInstance) -> None:
    first = run(instance, [asset_key(SUGAR, table) for table in ALL_TABLES], FRIDAY, FRIDAY)
    assert first.success
    loads, judges = [asset_key(INDEX, table) for table in ALL_TABLES], [asset_key(SUGAR, table) for table in JUDGED]
    ran = run(instance, [*loads, *judges], FRIDAY, FRIDAY)
    assert ran.success
    day = str(FRIDAY)
    assert made(ran) == sorted(
        [(INDEX.key, table, day) for table in ALL_TABLES] + [(SUGAR.key, table, day) for table in JUDGED]
    )
    assert len(ran.asset_materializations_for_node(LOAD)) == len(made(ran))


def test_a_run_of_the_manifest_alone_tells_the_verdicts_that_it_changed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It judged stale days, and the catalog went on showing the verdicts of before."""

    def told() -> object:
        event = instance.get_latest_materialization_event(asset_key(SILVER, VALIDATION_SUMMARY_ASSET))
        assert event
        assert event.asset_materialization
        return event.asset_materialization.metadata["fingerprint"].value

    assert run(instance, [asset_key(SILVER, table) for table in ALL_TABLES], MONDAY, MONDAY).success
    before = told()
    monkeypatch.setenv("GHTRADER_L5_VALIDATE_GAP_WARN_AG", "7")
    alone = [asset_key(SILVER, MANIFEST_ASSET)]
    ran = run(instance, alone, MONDAY, MONDAY)
    assert made(ran) == sorted((SILVER.key, table, str(MONDAY)) for table in (BASELINE_ASSET, MANIFEST_ASSET, *JUDGED))
    assert told() != before
    assert made(run(instance, alone, MONDAY, MONDAY)) == [(SILVER.key, MANIFEST_ASSET, str(MONDAY))]


def test_a_run_of_the_bars_alone_makes_those_of_stored_days(instance: dg.DagsterInstance, db: Database) -> None:
    assert run(instance, [asset_key(SILVER, table) for table in ALL_TABLES], FRIDAY, FRIDAY).success
    alone = [asset_key(SILVER, BARS_ASSET)]
    told = instance.get_latest_materialization_event(*alone)
    for name in (TABLES[BARS].base, BAR_DAYS):
        db.execute(f"TRUNCATE TABLE {name}")
    db.await_applied(TABLES[BARS].base, BAR_DAYS)
    ran = run(instance, alone, FRIDAY, FRIDAY)
    assert made(ran) == [(SILVER.key, BARS_ASSET, str(FRIDAY))]
    (event,) = ran.asset_materializations_for_node(JUDGE)
    assert told
    assert told.asset_materialization
    assert event.tags == told.asset_materialization.tags, "the same content gives the same version"
    assert event.metadata["dagster/partition_row_count"].value == 555
    assert len(json.dumps({name: str(value.value) for name, value in event.metadata.items()})) < 600
    failed = run(instance, alone, date(2026, 1, 21), date(2026, 1, 21))
    assert not failed.success, "no ticks of that day are stored"
    assert made(failed) == []


@pytest.mark.parametrize(
    ("first", "last", "workers", "says"),
    [
        (MONDAY, FRIDAY, "1", "the range begins on 2026-01-19, after its end 2026-01-16; swap them"),
        (FRIDAY, MONDAY, "0", "ingest_workers='0' is not a legal value: Input should be greater than or equal to 1"),
        (FRIDAY, MONDAY, "-5", "ingest_workers='-5' is not a legal value"),
        (
            FRIDAY,
            MONDAY,
            "1000",
            "ingest_workers='1000' is not a legal value: Input should be less than",
        ),
        (FRIDAY, MONDAY, "abc", "ingest_workers='abc' is not a legal value"),
        (FRIDAY, MONDAY, "9" * 5000, "is not a legal value"),
    ],
    ids=lambda value: str(value)[:10],
)
def test_a_run_whose_tags_are_out_of_bounds_fails_by_name(
    instance: dg.DagsterInstance, first: date, last: date, workers: str, says: str
) -> None:
    """ "0" left the run started for ever with a slot of the pool, "1000" was taken, a reversed range an IndexError."""
    ran = run(instance, [asset_key(INDEX, table) for table in ALL_TABLES], first, last, **{WORKERS_TAG: workers})
    (failure,) = ran.get_step_failure_events()
    said = failure.step_failure_data.user_failure_data
    assert said, failure.step_failure_data.error
    assert says in said.description
    assert len(said.description) < 1500
    assert made(ran) == []
