"""What was known of one symbol at each tick of another, against the rule in plain Python."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.reading.asof import known_at

DAY = date(2026, 1, 12)
"""A Monday: its night session is Friday's."""
FRIDAY = date(2026, 1, 9)
NIGHT, SATURDAY = instant_ns(FRIDAY, 20 * 3600 + 59 * 60), instant_ns(FRIDAY, 26 * 3600 + 30 * 60)
MORNING, CLOSE = instant_ns(DAY, 8 * 3600 + 55 * 60), instant_ns(DAY, 15 * 3600)

instants = st.lists(
    st.one_of(st.integers(0, 40).map(lambda half: NIGHT + half * NS // 2), st.just(SATURDAY),
              st.integers(0, 40).map(lambda half: MORNING + half * NS // 2), st.just(CLOSE)),
    max_size=25,
).map(sorted)  # fmt: skip


def ticks(at: list[int]) -> pa.Table:
    return pa.table([pa.array(np.array(at, dtype=np.int64))], schema=pa.schema([("datetime_ns", pa.int64())]))


def last_known(at: int, known: list[int], tolerance_ns: int | None) -> int | None:
    rows = [row for row, since in enumerate(known) if since <= at]
    if not rows:
        return None
    since = known[rows[-1]]
    if at >= MORNING > since or (tolerance_ns is not None and at - since > tolerance_ns):
        return None
    return rows[-1]


@given(instants, instants, st.sampled_from([None, 0, NS // 2, 3 * NS]))
def test_the_last_tick_of_the_session_is_known_for_so_long(
    left: list[int], right: list[int], tolerance_ns: int | None
) -> None:
    found = known_at(ticks(left), ticks(right), DAY, tolerance_ns).to_pylist()
    assert found == [last_known(at, right, tolerance_ns) for at in left]
