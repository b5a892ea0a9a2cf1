"""Someone plants faults in clean days; every one is found and named, and nothing else is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets_tests.validation.days import LIQUID, MONDAY, TUESDAY, clean_day, findings, judge_columns
from ghtrader_assets_tests.validation.injector import (
    ANY_DEPTH,
    FIVE_LEVELS,
    HALF_SECONDS,
    PLANTS,
    WHOLE_DAY,
    Planted,
)

PER_KIND = 41
SEVERAL = 60


def _contracts_for(kind: str) -> tuple[str, ...]:
    if kind in FIVE_LEVELS:
        return tuple(each for each in LIQUID if each.startswith("SHFE"))
    if kind in HALF_SECONDS:
        return tuple(each for each in LIQUID if not each.startswith("CZCE"))
    return LIQUID


def _fired(verdict: DayVerdict) -> set[str]:
    """Everything the verdict complains of: broken rules, gaps, stray ticks."""
    fired = set(findings(verdict))
    if any(gap.over_adaptive or gap.attribution == "provider_hole" for gap in verdict.gaps):
        fired.add("gap")
    if verdict.coverage.engineering_state != "ok":
        fired.add("outside_sessions_block")
    return fired


def _found(planted: Planted, verdict: DayVerdict) -> bool:
    """Whether the fault is found exactly: its bounds to the second, its ids to the tick, its count."""
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


def _single_faults() -> Iterator[tuple[str, int]]:
    return ((kind, number) for kind in PLANTS for number in range(PER_KIND))


def test_one_fault_at_a_time() -> None:
    found: Counter[str] = Counter()
    missed: list[str] = []
    false: list[str] = []
    for kind, number in _single_faults():
        contracts = _contracts_for(kind)
        contract = contracts[number % len(contracts)]
        random = np.random.default_rng([number, len(kind), *kind.encode()])
        when = TUESDAY if number % 3 == 0 and contract != "SHFE.cu2602" else MONDAY
        day = clean_day(contract, when).copy()
        planted = PLANTS[kind](day, random, slice(0, day.n))
        verdict = judge_columns(day, contract, day=when)
        found[kind] += _found(planted, verdict)
        if not _found(planted, verdict):
            missed.append(f"{kind} {number} {contract} {planted}: {findings(verdict).get(planted.rule)}")
        extra = _fired(verdict) - {planted.rule} - planted.implied
        false += [f"{kind} {number} {contract}: {name} {findings(verdict).get(name)}" for name in sorted(extra)]
    planted_in_all = PER_KIND * len(PLANTS)
    assert planted_in_all >= 1000
    assert sum(found.values()) >= 0.999 * planted_in_all, "\n".join(missed[:20])
    assert len(false) <= 0.01 * planted_in_all, "\n".join(false[:20])


@pytest.mark.parametrize("contract", ["SHFE.rb2605", "DCE.m2605"])
def test_several_faults_at_once(contract: str) -> None:
    missed: list[str] = []
    false: list[str] = []
    total = 0
    for number in range(SEVERAL):
        random = np.random.default_rng(number)
        day = clean_day(contract).copy()
        kinds = [*ANY_DEPTH, *HALF_SECONDS, *(FIVE_LEVELS if contract.startswith("SHFE") else ())]
        chosen = random.choice([kind for kind in kinds if kind not in WHOLE_DAY], 4, replace=False)
        quarter = day.n // 4
        plants: list[Planted] = []
        for place, kind in enumerate(chosen):
            region = slice(place * quarter, (place + 1) * quarter - 50)
            plants.append(PLANTS[str(kind)](day, random, region))
        verdict = judge_columns(day, contract)
        total += len(plants)
        missed += [f"{chosen} {each}" for each in plants if each.rule not in _fired(verdict)]
        allowed = {each.rule for each in plants}.union(*(each.implied for each in plants))
        false += [f"{chosen}: {name}" for name in sorted(_fired(verdict) - allowed)]
    assert len(missed) <= 0.001 * total, "\n".join(missed)
    assert len(false) <= 0.01 * total, "\n".join(false)
