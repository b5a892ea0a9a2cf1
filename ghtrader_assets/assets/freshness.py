"""Freshness policies: whether a symbol's feed is alive.

Belongs here: the policy as Dagster takes it. Does not belong here: the windows (`upkeep.feeds`) and whether a single
trading day is good (`checks`): a policy looks at the last materialization alone, be it of a day long past.
"""

from __future__ import annotations

from datetime import date

import dagster as dg

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.upkeep.feeds import freshness_windows


def feed_freshness(calendar: TradingCalendar, today: date) -> dg.FreshnessPolicy:
    """Warns after the longest closure that the calendar knows, fails a day later: no holiday looks like an outage."""
    warn, fail = freshness_windows(calendar, today)
    return dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn)
