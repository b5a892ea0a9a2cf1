"""What an index on the tick table's symbol column brings and costs.

Run it: `python -m ghtrader_assets_tests.questdb.measure_index`.

Two tables of the same columns, keys and rows, one with `symbol INDEX`, alternate in every question. Prints medians in
milliseconds. Decision: docs/decisions/symbol-index.md.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import cast

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS

SYMBOLS = [f"KQ.m@SHFE.{chr(97 + number)}x" for number in range(20)]
DAYS = [f"2026-01-{day:02d}" for day in range(5, 11)]
ROWS_A_DAY = 20 * 25_000
ROUNDS = 15


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedQuestDB(Path(folder)) as server,
        Database(server.endpoint) as db,
    ):
        seconds: dict[str, dict[str, list[float]]] = {}
        for name, index in (("plain", ""), ("indexed", " INDEX")):
            _make(db, name, index)
        for day in DAYS:
            for name in ("plain", "indexed"):
                _timed(
                    seconds, f"load {ROWS_A_DAY} rows of a day, 20 symbols", name, lambda n=name, d=day: _fill(db, n, d)
                )
        for number in range(ROUNDS):
            symbol, day = SYMBOLS[number % 20], DAYS[number % len(DAYS)]
            for name in ("plain", "indexed"):
                for question, ask in _questions(db, name, symbol, day).items():
                    _timed(seconds, question, name, ask)
        for number in range(6):
            symbol, day = SYMBOLS[number], DAYS[number % len(DAYS)]
            for name in ("plain", "indexed"):
                _timed(
                    seconds,
                    "replace a symbol-day of 25,000 rows",
                    name,
                    lambda n=name, s=symbol, d=day: _replace(db, n, s, d),
                )
    for question, sides in seconds.items():
        values = {name: 1000 * median(item) for name, item in sides.items()}
        sys.stdout.write(
            f"{question}: plain {values['plain']:.2f}, indexed {values['indexed']:.2f},"
            f" plain/indexed {values['plain'] / values['indexed']:.2f}\n"
        )


def _make(db: Database, name: str, index: str) -> None:
    table = dataclasses.replace(TABLES[TICKS], name=name, hides_dead_rows=False, columns=TABLES[TICKS].base_columns)
    (ddl,) = table.ddl
    db.execute(cast("str", ddl).replace("symbol SYMBOL CAPACITY 1024", f"symbol SYMBOL CAPACITY 1024{index}"))  # type: ignore[arg-type]


def _fill(db: Database, name: str, day: str) -> None:
    _insert(db, name, day, f"rnd_symbol({', '.join(repr(item) for item in SYMBOLS)})", ROWS_A_DAY)


def _replace(db: Database, name: str, symbol: str, day: str) -> None:
    _insert(db, name, day, f"'{symbol}'", ROWS_A_DAY // 20)


def _insert(db: Database, name: str, day: str, symbol: str, rows: int) -> None:
    step = 20_000_000_000 // rows
    values = {
        "symbol": symbol,
        "ts": f"timestamp_sequence('{day}T01:00:00', {step})",
        "seq": "x::int",
        "live": "true",
        "trading_day": f"'{day}'",
    }
    columns = TABLES[TICKS].base_columns
    chosen = [
        values.get(
            column.name, "'x'" if column.type == "SYMBOL" else "rnd_long()" if column.type == "LONG" else "rnd_double()"
        )
        for column in columns
    ]
    names = ", ".join(column.name for column in columns)
    db.execute(f"INSERT ATOMIC INTO {name} ({names}) SELECT {', '.join(chosen)} FROM long_sequence({rows})")  # type: ignore[arg-type]
    db.await_applied(name)


def _questions(db: Database, name: str, symbol: str, day: str) -> dict[str, object]:
    where = f"FROM {name} WHERE live AND symbol = '{symbol}' AND ts >= '{day}T00:00:00' AND ts < '{day}T23:00:00'"
    many = ", ".join(f"'{item}'" for item in SYMBOLS)
    every = ", ".join(column.name for column in TABLES[TICKS].columns if column.type == "DOUBLE")
    return {
        "ticks_checksum: one symbol-day": lambda: db.rows("q", f"SELECT count(), sum(row_hash) {where}"),
        "whole_day: three columns of a symbol-day": lambda: db.arrow(
            "q", f"SELECT datetime_ns, seq, last_price {where}"
        ),
        "whole_day: all columns of a symbol-day": lambda: db.arrow(
            "q", f"SELECT datetime_ns, tick_id, seq, {every} {where}"
        ),
        "20 symbols of a day, one statement": lambda: db.rows(
            "q",
            f"SELECT symbol, count(), max(last_price) FROM {name} WHERE live AND symbol IN ({many})"
            f" AND ts >= '{day}T00:00:00' AND ts < '{day}T23:00:00'",
        ),
        "latest tick of one symbol": lambda: db.rows(
            "q", f"SELECT ts, last_price FROM {name} WHERE symbol = '{symbol}' LATEST ON ts PARTITION BY symbol"
        ),
    }


def _timed(seconds: dict[str, dict[str, list[float]]], question: str, name: str, work: object) -> None:
    started = perf_counter()
    work()  # type: ignore[operator]
    seconds.setdefault(question, {}).setdefault(name, []).append(perf_counter() - started)


if __name__ == "__main__":
    main()
