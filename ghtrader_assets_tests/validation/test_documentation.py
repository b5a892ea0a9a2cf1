"""docs/validation.md says what the code does: every rule, threshold and reason, with severity, default and state."""

from __future__ import annotations

from pathlib import Path

from ghtrader_assets.validation.policy import THRESHOLDS
from ghtrader_assets.validation.quality.measure import RULES
from ghtrader_assets.validation.states import REASONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")


def test_every_threshold_is_documented_with_its_default() -> None:
    for threshold in THRESHOLDS:
        assert f"| `{threshold.name}` | {threshold.default:g} | {threshold.meaning} |" in PAGE


def test_every_reason_is_documented_with_its_state() -> None:
    for reason in REASONS:
        assert f"| `{reason.code}` | {reason.layer} | {reason.state} | {reason.hint} |" in PAGE


def test_every_rule_is_documented_with_its_severity() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for rule in RULES:
        assert any(f"`{rule.name}`" in row and f"| {rule.severity} |" in row for row in rows), rule.name
        if rule.limit:
            assert rule.limit in PAGE


def test_the_readme_counts_the_rules() -> None:
    assert f"by {len(RULES)} rules" in (ROOT / "README.md").read_text(encoding="utf-8")
