"""What Dagster shows of an accepted day: who accepted it, next to the verdict that stays."""

from __future__ import annotations

import dagster as dg

from ghtrader_assets.assets.materializations import Pages, materializations
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import DAY_TABLES, FIELD_QUALITY_ASSET, VALIDATION_SUMMARY_ASSET
from ghtrader_assets.questdb.tables.rows import Acceptance
from ghtrader_assets.validation.verdicts import CoverageVerdict, QualityVerdict
from ghtrader_assets_tests.made_manifest import manifest
from ghtrader_assets_tests.pasts import DAY, NOON, blank


def test_the_verdicts_of_an_accepted_day_say_by_whom() -> None:
    judgement = Judgement(
        blank(CoverageVerdict, state="error", reason_code="gap_gt30_block"),
        blank(QualityVerdict, state="ok", rules_json="{}"),
        fresh=False,
        seconds=0.0,
    )
    outcome = DayOutcome("KQ.m@SHFE.cu", DAY, IngestState.COMPLETE, manifest(trading_day=DAY), judgement)
    accepted = Acceptance("operator", NOON, "so be it")
    with dg.DagsterInstance.ephemeral() as instance:
        symbol, pages = parse_symbol("KQ.m@SHFE.cu"), Pages("http://console", None)
        events = list(materializations(instance, pages, symbol, outcome, frozenset(DAY_TABLES), accepted))
    metadata = {event.asset_key.path[-1]: event.metadata for event in events}
    said = {table: entries["accepted"].value for table, entries in metadata.items() if "accepted" in entries}
    assert said == dict.fromkeys((VALIDATION_SUMMARY_ASSET, FIELD_QUALITY_ASSET), "2019-06-03 by operator: so be it")
    assert metadata[VALIDATION_SUMMARY_ASSET]["state"].value == "error"
