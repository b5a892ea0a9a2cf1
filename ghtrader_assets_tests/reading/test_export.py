"""Exports: one file or a tree, read at once by DuckDB and polars, naming their loads, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ghtrader_assets.errors import BadInputError, QuestDBError, ServiceError
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import content_digest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables import whole_days
from ghtrader_assets.questdb.tables.tick_columns import as_tick_frame
from ghtrader_assets.questdb.tables.whole_days import DEFAULT_COLUMNS
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.reading.export import METADATA_KEY, Exported, export_days, put_csv
from ghtrader_assets.reading.handout import handout_of
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.fix_store import Record, begin, put

WEEK = (date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7))
ROWS = (30, 40, 50)
LoadOf = Callable[..., DayLoad]


@pytest.fixture
def loads(load_of: LoadOf) -> list[DayLoad]:
    return [load_of(day, rows=rows) for day, rows in zip(WEEK, ROWS, strict=True)]


@pytest.fixture
def ids(loads: list[DayLoad], record: Record) -> dict[str, str]:
    """The loads by trading day."""
    return {load.trading_day.isoformat(): record(load).manifest_id for load in loads}


@pytest.fixture
def exports(store: Store, symbol: str, ids: dict[str, str], tmp_path: Path) -> Path:
    """A week in each form."""
    for name in ("week.parquet", "week.csv", "week"):
        export(store, symbol, tmp_path / name)
    return tmp_path


def export(store: Store, symbol: str, target: Path, columns: list[str] | None = None) -> Exported:
    return export_days(handout_of(store.context, parse_symbol(symbol), WEEK[0], WEEK[-1], columns), target)


FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1")


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_no_text_of_a_csv_is_a_formula(kind: pa.DataType) -> None:
    texts = [*FORMULAS, "KQ.m@SHFE.cu", "a=b", None]
    ticks = pa.table({"contract": pa.array(texts).cast(kind), "last_price": [-1.5] * len(texts)})
    told = io.BytesIO()
    put_csv(ticks, told, header=True)
    cells = [row["contract"] for row in csv.DictReader(io.StringIO(told.getvalue().decode(), newline=""))]
    assert cells == [*(f"'{text}" for text in FORMULAS), "KQ.m@SHFE.cu", "a=b", ""]
    assert told.getvalue().decode().count(",-1.5") == len(texts), "a number that is below zero is one"


def said_by(path: Path) -> dict[str, dict[str, str]]:
    return json.loads(pq.read_metadata(path).metadata[METADATA_KEY.encode()])


def test_a_range_in_one_parquet(
    store: Store, symbol: str, loads: list[DayLoad], ids: dict[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "week.parquet"
    exported = export(store, symbol, target)
    assert (exported.rows, exported.files) == (120, [target])
    assert said_by(target)["manifest_ids"] == ids
    assert said_by(target)["states"] == dict.fromkeys(ids, "ok")
    frame = pl.read_parquet(target)
    assert frame["datetime"].dtype == pl.Datetime("us", "Asia/Shanghai")
    assert frame["datetime"].dt.epoch("us").equals(frame["datetime_ns"] // 1000, null_equal=True)
    for load in loads:
        day = frame.filter(trading_day=load.trading_day)
        assert content_digest(as_tick_frame(day)) == content_digest(load.frame)
        assert said_by(target)["digests"][str(load.trading_day)] == content_digest(load.frame)
    assert pq.ParquetFile(target).num_row_groups == 3
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_tree_is_read_at_once(store: Store, symbol: str, ids: dict[str, str], tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for _ in range(2):
        exported = export(store, symbol, tree)
        assert len(exported.files) == 3
    (tree / "left-over").mkdir()
    found = duckdb.sql(
        f"SELECT symbol, trading_day, count(*), count(last_price) > 0 FROM read_parquet('{tree}/**/*.parquet',"
        " hive_partitioning = true) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert found == [(symbol, day, rows, True) for day, rows in zip(WEEK, ROWS, strict=True)]
    scanned = pl.scan_parquet(tree, hive_partitioning=True).group_by("symbol", "trading_day").len().sort("trading_day")
    assert scanned.collect().rows() == [(symbol, day, rows) for day, rows in zip(WEEK, ROWS, strict=True)]
    file = tree / f"symbol={symbol}" / "trading_day=2026-01-06" / "ticks.parquet"
    assert said_by(file)["manifest_ids"] == {"2026-01-06": ids["2026-01-06"]}


OF_TIME: dict[str, type | str | int] = {
    "typeof(datetime)": "TIMESTAMP WITH TIME ZONE",
    "date_trunc('minute', datetime)": datetime,
    "time_bucket(INTERVAL 5 minutes, datetime)": datetime,
    "hour(datetime AT TIME ZONE 'Asia/Shanghai')": int,
    "hour(datetime)": int,
    "max(datetime) OVER () - min(datetime) OVER ()": timedelta,
    "datetime > TIMESTAMPTZ '2026-01-05 20:00+08'": bool,
    "datetime + INTERVAL 1 second": datetime,
    "epoch_us(datetime) - datetime_ns // 1000": 0,
    "strftime(datetime AT TIME ZONE 'Asia/Shanghai', '%H:%M:%S')": str,
}
"""DuckDB's functions of time over our instants, each with what it answers or of which type that is."""


def test_duckdbs_functions_of_time_take_our_instants(exports: Path) -> None:
    for source in (
        f"read_parquet('{exports}/week.parquet')",
        f"read_csv('{exports}/week.csv')",
        f"read_parquet('{exports}/week/**/*.parquet', hive_partitioning = true)",
    ):
        found = duckdb.sql(f"SELECT {', '.join(OF_TIME)} FROM {source} LIMIT 1").fetchall()[0]
        for (expression, wanted), answer in zip(OF_TIME.items(), found, strict=True):
            assert isinstance(answer, wanted) if isinstance(wanted, type) else answer == wanted, (expression, answer)


def test_other_engines_know_the_zone(exports: Path) -> None:
    shanghai = {
        "pandas": pd.read_parquet(exports / "week.parquet")["datetime"].dtype,
        "a pandas grid": pd.date_range("2026-01-05", periods=1, tz="Asia/Shanghai").dtype,
    }
    assert {str(kind) for kind in shanghai.values()} == {"datetime64[us, Asia/Shanghai]"}
    assert str(pq.read_schema(exports / "week.parquet").field("datetime").type) == "timestamp[us, tz=Asia/Shanghai]"
    assert pl.read_csv(exports / "week.csv", try_parse_dates=True)["datetime"].dtype == pl.Datetime("us", "UTC")
    csv = pd.read_csv(exports / "week.csv", parse_dates=["datetime"])["datetime"]
    assert (csv.dt.tz_convert("Asia/Shanghai") == pd.read_parquet(exports / "week.parquet")["datetime"]).all()


def test_a_tree_holds_one_set_of_columns(
    store: Store,
    symbol: str,
    loads: list[DayLoad],
    ids: dict[str, str],
    record: Record,
    load_of: LoadOf,
    tmp_path: Path,
) -> None:
    """A day of other columns would take the place of the full one, and no engine could read the tree any more."""
    tree = tmp_path / "tree"
    export(store, symbol, tree)
    day = tree / f"symbol={symbol}" / "trading_day=2026-01-06" / "ticks.parquet"
    before = day.read_bytes()
    with pytest.raises(
        BadInputError,
        match=r"ticks\.parquet has other columns .* it has datetime, contract, tick_id, "
        r"datetime_ns, seq and 26 more; a tree holds one set",
    ):
        export(store, symbol, tree, ["last_price"])
    with pytest.raises(BadInputError, match="it lacks row_hash"):
        export(store, symbol, tree, [*DEFAULT_COLUMNS, "row_hash"])
    with pytest.raises(BadInputError, match="in another order"):
        export(store, symbol, tree, list(reversed(DEFAULT_COLUMNS)))
    assert day.read_bytes() == before
    stranger = load_of(WEEK[1], rows=10, name=fresh_symbol(), contract="SHFE.al2602")
    record(stranger)
    with pytest.raises(BadInputError, match="has other columns"):
        export(store, stranger.symbol, tree, ["last_price"])
    export(store, stranger.symbol, tree)
    assert pl.scan_parquet(tree, hive_partitioning=True).select(pl.len()).collect().item() == 130
    pq.write_table(
        pq.read_table(day).cast(pq.read_schema(day).set(0, pa.field("datetime", pa.timestamp("ns", "UTC")))), day
    )
    with pytest.raises(BadInputError, match=r"datetime is timestamp\[ns, tz=UTC\] there"):
        export(store, symbol, tree)
    day.write_text("no Parquet")
    with pytest.raises(BadInputError, match="has other columns"):
        export(store, symbol, tree)
    few = tmp_path / "few"
    for _ in range(2):
        export(store, symbol, few, ["datetime", "last_price"])
    assert pl.read_parquet(few, hive_partitioning=True).columns == ["datetime", "last_price", "symbol", "trading_day"]


def test_csv(store: Store, symbol: str, ids: dict[str, str], tmp_path: Path) -> None:
    export(store, symbol, tmp_path / "week.csv", ["datetime", "contract", "last_price"])
    lines = (tmp_path / "week.csv").read_text().splitlines()
    assert lines[0] == "datetime,contract,last_price"
    assert len(lines) == 121
    assert "+0800,SHFE.cu2602," in lines[1]
    assert not [line for line in lines if "NaN" in line or "null" in line]
    said = json.loads((tmp_path / "week.csv-metadata.json").read_text())[METADATA_KEY]
    assert said["manifest_ids"] == ids
    assert said["symbol"] == symbol


@pytest.mark.parametrize("name", ["week.parquet", "week.csv"])
def test_a_file_is_whole_or_as_it_was(
    store: Store, db: Database, symbol: str, load_of: LoadOf, ids: dict[str, str], tmp_path: Path, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The last day of the range can't be read: neither a part of it nor a hidden file stays behind."""
    target = tmp_path / name
    companion = tmp_path / f"{name}-metadata.json"
    for file in (target, companion):
        file.write_text("as it was")
    broken = load_of(WEEK[-1], rows=60, seed=9)
    begin(db, broken)
    put(db, broken)
    monkeypatch.setattr(whole_days, "PATIENCE_S", 0.1)
    with pytest.raises(QuestDBError):
        export(store, symbol, target)
    assert target.read_text() == companion.read_text() == "as it was"
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_what_cannot_be_written(store: Store, symbol: str, ids: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="could not be written"):
        export(store, symbol, tmp_path / "no-such-folder" / "week.parquet")
    with pytest.raises(BadInputError, match="suffix"):
        export(store, symbol, tmp_path / "week.xlsx")
    with pytest.raises(BadInputError, match="no tick column 'lost_price'"):
        export(store, symbol, tmp_path / "week.csv", ["lost_price"])
    with pytest.raises(BadInputError, match=r"no whole day of SHFE\.zn2601 is stored"):
        export(store, "SHFE.zn2601", tmp_path / "week.csv")
