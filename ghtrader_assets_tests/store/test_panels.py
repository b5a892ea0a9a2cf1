"""A panel is the bars of its symbols next to each other, on the instants at which any of them has a bar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import polars as pl
import pytest
from pandas.testing import assert_frame_equal

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.fix_store import Record

pytestmark = pytest.mark.filterwarnings("ignore::ghtrader_assets.errors.DayStateWarning")

WEEK = (date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7))
FIELDS = ["close", "volume"]


@pytest.fixture
def three(load_of: Callable[..., DayLoad], record: Record, symbol: str) -> list[str]:
    """Three symbols; the second lacks the first day, the third trades by other sessions than they do."""
    second, third = fresh_symbol(), fresh_symbol()
    for number, day in enumerate(WEEK):
        record(load_of(day, rows=150, seed=number))
        record(load_of(day, rows=80, seed=20 + number, name=third, contract="CZCE.SR605"))
        if number:
            record(load_of(day, rows=90, seed=10 + number, name=second, contract="SHFE.al2602"))
    return [symbol, second, third]


@pytest.mark.parametrize("freq", ["1m", "1h", "1d", "1w"])
def test_it_is_the_bars_of_each_by_their_instants(store: Store, three: list[str], freq: str) -> None:
    found = store.panel(three, *WEEK[::2], freq, FIELDS)
    each = [store.bars(name, *WEEK[::2], freq, columns=["datetime", *FIELDS]) for name in three]
    renamed = [
        bars.set_index("datetime").rename(columns={field: f"{name} {field}" for field in FIELDS})
        for name, bars in zip(three, each, strict=True)
    ]
    wanted = pd.concat(renamed, axis=1).sort_index().reset_index()
    assert_frame_equal(found, wanted, check_exact=True)
    assert found[f"{three[1]} close"].isna().any() or freq == "1w", "nothing of a day that is not stored"


def test_each_form_says_the_same_and_one_field_is_named_by_its_symbol(store: Store, three: list[str]) -> None:
    pandas, polars, arrow = (
        store.panel(three[::2], *WEEK[::2], "1h", output_format=form) for form in ("pandas", "polars", "arrow")
    )
    assert list(pandas.columns) == polars.columns == arrow.column_names == ["datetime", *three[::2]]
    assert pl.from_arrow(arrow).equals(polars)
    assert_frame_equal(polars.to_pandas(), pandas, check_dtype=False)


def test_what_is_no_panel_is_one_line(store: Store, three: list[str]) -> None:
    def refused(says: str, *arguments: Any, **named: Any) -> None:
        with pytest.raises(BadInputError, match=says):
            store.panel(*arguments, **named)

    refused("name at least one, each once", [], WEEK[0])
    refused("name at least one, each once", three[:1] * 2, WEEK[0])
    refused("is no list", three[0], WEEK[0])
    refused("stand on no clock", three, WEEK[0], freq="volume:100")
    refused("no bar column 'price'", three, WEEK[1], fields=["price"])
    refused(r"no .*stored", three, WEEK[0])
