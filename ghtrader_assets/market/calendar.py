"""The trading days of the Chinese exchanges: a hashed snapshot and its horizon.

Belongs here: which days trade, their windows, and the file format of a calendar.
Does not belong here: hours (`sessions`), and a provider's holiday list (`holidays`; `tq` fetches it).

All exchanges share one calendar. Weekends never trade, whatever the state's make-up workdays say. Asking
about a day outside what the calendar covers is an error: there is no guess of "weekdays trade".
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from ghtrader_assets.errors import BadInputError, GhtraderError
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.market.data_files import own_text
from ghtrader_assets.market.ticks import DayWindow

EVENING_S: Final = 18 * 3600
"""A trading day's window turns at 18:00 Beijing time: after every day session, before every night session."""

MIN_DAYS_AHEAD: Final = 60
_FORMAT: Final = 1
_DAMAGED: Final = "remove it: the packaged calendar takes its place; then `ghtrader-assets calendar --refresh`"
_REFRESH: Final = "refresh the calendar: `ghtrader-assets calendar --refresh`"


class TradingCalendar:
    """The trading days from `first` to `horizon`, both covered. Immutable; equal and hashable by `digest`.

    Days from `inferred_from` on follow from the rules of holidays that are not published yet; None where all are
    settled. `days` is sorted and begins with the last trading day before `first`, on whose evening the first window
    opens.
    """

    __slots__ = ("_closes_ns", "_days", "_known", "digest", "first", "horizon", "inferred_from", "source")

    def __init__(
        self, days: Sequence[date], *, first: date, horizon: date, source: str, inferred_from: date | None = None
    ) -> None:
        if len(days) < 2 or not days[0] < first <= days[1] or days[-1] > horizon:
            raise BadInputError(f"a calendar of {first}..{horizon} needs its days and the trading day before its first")
        if inferred_from is not None and not first < inferred_from <= horizon:
            raise BadInputError(f"days inferred from {inferred_from} on lie outside {first}..{horizon}")
        if any(later <= earlier for earlier, later in pairwise(days)):
            raise BadInputError("the days of a calendar are not in ascending order")
        if any(day.weekday() > 4 for day in days):
            raise BadInputError("a calendar claims that a weekend day trades")
        self._days = tuple(days)
        self._known = frozenset(days[1:])
        self._closes_ns = [instant_ns(day, EVENING_S) for day in days]
        self.first = first
        self.horizon = horizon
        self.inferred_from = inferred_from
        self.source = source
        self.digest = _digest(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TradingCalendar) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"TradingCalendar({self.first}..{self.horizon}, {self.digest})"

    @property
    def settled(self) -> date:
        """The last day that is not inferred."""
        return self.horizon if self.inferred_from is None else self.inferred_from - timedelta(days=1)

    def is_trading_day(self, day: date) -> bool:
        """Whether `day` trades. Raises BadInputError outside the calendar."""
        self._require_covered(day)
        return day in self._known

    def previous(self, day: date) -> date:
        """The last trading day before `day`, which need not trade itself."""
        self._require_covered(day)
        return self._days[bisect_left(self._days, day) - 1]

    def next(self, day: date) -> date:
        """The first trading day after `day`, which need not trade itself. Raises BadInputError at the horizon."""
        self._require_covered(day)
        found = bisect_right(self._days, day)
        if found == len(self._days):
            raise BadInputError(f"the trading day after {day} lies beyond the calendar's {self.horizon}", _REFRESH)
        return self._days[found]

    def days(self, start: date, end: date) -> list[date]:
        """The trading days from `start` to `end`, both included."""
        self._require_covered(start)
        self._require_covered(end)
        return list(self._days[bisect_left(self._days, start) : bisect_right(self._days, end)])

    def span(self, start: date, end: date) -> tuple[date, date]:
        """The first and the last trading day of a range, whose ends are any days of the calendar, both included.

        Raises BadInputError for a reversed range, and for one without a trading day, naming the nearest.
        """
        days = self.days(start, end)
        if start > end:
            raise BadInputError(f"the range begins on {start}, after its end {end}", "swap them")
        if not days:
            after = next(iter(self._days[bisect_right(self._days, end) :]), f"a day after {self.horizon}")
            nearest = f"the nearest are {self.previous(start)} and {after}"
            raise BadInputError(f"no trading day lies from {start} to {end}", nearest)
        return days[0], days[-1]

    def holidays_on_weekdays(self, start: date, end: date) -> list[date]:
        """The days from Monday to Friday that do not trade, from `start` to `end`, both included."""
        self._require_covered(start)
        self._require_covered(end)
        return [day for day in weekdays(start, end) if day not in self._known]

    def window(self, day: date) -> DayWindow:
        """`[previous trading day 18:00, day 18:00)` in Shanghai, as instants."""
        self.require_trading_day(day)
        index = bisect_left(self._days, day)
        return DayWindow(day, self._closes_ns[index - 1], self._closes_ns[index])

    def trading_day_of(self, instant_ns: int) -> date:
        """The trading day whose window holds the instant (epoch nanoseconds)."""
        index = bisect_right(self._closes_ns, instant_ns)
        if index == 0:
            raise BadInputError(f"instant {instant_ns} lies before the calendar's {self.first}")
        if index == len(self._days):
            raise BadInputError(f"instant {instant_ns} lies beyond the calendar's {self.horizon}", _REFRESH)
        return self._days[index]

    def require_trading_day(self, day: date) -> None:
        """Raise BadInputError, naming the neighbours or the horizon, unless `day` trades."""
        self._require_covered(day)
        if day in self._known:
            return
        index = bisect_left(self._days, day)
        before = self._days[index - 1]
        after = str(self._days[index]) if index < len(self._days) else f"a day after {self.horizon}"
        raise BadInputError(f"{day} ({day:%A}) is not a trading day", f"its neighbours are {before} and {after}")

    def _require_covered(self, day: date) -> None:
        if not self.first <= day <= self.horizon:
            remedy = _REFRESH if day > self.horizon else f"use a day from {self.first} on"
            raise BadInputError(f"{day} lies outside the calendar, {self.first}..{self.horizon}", remedy)


@dataclass(frozen=True, slots=True)
class HorizonFinding:
    """How many days the calendar reaches beyond `today`, negative once it has ended.

    `ok` while `MIN_DAYS_AHEAD` are left and settled; days from `inferred_from` on are not, None where all are.
    """

    today: date
    horizon: date
    days_ahead: int
    ok: bool
    inferred_from: date | None

    def __str__(self) -> str:
        text = f"the calendar covers {self.days_ahead} days ahead of {self.today}, to {self.horizon}"
        if self.inferred_from is not None:
            text += f", from {self.inferred_from} on inferred from the rules of holidays"
        return text if self.ok else f"{text}: fewer than {MIN_DAYS_AHEAD} are left that are settled"


def check_horizon(calendar: TradingCalendar, today: date) -> HorizonFinding:
    """Whether at least `MIN_DAYS_AHEAD` days after `today` (Asia/Shanghai) are covered and settled."""
    ahead, settled = (calendar.horizon - today).days, (calendar.settled - today).days
    return HorizonFinding(today, calendar.horizon, ahead, settled >= MIN_DAYS_AHEAD, calendar.inferred_from)


def changed_days(old: TradingCalendar, new: TradingCalendar) -> list[date]:
    """The days whose trading, or whose window, differs between two calendars, where both cover them."""
    start, end = max(old.first, new.first), min(old.horizon, new.horizon)
    before = {day: old.previous(day) for day in old.days(start, end)}
    after = {day: new.previous(day) for day in new.days(start, end)}
    return sorted(day for day in before.keys() | after.keys() if before.get(day) != after.get(day))


def dump_calendar(calendar: TradingCalendar) -> str:
    """The calendar as the JSON text that `parse_calendar` reads; `digest` guards its content."""
    document = {**_content(calendar), "source": calendar.source, "digest": calendar.digest}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def parse_calendar(text: str, name: str) -> TradingCalendar:
    """Read a calendar; `name` says whose, in errors. Raises BadInputError if it is damaged or its digest differs."""
    try:
        document: dict[str, Any] = json.loads(text)
        first, horizon = (date.fromisoformat(document[key]) for key in ("first", "horizon"))
        closed = {date.fromisoformat(day) for day in document["closed_weekdays"]}
        before = date.fromisoformat(document["before_first"])
        days = [before, *(day for day in weekdays(first, horizon) if day not in closed)]
        inferred = document.get("inferred_from")
        calendar = TradingCalendar(
            days,
            first=first,
            horizon=horizon,
            source=str(document["source"]),
            inferred_from=None if inferred is None else date.fromisoformat(inferred),
        )
        stated = str(document["digest"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, GhtraderError) as error:
        raise BadInputError(f"{name} is no calendar file ({error})", _DAMAGED) from error
    if calendar.digest != stated or document.get("format") != _FORMAT:
        raise BadInputError(f"{name} does not match its own digest {stated}", _DAMAGED)
    return calendar


_parsed: Final = cache(parse_calendar)


@cache
def snapshot_calendar() -> TradingCalendar:
    """The calendar that ships with the package."""
    path = resources.files("ghtrader_assets.market") / "data" / "calendar.json"
    return parse_calendar(path.read_text(encoding="utf-8"), "the packaged calendar")


def calendar_path(home: Path) -> Path:
    """Where an operator's refreshed calendar stands."""
    return home / "calendar" / "calendar.json"


def calendar_for(home: Path) -> TradingCalendar:
    """The refreshed calendar stored under `home`, or the packaged snapshot where there is none.

    Raises BadInputError if the stored one is damaged: it is never passed over in silence.
    """
    path = calendar_path(home)
    text = own_text(path)
    return snapshot_calendar() if text is None else _parsed(text, str(path))


def _content(calendar: TradingCalendar) -> dict[str, Any]:
    closed = calendar.holidays_on_weekdays(calendar.first, calendar.horizon)
    return {
        "format": _FORMAT,
        "first": calendar.first.isoformat(),
        "horizon": calendar.horizon.isoformat(),
        "before_first": calendar.previous(calendar.first).isoformat(),
        **({} if calendar.inferred_from is None else {"inferred_from": calendar.inferred_from.isoformat()}),
        "closed_weekdays": [day.isoformat() for day in closed],
    }


def _digest(calendar: TradingCalendar) -> str:
    text = json.dumps(_content(calendar), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def weekdays(start: date, end: date) -> Iterable[date]:
    """Mondays to Fridays from `start` to `end`."""
    days = (date.fromordinal(number) for number in range(start.toordinal(), end.toordinal() + 1))
    return (day for day in days if day.weekday() < 5)
