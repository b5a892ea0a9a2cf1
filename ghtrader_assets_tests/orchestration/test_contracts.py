"""Contracts outside the universe are loaded and judged next to a launcher of symbols that are in it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.backfill import run_backfill
from ghtrader_assets.orchestration.contracts import WithContracts
from ghtrader_assets.orchestration.launcher import Progress
from ghtrader_assets.orchestration.names import ALL_TABLES, BARS_ASSET, TICKS_ASSET
from ghtrader_assets.orchestration.runs import Needs
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_daily_agg, read_manifests, read_summary
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.due import DayResult
from ghtrader_assets_tests.fix_exchange import ExchangeControl

MAIN, CONTRACT = parse_symbol("KQ.m@DCE.m"), parse_symbol("DCE.m2607")
DAY = date(2025, 12, 24)
NOT_LAUNCHED = Stopped("the launcher of the universe did nothing", 1)


@pytest.fixture
def context(db: Database, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    settings = Settings(
        home=tmp_path, start_date=date(2025, 12, 1), min_free_mb=0, symbols=(MAIN.text,), fast_history="on",
        validate_after_ingest="never",
    )  # fmt: skip
    return LoadContext(settings=settings, calendar=snapshot_calendar(), database=db, provider=provider)


class Quiet:
    """A progress that keeps which days ended."""

    def __init__(self) -> None:
        self.ended: list[DayResult] = []

    def announce(self, message: str) -> None: ...

    @contextmanager
    def loading(self, total: int) -> Generator[None]:
        yield

    def day_ended(self, result: DayResult) -> None:
        self.ended.append(result)

    @contextmanager
    def waiting(self, days: int) -> Generator[Callable[[float], None]]:
        yield lambda _: None


@dataclass
class OfTheUniverse:
    """A launcher that keeps what it is asked for, and loads nothing."""

    asked: list[Needs] = field(default_factory=list[Needs])
    retries_maintenance = True
    when_interrupted = "its runs go on"

    def run_ids(self, launch: str) -> list[str]:
        return []

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        self.asked.append(needs)
        return [NOT_LAUNCHED]


def test_a_day_without_ticks_is_no_success_where_no_ticks_are_asked_for(context: LoadContext) -> None:
    launcher, later = WithContracts(context, OfTheUniverse()), date(2025, 12, 25)
    report = run_backfill(context, launcher, Quiet(), [CONTRACT], later, later, [BARS_ASSET], workers=1)
    assert (report.succeeded, [day.trading_day for day in report.failed]) == ([], [later])
    assert "name ticks in --tables" in report.failed[0].failure


def test_each_goes_its_own_way(context: LoadContext) -> None:
    inner, told = OfTheUniverse(), Quiet()
    launcher = WithContracts(context, inner)
    report = run_backfill(context, launcher, told, [MAIN, CONTRACT], DAY, DAY, [TICKS_ASSET], workers=1)
    assert [list(needs) for needs in inner.asked] == [[MAIN]], "no asset exists of the contract"
    assert [(day.symbol, day.failure) for day in report.failed] == [(MAIN.text, NOT_LAUNCHED.reason)]
    assert [day.symbol for day in report.succeeded] == [day.symbol for day in told.ended] == [CONTRACT.text]
    (stored,) = read_daily_agg(context.database, CONTRACT.text, [DAY])
    assert (stored.contract, stored.rows_total > 0) == (CONTRACT.text, True)
    assert not read_summary(context.database, CONTRACT.text, [DAY])
    assert "its runs go on; contracts outside the universe end" in launcher.when_interrupted

    judging = replace(context, settings=context.settings.model_copy(update={"validate_after_ingest": "always"}))
    again = run_backfill(judging, WithContracts(judging, inner), told, [CONTRACT], DAY, DAY, ALL_TABLES)
    assert ([day.symbol for day in again.succeeded], again.failed) == ([CONTRACT.text], []), "judged from the store"
    assert read_summary(context.database, CONTRACT.text, [DAY])
    (same,) = read_daily_agg(context.database, CONTRACT.text, [DAY])
    assert same.manifest_id == stored.manifest_id


def test_what_fails_is_told_by_its_manifest(context: LoadContext, exchange: ExchangeControl) -> None:
    day = date(2025, 12, 25)
    exchange.faults({"kind": "no_data", "symbol": CONTRACT.text, "trading_day": day.isoformat()})
    report = run_backfill(context, WithContracts(context, OfTheUniverse()), Quiet(), [CONTRACT], day, day, ALL_TABLES)
    assert ([each.symbol for each in report.failed], report.succeeded) == ([CONTRACT.text], [])
    (manifest,) = read_manifests(context.database, CONTRACT.text, [day])
    assert manifest.outcome == IngestState.PROVIDER_EMPTY
    assert report.failed[0].manifest == manifest
    assert manifest.finished is not None
