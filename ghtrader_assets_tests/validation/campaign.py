"""Spoil clean days one fault at a time, judge them, and count what was found, missed and falsely complained of.

`python -m ghtrader_assets_tests.validation.campaign 200` prints recall and precision per kind of fault for 200 of each.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field

import numpy as np

from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets_tests.validation.days import LIQUID, MONDAY, TUESDAY, clean_day, findings, judge_columns
from ghtrader_assets_tests.validation.injector import FIVE_LEVELS, HALF_SECONDS, PLANTS
from ghtrader_assets_tests.validation.planting import Planted


@dataclass
class Score:
    """How one kind of fault fared: planted, found exactly, and complaints of something else."""

    planted: int = 0
    found: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / self.planted

    @property
    def precision(self) -> float:
        return self.found / (self.found + len(self.false)) if self.found else 0.0


def campaign(kind: str, per_kind: int, seed: int = 0) -> Score:
    """Plant `per_kind` faults of one kind, each in a clean day of its own."""
    score = Score()
    contracts = contracts_for(kind)
    for number in range(per_kind):
        contract = contracts[number % len(contracts)]
        day = TUESDAY if number % 3 == 0 and contract != "SHFE.cu2602" else MONDAY
        random = np.random.default_rng([seed, number, *kind.encode()])
        spoiled = clean_day(contract, day).copy()
        planted = PLANTS[kind](spoiled, random, slice(0, spoiled.n))
        verdict = judge_columns(spoiled, contract, day)
        score.planted += 1
        if found(planted, verdict):
            score.found += 1
        else:
            score.missed.append(f"{kind} {number} {contract} {planted}: {findings(verdict).get(planted.rule)}")
        extra = complaints(verdict) - {planted.rule} - planted.implied
        score.false += [f"{kind} {number} {contract}: {name}" for name in sorted(extra)]
    return score


def contracts_for(kind: str) -> tuple[str, ...]:
    if kind in FIVE_LEVELS:
        return tuple(each for each in LIQUID if each.startswith("SHFE"))
    if kind in HALF_SECONDS:
        return tuple(each for each in LIQUID if not each.startswith("CZCE"))
    return LIQUID


def complaints(verdict: DayVerdict) -> set[str]:
    """Everything the verdict complains of: broken rules, gaps, stray ticks."""
    fired = set(findings(verdict))
    if any(gap.over_adaptive or gap.attribution in ("provider_hole", "lost") for gap in verdict.gaps):
        fired.add("gap")
    if verdict.coverage.engineering_state != "ok":
        fired.add("outside_sessions_block")
    return fired


def found(planted: Planted, verdict: DayVerdict) -> bool:
    """Whether the fault is found exactly: its bounds to the second, its ids to the tick, its count; and it shows."""
    if verdict.state == "ok" and planted.rule != "hash_collision":
        return False
    if planted.gap is not None:
        bounds = {(int(gap.start_ts.timestamp()), int(gap.end_ts.timestamp())) for gap in verdict.gaps}
        return planted.gap in bounds
    if planted.rule == "outside_sessions_block":
        coverage = verdict.coverage
        stray = coverage.outside_session_seconds - coverage.outside_exempt_seconds
        return coverage.engineering_state == "error" and stray == planted.count
    finding = findings(verdict).get(planted.rule)
    if finding is None:
        return False
    return tuple(finding["example_ids"]) == planted.ids and finding["count"] == planted.count


def main() -> None:
    per_kind, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    scores = {kind: campaign(kind, per_kind, seed) for kind in PLANTS}
    planted, hit = sum(each.planted for each in scores.values()), sum(each.found for each in scores.values())
    false = sum(len(each.false) for each in scores.values())
    report = {
        "planted": planted,
        "recall": hit / planted,
        "precision": hit / (hit + false),
        "kinds": {kind: [score.planted, score.recall, score.precision] for kind, score in scores.items()},
        "missed": [line for score in scores.values() for line in score.missed],
        "false": [line for score in scores.values() for line in score.false],
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
