"""Days and seconds of Asia/Shanghai as epoch nanoseconds: plain arithmetic, so no host time zone can matter.

Belongs here: the conversion of (day, second of the day in Beijing) to an instant and back; an instant as a datetime.
Does not belong here: which days trade (`calendar`) and when (`sessions`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China keeps UTC+8 without daylight saving since 1992: before any day this package knows."""

NS: Final = 1_000_000_000
MINUTE_S: Final = 60
QUARTER_S: Final = 900
_DAY_S: Final = 86_400
_OFFSET_S: Final = 8 * 3600
_EPOCH: Final = date(1970, 1, 1).toordinal()


def instant_ns(day: date, second: int) -> int:
    """Epoch nanoseconds of `second` seconds after midnight of `day` in Shanghai; `second` may pass 24 hours."""
    return ((day.toordinal() - _EPOCH) * _DAY_S + second - _OFFSET_S) * NS


def instant(epoch_ns: int) -> datetime:
    """Epoch nanoseconds as a zone-aware UTC datetime, cut to microseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=epoch_ns // 1000)


def shanghai_day(epoch_ns: int) -> date:
    """The calendar day in Shanghai of an instant in epoch nanoseconds."""
    return date.fromordinal((epoch_ns // NS + _OFFSET_S) // _DAY_S + _EPOCH)


def shanghai_time(epoch_ns: int) -> datetime:
    """The instant as a zone-aware datetime in Shanghai, cut to microseconds."""
    return datetime(1970, 1, 1, tzinfo=SHANGHAI) + timedelta(hours=8, microseconds=epoch_ns // 1000)


def quarter_of(second: int) -> str:
    """The quarter of an hour in Shanghai that an epoch second lies in, as HH:MM."""
    return f"{shanghai_time((second - second % QUARTER_S) * NS):%H:%M}"
