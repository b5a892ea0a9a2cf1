"""`bench truth`: a thousand planted faults and a thousand clean days, judged as the product judges them.

Belongs here: the campaign, its figures and its command line. Does not belong here: days, faults, what must be found
(`truth_days`, `truth_faults`, `truth_values`, `truth_decidable`). Nothing here needs a service.

`python -m ghtrader_assets_tests.bench.truth --series SHFE.cu --kind "hole inside" --seed 7` runs a part of it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Final
from zlib import crc32

import numpy as np

from ghtrader_assets.market.products import Liquidity
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets.validation.windows import Baselines
from ghtrader_assets_tests.bench import truth_faults, truth_values
from ghtrader_assets_tests.bench.report import Report, Variant, rounded
from ghtrader_assets_tests.bench.truth_days import SERIES, SymbolDay, answered_verdict_on, days_of, numbered, verdict_on
from ghtrader_assets_tests.bench.truth_decidable import WINDOW, Figures, Usual, decidable, figures_of, missed
from ghtrader_assets_tests.bench.truth_faults import Fault, Kind

KINDS: Final[Mapping[str, Kind]] = {**truth_faults.KINDS, **truth_values.KINDS}
NAMED_LEVELS: Final = {**truth_faults.NAMED_LEVELS, **truth_values.NAMED_LEVELS}
QUICK_SERIES: Final = ("SHFE.rb", "CZCE.SR", "CZCE.CY", "SHFE.wr")
SEED: Final = 1


@dataclass(frozen=True)
class Part:
    """How much of a series is run: its first `days`, a share of its `faults`, every so many clean days."""

    days: int = 1000
    faults: float = 1.0
    clean_every: int = 1


WHOLE: Final = Part()
SAMPLE: Final = Part(days=40, faults=0.12, clean_every=3)


@dataclass(frozen=True)
class Planned:
    """A fault to be planted in the first day from `place` on that has room for it."""

    kind: str
    level: float
    place: int
    seed: int


@dataclass(frozen=True)
class Result:
    """How a fault fared: `must` is its class; `missed` says why it was not caught, `missed_alone` without history."""

    series: str
    day: str
    kind: str
    level: str
    must: str
    missed: str
    missed_alone: str


@dataclass(frozen=True)
class Clean:
    """What was said of a clean day, with or without history."""

    series: str
    day: str
    notes: tuple[str, ...]
    has_history: bool
    state: str
    reason: str
    detail: str


@dataclass(frozen=True)
class TruthReport(Report):
    """With all that was missed of what must be found, and every clean day that was complained of."""

    missed: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    table: tuple[str, ...] = ()


def plan(key: str, seed: int, kinds: Sequence[str], part: Part) -> list[Planned]:
    """The faults of a series: one of each kind and level, each on a day that is drawn."""
    days = days_of(key)[: part.days]
    random = np.random.default_rng([seed, crc32(key.encode())])
    is_liquid = days[0].liquidity == Liquidity.LIQUID and days[0].symbol.kind == "main"
    found = [
        Planned(kind, level, int(random.integers(min(WINDOW, len(days) - 1), len(days))), int(random.integers(2**32)))
        for kind in KINDS
        for level in KINDS[kind].levels
        if is_liquid or kind not in truth_values.LIQUID_ONLY
    ]
    kept = [each for each in found if random.random() < part.faults]
    return [each for each in kept if each.kind in kinds]


def run_series(
    key: str, seed: int, kinds: Sequence[str] = tuple(KINDS), part: Part = WHOLE
) -> tuple[list[Result], list[Clean]]:
    """Judge the clean days of a series and the faults planted in them, with the history of its days and without."""
    waiting = plan(key, seed, kinds, part)
    history: deque[Figures] = deque(maxlen=WINDOW)
    baselines = Baselines([])
    results: list[Result] = []
    cleans: list[Clean] = []
    for day in days_of(key)[: part.days]:
        usual, evidence = Usual(tuple(history)), baselines.before(day.day)
        alone = verdict_on(day, numbered(day.columns))
        if day.place % part.clean_every == 0:
            cleans += _cleans(key, day, evidence)
        here = [each for each in waiting if each.place == day.place]
        for each in here:
            fault = planted(each, day)
            if fault is not None:
                results.append(_result(key, fault, usual, evidence))
                waiting.remove(each)
        later = {each: replace(each, place=each.place + 1) for each in here if each in waiting}
        waiting = [later.get(each, each) for each in waiting]
        history.append(figures_of(day))
        baselines.learn(alone.baseline)
    return results, cleans


def planted(planned: Planned, day: SymbolDay) -> Fault | None:
    kind = KINDS[planned.kind]
    fault = kind.plant(day, planned.level, np.random.default_rng([planned.seed, day.place]))
    names = NAMED_LEVELS.get(planned.kind)
    level = names[int(planned.level)] if names else kind.level(planned.level)
    return None if fault is None else replace(fault, kind=planned.kind, level=level)


def _result(key: str, fault: Fault, usual: Usual, evidence: Evidence) -> Result:
    alone = with_history = None
    if fault.change != "unreadable":
        alone = answered_verdict_on(fault.day, fault.columns)
        with_history = answered_verdict_on(fault.day, fault.columns, evidence) if evidence.baseline_days else alone
    whys = missed(fault, with_history, usual), missed(fault, alone, usual)
    return Result(key, str(fault.day.day), fault.kind, fault.level, decidable(fault, usual), *whys)


def _cleans(key: str, day: SymbolDay, evidence: Evidence) -> Iterator[Clean]:
    yield _clean(key, day, answered_verdict_on(day, numbered(day.columns)), has_history=False)
    if evidence.baseline_days:
        yield _clean(key, day, answered_verdict_on(day, numbered(day.columns), evidence), has_history=True)


def _clean(key: str, day: SymbolDay, verdict: DayVerdict, *, has_history: bool) -> Clean:
    detail = verdict.coverage.detail
    return Clean(key, str(day.day), day.notes, has_history, verdict.state, verdict.reason_code, detail)


def campaign(
    keys: Sequence[str], seed: int, kinds: Sequence[str] = tuple(KINDS), part: Part = WHOLE
) -> tuple[list[Result], list[Clean]]:
    """All of it, a process for each processor; the largest series begin first. Says on stderr how far it is."""
    results: list[Result] = []
    cleans: list[Clean] = []
    began = perf_counter()
    series = partial(run_series, seed=seed, kinds=kinds, part=part)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for done, (key, (found, judged)) in enumerate(zip(keys, pool.map(series, keys), strict=True), start=1):
            results += found
            cleans += judged
            lost = sum(bool(each.must and each.missed) for each in found)
            sys.stderr.write(
                f"{done}/{len(keys)} {key}: {len(judged)} clean days, {len(found)} faults, {lost} missed that must be"
                f" found; {perf_counter() - began:.0f} s\n"
            )
    return results, cleans


def bench_truth(*, quick: bool) -> Report:
    """The whole campaign; quick: a sample of it, on four products."""
    return report_of(*campaign(QUICK_SERIES if quick else SERIES, SEED, part=SAMPLE if quick else WHOLE))


def report_of(results: Sequence[Result], cleans: Sequence[Clean]) -> TruthReport:
    """Shares of nothing are left out: nothing was shown."""
    must = [each for each in results if each.must]
    halts = [each for each in cleans if "halt" in each.notes]
    calm = [each for each in cleans if "halt" not in each.notes]
    figures = {
        "recall": _share(not each.missed for each in must),
        "recall_without_history": _share(not each.missed_alone for each in must),
        "clean_days_in_error": float(sum(each.state in ("error", "partial") for each in calm)),
        "clean_days_in_warn_share": _share(each.state == "warn" for each in calm),
        "faults": float(len(results)),
        "faults_that_must_be_found": float(len(must)),
        "clean_days": float(len(calm)),
        "clean_days_with_history": float(sum(each.has_history for each in calm)),
        "halts": float(len(halts)),
        "halts_in_warn_share": _share(each.state == "warn" for each in halts),
    }
    classes = {each.must for each in must}
    figures |= {
        f"recall_{name}": _share(not each.missed for each in must if each.must == name) for name in sorted(classes)
    }
    figures = {name: value for name, value in figures.items() if not math.isnan(value)}
    variants = [Variant(kind, rounded(_by_level(results, kind))) for kind in KINDS if _of_kind(results, kind)]
    return TruthReport(
        "truth",
        variants,
        {},
        figures,
        missed=tuple(f"{_named(each)} ({each.must}): {each.missed}" for each in must if each.missed),
        complaints=tuple(
            f"{each.series} {each.day} {', '.join(each.notes) or 'plain'}, history {each.has_history}: {each.state},"
            f" {each.reason}: {each.detail}"
            for each in calm
            if each.state != "ok"
        ),
        table=tuple(_table(results)),
    )


def _named(result: Result) -> str:
    return f"{result.series} {result.day} {result.kind} {result.level}"


def _of_kind(results: Sequence[Result], kind: str) -> list[Result]:
    return [each for each in results if each.kind == kind]


def _by_level(results: Sequence[Result], kind: str) -> dict[str, float]:
    """The recall of each level of a kind, whether it must be found or not."""
    mine = _of_kind(results, kind)
    levels = dict.fromkeys(each.level for each in mine)
    order = [level for level in _levels(kind) if level in levels]
    return {level: _share(not each.missed for each in mine if each.level == level) for level in order}


def _levels(kind: str) -> list[str]:
    return list(NAMED_LEVELS.get(kind, [KINDS[kind].level(level) for level in KINDS[kind].levels]))


def _table(results: Sequence[Result]) -> Iterator[str]:
    """Caught of planted by kind and level; after a slash those that must be found."""
    for kind in KINDS:
        mine = _of_kind(results, kind)
        cells: list[str] = []
        for level in _levels(kind):
            here = [each for each in mine if each.level == level]
            must = [each for each in here if each.must]
            if here:
                caught = f"{sum(not each.missed for each in here)} of {len(here)}"
                due = f", {sum(not each.missed for each in must)} of {len(must)} due" if must else ""
                cells.append(f"{level}: {caught}{due}")
        if cells:
            yield f"{kind}: {'; '.join(cells)}"


def _share(found: Iterable[bool]) -> float:
    """The share of those that are; NaN of none."""
    every = list(found)
    return sum(every) / len(every) if every else math.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", nargs="*", default=list(SERIES), choices=SERIES, metavar="SERIES")
    parser.add_argument("--kind", nargs="*", default=list(KINDS), choices=list(KINDS), metavar="KIND")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--shard", default="1/1", metavar="K/N", help="every N-th series only, from the K-th on")
    parser.add_argument("--clean-every", type=int, default=1, metavar="N", help="every N-th clean day only")
    parser.add_argument("--days", type=int, default=WHOLE.days, metavar="N", help="the first N days only")
    parser.add_argument("--results", help="a file for all results, as JSON")
    asked = parser.parse_args()
    number, count = (int(part) for part in asked.shard.split("/"))
    part = Part(days=asked.days, clean_every=asked.clean_every)
    results, cleans = campaign(asked.series[number - 1 :: count], asked.seed, asked.kind, part)
    if asked.results:
        Path(asked.results).write_text(json.dumps([[asdict(each) for each in part] for part in (results, cleans)]))
    report = report_of(results, cleans)
    sys.stdout.write(json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
