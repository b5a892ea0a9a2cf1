"""The sensors that look after the platform: feeds and rates as checks that stay up to date, and alerts.

Belongs here: when health is looked at, and what of Dagster's own (failed runs, checks in error) is said to a person.
Does not belong here: what is healthy (`loading`), the words and the sending (`alerts`).

A check evaluated by a sensor costs no run. It is recorded when what it says has changed or its asset was loaded since,
so the page of a check reads as the history of its feed.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from ghtrader_assets.alerts import Alert, check_alert, feed_alert, horizon_alert, rate_alert, run_alert, send_new
from ghtrader_assets.assets.checks import INGEST_RATE, LATEST_DAY, evaluations, read_findings
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.calendar import check_horizon
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.runtime import read_runtime
from ghtrader_assets.services.embedded import DAGSTER
from ghtrader_assets.settings import Settings, load_settings

HEALTH_INTERVAL_S: Final = 60
_EVALUATED: Final = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
SAID_IN_OWN_WORDS: Final = frozenset({LATEST_DAY, INGEST_RATE, "horizon"})
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
        with platform.opened() as opened:
            feeds, drops = read_findings(opened, symbols)
            settings = opened.settings
            horizon = check_horizon(opened.calendar, shanghai_day(SYSTEM_CLOCK.now_ns()))
        found = [feed_alert(feed) for feed in feeds] + [rate_alert(drop) for drop in drops] + [horizon_alert(horizon)]
        checks = context.repository_def.asset_graph.asset_check_keys if context.repository_def else ()
        found += _checks_in_error(context.instance, settings, checks)
        told = _tell(settings, [alert for alert in found if alert is not None])
        changed = _changed(context.instance, list(evaluations(feeds, drops, symbols)))
        return dg.SensorResult(skip_reason=f"{len(changed)} checks changed, {told}", asset_events=changed)

    return watch_feeds


def failed_run_sensor(settings: Settings) -> dg.SensorDefinition:
    """Tells of failed runs, which a person may have to look at; running where somebody can be told."""
    told = settings.alert_urls is not None

    @dg.run_failure_sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="alert_failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING if told else dg.DefaultSensorStatus.STOPPED,
        description="Tells GHTRADER_ALERT_URLS of each failed run, once, with its reason and its page.",
    )
    def alert_failed_runs(context: dg.RunFailureSensorContext) -> None:
        now = load_settings()
        run = context.dagster_run
        names = sorted({key.path[0] for key in run.asset_selection or ()})
        reasons = [_reason(event) for event in context.get_step_failure_events()] or [context.failure_event.message]
        alert = run_alert(run.run_id, ", ".join(names) or run.job_name, "; ".join(map(str, reasons)), _ui(now))
        send_new(now, [alert])

    return alert_failed_runs


def _tell(settings: Settings, alerts: Sequence[Alert]) -> str:
    """Send what is new. An address that does not answer keeps no check from being recorded: it is tried again."""
    try:
        return f"{len(send_new(settings, alerts))} alerts sent"
    except GhtraderError as error:
        return f"alerts not sent: {error}"


def _reason(event: dg.DagsterEvent) -> str:
    """The words of a `Failure`; of any other exception, what it said itself."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    return "" if error is None else (error.cause or error).message.strip()


def _checks_in_error(
    instance: dg.DagsterInstance, settings: Settings, keys: Iterable[dg.AssetCheckKey]
) -> list[Alert | None]:
    """Checks that failed with severity error, but for those that have words of their own."""
    others = [key for key in keys if key.name not in SAID_IN_OWN_WORDS]
    if not others or settings.alert_urls is None:
        return []
    found: list[Alert | None] = []
    for key, record in instance.event_log_storage.get_latest_asset_check_execution_by_key(others).items():
        if record.status != AssetCheckExecutionRecordStatus.FAILED or record.event is None:
            continue
        evaluation = record.event.asset_check_evaluation
        if evaluation is not None and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            name = "/".join(key.asset_key.path)
            found.append(check_alert(name, key.name, evaluation.description or "failed", _ui(settings)))
    return found


def _ui(settings: Settings) -> str | None:
    runtime = read_runtime(settings.home)
    service = runtime.service(DAGSTER) if runtime else None
    return service.urls["http"] if service else None


def _changed(instance: dg.DagsterInstance, current: Sequence[dg.AssetCheckEvaluation]) -> list[dg.AssetCheckEvaluation]:
    """Those that say something else than their check's last record, or whose last record is of a run that never came
    to it, or is older than its asset's last materialization: of those Dagster shows none."""
    recorded = instance.event_log_storage.get_latest_asset_check_execution_by_key([_key(one) for one in current])
    loaded = _last_loads(instance, {one.asset_key for one in current})
    return [
        one
        for one in current
        if _said(recorded.get(_key(one)), loaded.get(one.asset_key, 0.0)) != (one.passed, one.description)
    ]


def _key(one: dg.AssetCheckEvaluation) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(one.asset_key, one.check_name)


def _last_loads(instance: dg.DagsterInstance, assets: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, float]:
    """When each asset was last materialized, in seconds since the epoch."""
    entries = [record.asset_entry for record in instance.get_asset_records(list(assets))]
    return {one.asset_key: one.last_materialization.timestamp for one in entries if one.last_materialization}


def _said(record: AssetCheckExecutionRecord | None, loaded_at: float) -> tuple[bool, str | None] | None:
    if record is None or record.event is None or record.status not in _EVALUATED or record.create_timestamp < loaded_at:
        return None
    evaluation = record.event.asset_check_evaluation
    return None if evaluation is None else (evaluation.passed, evaluation.description)
