"""`bench query` on a store small enough for a test: every figure that scripts rely on, and answers that agree."""

from __future__ import annotations

import numpy as np
import pytest

from ghtrader_assets_tests.bench import query
from ghtrader_assets_tests.bench.query import Sizes, _upper_bound, bench_query

TINY = Sizes(days=3, full_days=2, thin_rows=200, asked=10, scans=2, reads=1, cycles=1, load_days=1)


@pytest.mark.service
@pytest.mark.joint
def test_it_reports_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "QUICK", TINY)
    report = bench_query(quick=True)
    assert set(report.figures) == {
        "coverage_cached_p95_ms", "coverage_table_p95_ms", "coverage_scan_p95_ms", "arrow_rows_s"
    }  # fmt: skip
    assert set(report.ratios) == {
        "coverage_cache_vs_scan", "coverage_table_vs_scan", "multi_symbol_vs_one_by_one", "arrow_vs_psycopg",
        "range_peak_memory_over_size", "remote_vs_local_rows", "remote_vs_local_rows_of_a_day",
        "latency_after_bulk_upper95",
    }  # fmt: skip
    assert all(value > 0 for value in {**report.figures, **report.ratios}.values())
    sides = [variant.figures for variant in report.variants if "bulk loads" in variant.variant]
    assert [figures["queries_a_side"] for figures in sides] == [query.ASKED_A_SIDE] * 2
    assert query.ASKED_A_SIDE >= 200


def test_the_upper_bound_lies_above_the_ratio_and_holds() -> None:
    draw = np.random.default_rng(1)
    before = draw.lognormal(0.0, 0.3, 200)
    assert 1.0 < _upper_bound(before, before.copy()) < 1.15
    assert 1.9 < _upper_bound(before, 2 * before) < 2.3
    held = 0
    for _ in range(20):
        held += _upper_bound(draw.lognormal(0.0, 0.3, 200), draw.lognormal(0.0, 0.3, 200)) >= 1.0
    assert held >= 17, "a 95 % bound on equal sides holds 95 times in 100, give or take"
