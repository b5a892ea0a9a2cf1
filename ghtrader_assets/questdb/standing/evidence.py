"""The evidence that is stored for verdicts on trading days: what other days and the provider's own bars say of each.

Belongs here: reading it in bulk, the evidence of one day. Does not belong here: what a verdict makes of it
(`validation`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from threading import Lock
from typing import NamedTuple

from ghtrader_assets.market.ticks import BAR_PRICES
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list
from ghtrader_assets.questdb.tables.reader import read_baselines, read_witness, read_witness_digests
from ghtrader_assets.questdb.tables.schema import BASELINES, WITNESS
from ghtrader_assets.validation.bars import bars_of_text
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.verdicts import BaselineDay
from ghtrader_assets.validation.windows import LOOK_BACK, Baselines


class StoredEvidence:
    """The evidence for days of some symbols, as it is stored, and as days that are judged add to it. Thread-safe."""

    def __init__(
        self, given: Sequence[BaselineDay] = (), answers: Mapping[tuple[str, date], str] | None = None
    ) -> None:
        self._lock = Lock()
        self._answers = answers or {}
        self._given = {(row.symbol, row.trading_day): row for row in given}
        by_symbol: dict[str, list[BaselineDay]] = {}
        for row in given:
            by_symbol.setdefault(row.symbol, []).append(row)
        self._baselines = {symbol: Baselines(rows) for symbol, rows in by_symbol.items()}

    def of(self, symbol: str, day: date) -> Evidence:
        """The evidence for a verdict on this day: of the provider's answer its digest alone."""
        answer, baselines = self._answers.get((symbol, day), ""), self._baselines.get(symbol)
        return Evidence(witness_digest=answer) if baselines is None else baselines.before(day, answer)

    def given(self, symbol: str, day: date) -> BaselineDay | None:
        """What this day gives to later ones, as it is known."""
        return self._given.get((symbol, day))

    def learn(self, given: Iterable[BaselineDay]) -> None:
        """Take what days give now."""
        with self._lock:
            for row in given:
                self._given[row.symbol, row.trading_day] = row
                self._baselines.setdefault(row.symbol, Baselines(())).learn(row)


def read_evidence(db: Database, symbols: Sequence[str], start: date, end: date) -> StoredEvidence:
    """The evidence for the trading days from `start` to `end` of the symbols. Raises `QuestDBError`."""
    with ThreadPoolExecutor(1, thread_name_prefix="evidence") as pool:
        answers = pool.submit(read_witness_digests, db, symbols, start, end)
        given = read_baselines(db, symbols, start - LOOK_BACK, end)
        return StoredEvidence(given, answers.result())


def read_evidence_of(db: Database, keys: Iterable[tuple[str, date]]) -> StoredEvidence:
    """The evidence for these symbol-days alone: few of a long history cost what their windows do."""
    by_symbol: dict[str, list[date]] = {}
    for symbol, day in sorted(keys):
        by_symbol.setdefault(symbol, []).append(day)
    given: list[BaselineDay] = []
    answers: dict[tuple[str, date], str] = {}
    for symbol, days in by_symbol.items():
        for start, end in _spans(days):
            given += read_baselines(db, [symbol], start - LOOK_BACK, end)
            answers |= read_witness_digests(db, [symbol], start, end)
    return StoredEvidence(given, answers)


def _spans(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Sorted days as spans that share no window."""
    start = before = days[0]
    for day in days[1:]:
        if day - before > LOOK_BACK:
            yield start, before
            start = day
        before = day
    yield start, before


class Renewed(NamedTuple):
    """Evidence about a symbol that came since an instant: from its first to its last trading day, the newest when."""

    start: date
    end: date
    newest: datetime


def read_renewed(db: Database, symbols: Sequence[str], since: datetime) -> dict[str, Renewed]:
    """What evidence of these symbols is of `since` (zone-aware) or later, of those that have any."""
    places, names = bound_list(symbols)
    found: dict[str, Renewed] = {}
    for table, when in ((BASELINES, "updated_at"), (WITNESS, "asked_at")):
        rows = db.rows(
            f"renewed.{table}",
            f"SELECT symbol, min(ts), max(ts), max({when}) FROM {table} WHERE {when} >= %s AND symbol IN ({places})",  # noqa: S608 - our own names; values are bound
            [since, *names],
        )
        for symbol, start, end, newest in rows:
            new = Renewed(start.date(), end.date(), newest)
            known = found.get(symbol, new)
            found[symbol] = Renewed(min(known.start, new.start), max(known.end, new.end), max(known.newest, new.newest))
    return found


def with_bars(db: Database, symbol: str, day: date, evidence: Evidence) -> Evidence:
    """The evidence for a day that is judged now, with the provider's bars where they are stored."""
    if not evidence.witness_digest:
        return evidence
    answer = read_witness(db, symbol, [day])[day]
    values = {name: getattr(answer, name) for name in BAR_PRICES}
    prices = {name: math.nan if value is None else value for name, value in values.items()}
    bars = bars_of_text(answer.contract, answer.bars_json, prices) if answer.digest else None
    return replace(evidence, bars=bars, witness_digest=answer.digest)
