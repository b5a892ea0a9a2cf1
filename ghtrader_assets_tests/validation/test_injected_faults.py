"""Faults are planted in clean days; every one is found and named, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from ghtrader_assets_tests.validation.campaign import Score, campaign, complaints
from ghtrader_assets_tests.validation.days import clean_day, judge_columns
from ghtrader_assets_tests.validation.injector import ANY_DEPTH, FIVE_LEVELS, HALF_SECONDS, PLANTS, WHOLE_DAY
from ghtrader_assets_tests.validation.planting import Planted

FEW, MANY = 2, 41
"""Faults of each kind: in the suite, and in `make soak`, where they are more than a thousand."""
SEVERAL_FEW, SEVERAL_MANY = 6, 60
CONTRACTS = ("SHFE.rb2605", "DCE.m2605")


def test_faults_one_at_a_time(seed: int) -> None:
    require_all_found({kind: campaign(kind, FEW, seed) for kind in PLANTS}, at_least=40)


@pytest.mark.soak
def test_a_thousand_faults_one_at_a_time(seed: int) -> None:
    require_all_found({kind: campaign(kind, MANY, seed) for kind in PLANTS}, at_least=1000)


def require_all_found(scores: Mapping[str, Score], at_least: int) -> None:
    planted = sum(each.planted for each in scores.values())
    missed = [line for each in scores.values() for line in each.missed]
    assert planted >= at_least
    assert len(missed) <= 0.001 * planted, "\n".join(missed[:20])
    for kind, score in scores.items():
        assert score.precision >= 0.99, f"{kind}: {score.false[:5]}"


@pytest.mark.parametrize("contract", CONTRACTS)
def test_several_faults_at_once(contract: str, seed: int) -> None:
    require_several_found(contract, SEVERAL_FEW, seed)


@pytest.mark.soak
@pytest.mark.parametrize("contract", CONTRACTS)
def test_several_faults_at_once_many_times(contract: str, seed: int) -> None:
    require_several_found(contract, SEVERAL_MANY, seed)


def require_several_found(contract: str, days: int, seed: int) -> None:
    kinds = [*ANY_DEPTH, *HALF_SECONDS, *(FIVE_LEVELS if contract.startswith("SHFE") else ())]
    local = [kind for kind in kinds if kind not in WHOLE_DAY]
    missed: list[str] = []
    false: list[str] = []
    total = 0
    for number in range(days):
        random = np.random.default_rng([seed, number])
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
