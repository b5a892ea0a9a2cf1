"""The plain reader: ticks and bars through tqsdk's own `get_tick_data_series` and its sister. Worker processes only.

Belongs here: one TqApi at a time, its renewal, its instrument query and its private cache.
Does not belong here: the rules of wholeness (`wholeness`, `bars`), the lean reader (`lean`).
"""

# pyright: reportPrivateUsage=false
# tqsdk is pinned to the byte; what it knows but does not publish is read here and nowhere else.

# tqsdk has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import contextlib
import gc
import shutil
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pandas as pd
import polars as pl
from tqsdk import TqApi, data_series
from tqsdk import api as tqsdk_api
from tqsdk.connect import TqConnect
from tqsdk.utils import _query_for_quote
from websockets.asyncio.client import ClientConnection
from websockets.frames import CloseCode

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import BrokenDayError, FetchError, TransientFetchError
from ghtrader_assets.market.clock import MINUTE_S, NS, SHANGHAI, shanghai_time
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets.tq import faults
from ghtrader_assets.tq.bars import whole_bars
from ghtrader_assets.tq.bounds import DAY_TICKS, MESSAGE_BYTES, oversized_message
from ghtrader_assets.tq.intake import Intake
from ghtrader_assets.tq.login import LoggedIn
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets.tq.values import UnreadableTicks
from ghtrader_assets.tq.wholeness import Reading
from ghtrader_assets.tq.wire import ReadBars, ReadDay

_MICROSECOND_NS: Final = 1000
_PAGE: Final = 2000
_DISCONNECTED: Final = 2019112911
"""The code of the client's own notice that its connection is lost."""
_LOOK_S: Final = 0.5


class _BoundedConnect(TqConnect):
    """tqsdk's connection, which takes messages of any length by itself. `unfit` is told of one that is too long."""

    def __init__(self, unfit: Callable[[FetchError], None], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._keywords |= {"max_size": MESSAGE_BYTES, "create_connection": partial(_BoundedSocket, unfit)}


class _BoundedSocket(ClientConnection):
    def __init__(self, unfit: Callable[[FetchError], None], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unfit = unfit

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        closing = self.protocol.close_sent
        if closing is not None and closing.code == CloseCode.MESSAGE_TOO_BIG:
            self._unfit(oversized_message())


class PlainClient:
    """One TqApi, made when first needed and dropped after any exception or when it has merged enough ticks.

    After an exception the same TqApi would wait for its own lock; and what it has merged it keeps for life.
    """

    def __init__(
        self, auth: LoggedIn, url: str, directory: Path, timing: Timing, clock: Clock, *, closes_daily: bool
    ) -> None:
        self.auth = auth
        self._directory = directory
        self._timing = timing
        self._clock = clock
        self._closes_daily = closes_daily
        self._ticks_seen = 0
        self._unreadable = UnreadableTicks()
        self._unfit: FetchError | None = None
        self._progress = Intake()
        setattr(tqsdk_api, "TqConnect", partial(_BoundedConnect, self._note_unfit))  # noqa: B010 - no API for it
        gc.disable()  # tqsdk makes millions of small containers without cycles; a collection scans them in vain
        try:
            self._api = TqApi(auth=auth, _md_url=url, disable_print=True, debug=False)
        except BaseException:
            gc.enable()
            raise
        self._sift_answers()

    @property
    def worn_out(self) -> bool:
        return self._ticks_seen >= self._timing.renew_after_ticks

    def close(self) -> None:
        self._api.close()
        gc.enable()
        gc.collect()

    def read(self, job: ReadDay) -> Reading:
        """Read the day, then ask again from its last tick on, each with an empty cache."""
        self.auth.require_grants(job.contract)
        self.require_contract(job.contract, job.symbol)
        first = self._series(job.contract, job.window.start_ns, job.window.end_ns)
        if first.shape[0] == 0:
            again = self._series(job.contract, job.window.start_ns, job.window.end_ns)
            return Reading(
                columns=_columns(first),
                second_ids=_columns(again)["tick_id"],
                following_ns=self._any_inside(job),
                series_last_id=self._series_last_id(job.contract),
                unreadable=self._any_unreadable(job.contract),
                promised_id=self._promised_id(job.contract),
            )
        first_id, last_id = int(first["id"].iloc[0]), int(first["id"].iloc[-1])
        last_ns = int(first["datetime"].iloc[-1])
        second = self._series(job.contract, last_ns, job.window.end_ns)
        following = self._tick_time(job.contract, last_id + 1)
        shown = last_id + 1 if following is not None else last_id + 2  # the client ends at a tick that it can't read
        return Reading(
            columns=_columns(first),
            second_ids=_columns(second)["tick_id"],
            following_ns=following,
            series_last_id=self._series_last_id(job.contract),
            quote_ns=self._quote_time(job.contract) if following is None else None,
            unreadable=self._unreadable.among(job.contract, first_id, shown),
        )

    def bars(self, job: ReadBars) -> pl.DataFrame:
        """Read a contract's 1-minute bars with an empty cache. Raises `FetchError` for an answer that is not whole."""
        self.auth.require_grants(job.contract)
        self.require_contract(job.contract, job.contract)
        read = partial(self._api.get_kline_data_series, duration_seconds=MINUTE_S)
        self._progress.begin(2 * job.expected_bars)
        found = self._downloaded(read, job.contract, job.start_ns, job.end_ns)
        series = self._api._data.get("klines", {}).get(job.contract, {}).get(str(MINUTE_S * NS), {})
        return whole_bars({name: found[name].to_numpy() for name in found.columns}, series, job)

    def require_contract(self, contract: str, control: str) -> None:
        """Raise `UnknownContractError` if the provider does not know the contract.

        The client itself would wait 30 s and call it a time-out. A server that is silent about the contract but
        answers for `control`, the symbol the contract stands for, does not know it either.
        """
        if self._asked(contract) is False:
            raise faults.unknown_contract(contract)
        if self._knows(contract):
            return
        if control != contract and self._asked(control):
            raise faults.unknown_contract(contract)
        raise TransientFetchError(
            f"the instrument query for {contract} was not answered within {self._timing.instrument_s:g} s",
        )

    def heed_notices(self) -> None:
        """Raise `MaintenanceError` if the server announced maintenance on this session."""
        for notice in self._notices():
            faults.heed_notice(str(notice.get("content", "")), closes_daily=self._closes_daily)

    def _notices(self) -> list[Mapping[str, Any]]:
        notices: Mapping[str, Any] = self._api._data.get("notify", {})
        return [notice for notice in notices.values() if hasattr(notice, "get")]

    def _sift_answers(self) -> None:
        """See each answer before the client does, which makes 0 or NaN of a text and falls over another form."""
        answers = self._api._ws_md_recv_chan
        assert answers is not None  # noqa: S101 - narrows a type
        pass_on = answers.send

        async def send(item: Any) -> None:
            try:
                self._progress.note(self._unreadable.sift(item))
            except BrokenDayError as error:
                self._note_unfit(error)
            else:
                await pass_on(item)

        answers.send = send

    def _note_unfit(self, error: FetchError) -> None:
        self._unfit = self._unfit or error

    @contextlib.contextmanager
    def _heeding_what_came(self) -> Generator[None]:
        """Raise in the middle of a call what the client would wait for in vain.

        `BrokenDayError` for an answer without the protocol's form, beyond bounds, or without what was asked for in it.
        `MaintenanceError` once the connection is lost and
        maintenance was announced: the client itself would connect again every 10 to 20 s and report nothing for half
        a minute. It waits in the main thread, where a signal's handler may raise.
        """

        def look(*_: object) -> None:
            if self._unfit is not None:
                raise self._unfit
            self._progress.require(self._timing.frame_s)
            if any(notice.get("code") == _DISCONNECTED for notice in self._notices()):
                self.heed_notices()

        before = signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, _LOOK_S, _LOOK_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def quote(self, contract: str) -> Mapping[str, Any]:
        """The instrument's fields as tqsdk's Quote. Raises as `require_contract`."""
        self.require_contract(contract, contract)
        return cast("Mapping[str, Any]", self._api.get_quote(contract))

    def _asked(self, symbol: str) -> bool | None:
        """Whether the provider knows the symbol; None if it did not say."""
        if self._knows(symbol):
            return True
        deadline = self._clock.now_s() + self._timing.instrument_s
        queries = _query_for_quote([symbol], self._api._pre20_ins_info.keys())
        for query in queries:
            self._api._send_pack(query)
        try:
            while self._api.wait_update(deadline=deadline):
                if self._knows(symbol):
                    return True
                answers = self._api._data.get("symbols", {})
                results = [(answers.get(query["query_id"]) or {}).get("result") for query in queries]
                if any(result is not None for result in results):
                    return False
        except Exception as error:
            if faults.refuses_instrument(error):
                raise faults.unknown_contract(symbol) from error
            raise
        return None

    def _quote_time(self, contract: str) -> int | None:
        """When the contract's quote was last refreshed, if the provider has one. Expired contracts may have none."""
        quote = self._api.get_quote(contract)
        deadline = self._clock.now_s() + self._timing.instrument_s
        while not quote.datetime:
            if not self._api.wait_update(deadline=deadline):
                return None
        moment = datetime.fromisoformat(quote.datetime).replace(tzinfo=SHANGHAI)
        return int(moment.timestamp()) * NS

    def _knows(self, symbol: str) -> bool:
        return self._api._data.get("quotes", {}).get(symbol, {}).get("price_tick", float("nan")) > 0

    def _series(self, contract: str, start_ns: int, end_ns: int) -> pd.DataFrame:
        """Ticks of `[start_ns, end_ns)` as the client delivers them."""
        self._progress.begin(DAY_TICKS)
        return self._downloaded(self._api.get_tick_data_series, contract, start_ns, end_ns)

    def _downloaded(self, read: Callable[..., pd.DataFrame], contract: str, start_ns: int, end_ns: int) -> pd.DataFrame:
        """What one call of the client delivers, through a cache of its own."""
        cache = self._directory / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        data_series.CACHE_DIR = str(cache)  # where what was downloaded is taken for whole
        try:
            with self._heeding_what_came():
                frame = read(  # in microseconds; what is cut off precedes a tick
                    symbol=contract, start_dt=shanghai_time(start_ns), end_dt=shanghai_time(end_ns - _MICROSECOND_NS)
                )
        finally:
            shutil.rmtree(cache, ignore_errors=True)
        self._ticks_seen += frame.shape[0] + _PAGE
        return frame

    def _delivered(self, contract: str) -> Mapping[str, Any]:
        return self._api._data.get("ticks", {}).get(contract, {})

    def _tick_time(self, contract: str, tick_id: int) -> int | None:
        """When the tick of this id was, if the server delivered it, asked for or not."""
        stamp = self._delivered(contract).get("data", {}).get(str(tick_id), {}).get("datetime", 0)
        return int(stamp) or None

    def _any_inside(self, job: ReadDay) -> int | None:
        data: Mapping[str, Any] = self._delivered(job.contract).get("data", {})
        stamps = (int(tick.get("datetime", 0)) for tick in data.values() if hasattr(tick, "get"))
        return min((stamp for stamp in stamps if job.window.start_ns <= stamp < job.window.end_ns), default=None)

    def _any_unreadable(self, contract: str) -> str:
        """What could not be read of any tick that came: it may have been of the day that seems to be empty."""
        data: Mapping[str, Any] = self._delivered(contract).get("data", {})
        unstamped = (f"tick {name} has no time" for name, tick in data.items() if not tick.get("datetime"))
        return self._unreadable.among(contract, 0, sys.maxsize) or next(unstamped, "")

    def _promised_id(self, contract: str) -> int | None:
        """The id that a page was said to begin with, though there is such a tick and it did not come."""
        left_id = self._progress.left_id
        data: Mapping[str, Any] = self._delivered(contract).get("data", {})
        return left_id if 0 <= left_id <= self._series_last_id(contract) and str(left_id) not in data else None

    def _series_last_id(self, contract: str) -> int:
        return int(self._delivered(contract).get("last_id", -1))


def _columns(frame: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    """The frame's columns under our names. An empty day has none at all (shape (0, 0))."""
    if frame.shape[0] == 0:
        return {name: np.empty(0, dtype=np.int64) for name in ("tick_id", "datetime_ns")}
    numbers = [name for name in NUMERIC_COLUMNS if name in frame.columns]
    return {"tick_id": frame["id"].to_numpy(), "datetime_ns": frame["datetime"].to_numpy()} | {
        name: frame[name].to_numpy() for name in numbers
    }
