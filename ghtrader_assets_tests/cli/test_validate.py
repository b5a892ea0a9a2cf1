"""`validate`: what it says of a day that has a verdict, and of one that could not be judged."""

from __future__ import annotations

from datetime import date

from ghtrader_assets.cli.validate import row_of
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.validation.verdicts import State

DAY = date(2026, 1, 5)


def test_a_verdict_of_error_is_told_from_a_day_that_could_not_be_judged() -> None:
    judged = row_of(
        "KQ.m@SHFE.cu", DayOutcome("KQ.m@SHFE.cu", DAY, IngestState.COMPLETE, in_force=(State.ERROR, "session_lost"))
    )
    failed = row_of(
        "KQ.m@SHFE.cu", DayOutcome("KQ.m@SHFE.cu", DAY, IngestState.COMPLETE, failure="its rows have digest x")
    )
    assert (judged["state"], judged["reason"], judged["failure"]) == ("error", "session_lost", None)
    assert (failed["state"], failed["reason"], failed["failure"]) == (None, None, "its rows have digest x")
