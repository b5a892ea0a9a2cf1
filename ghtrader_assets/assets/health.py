"""The sensors that look after the platform: feeds and rates as checks that stay up to date, and alerts.

Belongs here: when health is looked at, and which of Dagster's own events (failed runs, checks in error) become alerts.
Does not belong here: what is healthy (`upkeep`), the words and the sending (`alerts`).

A check evaluated by a sensor costs no run. It is recorded when what it says has changed or its asset was loaded since,
so the page of a check reads as the history of its feed.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import dagster as dg

from ghtrader_assets.alerts import Alert, check_alert, feed_alert, horizon_alert, rate_alert, run_alert, send_new
from ghtrader_assets.assets.checks import INGEST_RATE, LATEST_DAY, evaluations, read_findings
from ghtrader_assets.assets.dagster_internals import CheckRecord, CheckStatus
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.run_here import stop_of
from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.calendar import check_horizon
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.daemon import daemon_url
from ghtrader_assets.settings import Settings

HEALTH_INTERVAL_S: Final = 60
_EVALUATED: Final = {CheckStatus.SUCCEEDED, CheckStatus.FAILED}
WITH_ALERT_OF_THEIR_OWN: Final = frozenset({LATEST_DAY, INGEST_RATE, "horizon"})
"""Checks whose findings have an alert of their own, with the command that helps."""


def health_sensor(symbols: Sequence[Symbol]) -> dg.SensorDefinition:
    """Keeps the feed checks up to date and says what is new; running by default, since it changes nothing."""

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="watch_feeds",
        minimum_interval_seconds=HEALTH_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Checks that each symbol's latest expected trading day is present, judged and good, and that days"
        " come as fast as usual; tells GHTRADER_ALERT_URLS of what is new, and of a calendar about to run out.",
    )
    def watch_feeds(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        with platform.store() as opened:
            feeds, drops = read_findings(opened, symbols, context.instance)
            settings, clock = opened.settings, opened.clock
            horizon = check_horizon(opened.calendar, shanghai_day(clock.now_ns()))
        found = [feed_alert(feed) for feed in feeds] + [rate_alert(drop) for drop in drops] + [horizon_alert(horizon)]
        checks = context.repository_def.asset_graph.asset_check_keys if context.repository_def else ()
        found += _checks_in_error(context.instance, settings, checks)
        told = _tell(settings, clock, [alert for alert in found if alert is not None])
        changed = _changed(context.instance, list(evaluations(feeds, drops, symbols)))
        return dg.SensorResult(skip_reason=f"{len(changed)} checks changed, {told}", asset_events=changed)

    return watch_feeds


def failed_run_sensor(settings: Settings, clock: Clock) -> dg.SensorDefinition:
    """Tells of failed runs, which a person may have to look at; running where GHTRADER_ALERT_URLS are set."""
    told = settings.alert_urls is not None

    @dg.run_failure_sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="alert_failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING if told else dg.DefaultSensorStatus.STOPPED,
        description="Tells GHTRADER_ALERT_URLS of each failed run, once, with its reason and its page.",
    )
    def alert_failed_runs(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        names = sorted({key.path[0] for key in run.asset_selection or ()})
        reasons = [stop_of(event.step_failure_data).reason for event in context.get_step_failure_events()] or [
            context.failure_event.message
        ]
        alert = run_alert(
            run.run_id, ", ".join(names) or run.job_name, "; ".join(map(str, reasons)), daemon_url(settings)
        )
        send_new(settings, [alert], clock)

    return alert_failed_runs


def _tell(settings: Settings, clock: Clock, alerts: Sequence[Alert]) -> str:
    """Send what is new. An address that does not answer keeps no check from being recorded: it is tried again."""
    try:
        return f"{len(send_new(settings, alerts, clock))} alerts sent"
    except GhtraderError as error:
        return f"alerts not sent: {error}"


def _checks_in_error(
    instance: dg.DagsterInstance, settings: Settings, keys: Iterable[dg.AssetCheckKey]
) -> list[Alert | None]:
    """Checks that failed with severity error, but for those that have words of their own."""
    others = [key for key in keys if key.name not in WITH_ALERT_OF_THEIR_OWN]
    if not others or settings.alert_urls is None:
        return []
    found: list[Alert | None] = []
    for key, record in instance.event_log_storage.get_latest_asset_check_execution_by_key(others).items():
        if record.status != CheckStatus.FAILED or record.event is None:
            continue
        evaluation = record.event.asset_check_evaluation
        if evaluation is not None and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            name = "/".join(key.asset_key.path)
            found.append(check_alert(name, key.name, evaluation.description or "failed", daemon_url(settings)))
    return found


def _changed(instance: dg.DagsterInstance, current: Sequence[dg.AssetCheckEvaluation]) -> list[dg.AssetCheckEvaluation]:
    """Those that say something else than their check's last record, or whose last record is of a run that never came
    to it, or is older than its asset's last materialization: of those Dagster shows none."""
    keys = [check.asset_check_key for check in current]
    recorded = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    loaded = _last_loads(instance, {check.asset_key for check in current})
    return [
        check
        for check in current
        if _last_result(recorded.get(check.asset_check_key), loaded.get(check.asset_key, 0.0))
        != (check.passed, check.description)
    ]


def _last_loads(instance: dg.DagsterInstance, assets: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, float]:
    """When each asset was last materialized, in seconds since the epoch."""
    entries = [record.asset_entry for record in instance.get_asset_records(list(assets))]
    return {entry.asset_key: entry.last_materialization.timestamp for entry in entries if entry.last_materialization}


def _last_result(record: CheckRecord | None, loaded_at: float) -> tuple[bool, str | None] | None:
    if record is None or record.event is None or record.status not in _EVALUATED or record.create_timestamp < loaded_at:
        return None
    evaluation = record.event.asset_check_evaluation
    return None if evaluation is None else (evaluation.passed, evaluation.description)
