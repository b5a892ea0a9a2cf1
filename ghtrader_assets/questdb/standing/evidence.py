"""The evidence that is stored for verdicts on trading days: what other days and the provider's own bars say of each.

Belongs here: reading it in bulk, the evidence of one day. Does not belong here: what a verdict makes of it
(`validation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from threading import Lock

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_baselines
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence
from ghtrader_assets.validation.verdicts import BaselineDay
from ghtrader_assets.validation.windows import LOOK_BACK, Baselines


class StoredEvidence:
    """The evidence for days of some symbols, as it is stored, and as days that are judged add to it. Thread-safe."""

    def __init__(self, given: Iterable[BaselineDay] = (), *, rolling: bool = False) -> None:
        self._lock = Lock()
        self._rolling = rolling
        self._given: dict[tuple[str, date], BaselineDay] = {}
        self._baselines: dict[str, Baselines] = {}
        self.learn(given)

    def of(self, symbol: str, day: date) -> Evidence:
        """The evidence for a verdict on this day."""
        with self._lock:
            baselines = self._baselines.get(symbol)
            return NO_EVIDENCE if baselines is None else baselines.before(day)

    def given(self, symbol: str, day: date) -> BaselineDay | None:
        """What this day gives to later ones, as it is known."""
        return self._given.get((symbol, day))

    def learn(self, given: Iterable[BaselineDay]) -> None:
        """Take what days give now."""
        with self._lock:
            for row in given:
                self._given[row.symbol, row.trading_day] = row
                if row.symbol not in self._baselines:
                    self._baselines[row.symbol] = Baselines((), rolling=self._rolling)
                self._baselines[row.symbol].learn(row)


def read_evidence(
    db: Database, symbols: Sequence[str], start: date, end: date, *, rolling: bool = False
) -> StoredEvidence:
    """The evidence for the trading days from `start` to `end` of the symbols. `rolling`: they are many.

    Raises `QuestDBError`.
    """
    return StoredEvidence(read_baselines(db, symbols, start - LOOK_BACK, end), rolling=rolling)
