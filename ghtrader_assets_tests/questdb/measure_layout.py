"""What partition lengths cost the tick table at its full width: late loads, new days, what they write and map.

Run it: `python -m ghtrader_assets_tests.questdb.measure_layout LENGTH DAYS [SYMBOLS] [ROWS A DAY] [SETTING=VALUE…]`,
as `MONTH 20 60 30000`, which takes 11 GB of disk while it runs.

One day of one product, thinned, under many names and dates; the server copies it. Prints JSON lines. Decision:
docs/decisions/tick-store-layout.md.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, LiteralString, cast

import psutil

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.questdb.client.bulk_http import http_session
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS, ensure_table
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay, store_batch
from ghtrader_assets_tests.model_days import contract_of, model_day
from ghtrader_assets_tests.storing import store_days

CALENDAR: Final = snapshot_calendar()
MODEL: Final = date(2025, 11, 4)
DAYS: Final = CALENDAR.days(date(2025, 11, 4), date(2025, 11, 28))
LATER: Final = date(2025, 12, 2)
BASE: Final = TABLES[TICKS].base
COLUMNS: Final = [column.name for column in TABLES[TICKS].base_columns]
Figures = dict[str, float]


def main(length: str, days: int, symbols: int, rows: int, parameters: Mapping[str, str]) -> None:
    model = model_load(rows)
    names = [f"KQ.m@SHFE.q{nth}" for nth in range(1, symbols + 1)]
    with store_of(length, parameters) as (server, db):

        def tell(what: str, figures: Figures) -> None:
            told = {key: round(value, 3) for key, value in figures.items()}
            sys.stdout.write(json.dumps({"partition": length, "what": what, **told, **shape(db)}) + "\n")
            sys.stdout.flush()

        tell("filled", measured(server, lambda: fill(db, model, DAYS[:days], symbols)))
        newest = [dated(model, name, DAYS[days]) for name in names]
        tell("newest day, all symbols", measured(server, lambda: stored(list(store_days(db, newest)))))
        middle, early = DAYS[days // 2], DAYS[1]
        for less, what in enumerate(("last partition", "earlier partition"), start=1):
            for when, day in (("early", early), ("middle", middle)):
                again = [late(server, db, dated(model, name, day), less) for name in names[:3]]
                tell(f"late day again, {when} in the {what}", medians(again))
            with open_reader(server):
                again = [late(server, db, dated(model, name, early), less) for name in names[3:5]]
                tell(f"late day again under an open reader, early in the {what}", medians(again))
            name = f"KQ.m@SHFE.{what[0]}{what[1]}"
            new = [dated(model, name, day) for day in DAYS[:days]]
            figures = measured(server, lambda new=new: stored(list(store_days(db, new))))
            tell(f"a new symbol's {len(new)} days, {what}", figures)
            stored(store_batch(db, [dated(model, names[0], LATER)]))
        reading = [timed(lambda name=name: read_ticks(db, name, CALENDAR.window(middle))) for name in names[:5] * 2]
        tell("read", {"read_day_s": median(reading), "count_s": median(timed(lambda: count(db)) for _ in range(5))})


def model_load(rows: int) -> DayLoad:
    symbol = parse_symbol("KQ.m@SHFE.rb")
    columns = model_day(symbol, MODEL)
    step = max(1, len(columns["tick_id"]) // rows)
    frame = tick_frame({key: values[::step] for key, values in columns.items()})
    return DayLoad("KQ.m@SHFE.q0", MODEL, CALENDAR.window(MODEL), contract_of(symbol, MODEL), 0, "0" * 16, frame)


def dated(model: DayLoad, name: str, day: date) -> DayLoad:
    """The model's ticks as those of another symbol and day."""
    moved = model.frame.with_columns(datetime_ns=model.frame["datetime_ns"] + (day - MODEL).days * 86_400 * 10**9)
    return dataclasses.replace(model, symbol=name, trading_day=day, window=CALENDAR.window(day), frame=moved)


@contextmanager
def store_of(length: str, parameters: Mapping[str, str]) -> Generator[tuple[EmbeddedQuestDB, Database]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedQuestDB(Path(folder), parameters=parameters) as server,
        Database(server.endpoint) as db,
    ):
        ensure_schema(db, Path(folder), SYSTEM_CLOCK)
        _run(db, f"DROP VIEW {TICKS}")
        _run(db, f"DROP TABLE {BASE}")
        ensure_table(db, dataclasses.replace(TABLES[TICKS], partition_by=length))
        yield server, db


def fill(db: Database, model: DayLoad, days: Sequence[date], symbols: int) -> None:
    """Each day of every symbol in a transaction, copied from the model's rows, which become those of the first."""
    stored(store_batch(db, [model]))
    for day in days:
        apart = (day - MODEL).days
        changed = {
            "symbol": "('KQ.m@SHFE.q' || x)::symbol symbol",
            "ts": f"dateadd('d', {apart}, ts) ts",
            "datetime_ns": f"datetime_ns + {timedelta(apart) // timedelta(microseconds=1) * 1000} datetime_ns",
            "trading_day": f"'{day}' trading_day",
        }
        values = ", ".join(changed.get(name, name) for name in COLUMNS)
        _run(
            db,
            f"INSERT ATOMIC INTO {BASE} ({', '.join(COLUMNS)}) SELECT {values} FROM"
            f" (SELECT * FROM {BASE} WHERE symbol = '{model.symbol}' AND ts < '2025-11-05')"
            f" CROSS JOIN (SELECT x FROM long_sequence({symbols}))",
        )
        db.await_applied(BASE)


def late(server: EmbeddedQuestDB, db: Database, load: DayLoad, less: int) -> Figures:
    """A stored day again, so many rows shorter."""
    short = dataclasses.replace(load, frame=load.frame.slice(less))
    return measured(server, lambda: stored(store_batch(db, [short])))


@contextmanager
def open_reader(server: EmbeddedQuestDB) -> Generator[None]:
    """A client that has begun to fetch the whole table and does not go on."""
    with http_session(server.endpoint) as http:
        address = f"http://{server.endpoint.http}/exec"
        with http.get(address, params={"query": f"SELECT * FROM {TICKS}"}, stream=True, timeout=60) as answer:
            content = answer.iter_content(1000)  # kept: without its iterator the answer is closed
            next(content)
            yield


def measured(server: EmbeddedQuestDB, work: Callable[[], object]) -> Figures:
    """Seconds, bytes that the server's process wrote, its CPU, and what it maps and has open afterwards."""
    process = psutil.Process(server.pid)
    before, cpu = process.io_counters().write_bytes, process.cpu_times()
    took = timed(work)
    after = process.cpu_times()
    return {
        "s": took,
        "written_mb": (process.io_counters().write_bytes - before) / 1e6,
        "cpu_s": after.user + after.system - cpu.user - cpu.system,
        "mappings": Path(f"/proc/{server.pid}/maps").read_text(encoding="ascii").count("\n"),
        "files": process.num_fds(),
    }


def medians(figures: Sequence[Figures]) -> Figures:
    return {name: median(each[name] for each in figures) for name in figures[0]}


def shape(db: Database) -> Figures:
    figures = "count(), sum(numRows), sum(diskSize)"
    ((pieces, rows, size),) = db.rows("q", f"SELECT {figures} FROM table_partitions('{BASE}')")
    return {"pieces": pieces, "rows": rows, "gb": round(size / 1e9, 3)}


def stored(results: Sequence[object]) -> None:
    assert all(isinstance(result, StoredDay) for result in results), results


def count(db: Database) -> None:
    db.rows("q", f"SELECT count(), max(ts) FROM {TICKS}")


def timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _run(db: Database, statement: str) -> None:
    db.execute(cast("LiteralString", statement))


if __name__ == "__main__":
    words = sys.argv[1:]
    numbers = [int(word) for word in words[1:] if word.isdigit()]
    main(words[0], numbers[0], numbers[1], numbers[2], dict(word.split("=", 1) for word in words if "=" in word))
