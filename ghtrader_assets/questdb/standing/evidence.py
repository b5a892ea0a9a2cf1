"""The evidence that is stored for verdicts on trading days: what other days and the provider's own bars say of each.

Belongs here: reading it in bulk, the evidence of one day. Does not belong here: what a verdict makes of it
(`validation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """The evidence for days of some symbols, as it is stored."""

    _known: Mapping[tuple[str, date], Evidence]

    def of(self, symbol: str, day: date) -> Evidence:
        """The evidence for a verdict on this day."""
        return self._known.get((symbol, day), NO_EVIDENCE)


NO_STORED_EVIDENCE: Final = StoredEvidence({})


def read_evidence(_db: Database, _symbols: Sequence[str], _start: date, _end: date) -> StoredEvidence:
    """The evidence for the trading days from `start` to `end` of the symbols. Raises `QuestDBError`."""
    return NO_STORED_EVIDENCE
