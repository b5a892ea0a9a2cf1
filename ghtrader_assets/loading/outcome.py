"""How the work on one trading day ended.

Belongs here: what loading and judging return of a day. Does not belong here: how either comes to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.questdb.tables.rows import BarDay
from ghtrader_assets.validation.states import worse
from ghtrader_assets.validation.verdicts import BaselineDay, CoverageVerdict, QualityVerdict, State


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict in force on a day's content. `fresh`: judged now, not found already judged."""

    coverage: CoverageVerdict
    quality: QualityVerdict
    fresh: bool
    seconds: float

    @property
    def deciding(self) -> CoverageVerdict | QualityVerdict:
        """The row whose state is the worse one, coverage where they agree: it says how the day stands and why."""
        return worse(self.coverage, self.quality)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What ended a run before its days did: the one line, and the exit code of the error it was."""

    reason: str
    exit_code: int = 1


CANCELLED: Final = Stopped("the run was cancelled; the same command loads what it left")
"""What ended the days of a run that a person, or the end of its command, called off."""


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """A symbol's trading day: the manifest of the load that its stored content comes from, and the verdict on it.

    `failure` is empty if all that was asked for the day was done, else the one line that says what was not.
    `in_force` is the state and reason of a verdict that is in force and whose rows were not requested.
    `baseline` is what the day gives to later ones, `bars` says what its bars were made of.
    """

    symbol: str
    trading_day: date
    state: IngestState
    manifest: Manifest | None = None
    judgement: Judgement | None = None
    failure: str = ""
    in_force: tuple[State, str] | None = None
    baseline: BaselineDay | None = None
    bars: BarDay | None = None
