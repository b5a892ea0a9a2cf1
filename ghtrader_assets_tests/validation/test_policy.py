"""Thresholds: which setting wins, what is legal, and what a change of them means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.setting_sources import L5_VALIDATE_PREFIX, SourcedValue
from ghtrader_assets.settings import Settings
from ghtrader_assets.validation.evidence import NO_EVIDENCE
from ghtrader_assets.validation.judge import RULE_VERSION, fingerprint, needs_judgement
from ghtrader_assets.validation.policy import SAMPLING, THRESHOLDS, Policy, policy_for, unknown_names
from ghtrader_assets_tests.validation.seconds import judge_seconds


def given(product: str = "cu", **values: object) -> Policy:
    sourced = {
        f"{L5_VALIDATE_PREFIX}{name}": SourcedValue(f"{L5_VALIDATE_PREFIX}{name}", value, f"env:{name}")
        for name, value in values.items()
    }
    return policy_for(product, sourced)


def test_defaults_are_ghtraders() -> None:
    policy = policy_for("cu")
    wanted = {
        "GAP_THRESHOLD_S": 5,
        "STRICT_RATIO": 0.8,
        "MISSING_HALF_INFO_RATIO": 0.02,
        "MISSING_HALF_BLOCK_RATIO": 0.1,
        "GAP_BLOCK_GT30": 0,
        "SEGMENTS_WARN_AVG_PER_DAY": 500,
        "OUTSIDE_SESSIONS_BLOCK_S": 60,
        "SOURCE_BLOCKING": 0,
        "SOURCE_MISSING_DAYS_TOLERANCE": 0,
        "MAX_SEGMENTS_PER_DAY": 200,
    }
    assert {name: policy.value(name) for name in wanted} == wanted
    assert all(policy.threshold(each.name).source == "default" for each in THRESHOLDS)


def test_the_most_specific_name_wins() -> None:
    policy = given(GAP_THRESHOLD_S=7, GAP_THRESHOLD_S_NIGHT=8, GAP_THRESHOLD_S_CU=9, GAP_THRESHOLD_S_CU_DAY=10)
    assert policy.value("GAP_THRESHOLD_S") == 9
    assert policy.value("GAP_THRESHOLD_S", "day") == 10
    assert policy.value("GAP_THRESHOLD_S", "night") == 9
    assert policy.threshold("GAP_THRESHOLD_S", "day").source == "env:GAP_THRESHOLD_S_CU_DAY"
    other = given("SR", GAP_THRESHOLD_S=7, GAP_THRESHOLD_S_NIGHT=8, GAP_THRESHOLD_S_CU=9)
    assert (other.value("GAP_THRESHOLD_S", "day"), other.value("GAP_THRESHOLD_S", "night")) == (7, 8)


def test_zero_and_false_are_values() -> None:
    policy = given(OUTSIDE_SESSIONS_BLOCK_S=0, STRICT_RATIO="0", SOURCE_BLOCKING="false", CROSSED_MAX_RATE=0.0)
    for name in ("OUTSIDE_SESSIONS_BLOCK_S", "STRICT_RATIO", "SOURCE_BLOCKING", "CROSSED_MAX_RATE"):
        assert (policy.value(name), policy.threshold(name).source) == (0, f"env:{name}")
    assert given(SOURCE_BLOCKING=True).value("SOURCE_BLOCKING") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GAP_THRESHOLD_S", "five"),
        ("GAP_THRESHOLD_S", -1),
        ("GAP_THRESHOLD_S", "nan"),
        ("STRICT_RATIO", 1.5),
        ("GAP_BLOCK_GT30", 0.5),
        ("GAP_BLOCK_GT30", "inf"),
        ("SOURCE_BLOCKING", "maybe"),
        ("SOURCE_BLOCKING", 2),
        ("MAX_SEGMENTS_PER_DAY", 5),
        ("GAP_THRESHOLD_S_CU_NIGHT", ""),
    ],
)
def test_illegal_thresholds_name_the_variable_and_its_source(name: str, value: object) -> None:
    with pytest.raises(BadInputError, match=f"{L5_VALIDATE_PREFIX}{name}=.*env:{name}"):
        given(**{name: value})


def test_the_digest_names_values_and_not_sources() -> None:
    assert given(GAP_THRESHOLD_S=5).digest == policy_for("cu").digest
    assert given(GAP_THRESHOLD_S=6).digest != policy_for("cu").digest
    assert given(GAP_THRESHOLD_S_AU=6).digest == policy_for("cu").digest
    digests = {
        given(**{each.name: each.high if each.high < 2 else each.default + 10}).digest for each in THRESHOLDS[1:10]
    }
    assert len(digests) == 9


def test_misspelt_names_are_told() -> None:
    names = [f"{L5_VALIDATE_PREFIX}{name}" for name in ("GAP_TRESHOLD_S", "GAP_THRESHOLD_S_CU_NIGHT", "TQ_CHECK")]
    assert unknown_names(names) == [names[0], names[2]]
    assert {each.name for each in THRESHOLDS if each.by_session} == {"GAP_THRESHOLD_S"}


def test_a_day_is_judged_again_when_anything_its_verdict_depends_on_changes_and_only_then() -> None:
    parts: list[Any] = ["digest", "sessions", "SHFE.cu2602", 10.0, RULE_VERSION, "policy", "evidence"]
    now = fingerprint(*parts)
    assert needs_judgement(None, now)
    assert not needs_judgement(now, fingerprint(*parts))
    for place in range(len(parts)):
        changed = [*parts[:place], "other", *parts[place + 1 :]]
        assert needs_judgement(now, fingerprint(*changed))
    assert fingerprint("ab", "c", "", 1, "", "", "") != fingerprint("a", "bc", "", 1, "", "", "")


def test_a_verdict_carries_the_fingerprint_of_what_it_depends_on() -> None:
    verdict = judge_seconds({"ticks": [0.0, 0.5], "windows": [["day", 0, 60]]})
    for row in (verdict.coverage, verdict.quality):
        parts = ("d", row.sessions_fingerprint, "SHFE.cu2602", 10.0, RULE_VERSION, policy_for("cu").digest)
        assert row.fingerprint == fingerprint(*parts, NO_EVIDENCE.digest(verdict.coverage.baseline_used))


def test_where_sampling_begins_is_policy() -> None:
    other = policy_for("cu", sampling=replace(SAMPLING, value=5))
    assert other.value("SAMPLE_ABOVE_ROWS") == 5
    assert other.digest != policy_for("cu").digest
    assert SAMPLING.value == Settings.model_fields["quality_sample_above_rows"].default
