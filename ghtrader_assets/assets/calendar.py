"""The trading calendar as an asset: confirmed and carried on by the provider's holiday list, once a day.

Belongs here: its asset, its checks and its schedule; the same hour asks for the present hours of each symbol.
Does not belong here: comparing and extending (`reference.calendar`, `reference.live_hours`).

A changed calendar changes partitions: days that trade now appear, days that don't disappear, and those whose window
moved are due again. Runs and commands read the calendar when they start; the webserver and the daemon hold partitions
since they loaded the definitions, so a running Dagster is asked to load them again.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

import dagster as dg

from ghtrader_assets.assets.materializations import DATA_VERSION
from ghtrader_assets.assets.partitions import TIME_ZONE
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.tables import OWNERS
from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import provider_of, timing_of
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.errors import BadInputError, FetchError, GhtraderError, ServiceError
from ghtrader_assets.health import horizon_finding
from ghtrader_assets.market.calendar import MIN_DAYS_AHEAD, TradingCalendar, calendar_for, check_horizon
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.market.session_events import events_for
from ghtrader_assets.orchestration.daemon import reload_running
from ghtrader_assets.reference.calendar import CalendarRefresh, refresh_calendar
from ghtrader_assets.reference.confirmation import SETTLE
from ghtrader_assets.reference.live_hours import SETTLE as SETTLE_HOURS
from ghtrader_assets.reference.live_hours import compare_live_hours
from ghtrader_assets.runtime import living_run
from ghtrader_assets.settings import Settings

TRADING_CALENDAR: Final = dg.AssetKey("trading_calendar")
CONFIRMED: Final = "confirmed_by_provider"
HORIZON: Final = "horizon"
HOURS: Final = "hours_and_terms"
BEFORE_THE_OPEN: Final = "30 8 * * *"
_SHOWN_AHEAD: Final = timedelta(days=120)


@dg.asset(
    key=TRADING_CALENDAR,
    group_name="trading_calendar",
    owners=OWNERS,
    kinds={"python"},
    check_specs=[
        dg.AssetCheckSpec(
            CONFIRMED,
            asset=TRADING_CALENDAR,
            description="The provider's holiday list agrees with the calendar on every weekday that both cover.",
        ),
        dg.AssetCheckSpec(
            HOURS,
            asset=TRADING_CALENDAR,
            description="The provider's present hours, price tick, multiplier and last trading day of each symbol's "
            "contract are those of our tables.",
        ),
    ],
    description="The trading days of the six futures exchanges since 2004: a versioned snapshot, every disagreement of "
    "its sources settled by a notice, confirmed by the provider's holiday list and carried on by it. A difference is "
    "reported and never adopted by itself.",
)
def trading_calendar(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Confirm the calendar; store it where the provider's list carries it on."""
    with living_run(platform.settings.home, context.run.run_id):
        yield from _confirmations(context, platform)


def _confirmations(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult[Any]]:
    settings, clock = platform.settings, platform.clock
    try:
        found = refresh_calendar(provider_of(settings), settings.home, clock, timing_of(settings), adopt=False)
    except (FetchError, ServiceError) as error:
        raise dg.Failure(f"the calendar could not be confirmed: {error}", allow_retries=False) from None
    for difference in found.differences:
        context.log.error(f"the provider differs: {difference}")
    yield dg.MaterializeResult(
        asset_key=TRADING_CALENDAR,
        metadata={
            **_about(found, shanghai_day(clock.now_ns())),
            "definitions": "unchanged" if found.stored is None else reload_running(settings),
        },
        check_results=[_confirmed(found), _hours_confirmed(settings, found.after, clock)],
        tags={DATA_VERSION: found.after.digest},
    )


@dg.asset_check(
    asset=TRADING_CALENDAR,
    name=HORIZON,
    description=f"The calendar covers the next {MIN_DAYS_AHEAD} days (else a warning) and the trading day after this "
    "one (else an error: it could not be planned).",
)
def horizon_check(platform: PlatformResource) -> dg.AssetCheckResult:
    """Judged from the stored calendar alone: it needs no provider."""
    calendar, today = calendar_for(platform.settings.home), shanghai_day(platform.clock.now_ns())
    horizon = check_horizon(calendar, today)
    return dg.AssetCheckResult(
        passed=horizon.ok,
        severity=dg.AssetCheckSeverity.WARN if _next_is_known(calendar, today) else dg.AssetCheckSeverity.ERROR,
        description=horizon_finding(horizon).line,
        metadata={"days_ahead": horizon.days_ahead, "horizon": str(horizon.horizon), "digest": calendar.digest},
    )


def calendar_schedule(status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Every morning, weekends included: closures are announced at any time."""
    return dg.ScheduleDefinition(
        name="confirm_trading_calendar",
        target=dg.AssetSelection.assets(TRADING_CALENDAR),
        cron_schedule=BEFORE_THE_OPEN,
        execution_timezone=TIME_ZONE,
        default_status=status,
        description="At 8:30 Beijing time: compares the calendar with the provider's holiday list, carries it on, and "
        "compares the present hours and terms of each symbol.",
    )


def _next_is_known(calendar: TradingCalendar, today: date) -> bool:
    try:
        calendar.next(today)
    except BadInputError:
        return False
    return True


def _confirmed(found: CalendarRefresh) -> dg.AssetCheckResult:
    """A list that says too little of this year confirms nothing: a warning, as no day is known to be wrong."""
    words = [str(difference) for difference in found.differences]
    return dg.AssetCheckResult(
        check_name=CONFIRMED,
        asset_key=TRADING_CALENDAR,
        passed=not words and not found.unconfirmed,
        severity=dg.AssetCheckSeverity.ERROR if words else dg.AssetCheckSeverity.WARN,
        description="; ".join([*words, SETTLE]) if words else found.unconfirmed or "the provider's holiday list agrees",
        metadata={
            "differences": len(words),
            "days": dg.MetadataValue.json([str(difference.day) for difference in found.differences]),
        },
    )


def _hours_confirmed(settings: Settings, calendar: TradingCalendar, clock: Clock) -> dg.AssetCheckResult:
    """A provider whose hours can't be read is a warning: the calendar itself was confirmed."""
    home, symbols = settings.home, universe_of(settings)
    try:
        found = compare_live_hours(
            provider_of(settings), home, timing_of(settings), symbols, clock, calendar, events_for(home)
        )
    except GhtraderError as error:
        return _hours_check(dg.AssetCheckSeverity.WARN, [f"they could not be compared: {error}"], 0)
    words = [str(difference) for live in found.values() for difference in live.differences]
    left_out = [symbol.text for symbol in symbols if symbol not in found]
    if left_out and not words:
        return _hours_check(dg.AssetCheckSeverity.WARN, [f"{', '.join(left_out)} could not be compared"], len(found))
    return _hours_check(dg.AssetCheckSeverity.ERROR, [*words, SETTLE_HOURS] if words else [], len(found))


def _hours_check(severity: dg.AssetCheckSeverity, wrong: list[str], compared: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=HOURS,
        asset_key=TRADING_CALENDAR,
        passed=not wrong,
        severity=severity,
        description="; ".join(wrong) or f"the provider agrees on all {compared} symbols",
        metadata={"symbols_compared": compared},
    )


def _about(found: CalendarRefresh, today: date) -> dict[str, Any]:
    calendar = found.after
    ahead = calendar.holidays_on_weekdays(min(today, calendar.horizon), min(today + _SHOWN_AHEAD, calendar.horizon))
    return {
        "digest": calendar.digest,
        "horizon": str(calendar.horizon),
        "days_ahead": (calendar.horizon - today).days,
        "trading_days": len(calendar.days(calendar.first, calendar.horizon)),
        "closed_weekdays_ahead": dg.MetadataValue.json([str(day) for day in ahead]),
        "source": calendar.source,
        "differences": len(found.differences),
        "changed_days": dg.MetadataValue.json([str(day) for day in found.changed]),
        "added_days": len(found.added),
    }
