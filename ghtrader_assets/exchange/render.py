"""Ticks and bars as DIFF text: a day at once and fast, or a page tick by tick when it is to look odd.

Belongs here: from columns to the bytes of `"id":{...}` pairs.
Does not belong here: which ids a chart asks for (`diff`), why a page is odd (`faults`).

A day is rendered by polars in one go and kept; a page is then a slice of those bytes.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ghtrader_assets.exchange.history import DayOfTicks, Series
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.revisions import ON_THE_WIRE, Revisions, place_in_day

NO_NUMBER: Final = "-"
"""What stands for a price that there is none of."""

_TOO_FAR: Final = 1000
"""Nanoseconds since 1970 times this are beyond int64."""

_WIRE_NAMES: Final = {"datetime_ns": "datetime"}
Tick = dict[str, Any]


@dataclass(frozen=True)
class RenderedDay:
    """The text of a day's ticks, each followed by a comma; tick n lies at `[offsets[n], offsets[n + 1])`."""

    text: memoryview
    offsets: npt.NDArray[np.int64]

    def part(self, first: int, end: int) -> memoryview:
        """Ticks `[first, end)` of the day, without the last comma."""
        return self.text[self.offsets[first] : self.offsets[end] - 1]


def render_day(columns: Columns, first_id: int) -> RenderedDay:
    """Write a day: `"id":{"datetime":…,"last_price":…},`, integers bare, prices with a decimal point or `"-"`."""
    count = len(columns["datetime_ns"])
    frame = pl.DataFrame({_WIRE_NAMES.get(name, name): values for name, values in columns.items()})
    ids = pl.int_range(first_id, first_id + count, eager=True).cast(pl.String)
    ticks = pl.struct(pl.all()).struct.json_encode()
    pieces = [pl.lit('"'), pl.lit(ids), pl.lit('":'), ticks, pl.lit(",")]
    texts = frame.select(pl.concat_str(pieces).alias("text"))["text"]
    if any(column.is_nan().any() for column in frame.select(pl.col(pl.Float64)).iter_columns()):
        texts = texts.str.replace_all(":null", f':"{NO_NUMBER}"', literal=True)
    _, offsets, data = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()
    if data is None or offsets is None:
        return RenderedDay(memoryview(b""), np.zeros(1, dtype=np.int64))
    return RenderedDay(memoryview(data), np.frombuffer(memoryview(offsets), dtype=np.int64, count=count + 1))


class PageWriter:
    """Renders pages, keeping the text of the days used last up to `cache_bytes`. Not thread-safe."""

    def __init__(self, seed: int, cache_bytes: int) -> None:
        self._seed = seed
        self._limit = cache_bytes
        self._kept: OrderedDict[tuple[str, date, int, Revisions], RenderedDay] = OrderedDict()
        self._size = 0

    def pages(self, series: Series, first: int, end: int) -> list[bytes]:
        """The pairs of ids `[first, end)` that exist, by patch: one, unless the reader has revisions on the wire."""
        if any(revision.kind in ON_THE_WIRE for revision in series.revisions):
            return self.patches(series, first, end)
        page = self.page(series, first, end)
        return [page] if page else []

    def page(self, series: Series, first: int, end: int) -> bytes:
        """The pairs of ids `[first, end)` that exist, joined by commas; empty if none does."""
        if series.duration_ns:
            return self._bars(series, first, end)
        parts: list[bytes | memoryview] = []
        for day, low, high in series.span(first, end):
            rendered = self.day(series, day)
            parts.append(rendered.part(low - day.first_id, high - day.first_id))
        return b",".join(parts)

    def _bars(self, series: Series, first: int, end: int) -> bytes:
        """A page of bars, written at once: a day may have a single one."""
        spans = series.span(first, end)
        if not spans:
            return b""
        parts = [
            {name: values[low - day.first_id : high - day.first_id] for name, values in columns.items()}
            for day, low, high in spans
            for columns in (series.columns(day, self._seed),)
        ]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return bytes(render_day(joined, spans[0][1]).text[:-1])

    def day(self, series: Series, day: DayOfTicks) -> RenderedDay:
        """The text of one day of a series of ticks, from the cache if it is there."""
        key = (day.contract.text, day.day, day.first_id, series.revisions)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        rendered = render_day(series.columns(day, self._seed), day.first_id)
        self._kept[key] = rendered
        self._size += len(rendered.text)
        while self._size > self._limit and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.text)
        return rendered

    def patches(self, series: Series, first: int, end: int) -> list[bytes]:
        """The pairs of ids `[first, end)` for a reader with revisions on the wire, in one or more patches."""
        ticks: dict[str, Tick] = {}
        halves: list[dict[str, Tick]] = [{}, {}]
        for day, low, high in series.span(first, end):
            found = {
                revision.kind: revision
                for revision in series.revisions
                if revision.kind in ON_THE_WIRE and revision.touches(day.day)
            }
            columns = series.columns(day, self._seed)
            for number, tick in _dicts(columns, low - day.first_id, high - day.first_id):
                missing = found.get("missing_id")
                if missing and 0 <= number - place_in_day(missing, day.count) < missing.amount:
                    continue
                odd = _odd(tick, number, frozenset(found))
                if "patches" in found:
                    pairs, middle = list(odd.items()), len(odd) // 2
                    halves[0][str(day.first_id + number)] = dict(pairs[:middle])
                    halves[1][str(day.first_id + number)] = dict(pairs[middle:])
                else:
                    ticks[str(day.first_id + number)] = odd
        return [json.dumps(part, separators=(",", ":")).encode()[1:-1] for part in (ticks, *halves) if part]


def last_tick(series: Series, seed: int) -> Tick | None:
    """The last tick of a series as a dictionary with `datetime` in nanoseconds; None if it has none."""
    spans = series.span(series.last_id, series.last_id + 1)
    if not spans:
        return None
    day, low, _ = spans[0]
    columns = series.columns(day, seed)
    return _dicts(columns, low - day.first_id, low - day.first_id + 1)[0][1]


def _dicts(columns: Columns, first: int, end: int) -> list[tuple[int, Tick]]:
    names = [_WIRE_NAMES.get(name, name) for name in columns]
    rows = zip(*(_numbers(values[first:end]) for values in columns.values()), strict=True)
    return [(first + place, dict(zip(names, row, strict=True))) for place, row in enumerate(rows)]


def _numbers(values: npt.NDArray[Any]) -> list[Any]:
    numbers: list[Any] = values.tolist()
    return [NO_NUMBER if number != number else number for number in numbers]  # noqa: PLR0124 - NaN alone differs


def _odd(tick: Tick, number: int, kinds: frozenset[str]) -> Tick:
    if "quoted" in kinds and number % 7 == 3:
        tick = {**tick, "ask_price1": "-", "average": "-"}
    if "text_values" in kinds:
        tick = {name: value if name == "datetime" else str(value) for name, value in tick.items()}
    if "text_stamps" in kinds:
        tick = {**tick, "datetime": str(tick["datetime"])}
    if "far_stamps" in kinds:
        tick = {**tick, "datetime": tick["datetime"] * _TOO_FAR}
    if "extra_keys" in kinds:
        turned = dict(reversed(tick.items())) if number % 5 == 2 else tick
        tick = {"trading_phase": "continuous", **turned, "iopv": "-", "flags": {"halted": False, "n": number}}
    return tick
