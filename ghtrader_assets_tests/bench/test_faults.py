"""The campaign of faults: a seeded sample in the joints, all of it in `make soak`, five faults a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ghtrader_assets_tests.bench.faults import (
    FAULTS,
    STRATA,
    SYMBOLS,
    Outcome,
    campaign,
    false_words,
    fault_of,
    report_of,
)
from ghtrader_assets_tests.bench.faults_home import Typed

FAULTS_EACH = 5
WRONG = ("lost", "doubled", "stuck", "false_words")
ASKED = [(symbol, str(day)) for symbol in SYMBOLS for day in fault_of(1, 0).days]


def require_no_fault_of_ours(outcomes: list[Outcome], record_property: Callable[[str, object], None]) -> None:
    """Seconds are recorded and not required: they are the machine's too."""
    report = report_of(outcomes)
    for name, figure in report.figures.items():
        record_property(name, figure)
    assert {name: report.figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0), "\n".join(report.lines)


@pytest.mark.soak
@pytest.mark.service
def test_a_sample_of_killed_parts(tmp_path: Path, seed: int, record_property: Callable[[str, object], None]) -> None:
    numbers = [number for number in range(len(STRATA)) if is_sampled(seed, number)][:2]
    require_no_fault_of_ours(campaign(tmp_path, seed, numbers), record_property)


def is_sampled(seed: int, number: int) -> bool:
    """The parts that `up` starts again by itself."""
    fault = fault_of(seed, number)
    return fault.under_up and fault.signal == "KILL" and fault.part not in ("run", "command", "up")


@pytest.mark.soak
@pytest.mark.service
@pytest.mark.parametrize("first", range(FAULTS // FAULTS_EACH))
def test_parts_killed_and_stopped_at_random_instants(
    tmp_path: Path, seed: int, first: int, record_property: Callable[[str, object], None]
) -> None:
    numbers = range(first, FAULTS, FAULTS // FAULTS_EACH)
    require_no_fault_of_ours(campaign(tmp_path, seed, numbers), record_property)


def test_each_part_is_killed_and_stopped_in_turn(seed: int) -> None:
    drawn = [fault_of(seed, number) for number in range(FAULTS)]
    assert {(each.part, each.signal, each.under_up) for each in drawn} == set(STRATA)
    assert len({day for each in drawn for day in each.days}) == sum(len(each.days) for each in drawn)
    assert drawn == [fault_of(seed, number) for number in range(FAULTS)], "one can be run again by its number"


class Ended:
    """The process of a command that has ended."""

    def __init__(self, returncode: int) -> None:
        self.returncode = returncode


def words_of(tmp_path: Path, code: int, out: str, err: str, whole: set[tuple[str, str]]) -> list[str]:
    (tmp_path / "out").write_text(out, encoding="utf-8")
    (tmp_path / "err").write_text(err, encoding="utf-8")
    typed = Typed(("backfill",), Ended(code), tmp_path / "out", tmp_path / "err")  # type: ignore[arg-type]
    return false_words(typed, fault_of(1, 0).days, whole)


def document(succeeded: list[tuple[str, str]], failed: list[tuple[str, str]]) -> str:
    rows = [[{"symbol": symbol, "trading_day": day} for symbol, day in days] for days in (succeeded, failed)]
    return json.dumps({"succeeded": rows[0], "failed": rows[1], "unchanged": [], "bad": []})


def test_true_words_pass(tmp_path: Path) -> None:
    assert words_of(tmp_path, 0, document(ASKED, []), "", set(ASKED)) == []
    assert words_of(tmp_path, 1, document(ASKED[1:], ASKED[:1]), "", set(ASKED)) == []
    assert words_of(tmp_path, 3, "", "error: QuestDB does not answer", set()) == []


@pytest.mark.parametrize(
    ("code", "out", "err", "word"),
    [
        (0, document(ASKED, []), "", "was said to be stored"),
        (1, document(ASKED[2:], ASKED[:1]), "", "was not named"),
        (0, document(ASKED[1:], ASKED[:1]), "", "exit 0 with 1 days"),
        (1, document(ASKED, []), "", "exit 1 with 0 days"),
        (1, "", "Killed", "neither a report nor an error"),
        (1, document([], ASKED), "Traceback (most recent call last)", "a traceback"),
    ],
)
def test_each_false_word_is_heard(tmp_path: Path, code: int, out: str, err: str, word: str) -> None:
    assert any(word in said for said in words_of(tmp_path, code, out, err, set(ASKED[1:])))


def test_figures_are_counted_over_faults() -> None:
    outcomes = [Outcome(fault_of(1, number), recovery_s=float(number)) for number in range(20)]
    outcomes[3].lost = ["a day", "another"]
    outcomes[4].stuck = ["a run", "its slot"]
    figures = report_of(outcomes).figures
    assert (figures["faults"], figures["lost"], figures["stuck"], figures["doubled"]) == (20, 2, 1, 0)
    assert figures["recovery_p95_hung_s"] == max(each.fault.number for each in outcomes if each.fault.signal == "STOP")
