"""What leads from each version of a store, and of a home's manifest files, to the next.

Belongs here: the steps, one a version, and their order. Does not belong here: taking them (`migrations`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ghtrader_assets.questdb.tables.columns import Column, column
from ghtrader_assets.questdb.tables.schema import (
    DAILY_AGG,
    FIELD_QUALITY,
    MANIFESTS,
    TICKS,
    VALIDATE_GAPS,
    VALIDATE_SUMMARY,
)

FIRST_VERSION: Final = 1
"""What a store or home is that does not say its version."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Rows of a table to be written again: those that `where` finds, with new `values`, SQL expressions by column."""

    table: str
    where: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """What leads from the version before to `version`.

    By table, `columns` to add and columns to rename, new names by old ones; rows and manifest files to rewrite; the
    partition length that a table had before it has that of `schema`.
    """

    version: int
    says: str
    columns: Mapping[str, Sequence[Column]] = field(default_factory=dict[str, Sequence[Column]])
    renamed: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    rewrites: Sequence[Rewrite] = ()
    repartitioned: Mapping[str, str] = field(default_factory=dict[str, str])
    document: Callable[[Document], Document] = lambda document: document


_OPEN_IN_VERSION_1: Final = "the load began and has not ended: it is still running, or it was killed"
_PARTIAL_IN_VERSION_1: Final = "partial:"


def _running(document: Document) -> Document:
    is_open = document["outcome"] == "failed" and document["reason"] == _OPEN_IN_VERSION_1
    return document | {"outcome": "running", "finished": None} if is_open else document


def _partial(document: Document) -> Document:
    upstream = document["upstream"].removeprefix(_PARTIAL_IN_VERSION_1)
    return document if upstream == document["upstream"] else document | {"upstream": upstream, "partial": True}


def _partial_rows(table: str) -> Rewrite:
    whole = f"replace(upstream, '{_PARTIAL_IN_VERSION_1}', '')"
    return Rewrite(table, f"upstream LIKE '{_PARTIAL_IN_VERSION_1}%'", {"upstream": whole, "partial": "true"})


STEPS: Final = (
    Step(
        version=2,
        says="a load under way has the outcome running and no end",
        rewrites=[
            Rewrite(
                MANIFESTS,
                f"outcome = 'failed' AND reason = '{_OPEN_IN_VERSION_1}'",
                {"outcome": "'running'", "finished": "null::timestamp"},
            )
        ],
        document=_running,
    ),
    Step(
        version=3,
        says="a day that was loaded while in progress is marked in a column of its own",
        columns={table: [column("partial", "BOOLEAN")] for table in (DAILY_AGG, MANIFESTS)},
        rewrites=[_partial_rows(DAILY_AGG), _partial_rows(MANIFESTS)],
        document=_partial,
    ),
    Step(
        version=4,
        says="the column that names a day's load is manifest_id in every table",
        renamed={table: {"load_id": "manifest_id"} for table in (DAILY_AGG, VALIDATE_SUMMARY, FIELD_QUALITY)},
    ),
    Step(
        version=5,
        says="verdicts name what is lost, gaps how much was traded across them",
        columns={
            VALIDATE_SUMMARY: [column("gap_seconds_lost", "LONG"), column("detail", "VARCHAR")],
            VALIDATE_GAPS: [column("lots_across", "DOUBLE")],
        },
    ),
    Step(version=6, says="days can be accepted as they stand: a table of exceptions, which is made with the others"),
    Step(version=7, says="first days of contracts and overridden main contracts have tables of their own"),
    Step(
        version=8,
        says="verdicts name the evidence they used; what days give to baselines has a table, made with the others",
        columns={
            VALIDATE_SUMMARY: [
                column("baseline_days", "LONG"),
                column("baseline_used", "VARCHAR"),
                column("witness", "SYMBOL"),
                column("witness_digest", "VARCHAR"),
            ]
        },
    ),
    Step(version=9, says="the tick table has a partition a week instead of one a day", repartitioned={TICKS: "DAY"}),
    Step(version=10, says="trading days have bars of a minute: two tables, which are made with the others"),
)
"""In order, without a gap."""

STORE_VERSION: Final = STEPS[-1].version


def steps_after(version: int) -> list[Step]:
    """The steps that lead from a version to this code's, in order."""
    return [step for step in STEPS if step.version > version]


def columns_to_come(table: str, pending: Sequence[Step]) -> set[str]:
    """The columns that pending steps add, or rename: under both names."""
    added = {column.name for step in pending for column in step.columns.get(table, ())}
    return added.union(*(names for step in pending for names in step.renamed.get(table, {}).items()))


def lengths_before(table: str, pending: Sequence[Step]) -> set[str]:
    """The partition lengths that a table may still have before pending steps."""
    return {step.repartitioned[table] for step in pending if table in step.repartitioned}
