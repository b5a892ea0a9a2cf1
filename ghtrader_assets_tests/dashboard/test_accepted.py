"""The page of a bad day that an operator closed says by whom, and has nothing to type."""

from __future__ import annotations

import polars as pl
import pytest

from ghtrader_assets.dashboard.data import DayView, Grid
from ghtrader_assets.dashboard.pages.day import day_page
from ghtrader_assets.dashboard.pages.overview import overview_page
from ghtrader_assets.dashboard.pages.parts import Links
from ghtrader_assets.dashboard.palette import ACCEPTED, look_of
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.standing.day_states import GRID_SCHEMA
from ghtrader_assets.questdb.tables.rows import Acceptance, DayState
from ghtrader_assets.validation.verdicts import State
from ghtrader_assets_tests.pasts import CONTRACT, DAY, NOON


@pytest.mark.parametrize("state", [ACCEPTED, State.ERROR])
def test_a_closed_day_needs_no_attention(calendar: TradingCalendar, state: str) -> None:
    nothing = pl.DataFrame(schema=GRID_SCHEMA)
    page = repr(overview_page(Grid(("KQ.m@SHFE.cu",), (DAY,), (look_of(state).code,), 7, nothing, {}, {}, DAY), None))
    assert ("ghtrader-assets repair" in page) == (state != ACCEPTED)
    assert "'0.0%'" in page, "a closed day is not good"
    needing = int(state != ACCEPTED)
    assert f"Div(children='{needing}', className='value'), Div(children='need attention'" in page


@pytest.mark.parametrize("accepted", [Acceptance("operator", NOON, "so be it"), None])
def test_a_closed_day_says_by_whom(calendar: TradingCalendar, accepted: Acceptance | None) -> None:
    state = DayState(
        symbol="KQ.m@SHFE.cu", trading_day=DAY, rows=7, contract=CONTRACT, ingest_state="complete",
        coverage_state="error", quality_state="ok", state="error", reason="gap_gt30_block", digest="d", manifest_id="m",
        accepted=accepted,
    )  # fmt: skip
    view = DayView(
        parse_symbol(state.symbol), DAY, calendar.window(DAY), state, sessions=None, coverage=None, quality=None,
        gaps=[], loads=[], ticks=pl.DataFrame(),
    )  # fmt: skip
    page = repr(day_page(view, "copper", calendar.previous(DAY), None, Links()))
    assert ("2019-06-03 by operator: so be it" in page) == (accepted is not None)
    assert ("ghtrader-assets backfill" in page) == (accepted is None)
