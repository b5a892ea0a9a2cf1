"""The campaign on truth: a seeded sample of it in the suite, all of it in `make soak`, a series a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets.validation.windows import WINDOW_DAYS, Baselines
from ghtrader_assets_tests.bench.truth import Clean, Part, Result, report_of, run_series
from ghtrader_assets_tests.bench.truth_days import SERIES, days_of, numbered, verdict_on

SAMPLE = Part(days=28, faults=0.12, clean_every=3)


WARNED_SHARE = 0.01
"""Of all clean days so many may warn."""


def require_truth(results: Sequence[Result], cleans: Sequence[Clean], warned_share: float = WARNED_SHARE) -> None:
    report = report_of(results, cleans)
    assert report.figures["clean_days_in_error"] == 0, "\n".join(report.complaints)
    assert report.figures.get("halts_in_warn_share") == (1 if report.figures["halts"] else None)
    assert report.figures["clean_days_in_warn_share"] <= warned_share, "\n".join(report.complaints)
    assert report.figures["recall"] == 1, "\n".join(report.missed)


@pytest.mark.parametrize("key", ["SHFE.rb", "CZCE.CY", "SHFE.wr"])
def test_a_sample_of_faults_and_clean_days(key: str, seed: int) -> None:
    results, cleans = run_series(key, seed, part=SAMPLE)
    assert len(results) >= 8
    assert len(cleans) >= 15
    require_truth(results, cleans)


@pytest.mark.soak
@pytest.mark.parametrize("key", SERIES)
def test_every_fault_and_every_clean_day(key: str, seed: int) -> None:
    """Of one series three days in a hundred may warn: steel's have large trades at some openings."""
    require_truth(*run_series(key, seed), warned_share=0.03)


@pytest.mark.soak
def test_of_all_clean_days_one_in_a_hundred_warns_at_most(seed: int) -> None:
    every = [run_series(key, seed, kinds=())[1] for key in SERIES]
    report = report_of([], [clean for cleans in every for clean in cleans])
    assert report.figures["clean_days_in_warn_share"] <= WARNED_SHARE, "\n".join(report.complaints)
    assert "recall" not in report.figures, "nothing was planted"


def test_shares_of_nothing_are_no_figures() -> None:
    figures = report_of([], []).figures
    assert figures["faults"] == 0
    assert not figures.keys() & {"recall", "clean_days_in_warn_share", "halts_in_warn_share"}


Judged = list[tuple[DayVerdict, str]]


def judged_in_order(key: str) -> Judged:
    """The verdict on each day of a series, with the digest of the evidence that it used."""
    learned = Baselines(())
    verdicts: Judged = []
    for day in days_of(key):
        evidence = learned.before(day.day)
        verdict = verdict_on(day, numbered(day.columns), evidence)
        learned.learn(verdict.baseline)
        verdicts.append((verdict, evidence.digest(verdict.coverage.baseline_used)))
    return verdicts


def due_without(gone: DayVerdict, verdicts: Judged) -> list[date]:
    """The other days that are due when a day's baseline is not there."""
    others = Baselines(verdict.baseline for verdict, _ in verdicts if verdict is not gone)
    return [
        verdict.coverage.trading_day
        for verdict, digest in verdicts
        if verdict is not gone
        and others.before(verdict.coverage.trading_day).digest(verdict.coverage.baseline_used) != digest
    ]


@pytest.mark.joint
@pytest.mark.parametrize("key", ["SHFE.ag", "CFFEX.IF"])
def test_taking_any_day_away_makes_few_others_due(key: str) -> None:
    """Liquid products: of a thin one whose ticks are few a day weighs more."""
    verdicts = judged_in_order(key)
    for gone, _ in verdicts:
        due = due_without(gone, verdicts)
        assert len(due) <= 3, (gone.coverage.trading_day, due)


@pytest.mark.parametrize("key", ["CZCE.CY", "SHFE.wr"])
def test_taking_a_day_of_a_thin_product_away_makes_none_due_but_those_that_were_held_against_it(key: str) -> None:
    """All of them are right to be: a value that their verdict used is another without the day."""
    verdicts = judged_in_order(key)
    for gone, _ in verdicts:
        later = [each for each, _ in verdicts if each.coverage.trading_day > gone.coverage.trading_day]
        whole = [each.coverage.trading_day for each in later if each.baseline.whole]
        due = due_without(gone, verdicts)
        if not gone.baseline.whole:
            assert due == []
        elif due:
            assert gone.coverage.trading_day < due[0]
            assert due[-1] <= whole[:WINDOW_DAYS][-1]
            assert len(due) <= WINDOW_DAYS + sum(not each.baseline.whole for each in later)


def test_the_clean_days_are_of_every_sort() -> None:
    """All six exchanges, 80 days in a row of each product, and everything that makes a day special."""
    products = [key for key in SERIES if days_of(key)[0].symbol.kind == "main"]
    assert len({key.partition(".")[0] for key in products}) == 6
    assert len(products) >= 12
    assert min(len(days_of(key)) for key in products) >= 80
    notes = {note for key in SERIES for day in days_of(key) for note in day.notes}
    special = {"halt", "limit_up", "limit_down", "half day", "eve of a holiday", "after a holiday", "roll"}
    assert notes >= special | {"first day", "last day"}
    (half,) = [day.day for day in days_of("CFFEX.T2512") if "half day" in day.notes]
    assert half == date(2025, 12, 12)
