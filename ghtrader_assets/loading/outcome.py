"""How the work on one trading day ended.

Belongs here: the records that the pipeline hands to whoever asked for it. Does not belong here: any step of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.validation.verdicts import CoverageRow, QualityRow


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict in force on a day's content. `fresh`: judged now, not found already judged."""

    coverage: CoverageRow
    quality: QualityRow
    fresh: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """One trading day: the manifest of the load that its stored content comes from, and the verdict on it.

    `failure` is empty if all that was asked for the day was done, else the one line that says what was not.
    """

    trading_day: date
    state: IngestState
    manifest: Manifest | None = None
    judgement: Judgement | None = None
    failure: str = ""
