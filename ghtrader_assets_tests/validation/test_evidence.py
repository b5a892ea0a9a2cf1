"""A verdict hangs on the evidence that it used: on nothing less, and on nothing more."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence

NAMES = ("ticks/day", "ticks/night", "snapshot/day", "spacing/day/09:15")
VALUES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from((1.0, 1.25, 40.0)))


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    return Evidence(draw(VALUES), draw(st.sampled_from((0, 5, 20))), draw(st.sampled_from(("", "answer"))))


def rule(evidence: Evidence) -> bool:
    """It looks at one value, and at a second one only where the first leaves it in doubt."""
    ticks = evidence.baseline_value("ticks/day")
    return ticks is not None and ticks > 1.0 and (evidence.baseline_value("snapshot/day") or 0.0) > 1.0


@given(evidence(), evidence())
def test_the_digest_of_what_was_used_stands_exactly_as_long_as_these_values_do(before: Evidence, now: Evidence) -> None:
    judged = before.unused()
    found, used = rule(judged), judged.used
    names = json.loads(used)
    same = (before.baseline_days, before.witness_digest) == (now.baseline_days, now.witness_digest) and all(
        now.baseline.get(name) == value for name, value in names.items()
    )
    assert (now.digest(used) == before.digest(used)) == same
    if same:
        again = now.unused()
        assert (rule(again), again.used) == (found, used)


@given(evidence())
def test_what_one_judgement_used_is_not_held_against_the_next(shared: Evidence) -> None:
    first = shared.unused()
    rule(first)
    assert first.used != "{}"
    assert shared.used == shared.unused().used == "{}"


def test_a_verdict_of_before_there_was_evidence_used_none() -> None:
    assert NO_EVIDENCE.digest("") == NO_EVIDENCE.digest("{}") == Evidence().digest("")
    assert NO_EVIDENCE.digest("") != Evidence(baseline_days=5).digest("")
    assert NO_EVIDENCE.digest("") != Evidence(witness_digest="answer").digest("")
