"""What the provider's holiday list says of the calendar: compared whenever it was asked, kept, loud where it differs.

Belongs here: the file that keeps the last comparison under `GHTRADER_HOME`, and its log line.
Does not belong here: comparing (`market.calendar`), asking (`tq`), replacing a calendar (`calendar`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import BadInputError, FetchError
from ghtrader_assets.files import put_file
from ghtrader_assets.logs import logger
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.market.holidays import compare_holidays, unconfirmed

log = logger(__name__)

SETTLE: Final = (
    "read the exchange's notice; `ghtrader-assets calendar --refresh --adopt` takes the provider's word, else leave it"
)


class LastConfirmation(msgspec.Struct, frozen=True):
    """The last comparison of a calendar: `differences` in words, empty where the provider agrees.

    `failure` says why there was nothing to compare, or what the list leaves open. `asked_at` is UTC, `digest` the
    calendar's.
    """

    provider: str
    asked_at: datetime
    digest: str
    differences: list[str]
    failure: str


def note_confirmation(
    calendar: TradingCalendar, provider: str, home: Path, holidays: Sequence[date] | FetchError, clock: Clock
) -> None:
    """Compare a provider's holiday list with the calendar, keep what it says, and log it where it differs.

    Nothing is adopted: a difference is for people to judge.
    """
    differences, failure = _compared(calendar, holidays, shanghai_day(clock.now_ns()))
    if differences:
        log.error("the provider's holiday list differs from our calendar", days=differences, remedy=SETTLE)
    if failure:
        log.warning("the calendar could not be confirmed", provider=provider, reason=failure)
    kept = LastConfirmation(provider, clock.now(), calendar.digest, differences, failure)
    put_file(_path(home), msgspec.json.format(msgspec.json.encode(kept)))


def last_confirmation(home: Path, calendar: TradingCalendar) -> LastConfirmation | None:
    """What the last comparison of this calendar said; None if there was none, or of another calendar."""
    try:
        found = msgspec.json.decode(_path(home).read_bytes(), type=LastConfirmation)
    except (OSError, msgspec.MsgspecError):  # damaged: as if never asked
        return None
    return found if found.digest == calendar.digest else None


def _compared(calendar: TradingCalendar, holidays: Sequence[date] | FetchError, today: date) -> tuple[list[str], str]:
    if isinstance(holidays, FetchError):
        return [], str(holidays)
    try:
        differences = [str(difference) for difference in compare_holidays(calendar, holidays)]
    except BadInputError as error:
        return [], str(error)
    return differences, unconfirmed(calendar, holidays, today)


def _path(home: Path) -> Path:
    return home / "calendar" / "confirmed.json"
