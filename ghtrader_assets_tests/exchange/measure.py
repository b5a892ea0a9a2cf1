"""`python -m ghtrader_assets_tests.exchange.measure`: how many ticks a CPU-second of the exchange makes and serves.

Belongs here: the figures of docs/exchange.md. Does not belong here: what a client makes of the pages (`bench ingest`).
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter, process_time

import psutil
from websockets.sync.client import ClientConnection, connect

from ghtrader_assets.exchange.contracts import contract_named
from ghtrader_assets.exchange.daily import DEFAULT_SEED, life_of
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.true_ticks import ticks_of

CONTRACT = "SHFE.ag2602"
FIRST_DAY = date(2026, 1, 6)
DAYS = 4


def main() -> None:
    contract = contract_named(CONTRACT, 1)
    assert contract is not None
    life = life_of(contract, DEFAULT_SEED)
    start = life.index(FIRST_DAY)
    first, end = (int(life.counts[:index].sum()) for index in (start, start + DAYS))
    began = process_time()
    for day in life.days[start : start + DAYS]:
        ticks_of(CONTRACT, day)
    report("columns of a day", end - first, process_time() - began)
    with tempfile.TemporaryDirectory() as home, started_exchange(Path(home)) as control:
        process = psutil.Process(control.pid)
        with connect(control.environment["TQ_MD_URL"], max_size=None, compression=None) as socket:
            socket.recv()
            read_page(socket, 0, 1)
            for name, width in (("cold, 2,000", 2000), ("cached, 2,000", 2000), ("cached, 10,000", 10_000)):
                before, clock = cpu_of(process), perf_counter()
                for left in range(first, end, width):
                    read_page(socket, left, width)
                report(name, end - first, cpu_of(process) - before, perf_counter() - clock)


def read_page(socket: ClientConnection, left: int, width: int) -> None:
    request = {"aid": "set_chart", "chart_id": "a", "ins_list": CONTRACT, "duration": 0, "view_width": width}
    socket.send(json.dumps({**request, "left_kline_id": left}))
    ready = False
    while not ready:
        socket.send('{"aid":"peek_message"}')
        ready = b'"ready":true' in socket.recv(decode=False)[-600:]


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def report(name: str, ticks: int, cpu_s: float, wall_s: float | None = None) -> None:
    wall = "" if wall_s is None else f", {wall_s:.2f} s of wall time"
    sys.stdout.write(f"{name:>18}: {ticks} ticks, {cpu_s:.2f} CPU-s, {ticks / max(cpu_s, 0.01):,.0f} a CPU-s{wall}\n")


if __name__ == "__main__":
    main()
