"""Reading a range into Arrow in a process of its own: how far its memory rises over the result's own size.

Belongs here: the measurement, run by `bench.query` with settings in the environment. Prints one JSON document.
"""

from __future__ import annotations

import gc
import json
import sys
import warnings
from pathlib import Path

import ghtrader_assets as gh

STATUS = Path("/proc/self/status")


def main() -> None:
    """`python -m ghtrader_assets_tests.bench.range_memory SYMBOL FIRST LAST`."""
    symbol, first, last = sys.argv[1:]
    warnings.simplefilter("ignore", gh.DayStateWarning)  # the benchmark's days are not judged
    with gh.connect() as store:
        store.ticks(symbol, last, columns=["last_price"], output_format="arrow")
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        before = _kilobytes("VmRSS") * 1024
        ticks = store.ticks(symbol, first, last, output_format="arrow")
        peak = _kilobytes("VmHWM") * 1024 - before
        document = {"rows": ticks.num_rows, "result_bytes": ticks.nbytes, "peak_bytes": peak}
    sys.stdout.write(json.dumps(document) + "\n")


def _kilobytes(name: str) -> int:
    line = next(line for line in STATUS.read_text(encoding="utf-8").splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
