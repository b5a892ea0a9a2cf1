"""What a tick of the sensors, the daily schedule and the feed watch costs over ten years of sixty symbols.

Run it: `python -m ghtrader_assets_tests.assets.measure_plan`. It fills a QuestDB of its own with 60 whole histories and
prints one JSON document: CPU seconds of this process, first tick and next, and wall seconds, which hold the server's.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import SecretStr

from ghtrader_assets.assets.checks import read_findings
from ghtrader_assets.assets.moved import EvidenceLook
from ghtrader_assets.assets.repair import run_requests
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.expiry import months_after
from ghtrader_assets.market.products import products
from ghtrader_assets.market.symbols import Symbol, contract_symbol, parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.standing.evidence import read_renewed
from ghtrader_assets.questdb.standing.histories import Histories, Key, read_histories
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.schema import (
    BASELINES,
    DAILY_AGG,
    FIELD_QUALITY,
    MAIN_SCHEDULE,
    MANIFESTS,
    TABLES,
    VALIDATE_SUMMARY,
)
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.repair import RepairPlan, read_moved, read_plan
from ghtrader_assets.upkeep.wanted import Wanted, wanted_days
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.verdicts import BaselineDay
from ghtrader_assets.validation.windows import Baselines

SYMBOLS = 60
FIRST_DAY, LAST_DAY = date(2016, 11, 22), date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)
DIGEST = "d" * 32


FIGURES = {"strict_s": 13498, "ticks": 24500.0, "seconds": 12900.0, "volume": 61300.0, "still": 0.251, "snapshot": 88.0}
SESSIONS = json.dumps({name: FIGURES | {"edges": 1.0, "auction": None} for name in ("night", "day")})
QUARTERS = {f"{9 + place // 4:02}:{place % 4 * 15:02}": 2.0 for place in range(24)}
SPACINGS = json.dumps({"night": QUARTERS, "day": QUARTERS})
USED = json.dumps({f"{name}/{session}": 0.0 for name in ("ticks", "still", "edges") for session in ("night", "day")})


def baselines_of(days: Sequence[date]) -> Baselines:
    """What every day of a symbol gives."""
    return Baselines(BaselineDay(
        ts=datetime(day.year, day.month, day.day, tzinfo=UTC), symbol="", trading_day=day, contract="", whole=True,
        reason="", rows_total=0, sessions_json=SESSIONS, spacings_json=SPACINGS, content_digest=DIGEST, fingerprint="",
        manifest_id="", updated_at=NOW,
    ) for day in days)  # fmt: skip


def contract_of(symbol: Symbol, day: date) -> str:
    """One that may be the main contract of the day: it delivers two months later."""
    return contract_symbol(symbol, months_after(day.replace(day=1), 2)).text


def days_by_symbol(wanted: Collection[Key]) -> Iterator[tuple[str, tuple[date, ...]]]:
    """Each symbol's days, in order: a product that was listed later has a history of its own."""
    found: dict[str, list[date]] = {}
    for name, day in wanted:
        found.setdefault(name, []).append(day)
    return ((name, tuple(sorted(days))) for name, days in found.items())


@cache
def evidence_of(days: tuple[date, ...]) -> Mapping[date, Evidence]:
    """What each day's verdict hangs on, of those that the days before it give."""
    given = baselines_of(days)
    return {day: given.before(day) for day in days}


def fill(db: Database, wanted: dict[Key, tuple[Symbol, Wanted]]) -> None:
    """Every day stored, judged by the days before it and good, with one complete load each."""
    evidence = {(name, day): each for name, own in days_by_symbol(wanted) for day, each in evidence_of(own).items()}
    digests = {key: each.digest(USED) for key, each in evidence.items()}
    rows = [
        {
            "ts": pd.Timestamp(day),
            "symbol": name,
            "trading_day": str(day),
            "main_contract": want.contract,
            "contract": want.contract,
            "digest": DIGEST,
            "content_digest": DIGEST,
            "upstream": want.upstream,
            "fingerprint": want.verdict_on(DIGEST, digests[name, day]),
            "baseline_used": USED,
            "baseline_days": evidence[name, day].baseline_days,
            "whole": True,
            "sessions_json": SESSIONS,
            "spacings_json": SPACINGS,
            "state": "ok",
            "reason_code": "quality_ok",
            "rows_total": 40_000,
            "rows": 40_000,
            "outcome": "complete",
            "reason": "",
            "run_id": "run",
            "manifest_id": f"{day:%Y%m%d}T100000-{number:08x}",
            "started": pd.Timestamp(NOW),
            "finished": pd.Timestamp(NOW),
            "updated_at": pd.Timestamp(NOW),
            "download_s": 1.0,
            "store_s": 0.5,
            "readback_s": 0.5,
            "judge_s": 0.1,
            "ticks_kind": "main_l5",
            "dataset_version": "v2",
            "exchange": symbol.exchange.value,
            "variety": symbol.product,
        }
        for number, ((name, day), (symbol, want)) in enumerate(wanted.items())
    ]
    frame = pd.DataFrame(rows)
    for name in (MAIN_SCHEDULE, DAILY_AGG, VALIDATE_SUMMARY, FIELD_QUALITY, MANIFESTS, BASELINES):
        table = TABLES[name]
        chosen = frame[[column.name for column in table.columns if column.name in frame]]
        symbols = [column for column in table.symbol_columns if column in chosen]
        with db.sender() as sender:
            for start in range(0, len(chosen), 20_000):
                sender.dataframe(chosen[start : start + 20_000], table_name=name, symbols=symbols, at="ts")
                sender.flush()
        db.await_applied(name)


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    return done, {"cpu_s": round(time.process_time() - cpu, 2), "wall_s": round(time.perf_counter() - wall, 2)}


def measure() -> dict[str, Any]:
    calendar = snapshot_calendar()
    names = [each.alias for each in products() if each.delisted is None and "_" not in each.alias][:SYMBOLS]
    symbols = [parse_symbol(name) for name in names]
    days = calendar.days(FIRST_DAY, LAST_DAY)
    nothing = Histories(
        {}, {(symbol.text, day): contract_of(symbol, day) for symbol in symbols for day in days}, {}, {}, {}, {}, pd
    )  # type: ignore[arg-type]
    wanted = wanted_days(Settings(), calendar, (), dict.fromkeys(symbols, (FIRST_DAY, LAST_DAY)), nothing)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        server = EmbeddedQuestDB(home)
        try:
            with Database(server.start()) as db:
                ensure_schema(db, home, SYSTEM_CLOCK)
                fill(db, wanted)
                settings = Settings(home=home, start_date=FIRST_DAY, symbols=tuple(names))
                platform = LoadContext(
                    settings=settings,
                    calendar=calendar,
                    database=db,
                    provider=Provider("nobody", SecretStr("nobody"), name="embedded"),
                )
                return {"symbols": len(names), "symbol_days": len(wanted), **ticks(platform, symbols)}
        finally:
            server.stop()


def ticks(platform: LoadContext, symbols: list[Symbol]) -> dict[str, Any]:
    from ghtrader_assets.upkeep import wanted

    def plan() -> RepairPlan:
        return read_plan(platform, symbols, None, LAST_DAY, NOW)

    wanted._terms.cache_clear()  # as a code server that has just started
    first, cold = timed(plan)
    again, warm = timed(plan)
    in_bulk, tick = timed(lambda: read_plan(platform, symbols, None, LAST_DAY, NOW, in_bulk=True))
    assert in_bulk.empty
    assert first.empty, first.planned[:3]
    assert again.empty
    _, reading = timed(
        lambda: read_histories(platform.database, [symbol.text for symbol in symbols], FIRST_DAY, LAST_DAY, NOW)
    )
    moved = moved_ticks(platform, symbols)
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        _, watching = timed(lambda: read_findings(platform, symbols, instance))
    assert not run_requests(again.planned, [], "repair", "")
    return {
        "repair_sensor": tick,
        "plan_first": cold,
        "plan_again": warm,
        "of_which_reading": reading,
        "watch_feeds": watching,
        "judge_moved_days": moved,
    }


def moved_ticks(platform: LoadContext, symbols: list[Symbol]) -> list[dict[str, float]]:
    """Each tick of the sensor's first look at the store, which finds nothing, and one of the look after it."""
    cursor: str | None = None
    found: list[dict[str, float]] = []
    while not found or (cursor is not None and cursor.startswith("[")):
        look = EvidenceLook.of(cursor, NOW)

        def tick(look: EvidenceLook = look) -> str:
            renewed = read_renewed(platform.database, [symbol.text for symbol in symbols], look.since)
            part, looked_on = look.part(symbols, renewed)
            assert read_moved(platform, part, renewed, NOW) == []
            return looked_on

        cursor, costs = timed(tick)
        found.append(costs)
    return found


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)
