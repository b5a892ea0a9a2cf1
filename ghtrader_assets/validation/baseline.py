"""What a symbol's trading day gives to the baselines of later days.

Belongs here: whether a day is whole by physics alone, its figures by session. Does not belong here: putting the days
before a day together (`windows`), what a verdict makes of that (`shortfall`, `traded`, `coverage`).

A day is whole where none of its own ticks prove otherwise. No verdict decides that, and no baseline is read for it:
else one lasting change of level would make every later day bad, and what a day gives would hang on the order of
loading.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ghtrader_assets.market.clock import NS, QUARTER_S, quarter_of
from ghtrader_assets.validation.coverage import Coverage
from ghtrader_assets.validation.intake import Ints
from ghtrader_assets.validation.levels import LEVEL
from ghtrader_assets.validation.repeats import CONTENT
from ghtrader_assets.validation.times import auction_s, ticking_edges
from ghtrader_assets.validation.traded import Tape, still_odds

USUAL_QUANTILE: Final = 0.99
DIGITS: Final = 3
"""Significant digits that a day's figures keep."""

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What a day gives: why it is not whole (empty where it is), the figures and the usual spacings of its sessions."""

    reason: str
    sessions: dict[str, Figures]
    spacings: dict[str, dict[str, float]]


def given_by(coverage: Coverage) -> Given:
    """What a day gives to later baselines."""
    return Given(
        _not_whole(coverage),
        {name: _figures(coverage, name) for name in coverage.fixed},
        {name: dict(_spacings(coverage.tape, _places(coverage, name))) for name in coverage.fixed},
    )


def _not_whole(coverage: Coverage) -> str:
    """What proves, without any other day, that ticks of the day are missing or not where they belong."""
    if coverage.tape.ticks.faults:
        return "its frame is malformed"
    if coverage.misplaced.blocks:
        return "it trades outside its sessions"
    if coverage.missing_ids:
        return "ids are absent"
    if any(not each.stretch.is_carried for each in coverage.gaps):
        return "more was traded across a gap than one snapshot carries"
    if coverage.silent_volumes:
        return "more was traded across its silences than ticks carry"
    return "it has no tick" if coverage.missing_day else ""


def _figures(coverage: Coverage, session: str) -> Figures:
    tape = coverage.tape
    lots = tape.lots_in(session)
    return {
        "strict_s": coverage.total("strict", session),
        "ticks": significant(len(lots)),
        "seconds": significant(coverage.total("observed_seconds", session)),
        "volume": significant(float(lots.sum())),
        "still": significant(still_odds(lots)) if len(lots) else None,
        "snapshot": significant(_largest_trade(tape, _places(coverage, session))),
        "edges": ticking_edges(tape, session),
        "auction": auction_s(tape, tape.ordered_stamps, session),
        CONTENT: coverage.contents.get(session),
        LEVEL: coverage.levels.get(session, {}),
    }


def _places(coverage: Coverage, session: str) -> list[int]:
    windows = coverage.tape.ticks.windows
    return [place for place, window in enumerate(windows) if window.session == session]


def _largest_trade(tape: Tape, places: list[int]) -> float:
    """The largest trade of one snapshot in these windows, between neighbouring ticks however far apart.

    On a whole day nothing is lost between two ticks, so what was traded between them came in one snapshot; a thin
    product has few that are a second apart.
    """
    windows = tape.ticks.window_of
    inside = (windows[1:] == windows[:-1]) & np.isin(windows[1:], places)
    return float(np.max(tape.lots[1:], where=inside, initial=0.0))


def _spacings(tape: Tape, places: list[int]) -> Iterator[tuple[str, float]]:
    """The usual seconds between ticks by quarter of an hour: the 99th percentile of those that lie in it, or into it.

    A window's opening and closing seconds end a spacing as a tick does.
    """
    for place in places:
        window = tape.ticks.windows[place]
        first, last = window.start_ns // NS, window.end_ns // NS
        inside = np.sort(tape.ticks.seconds[tape.ticks.window_of == place])
        seconds = np.concatenate([[first], inside, [last]])
        seconds = seconds[np.concatenate([[True], seconds[1:] != seconds[:-1]])]
        steps = np.diff(seconds)
        edges = np.arange(first - first % QUARTER_S, last, QUARTER_S)
        begins = np.maximum(np.searchsorted(seconds, edges, side="right") - 1, 0).tolist()
        ends = np.searchsorted(seconds, edges + QUARTER_S).tolist()
        for edge, begin, end in zip(edges.tolist(), begins, ends, strict=True):
            yield quarter_of(edge), significant(_usual(steps[begin:end]))


def _usual(steps: Ints) -> float:
    rank = max(1, math.ceil(USUAL_QUANTILE * len(steps)))
    return float(np.searchsorted(np.cumsum(np.bincount(steps)), rank))


def significant(value: float) -> float:
    """The value with `DIGITS` significant digits."""
    return float(f"{value:.{DIGITS}g}")
