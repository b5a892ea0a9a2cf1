"""The Python API: typed answers, whole days in one version, ghTrader's functions under their names."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ghtrader_assets.errors import BadInputError, DayStateWarning, OtherContentError, QuestDBError
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, TICK_SCHEMA, content_digest, row_hashes
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables import whole_days
from ghtrader_assets.questdb.tables.tick_columns import as_tick_frame
from ghtrader_assets.questdb.tables.whole_days import DEFAULT_COLUMNS, RESULT_TYPES
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_questdb import random_ticks
from ghtrader_assets_tests.fix_store import Record, begin, finish, put
from ghtrader_assets_tests.waiting import await_that

DAY = date(2026, 1, 6)
WEEK = (date(2026, 1, 5), DAY, date(2026, 1, 7), date(2026, 1, 8))
SHANGHAI = ZoneInfo("Asia/Shanghai")
LoadOf = Callable[..., DayLoad]


def digest_of(ticks: Any) -> str:
    """The content digest of an Arrow result with all tick columns."""
    frame = pl.from_arrow(ticks.select(TICK_SCHEMA.names()))
    assert isinstance(frame, pl.DataFrame)
    return content_digest(as_tick_frame(frame))


def test_a_script_needs_three_lines_and_no_close(settings: Settings, load_of: LoadOf, record: Record) -> None:
    load = load_of(DAY)
    record(load)
    code = (
        "import ghtrader_assets as gh\n"
        "store = gh.connect()\n"
        f"ticks = store.ticks({load.symbol!r}, '2026-01-06')\n"
        "print(ticks[['datetime', 'last_price']].head())\n"
    )
    assert settings.questdb_password is not None
    environment = {
        "PATH": os.environ["PATH"],
        "GHTRADER_HOME": str(settings.home),
        "GHTRADER_QUESTDB_HTTP": str(settings.questdb_http),
        "GHTRADER_QUESTDB_PG": str(settings.questdb_pg),
        "GHTRADER_QUESTDB_USER": str(settings.questdb_user),
        "GHTRADER_QUESTDB_PASSWORD": settings.questdb_password.get_secret_value(),
    }
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment, cwd=settings.home, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "last_price" in ran.stdout
    assert "+08:00" in ran.stdout


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(QuestDBError, match="start it with `ghtrader-assets up`"):
        Store(Settings(home=tmp_path))


def test_a_day_in_every_form(store: Store, load_of: LoadOf, record: Record) -> None:
    load = load_of(DAY, rows=500)
    record(load)
    arrow = store.ticks(load.symbol, "2026-01-06", output_format="arrow")
    assert arrow.schema == pa.schema([(name, RESULT_TYPES[name]) for name in DEFAULT_COLUMNS])
    assert digest_of(arrow) == content_digest(load.frame)
    pandas = store.ticks(load.symbol, DAY)
    assert isinstance(pandas, pd.DataFrame)
    assert str(pandas["datetime"].dtype) == "datetime64[ns, Asia/Shanghai]"
    assert [str(pandas[name].dtype) for name in ("tick_id", "seq", "last_price")] == ["int64", "int32", "float64"]
    assert list(pandas["trading_day"].unique()) == [pd.Timestamp(DAY)]
    assert list(pandas["symbol"].unique()) == [load.symbol]
    assert int(pandas["last_price"].isna().sum()) == load.frame["last_price"].is_nan().sum()
    first = pandas["datetime"].iloc[0]
    assert first == datetime.fromtimestamp(arrow["datetime_ns"][0].as_py() / 1e9, tz=UTC).astimezone(SHANGHAI)
    polars = store.ticks(load.symbol, DAY, output_format="polars")
    assert polars.schema["datetime"] == pl.Datetime("ns", "Asia/Shanghai")
    assert polars.schema["trading_day"] == pl.Date()
    assert polars["last_price"].null_count() == load.frame["last_price"].is_nan().sum()
    assert polars["last_price"].fill_null(0.0).equals(pl.from_arrow(arrow)["last_price"].fill_null(0.0))


def test_a_range_its_columns_and_contracts(store: Store, load_of: LoadOf, record: Record, symbol: str) -> None:
    exchange = symbol.removeprefix("KQ.m@")
    contracts = [f"{exchange}2602", f"{exchange}2602", f"{exchange}2603", f"{exchange}2603"]
    for day, contract in zip(WEEK, contracts, strict=True):
        record(load_of(day, rows=50, contract=contract))
    with pytest.warns(DayStateWarning, match="of 20 trading days are missing"):
        frame = store.ticks(symbol, "2026-01-01", "2026-01-31", columns=["datetime", "contract", "last_price"])
    assert list(frame.columns) == ["datetime", "contract", "last_price"]
    assert len(frame) == 200
    assert frame["datetime"].is_monotonic_increasing
    assert list(frame["contract"].unique()) == [contracts[0], contracts[2]]
    rolled = store.ticks(symbol, *WEEK[::3], contracts=[contracts[2]], output_format="polars")
    assert rolled["trading_day"].unique(maintain_order=True).to_list() == list(WEEK[2:])
    by_name = store.ticks(contracts[0], *WEEK[::3], output_format="arrow")
    assert by_name["trading_day"].unique().to_pylist() == list(WEEK[:2])
    streamed = list(store.stream_ticks(symbol, *WEEK[::3], output_format="arrow"))
    assert [(agg.trading_day, ticks.num_rows) for agg, ticks in streamed] == [(day, 50) for day in WEEK]
    with pytest.raises(BadInputError, match="no whole day"):
        store.ticks(symbol, *WEEK[::3], contracts=["SHFE.cu2701"])


def test_a_stream_reads_no_further_than_its_workers(
    settings: Settings, load_of: LoadOf, record: Record, symbol: str
) -> None:
    for day in WEEK:
        record(load_of(day, rows=10))
    with Store(settings.model_copy(update={"read_workers": 1})) as store:
        asked: list[str] = []
        plain, store.database.arrow = store.database.arrow, lambda *query: asked.append(query[0]) or plain(*query)
        stream = store.stream_ticks(symbol, *WEEK[::3], output_format="arrow")
        next(stream)
        assert len(asked) <= 2
        stream.close()
        assert len(asked) <= 2


def test_an_unfinished_day_is_not_there(db: Database, load_of: LoadOf, settings: Settings, symbol: str) -> None:
    load = load_of(DAY)
    begun = begin(db, load)
    put(db, load)
    with Store(settings.model_copy(update={"symbols": (symbol,)})) as store:
        with pytest.raises(BadInputError, match=f"no whole day of {symbol} is stored for 2026-01-06"):
            store.ticks(symbol, DAY)
        assert store.fetch_ticks_for_symbol_day(symbol, "2026-01-06").empty
        finish(db, settings, begun, load)
        assert len(store.ticks(symbol, DAY)) == load.frame.height


def test_a_day_without_a_tick_is_whole(store: Store, load_of: LoadOf, record: Record, symbol: str) -> None:
    record(load_of(DAY, frame=random_ticks(load_of(DAY).window, 0)))
    arrow = store.ticks(symbol, DAY, output_format="arrow")
    assert (arrow.num_rows, arrow.schema.field("datetime").type) == (0, RESULT_TYPES["datetime"])


def test_ticks_that_are_newer_than_their_record_are_not_handed_out(
    store: Store, db: Database, load_of: LoadOf, record: Record, settings: Settings, symbol: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Between a load's ticks and its stored-day row, a reader waits; for a load that never ends, it says so."""
    record(load_of(DAY, seed=1))
    later = load_of(DAY, seed=2)
    begun = begin(db, later)
    assert len(store.ticks(symbol, DAY, columns=["last_price"])) == 200, "begun, and nothing of it stored yet"
    put(db, later)
    monkeypatch.setattr(whole_days, "PATIENCE_S", 0.3)
    with pytest.raises(OtherContentError, match="are not those of load"):
        store.ticks(symbol, DAY, columns=["last_price"])
    monkeypatch.undo()
    timer = threading.Timer(0.5, lambda: finish(db, settings, begun, later))
    timer.start()
    waited = store.ticks(symbol, DAY, output_format="arrow")
    timer.join()
    assert digest_of(waited) == content_digest(later.frame)


class Watcher(threading.Thread):
    """Asks again and again until told that this time is the last; keeps what it saw, or what went wrong."""

    def __init__(self, settings: Settings, ask: Callable[[Store], int], done: threading.Event) -> None:
        super().__init__()
        self._settings, self._ask, self._done = settings, ask, done
        self.seen: list[int] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        last = False
        with Store(self._settings) as store:
            while not last and self.failure is None:
                last = self._done.is_set()
                try:
                    self.seen.append(self._ask(store))
                except BaseException as error:  # noqa: BLE001 - handed to the test's thread
                    self.failure = error


@pytest.mark.filterwarnings("ignore::ghtrader_assets.errors.DayStateWarning")  # between a load and its verdict
def test_a_reader_sees_one_whole_version(settings: Settings, load_of: LoadOf, record: Record, symbol: str) -> None:
    """While a day is loaded again and again, with more, fewer and other rows, readers see versions in their order."""
    loads = [load_of(DAY, rows=rows, seed=seed) for seed, rows in enumerate([3000, 2000, 2000, 3500, 1, 3000])]
    digests = [content_digest(load.frame) for load in loads]
    prices = [sorted(load.frame["last_price"].fill_nan(-1.0)) for load in loads]

    def all_columns(store: Store) -> int:
        return digests.index(digest_of(store.ticks(symbol, DAY, output_format="arrow")))

    def one_column(store: Store) -> int:
        found = store.ticks(symbol, DAY, columns=["last_price"])["last_price"]
        return prices.index(sorted(found.fillna(-1.0)))

    record(loads[0])
    done = threading.Event()
    watchers = [Watcher(settings, ask, done) for ask in (all_columns, one_column)]
    for watcher in watchers:
        watcher.start()
    for version, load in enumerate(loads[1:], 1):
        record(load)
        await_that(
            f"all readers of version {version}",
            lambda version=version: all(each.failure or version in each.seen for each in watchers),
        )
    done.set()
    for watcher in watchers:
        watcher.join()
        assert watcher.failure is None, watcher.failure
        assert watcher.seen == sorted(watcher.seen), "a reader went back to an older version"
        assert set(watcher.seen) >= set(range(1, len(loads)))


def test_the_ends_of_a_range_are_any_days_and_a_symbol_is_one(
    store: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    record(load_of(DAY, rows=20))
    around = (DAY - timedelta(days=5), DAY)
    assert len(store.calendar.days(*around)) == 2, "it begins on a holiday"
    ranged: dict[str, Callable[..., Any]] = {
        "ticks": store.ticks,
        "stream_ticks": lambda *words: list(store.stream_ticks(*words)),
        "days": store.days,
        "schedule": store.schedule,
    }
    with pytest.warns(DayStateWarning):
        found = {name: ask(symbol, *around) for name, ask in ranged.items()}
    assert [len(found[name]) for name in ranged] == [20, 1, 2, 0]
    for ask in ranged.values():
        with pytest.raises(BadInputError, match="swap them"):
            ask(symbol, *reversed(around))
        with pytest.raises(BadInputError, match="no trading day lies from 2026-01-01 to 2026-01-04"):
            ask(symbol, "2026-01-01", "2026-01-04")
    one_day = [store.gaps, store.quality, store.fetch_ticks_for_symbol_day]
    for ask in (*ranged.values(), *one_day):
        with pytest.raises(BadInputError, match=r"write KQ\.m@CZCE\.SR"):
            ask("KQ.m@CZCE.sr", DAY)
    for each in (store.coverage, store.latest, lambda name: store.query_symbol_day_bounds([name])):
        with pytest.raises(BadInputError, match=r"write CZCE\.SR609"):
            each("CZCE.SR2609")


def test_old_argument_names_are_accepted_until_1_0(store: Store, load_of: LoadOf, record: Record, symbol: str) -> None:
    record(load_of(DAY, rows=10))
    with pytest.warns(DeprecationWarning, match="output_format"):
        assert store.ticks(symbol, DAY, to="arrow").num_rows == 10  # type: ignore[call-overload]
    with pytest.warns(DeprecationWarning, match="'first' is now called 'start', 'last' is now called 'end'"):
        assert [day.rows for day in store.days(symbol, first=DAY, last=DAY)] == [10]  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="'first' is now called 'start'"):
        assert store.schedule(symbol, first=DAY) == []  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="output_format"):
        ((agg, ticks),) = store.stream_ticks(symbol, DAY, to="arrow")  # type: ignore[call-arg]
    assert agg.rows_total == ticks.num_rows == 10


def test_answers_about_days_and_loads(store: Store, load_of: LoadOf, record: Record, symbol: str) -> None:
    ended = [record(load_of(day, rows=20 + number), state="") for number, day in enumerate(WEEK[:2])]
    (covered,) = store.coverage(symbol)
    assert (covered.first_day, covered.last_day, covered.n_days, covered.rows) == (WEEK[0], DAY, 2, 41)
    assert covered.last_tick == ended[1].last_tick
    assert [item.manifest_id for item in store.latest(symbol)] == [ended[1].manifest_id]
    assert store.manifests(DAY, symbol) == [ended[1]]
    assert store.manifest(ended[0].manifest_id) == ended[0]
    with pytest.raises(BadInputError, match="'nothing' is no manifest's id"):
        store.manifest("nothing")
    with pytest.raises(BadInputError, match="there is no manifest '20260105T080000-00000000'"):
        store.manifest("20260105T080000-00000000")
    assert (store.gaps(symbol, DAY), store.schedule(symbol)) == ([], [])
    with pytest.raises(BadInputError, match="has not been judged"):
        store.quality(symbol, DAY)
    frame = pd.DataFrame(store.coverage(symbol))
    assert list(frame["n_days"]) == [2]
    listed = store.days(symbol, *WEEK[:3:2])
    assert [(day.trading_day, day.ingest_state, day.rows) for day in listed] == [
        (WEEK[0], "complete", 20), (DAY, "complete", 21), (WEEK[2], "missing", 0)
    ]  # fmt: skip


def test_ghtraders_functions(store: Store, load_of: LoadOf, record: Record, symbol: str) -> None:
    load = load_of(DAY, rows=100)
    first = record(load_of(WEEK[0], rows=10))
    deeper = [name for name in NUMERIC_COLUMNS if name[-1] in "2345"]
    flat = load_of(WEEK[2], rows=5).frame.with_columns(pl.lit(0.0).alias(name) for name in deeper)
    record(load_of(WEEK[2], frame=flat))
    last = record(load)
    bounds = store.query_symbol_day_bounds([symbol], dataset_version="v2", ticks_kind="main_l5")
    assert bounds[symbol]["first_day"] == WEEK[0]
    assert (bounds[symbol]["last_day"], bounds[symbol]["n_days"]) == (WEEK[2], 3)
    assert bounds[symbol]["first_ts"] == first.first_tick
    deep = store.query_symbol_day_bounds([symbol], l5_only=True)[symbol]
    assert (deep["last_day"], deep["n_days"], deep["last_ts"]) == (DAY, 2, last.last_tick)
    assert store.query_symbol_latest([symbol])[symbol]["last_day"] == WEEK[2]
    assert store.query_symbol_day_bounds([]) == {}
    frame = store.fetch_ticks_for_symbol_day(symbol, "2026-01-06", include_provenance=True)
    assert list(frame.columns) == [
        "symbol", "datetime", *NUMERIC_COLUMNS, "row_hash", "underlying_contract", "segment_id", "schedule_hash"
    ]  # fmt: skip
    assert np.array_equal(np.sort(frame["row_hash"].to_numpy()), np.sort(row_hashes(load.frame)))
    assert list(frame["schedule_hash"].unique()) == [load.schedule_hash]
    newest = store.fetch_ticks_for_symbol_day(symbol, DAY, limit=3, order="desc")
    assert list(newest["datetime"]) == list(frame["datetime"])[:-4:-1]
    with pytest.raises(BadInputError, match="v1"):
        store.query_symbol_latest([symbol], dataset_version="v1")


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(QuestDBError, match=r"(?i)denied|read.?only|not authorized|permission"):
        store.database.rows("hostile", "TRUNCATE TABLE ghtrader_metrics_v1")
