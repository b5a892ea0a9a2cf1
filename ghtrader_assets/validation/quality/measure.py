"""Apply every rule to a day, whole or sampled, and compute ghTrader's published quality figures.

Belongs here: the order of the rules; from ticks to findings and figures.
Does not belong here: the rules (`nulls`, `pairs`, `book`, `values`, `sequence`, `outliers`), states, rows (`judge`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ghtrader_assets.validation.policy import Policy
from ghtrader_assets.validation.quality import book, nulls, outliers, pairs, sequence, values
from ghtrader_assets.validation.quality.rules import EXAMPLES, Parts, QualityDay, Rule, RuleFinding
from ghtrader_assets.validation.quality.sampling import Sample, draw_sample

_FAMILIES: Final = (*sequence.RULES, *pairs.RULES, *nulls.RULES, *values.RULES, *book.RULES, *outliers.RULES)
_ORDER: Final = {"error": 0, "warn": 1, "info": 2}
RULES: Final[tuple[Rule, ...]] = tuple(sorted(_FAMILIES, key=lambda rule: _ORDER[rule.severity]))
"""All rules, in the order in which they give a day its reason. An `info` rule never changes a state."""

SCORED: Final = ("bid_price1", "ask_price1", "last_price", "volume", "open_interest")


@dataclass(frozen=True)
class Quality:
    """The field quality of a day: what each rule found, plain null rates, crossed books of all ticks."""

    findings: tuple[RuleFinding, ...]
    null_rates: dict[str, float]
    book_null_rate: float
    crossed: int
    crossed_rate: float
    rows: int
    sample_rows: int
    sampled: bool
    faults: tuple[str, ...]

    def finding(self, name: str) -> RuleFinding:
        """What the rule called `name` found."""
        return next(each for each in self.findings if each.rule.name == name)

    def failed(self, severity: str) -> tuple[RuleFinding, ...]:
        """The broken rules of one severity, in the order of `RULES`."""
        return tuple(each for each in self.findings if each.failed and each.rule.severity == severity)

    @property
    def score(self) -> float:
        """ghTrader's score: 1 - mean null rate of the five level-1 columns it watches."""
        return 1.0 - sum(self.null_rates[name] for name in SCORED) / len(SCORED)

    @property
    def rate_error_bound(self) -> float:
        """The largest sampling error of any rule's rate; 0 for a day seen whole."""
        return max((each.rate_error for each in self.findings), default=0.0)

    def as_json(self, policy: Policy) -> str:
        """Every rule with its figures, its thresholds and their sources, and what was wrong with the frame."""
        return json.dumps({"rules": [_shown(each, policy) for each in self.findings], "faults": list(self.faults)})


def measure_quality(day: QualityDay, sample_above_rows: int, seed: str) -> Quality:
    """Apply every rule. Days of more than `sample_above_rows` ticks are sampled for rules about single ticks."""
    ticks = day.ticks
    sample = draw_sample(ticks, seed) if ticks.n > sample_above_rows > 0 else None
    drawn = day if sample is None else replace(day, ticks=ticks.take(sample.rows))
    findings = tuple(
        _finding(rule, day, None) if rule.needs_sequence or sample is None else _finding(rule, drawn, sample)
        for rule in RULES
    )
    null_rates = {name: _null_rate(day, name) for name in SCORED}
    bid, ask = day.column("bid_price1"), day.column("ask_price1")
    crossed = int(np.count_nonzero(day.two_sided & (bid > ask)))
    return Quality(
        findings=findings,
        null_rates=null_rates,
        book_null_rate=sum(_null_rate(day, name) for name in day.book_columns) / len(day.book_columns),
        crossed=crossed,
        crossed_rate=crossed / int(np.count_nonzero(day.two_sided)) if crossed else 0.0,
        rows=ticks.n,
        sample_rows=ticks.n if sample is None else len(sample.rows),
        sampled=sample is not None,
        faults=ticks.faults,
    )


def _finding(rule: Rule, day: QualityDay, sample: Sample | None) -> RuleFinding:
    parts = rule.check(day)
    limit = day.policy.value(rule.limit) if rule.limit else 0.0
    rows = [part.rows for part in parts.values() if len(part.rows)]
    broken = np.unique(np.concatenate(rows))[:EXAMPLES] if rows else np.empty(0, dtype=np.int64)
    counts, checked, errors = _counts(parts, sample)
    rates = {name: counts[name] / checked[name] if checked[name] else 0.0 for name in counts}
    total, places = sum(counts.values()), sum(checked.values())
    rate = total / places if places else 0.0
    return RuleFinding(
        rule=rule,
        count=round(total),
        checked=round(places),
        rate=rate,
        measure=max(rates.values(), default=0.0) if rule.worst_part else rate,
        limit=limit,
        example_ids=tuple(int(each) for each in day.ticks.ids[broken]),
        parts={name: round(count) for name, count in counts.items() if name and count},
        rate_error=max((errors[name] / checked[name] for name in errors if checked[name]), default=0.0),
    )


def _counts(parts: Parts, sample: Sample | None) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Per part: broken places, places checked, error of the former; in the whole day."""
    if sample is None:
        counts = {name: float(len(part.rows)) for name, part in parts.items()}
        return counts, {name: float(part.checked) for name, part in parts.items()}, {}
    estimates = {name: sample.estimate(part) for name, part in parts.items()}
    return (
        {name: count for name, (count, _) in estimates.items()},
        {name: sample.scaled(part.checked) for name, part in parts.items()},
        {name: error for name, (_, error) in estimates.items()},
    )


def _null_rate(day: QualityDay, name: str) -> float:
    missing = day.ticks.missing(name)
    return float(np.count_nonzero(missing)) / day.ticks.n if missing is not None and day.ticks.n else 0.0


def _shown(finding: RuleFinding, policy: Policy) -> dict[str, object]:
    rule = finding.rule
    names = [name for name in (rule.limit, *rule.sources) if name]
    return {
        "rule": rule.name,
        "family": rule.family,
        "severity": rule.severity,
        "says": rule.says,
        "failed": finding.failed,
        "count": finding.count,
        "checked": finding.checked,
        "rate": finding.rate,
        "measure": finding.measure,
        "limit": finding.limit,
        "thresholds": {name: [policy.value(name), policy.threshold(name).source] for name in names},
        "example_ids": list(finding.example_ids),
        "parts": finding.parts,
        "rate_error": finding.rate_error,
    }
