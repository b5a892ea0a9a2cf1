"""ghTrader's names for the same queries, with its arguments where they mean something here.

Belongs here: their arguments and the shapes they answer in. Does not belong here: new queries (`api`).

`cfg`, `table` and a connection's settings have no meaning here: the store knows them. Where ghTrader handed out text,
days are `datetime.date` and instants zone-aware; `*_ns` are epoch nanoseconds UTC, cut to microseconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, cast

import pyarrow as pa

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import quoted
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets.questdb.tables.codec import epoch_ns
from ghtrader_assets.questdb.tables.columns import CONTRACT_IN_TICKS
from ghtrader_assets.questdb.tables.rows import DailyAgg, StoredRange
from ghtrader_assets.store.arguments import Day, texts_given
from ghtrader_assets.store.checked import CheckedStore
from ghtrader_assets.store.formats import formatted
from ghtrader_assets.validation.verdicts import DATASET_VERSION, TICKS_KIND

if TYPE_CHECKING:
    import pandas as pd


class GhtraderQueries(CheckedStore, ABC):
    """ghTrader's reading functions, as methods of the store."""

    @abstractmethod
    def coverage(self, *symbols: str) -> list[StoredRange]: ...

    @abstractmethod
    def latest(self, *symbols: str) -> list[DailyAgg]: ...

    @abstractmethod
    def _five_level_bounds(self, *symbols: str) -> list[StoredRange]: ...

    @abstractmethod
    def _whole_day(self, symbol: str, day: Day, columns: Sequence[str]) -> Generator[tuple[None, pa.Table]]: ...

    def query_symbol_day_bounds(
        self,
        symbols: Sequence[str],
        *,
        dataset_version: str = DATASET_VERSION,
        ticks_kind: str = TICKS_KIND,
        l5_only: bool = False,
    ) -> dict[str, dict[str, Any]]:
        """`{symbol: {first_day, last_day, n_days, first_ns, last_ns, first_ts, last_ts}}` of the symbols stored.

        From the table of stored days, cached. `l5_only` counts the days with any row of more than one level; then the
        instants are those of the first and last such day's first and last tick.
        """
        _require_kind(dataset_version, ticks_kind)
        names = texts_given("symbols", symbols)
        if not names:
            return {}
        found = self._five_level_bounds(*names) if l5_only else self.coverage(*names)
        return {
            bounds.symbol: {
                "first_day": bounds.first_day,
                "last_day": bounds.last_day,
                "n_days": bounds.n_days,
                "first_ns": epoch_ns(bounds.first_tick),
                "last_ns": epoch_ns(bounds.last_tick),
                "first_ts": bounds.first_tick,
                "last_ts": bounds.last_tick,
            }
            for bounds in found
        }

    def query_symbol_latest(
        self, symbols: Sequence[str], *, dataset_version: str = DATASET_VERSION, ticks_kind: str = TICKS_KIND
    ) -> dict[str, dict[str, Any]]:
        """`{symbol: {last_day, last_ns, last_ts}}` of the symbols stored, from the table of stored days, cached."""
        _require_kind(dataset_version, ticks_kind)
        names = texts_given("symbols", symbols)
        return {
            last.symbol: {"last_day": last.trading_day, "last_ns": epoch_ns(last.last_tick), "last_ts": last.last_tick}
            for last in (self.latest(*names) if names else [])
        }

    def fetch_ticks_for_symbol_day(
        self,
        symbol: str,
        trading_day: Day,
        *,
        dataset_version: str = DATASET_VERSION,
        ticks_kind: str = TICKS_KIND,
        limit: int | None = None,
        order: Literal["asc", "desc"] = "asc",
        include_provenance: bool = False,
    ) -> pd.DataFrame:
        """A trading day with ghTrader's columns: `symbol`, `datetime` (epoch ns UTC), the 27 numbers, `row_hash`.

        With `include_provenance` also `underlying_contract`, `segment_id`, `schedule_hash`. Empty where no whole day is
        stored, as in ghTrader.
        """
        _require_kind(dataset_version, ticks_kind)
        if str(order) not in {"asc", "desc"} or not (limit is None or (isinstance(limit, Integral) and limit >= 0)):
            told = f"order={quoted(order)}, limit={quoted(limit)}"
            raise BadInputError(told, "order is asc or desc, limit a whole number, 0 or more")
        columns = ["symbol", "datetime_ns", *NUMERIC_COLUMNS, "row_hash"]
        columns += ["contract", "segment_id", "schedule_hash"] if include_provenance else []
        found = [ticks for _, ticks in self._whole_day(symbol, trading_day, columns)]
        if not found:
            import pandas as pd  # noqa: PLC0415 - half a second that commands do not pay

            return pd.DataFrame(columns=_renamed(columns))
        ticks = found[0]
        ticks = ticks.rename_columns(_renamed(ticks.column_names))
        frame: pd.DataFrame = formatted(ticks, "pandas")
        if order == "desc":
            frame = cast("pd.DataFrame", frame.iloc[::-1].reset_index(drop=True))
        return frame if limit is None else frame.head(limit)


def _renamed(columns: Sequence[str]) -> list[str]:
    names = {"datetime_ns": "datetime", "contract": CONTRACT_IN_TICKS}
    return [names.get(column, column) for column in columns]


def _require_kind(dataset_version: object, ticks_kind: object) -> None:
    if (str(dataset_version), str(ticks_kind)) != (DATASET_VERSION, TICKS_KIND):
        raise BadInputError(
            f"there is no data set {quoted(dataset_version)} of {quoted(ticks_kind)}",
            f"this store holds {DATASET_VERSION!r} of {TICKS_KIND!r}",
        )
