"""Asset checks of each symbol's ticks: is the latest expected trading day there, and did it come as fast as usual.

Belongs here: the checks as Dagster shows them. Does not belong here: what is good (`upkeep.feeds`, `upkeep.rates`),
and single days: those are judged by `validation_summary` and `field_quality`, asset by asset and day by day.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import dagster as dg

from ghtrader_assets.assets.dagster_internals import schedule_is_on
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import TICKS_ASSET
from ghtrader_assets.services.dagster_state import DAILY_SCHEDULE
from ghtrader_assets.upkeep.feeds import Feed, FeedState, feeds_of
from ghtrader_assets.upkeep.rates import RateDrop, rate_drops, read_loads

LATEST_DAY: Final = "latest_day"
INGEST_RATE: Final = "ingest_rate"
_DESCRIPTIONS: Final = {
    LATEST_DAY: "The latest expected trading day is present, judged and good. A day is expected by 21:00 Beijing time;"
    " weekends and exchange holidays are none.",
    INGEST_RATE: "The last loaded day came at no less than GHTRADER_INGEST_RATE_SHARE of the symbol's usual rate.",
}


def feed_checks(symbols: Sequence[Symbol]) -> dg.AssetChecksDefinition:
    """Both checks of every symbol, run by hand or with a load; the health sensor keeps them up to date by itself."""

    @dg.multi_asset_check(
        name="feed_checks",
        specs=[
            dg.AssetCheckSpec(name, asset=asset_key(symbol, TICKS_ASSET), description=_DESCRIPTIONS[name])
            for symbol in symbols
            for name in (LATEST_DAY, INGEST_RATE)
        ],
        can_subset=True,
    )
    def feed_checks_(
        context: dg.AssetCheckExecutionContext, platform: PlatformResource
    ) -> Iterator[dg.AssetCheckResult]:
        selected = context.selected_asset_check_keys
        chosen = [
            symbol for symbol in symbols if any(key.asset_key == asset_key(symbol, TICKS_ASSET) for key in selected)
        ]
        with platform.store() as opened:
            for evaluation in evaluations(*read_findings(opened, chosen, context.instance), chosen):
                if evaluation.asset_check_key in selected:
                    yield dg.AssetCheckResult(
                        passed=evaluation.passed,
                        asset_key=evaluation.asset_key,
                        check_name=evaluation.check_name,
                        severity=evaluation.severity,
                        description=evaluation.description,
                        metadata=evaluation.metadata,
                    )

    return feed_checks_


def read_findings(
    context: StoreContext, symbols: Sequence[Symbol], instance: dg.DagsterInstance
) -> tuple[list[Feed], list[RateDrop]]:
    """How the feeds stand and which of them slowed down. Raises `QuestDBError`."""
    loads_daily = schedule_is_on(instance, DAILY_SCHEDULE, by_default=context.settings.runs_by_itself)
    loads = [load for symbol in symbols for load in read_loads(context.database, symbol.text)]
    return feeds_of(context, symbols, loads_daily=loads_daily), rate_drops(loads, context.settings.ingest_rate_share)


def evaluations(
    feeds: Iterable[Feed], drops: Iterable[RateDrop], symbols: Sequence[Symbol]
) -> Iterator[dg.AssetCheckEvaluation]:
    """The findings as Dagster records them."""
    by_feed = {feed.symbol: feed for feed in feeds}
    by_drop = {drop.symbol: drop for drop in drops}
    for symbol in symbols:
        yield _latest_day(symbol, by_feed[symbol.text])
        yield _ingest_rate(symbol, by_drop.get(symbol.text))


def _latest_day(symbol: Symbol, feed: Feed) -> dg.AssetCheckEvaluation:
    metadata: dict[str, Any] = {"expected_day": feed.expected_day.isoformat(), "state": feed.state.value}
    if feed.last_day is not None and feed.loaded_at is not None:
        metadata |= {
            "last_day": feed.last_day.isoformat(),
            "loaded_at": dg.MetadataValue.timestamp(feed.loaded_at),
        }
    if feed.remedy:
        metadata["remedy"] = feed.remedy
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(symbol, TICKS_ASSET),
        check_name=LATEST_DAY,
        passed=feed.good,
        severity=dg.AssetCheckSeverity.WARN if feed.state == FeedState.UNJUDGED else dg.AssetCheckSeverity.ERROR,
        description=feed.reason,
        metadata=metadata,
    )


def _ingest_rate(symbol: Symbol, drop: RateDrop | None) -> dg.AssetCheckEvaluation:
    metadata: dict[str, Any] = {}
    if drop is not None:
        metadata = {"rows_per_s": drop.rows_per_s, "median_rows_per_s": drop.median_rows_per_s, "share": drop.share}
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(symbol, TICKS_ASSET),
        check_name=INGEST_RATE,
        passed=drop is None,
        severity=dg.AssetCheckSeverity.WARN,
        description="as usual" if drop is None else str(drop),
        metadata=metadata,
    )
