"""Verdicts change with `RULE_VERSION` alone: else one fingerprint would name two, and the older is never due.

`python -m ghtrader_assets_tests.bench.test_rule_version` writes what the rules of now say; the version is raised first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ghtrader_assets.market.clock import NS
from ghtrader_assets.validation.evidence import NO_EVIDENCE
from ghtrader_assets.validation.judge import RULE_VERSION
from ghtrader_assets_tests.bench.spoils import PRODUCTS, SPOILS, columns_of, day_of, evidence_of
from ghtrader_assets_tests.bench.truth_days import numbered, verdict_on
from ghtrader_assets_tests.validation.days import findings

SEEN: Final = Path(__file__).with_name("verdicts_of_the_rules.json")


def spoiled(product: str) -> Iterator[tuple[str, dict[str, object]]]:
    """The day as it is, stamped late, without its second half, thinned, and spoilt in each other way."""
    day = day_of(product)
    whole = columns_of(day)
    half = len(whole["datetime_ns"]) // 2
    yield "clean", whole
    yield "half", numbered({name: values[:half] for name, values in whole.items() if name != "tick_id"})
    yield "thinned", numbered({name: values[::3] for name, values in whole.items() if name != "tick_id"})
    for seconds in (29, 7200):
        yield f"late {seconds}", {**whole, "datetime_ns": whole["datetime_ns"] + seconds * NS}
    for spoil in SPOILS:
        columns = columns_of(day)
        spoil(day, columns, 0.4)
        yield spoil.__name__, columns


def verdicts() -> dict[str, str]:
    """A check sum of what each of these days is said to be, with the days before it and without."""
    found: dict[str, str] = {}
    for product in PRODUCTS:
        for what, columns in spoiled(product):
            for evidence in (evidence_of(product), NO_EVIDENCE):
                told = verdict_on(day_of(product), columns, evidence)
                said = (told.state, told.reason_code, told.coverage.detail, findings(told))
                name = f"{product} {what}{'' if evidence is NO_EVIDENCE else ' with history'}"
                found[name] = hashlib.sha256(repr(said).encode()).hexdigest()[:12]
    return found


def test_a_changed_verdict_has_a_raised_version() -> None:
    seen = json.loads(SEEN.read_text(encoding="utf-8"))
    changed = [name for name, said in verdicts().items() if seen["verdicts"].get(name) != said]
    assert (seen["version"], changed) == (RULE_VERSION, []), f"raise RULE_VERSION, then write {SEEN.name} (see above)"


if __name__ == "__main__":
    SEEN.write_text(json.dumps({"version": RULE_VERSION, "verdicts": verdicts()}, indent=1) + "\n", encoding="utf-8")
