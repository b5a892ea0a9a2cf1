"""Someone plants faults in clean days; every one is found and named, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from ghtrader_assets_tests.validation.campaign import campaign, complaints
from ghtrader_assets_tests.validation.days import clean_day, judge_columns
from ghtrader_assets_tests.validation.injector import ANY_DEPTH, FIVE_LEVELS, HALF_SECONDS, PLANTS, WHOLE_DAY, Planted

PER_KIND = 41
SEVERAL = 60


def test_a_thousand_faults_one_at_a_time() -> None:
    scores = {kind: campaign(kind, PER_KIND) for kind in PLANTS}
    planted = sum(each.planted for each in scores.values())
    missed = [line for each in scores.values() for line in each.missed]
    assert planted >= 1000
    assert len(missed) <= 0.001 * planted, "\n".join(missed[:20])
    for kind, score in scores.items():
        assert score.precision >= 0.99, f"{kind}: {score.false[:5]}"


@pytest.mark.parametrize("contract", ["SHFE.rb2605", "DCE.m2605"])
def test_several_faults_at_once(contract: str) -> None:
    kinds = [*ANY_DEPTH, *HALF_SECONDS, *(FIVE_LEVELS if contract.startswith("SHFE") else ())]
    local = [kind for kind in kinds if kind not in WHOLE_DAY]
    missed: list[str] = []
    false: list[str] = []
    total = 0
    for number in range(SEVERAL):
        random = np.random.default_rng(number)
        day = clean_day(contract).copy()
        chosen = random.choice(local, 4, replace=False)
        quarter = day.n // 4
        plants: list[Planted] = [
            PLANTS[str(kind)](day, random, slice(place * quarter, (place + 1) * quarter - 50))
            for place, kind in enumerate(chosen)
        ]
        fired = complaints(judge_columns(day, contract))
        total += len(plants)
        missed += [f"{chosen} {each}" for each in plants if each.rule not in fired]
        allowed = {each.rule for each in plants}.union(*(each.implied for each in plants))
        false += [f"{chosen}: {name}" for name in sorted(fired - allowed)]
    assert len(missed) <= 0.001 * total, "\n".join(missed)
    assert len(false) <= 0.01 * total, "\n".join(false)
