"""Whether the provider agrees with the calendar, and carrying the calendar on by what it says.

Belongs here: confirming the calendar by the provider's holiday list and storing a refreshed one under the home.
Does not belong here: what a calendar is and how two are compared (`market.calendar`), asking the provider (`tq`).

A difference is for people to judge. Nothing of the provider's list replaces what the calendar covers unless the
operator says so; days that are inferred, or beyond its horizon, are taken from years that the list covers whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ghtrader_assets.clock import Clock
from ghtrader_assets.files import put_file
from ghtrader_assets.market.calendar import TradingCalendar, calendar_for, calendar_path, changed_days, dump_calendar
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.market.holidays import CalendarFinding, compare_holidays, covers_year, extend_calendar, unconfirmed
from ghtrader_assets.reference.confirmation import note_confirmation
from ghtrader_assets.tq.market_data import fetch_holidays
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing


@dataclass(frozen=True, slots=True)
class CalendarRefresh:
    """What a refresh found and did. `stored` is None where the calendar stays as it was.

    `differences` is empty where the provider agrees, `unconfirmed` says what of this year its list leaves open, empty
    if nothing. `adopted`: the provider's word was taken on every difference.
    `changed` are the covered days that trade now and did not, or the other way round, or whose window moved: their
    partitions appear, disappear or are to be loaded again. `added` are the trading days beyond the old horizon.
    """

    before: TradingCalendar
    after: TradingCalendar
    differences: list[CalendarFinding]
    unconfirmed: str
    adopted: bool
    changed: list[date]
    added: list[date]
    stored: Path | None


def refresh_calendar(provider: Provider, home: Path, clock: Clock, timing: Timing, *, adopt: bool) -> CalendarRefresh:
    """Compare the calendar with the provider's holiday list, carry it on by that and store it under `home`.

    With `adopt` the provider's word replaces ours on the days that differ, in years that its list covers whole: what is
    cut short opens no holiday. Raises `FetchError`, `BadInputError` for an empty list.
    """
    before, today = calendar_for(home), shanghai_day(clock.now_ns())
    holidays = fetch_holidays(provider, home, timing)
    note_confirmation(before, provider.name, home, holidays, clock)
    differences = compare_holidays(before, holidays)
    source = f"{provider.name} holiday list of {today}"
    sure = [difference for difference in differences if adopt and covers_year(holidays, difference.day.year)]
    base = adopted(before, sure, source) if sure else before
    after = extend_calendar(base, holidays, source)
    refresh = CalendarRefresh(
        before=before,
        after=after,
        differences=differences,
        unconfirmed=unconfirmed(before, holidays, today),
        adopted=base is not before and sure == differences,
        changed=changed_days(before, after),
        added=after.days(before.horizon + timedelta(days=1), after.horizon) if after.horizon > before.horizon else [],
        stored=_store(after, home) if after != before else None,
    )
    if refresh.stored is not None:
        note_confirmation(after, provider.name, home, holidays, clock)
    return refresh


def adopted(calendar: TradingCalendar, differences: Sequence[CalendarFinding], source: str) -> TradingCalendar:
    """The calendar with the provider's word on each of the days that differ."""
    opened = {difference.day for difference in differences if difference.theirs == "open"}
    closed = {difference.day for difference in differences if difference.theirs == "closed"}
    days = set(calendar.days(calendar.first, calendar.horizon)) - closed | opened
    return TradingCalendar(
        [calendar.previous(calendar.first), *sorted(days)],
        first=calendar.first,
        horizon=calendar.horizon,
        inferred_from=calendar.inferred_from,
        source=f"{calendar.source}; {len(differences)} days by {source}",
    )


def _store(calendar: TradingCalendar, home: Path) -> Path:
    path = calendar_path(home)
    put_file(path, dump_calendar(calendar))
    return path
