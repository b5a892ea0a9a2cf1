"""Days as callers pass them: a day in any form is taken, an instant is refused with the trading day that holds it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.store.arguments import as_date

CALENDAR = snapshot_calendar()
DAY = date(2026, 1, 6)
ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Asia/Kathmandu")


@pytest.mark.parametrize(
    "day",
    [
        DAY, "2026-01-06", np.str_("2026-01-06"), datetime(2026, 1, 6), pd.Timestamp("2026-01-06"),  # noqa: DTZ001
        np.datetime64("2026-01-06"), np.datetime64("2026-01-06", "ns"), pd.date_range("2026-01-06", periods=1)[0],
        pd.Series([DAY]).astype("datetime64[ms]").iloc[0], pd.Series([DAY]).astype("datetime64[ns]").to_numpy()[0],
    ],
    ids=lambda day: f"{type(day).__name__} {day}",
)  # fmt: skip
def test_a_day_in_each_form_is_that_day(day: Any) -> None:
    assert as_date(day, CALENDAR) == DAY
    assert type(as_date(day, CALENDAR)) is date


@pytest.mark.parametrize(
    ("instant", "trading_day"),
    [
        (pd.Timestamp("2026-01-05 20:59:00.5+08"), "2026-01-06"),
        (pd.Timestamp("2026-01-05T17:00Z"), "2026-01-06"),
        (pd.Timestamp("2026-01-09 21:30", tz="Asia/Shanghai"), "2026-01-12"),
        (pd.Timestamp("2026-01-10 00:30", tz="Asia/Shanghai"), "2026-01-12"),
        (pd.Timestamp("2026-01-06 00:00", tz="Asia/Shanghai"), "2026-01-06"),
        (pd.Timestamp("2026-01-05 18:00", tz="Asia/Shanghai"), "2026-01-06"),
        (pd.Timestamp("2026-01-05 17:59:59.999999999", tz="Asia/Shanghai"), "2026-01-05"),
        (datetime(2026, 1, 5, 21, 0, tzinfo=ZoneInfo("Asia/Shanghai")), "2026-01-06"),
        (datetime(2026, 1, 5, 21, 0), "2026-01-06 if it is Beijing time"),  # noqa: DTZ001
        (np.datetime64("2026-01-05T21:00:00.5"), "2026-01-06 if it is Beijing time"),
        ("2026-01-05 20:59:00.500000+08:00", "2026-01-06"),
        ("2026-01-05T21:30:00", "2026-01-06 if it is Beijing time"),
        ("2026-01-09T13:30:00Z", "2026-01-12"),
    ],
    ids=str,
)
def test_an_instant_is_refused_with_its_trading_day(instant: Any, trading_day: str) -> None:
    with pytest.raises(BadInputError, match="is an instant, not a day") as caught:
        as_date(instant, CALENDAR)
    assert caught.value.remedy == f"its trading day is {trading_day}"


@given(
    st.datetimes(datetime(2010, 1, 5), datetime(2026, 6, 1)),  # noqa: DTZ001 - the zone is drawn too
    st.sampled_from(ZONES),
)
def test_each_instant_names_the_day_whose_window_holds_it(naive: datetime, zone: str) -> None:
    instant = naive.replace(tzinfo=ZoneInfo(zone))
    with pytest.raises(BadInputError) as caught:
        as_date(instant, CALENDAR)
    named = date.fromisoformat(caught.value.remedy.removeprefix("its trading day is "))
    window = CALENDAR.window(named)
    assert window.start_ns <= int(instant.timestamp()) * NS < window.end_ns


@pytest.mark.parametrize(
    "none",
    [
        pd.NaT, pd.NA, None, np.datetime64("NaT"), np.datetime64("NaT", "ns"), float("nan"), 20260106, "", "NaT",
        "20260106", "2026-W02-2", timedelta(1), np.datetime64(10**9, "Y"), b"2026-01-06", [DAY],
    ],
    ids=lambda none: f"{type(none).__name__} {none}",
)  # fmt: skip
def test_what_is_no_day_is_refused(none: Any) -> None:
    with pytest.raises(BadInputError, match="is no date"):
        as_date(none, CALENDAR)


@pytest.mark.parametrize("far", [date(1, 1, 1), date(9999, 12, 31), pd.Timestamp("1700-01-01"), date.max])
def test_what_no_calendar_covers_is_refused(far: Any) -> None:
    with pytest.raises(BadInputError):
        as_date(far, CALENDAR)
    with pytest.raises(BadInputError):
        as_date(datetime(far.year, 1, 1, 9, tzinfo=ZoneInfo("UTC")), CALENDAR)
