"""How much of a store one tick of the sensor over moved verdicts looks at."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.assets.moved import FROM_THE_BEGINNING, MOST_DAYS, EvidenceLook
from ghtrader_assets.market.products import products
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.standing.evidence import Renewed
from ghtrader_assets.validation.windows import LOOK_BACK

SYMBOLS = [parse_symbol(product.alias) for product in products()][:60]
LAST = date(2026, 1, 16)
NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)


@given(st.lists(st.none() | st.integers(0, 6000), min_size=60, max_size=60))
def test_a_look_comes_to_every_symbol_once_and_no_tick_looks_at_too_much(lengths: list[int | None]) -> None:
    renewed = {
        symbol.text: Renewed(LAST - timedelta(length), LAST, NOW)
        for symbol, length in zip(SYMBOLS, lengths, strict=True)
        if length is not None
    }
    seen: list[str] = []
    cursor: str | None = None
    while not cursor or cursor.startswith("["):
        look = EvidenceLook.of(cursor, NOW if cursor is None else NOW + timedelta(hours=1))
        assert (look.since, look.begun) == (FROM_THE_BEGINNING, NOW)
        part, cursor = look.part(SYMBOLS, renewed)
        days = [(renewed[symbol.text].end + LOOK_BACK - renewed[symbol.text].start).days for symbol in part]
        assert sum(days[:-1]) <= MOST_DAYS
        assert sum(days) <= MOST_DAYS or len(days) == 1
        seen += [symbol.text for symbol in part]
    assert seen == [symbol.text for symbol in SYMBOLS if symbol.text in renewed]
    assert EvidenceLook.of(cursor, NOW + timedelta(hours=1)) == EvidenceLook(NOW, NOW + timedelta(hours=1))


def test_a_look_begins_again_when_its_symbol_is_gone() -> None:
    look = EvidenceLook(NOW, NOW, "KQ.m@SHFE.zz")
    renewed = {SYMBOLS[0].text: Renewed(LAST, LAST, NOW)}
    assert look.part(SYMBOLS, renewed) == (SYMBOLS[:1], NOW.isoformat())
