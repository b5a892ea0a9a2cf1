"""How a trading day stands, from what is stored, attempted and judged of it: the only place that says so. Pure.

Belongs here: the rules, as polars expressions over one row a symbol-day, for one day and for a whole grid alike.
Does not belong here: where the rows come from (`day_states`), what a single verdict says (`validation.states`), what is
to be done about a day (`upkeep`).

- **Ingest.** Stored content is `complete`, or `partial` if the day was in progress when it was loaded, whatever later
  attempts came to. Where nothing is stored, the last attempt decides. One that says `complete` or `partial` is
  `running` there: a stored-day row is the last step of a load, and that step is missing. A day without an attempt is
  `missing`, before the symbol's start `not_listed`, of an unknown product `unknown_contract`. An obstacle
  comes before any attempt: the symbol did not trade on that day, or the provider's main contract can't be it
  (`market.lives`).
- **Verdicts.** A verdict speaks of the stored content where that is the very content it was given on, whole. Half a
  day is not judged: what was once said of the same ticks as a whole day says nothing of it.
- **State.** A complete day has the worse of its two verdicts with its reason, coverage's where they are alike; with
  fewer than two verdicts it is `unjudged` (`validation.states.worse` says which of two verdicts decides, for code
  that holds both). Any other day's state is how its ingest stands.
- **Accepted.** A day is accepted where its state is one that an operator may close and the last exception recorded of
  it holds: it was not revoked, has not expired, and speaks of the two verdicts that stand now, or, where nothing is
  stored, of the outcome and contract of the last attempt. The state stays what it is.
- **Wrong main.** What is wrong with the provider's main contract, by the obstacle or the attempt that decides. Of a
  stored day, which then has an obstacle if its content is another contract's: the state is the content's, the reason
  the obstacle's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import polars as pl

from ghtrader_assets.errors import IngestState
from ghtrader_assets.validation.states import RANK
from ghtrader_assets.validation.verdicts import State

UNJUDGED: Final = "unjudged"


class Unexplained(StrEnum):
    """Reason codes of days whose state no verdict, attempt or obstacle explains; docs/cli.md says what they mean."""

    NOT_JUDGED = "not_judged"
    IN_PROGRESS = "day_in_progress"
    NOT_RECORDED = "not_recorded"
    NEVER_LOADED = "never_loaded"
    BEFORE_START = "before_start"


FACTS: Final = {
    "stored": pl.Boolean,
    "partial": pl.Boolean,
    "coverage": pl.String,
    "coverage_reason": pl.String,
    "coverage_names_content": pl.Boolean,
    "quality": pl.String,
    "quality_reason": pl.String,
    "quality_names_content": pl.Boolean,
    "outcome": pl.String,
    "outcome_reason": pl.String,
    "outcome_wrong_main": pl.String,
    "obstacle": pl.String,
    "obstacle_reason": pl.String,
    "obstacle_wrong_main": pl.String,
    "exception_holds": pl.Boolean,
}
"""What a day's state follows from; null where there is no such row. `outcome` is the last attempt's."""

GOOD: Final = frozenset({State.OK, State.WARN})
"""The states of a day that is complete and as it should be."""

NOT_TRADED: Final = frozenset({IngestState.NOT_LISTED, IngestState.EXPIRED})
"""How a day stands on which the symbol did not trade: it is not expected."""


class DecidedBy(StrEnum):
    """What a day's state and reason are those of."""

    OBSTACLE = "obstacle"
    ATTEMPT = "attempt"
    CONTENT = "content"
    COVERAGE = "coverage"
    QUALITY = "quality"


_ENDED_BADLY: Final = (
    frozenset(IngestState)
    - NOT_TRADED
    - {IngestState.COMPLETE, IngestState.PARTIAL, IngestState.RUNNING, IngestState.MISSING}
)
_CLOSABLE: Final = sorted(state.value for state in (State.PARTIAL, State.ERROR, *_ENDED_BADLY))

_NOT_RECORDED: Final = (IngestState.COMPLETE, IngestState.PARTIAL)


def state_of_attempt(outcome: IngestState) -> IngestState:
    """The state of a day without stored ticks, by the outcome of its last attempt."""
    return IngestState.RUNNING if outcome in _NOT_RECORDED else outcome


def state_untouched(day: date, listed_from: date, *, unknown: bool = False) -> IngestState:
    """How a day stands that was neither stored nor attempted; `unknown` where the symbol's product is unknown."""
    if unknown:
        return IngestState.UNKNOWN_CONTRACT
    return IngestState.MISSING if day >= listed_from else IngestState.NOT_LISTED


def may_be_accepted(ingest_state: str, state: str) -> bool:
    """Whether an operator may close a day in this state: it has ended, and not well."""
    return state in _CLOSABLE and ingest_state != IngestState.PARTIAL


def with_states(facts: pl.DataFrame) -> pl.DataFrame:
    """The frame with eight more columns. Columns of `FACTS` that it lacks are taken as null.

    They are `ingest_state`, `coverage_state` and `quality_state` (empty where no verdict speaks of the stored content),
    `state`, `reason`, `decided_by` (a `DecidedBy`), `accepted`, and `wrong_main`, alone null where there is nothing to
    say.
    """
    absent = [pl.lit(None, kind).alias(name) for name, kind in FACTS.items() if name not in facts.columns]
    verdicts = (_state_on_content("coverage"), _state_on_content("quality"))
    states = facts.with_columns(absent).with_columns(_ingest_state(), *verdicts).with_columns(_state_and_reason())
    return states.with_columns(_accepted(), _wrong_main())


def _ingest_state() -> pl.Expr:
    outcomes = {outcome.value: state_of_attempt(outcome).value for outcome in IngestState}
    cases = [
        (pl.col("stored") & pl.col("partial"), pl.lit(IngestState.PARTIAL.value)),
        (pl.col("stored"), pl.lit(IngestState.COMPLETE.value)),
        (pl.col("obstacle").is_not_null(), pl.col("obstacle")),
    ]
    return _first(cases, pl.col("outcome").replace(outcomes)).alias("ingest_state")


def _state_on_content(table: str) -> pl.Expr:
    """The state of a table's verdict where it speaks of the stored content, else an empty text."""
    whole = pl.col("stored") & ~pl.col("partial")
    speaks = whole & pl.col(f"{table}_names_content") & pl.col(table).is_in(list(RANK))
    return _first([(speaks, pl.col(table))], pl.lit("")).alias(f"{table}_state")


def _state_and_reason() -> list[pl.Expr]:
    """The table of a day's state: the first condition that holds decides, on state and reason together, and who did."""
    ingest, stored, complete = pl.col("ingest_state"), pl.col("stored"), IngestState.COMPLETE.value
    coverage, quality = (
        pl.col(name).replace_strict(RANK, default=None) for name in ("coverage_state", "quality_state")
    )
    cases = [
        (~stored & pl.col("obstacle").is_not_null(), DecidedBy.OBSTACLE, ingest, pl.col("obstacle_reason")),
        (
            ~stored & pl.col("outcome").is_in(_NOT_RECORDED),
            DecidedBy.ATTEMPT,
            ingest,
            pl.lit(Unexplained.NOT_RECORDED.value),
        ),
        (~stored, DecidedBy.ATTEMPT, ingest, pl.col("outcome_reason")),
        (ingest != complete, DecidedBy.CONTENT, ingest, pl.lit(Unexplained.IN_PROGRESS.value)),
        (
            coverage.is_null() | quality.is_null(),
            DecidedBy.CONTENT,
            pl.lit(UNJUDGED),
            pl.lit(Unexplained.NOT_JUDGED.value),
        ),
        (quality > coverage, DecidedBy.QUALITY, pl.col("quality_state"), pl.col("quality_reason")),
    ]
    decider = _first([(holds, pl.lit(decider.value)) for holds, decider, *_ in cases], pl.lit(DecidedBy.COVERAGE.value))
    state = _first([(holds, state) for holds, _, state, _ in cases], pl.col("coverage_state"))
    finding = (stored & pl.col("obstacle_wrong_main").is_not_null(), pl.col("obstacle_reason"))
    reason = _first([finding, *((holds, reason) for holds, *_, reason in cases)], pl.col("coverage_reason"))
    return [decider.alias("decided_by"), state.alias("state"), reason.fill_null("").alias("reason")]


def _wrong_main() -> pl.Expr:
    """What is known of a wrong main contract from the obstacle or attempt that decided the state; else null."""
    cases = [
        (pl.col("decided_by") == decider.value, pl.col(f"{name}_wrong_main"))
        for decider, name in ((DecidedBy.OBSTACLE, "obstacle"), (DecidedBy.ATTEMPT, "outcome"))
    ]
    cases.append((pl.col("stored"), pl.col("obstacle_wrong_main")))
    return _first(cases, pl.lit(None, pl.String)).alias("wrong_main")


def _accepted() -> pl.Expr:
    closable = pl.col("state").is_in(_CLOSABLE) & (pl.col("ingest_state") != IngestState.PARTIAL)
    return (closable & pl.col("exception_holds").fill_null(value=False)).alias("accepted")


def _first(cases: Sequence[tuple[pl.Expr, pl.Expr]], otherwise: pl.Expr) -> pl.Expr:
    """The value of the first case whose condition holds; null holds nowhere."""
    for holds, value in reversed(cases):
        otherwise = pl.when(holds).then(value).otherwise(otherwise)
    return otherwise
