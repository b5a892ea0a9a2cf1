"""ghTrader's way to read ticks: one TqApi for everything, a day at a time, with TqSdk's own cache of series.

Belongs here: that flow as it stands, for the benchmark that compares with it (`one_by_one`, a process of its
own). Does not belong here: anything the platform itself reads with (`client`, `lean`).
"""

# tqsdk has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets.tq.quiet import import_tqsdk


class OneApi:
    """One TqApi under a log-in, kept until the end; `cache` is where TqSdk keeps downloaded series between days.

    tqsdk finds the provider by its own `TQ_*` variables. A context manager.
    """

    def __init__(self, user: str, password: str, cache: Path) -> None:
        import_tqsdk()
        from tqsdk import TqApi, TqAuth, data_series

        cache.mkdir(parents=True, exist_ok=True)
        data_series.CACHE_DIR = str(cache)
        self._api = TqApi(auth=TqAuth(user, password), disable_print=True)

    def day(self, contract: str, day: date, following: date) -> dict[str, npt.NDArray[Any]]:
        """The ticks of `day`: asked for up to the following date, as ghTrader does, so two days come on most days.

        Returns `tick_id` and `datetime_ns` (int64) and the numbers that tqsdk delivers.
        """
        frame = self._api.get_tick_data_series(symbol=contract, start_dt=day, end_dt=following)
        columns = {name: frame[name].to_numpy() for name in NUMERIC_COLUMNS if name in frame.columns}
        return {"tick_id": frame["id"].to_numpy(), "datetime_ns": frame["datetime"].to_numpy()} | columns

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.close()


def between(columns: Mapping[str, npt.NDArray[Any]], start_ns: int, end_ns: int) -> dict[str, npt.NDArray[Any]]:
    """The rows whose instant lies in `[start_ns, end_ns)`."""
    stamps = columns["datetime_ns"]
    inside = np.flatnonzero((stamps >= start_ns) & (stamps < end_ns))
    return {name: values[inside] for name, values in columns.items()}
