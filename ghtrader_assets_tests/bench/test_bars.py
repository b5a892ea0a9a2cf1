"""`bench bars` on a store small enough for a test: every figure that scripts rely on, and answers that agree."""

from __future__ import annotations

import pytest

from ghtrader_assets_tests.bench import bars
from ghtrader_assets_tests.bench.bars import Sizes, bench_bars

TINY = Sizes(days=3, thinned=50, asked=2, plainly=1, loaded=1)


@pytest.mark.service
@pytest.mark.joint
def test_it_reports_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "QUICK", TINY)
    monkeypatch.setattr(bars, "SYMBOLS", bars.SYMBOLS[:2])
    report = bench_bars(quick=True)
    assert set(report.figures) == {"bars_3_days_ms", "making_ms_a_day", "making_share"}
    assert set(report.ratios) == {"stored_vs_sample_by", "stored_vs_pandas"}
    assert all(value > 0 for value in {**report.figures, **report.ratios}.values())
    assert bars.FULL.days == 250, "the figure that scripts look up is bars_250_days_ms"
