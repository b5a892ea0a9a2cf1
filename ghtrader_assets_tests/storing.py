"""Days stored without a provider, in batches that overlap as those of a load do.

Belongs here: the one call that tests and benchmarks of the store share. Does not belong here: what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ghtrader_assets.loading.batches import Batches, Limits
from ghtrader_assets.loading.days import BATCH_AGE_S
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.writer import (
    BATCH_ROWS,
    BATCHES_IN_FLIGHT,
    DayLoad,
    Readback,
    Result,
    store_batch,
)


def store_days(
    db: Database,
    loads: Sequence[DayLoad],
    readback: Readback = "full",
    *,
    batch_rows: int = BATCH_ROWS,
    batch_days: int | None = None,
) -> Iterator[Result]:
    """Store different days and yield each result once its batch was read back."""

    def is_full(batch: Sequence[DayLoad]) -> bool:
        return len(batch) == batch_days or sum(load.frame.height for load in batch) >= batch_rows

    limits = Limits(is_full, age_s=BATCH_AGE_S, in_flight=BATCHES_IN_FLIGHT, held=len(loads))
    source = (load for load in loads)
    return Batches(source, partial(store_batch, db, readback=readback), _results, limits).results()


def _results(results: Sequence[Result]) -> Sequence[Result]:
    return results
