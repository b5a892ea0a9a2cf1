"""How many ticks a CPU-second each model of the market makes, contract by contract, in turn in one process."""

from __future__ import annotations

import statistics
import sys
from datetime import date
from time import process_time

from ghtrader_assets.exchange.contracts import contract_named
from ghtrader_assets.exchange.daily import DEFAULT_SEED
from ghtrader_assets.exchange.history import made_day

CONTRACTS = ("SHFE.cu2602", "CFFEX.IF2601", "CZCE.SR605", "DCE.m2605")
DAY = date(2026, 1, 6)
ROUNDS = 31


def rate(name: str, model: int) -> float:
    contract = contract_named(name, model)
    assert contract is not None
    begun = process_time()
    made = made_day(contract, DAY, DEFAULT_SEED)
    return len(made.columns["datetime_ns"]) / (process_time() - begun)


def main() -> None:
    for name in CONTRACTS:
        rates = [(rate(name, 1), rate(name, 2)) for _ in range(ROUNDS)]
        first, second = (statistics.median(side) for side in zip(*rates, strict=True))
        sys.stdout.write(
            f"{name}: model 1 {first:,.0f}, model 2 {second:,.0f} ticks a CPU-second, {second / first:.2f} times\n"
        )


if __name__ == "__main__":
    main()
