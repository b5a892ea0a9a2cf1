"""Sampling of very large days: unbiased, bounded, and never for rules about sequence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.validation.intake import DayTicks, ticks_of_frame
from ghtrader_assets.validation.policy import SAMPLING, Policy, policy_for
from ghtrader_assets.validation.quality.rules import Part
from ghtrader_assets.validation.quality.sampling import BLOCK_ROWS, draw_sample
from ghtrader_assets_tests.validation.days import TUESDAY, clean_day, findings, judge_frame, sessions_of
from ghtrader_assets_tests.validation.planting import Day

CONTRACT = "SHFE.rb2605"


def merged_day(times: int) -> Day:
    """A day of `times` as many ticks: each repeated a few microseconds later, cumulative columns kept."""
    clean = clean_day(CONTRACT)
    day = clean.copy()
    day.columns = {name: np.repeat(values, times) for name, values in clean.columns.items()}
    day.columns["tick_id"] = np.arange(day.n)
    day.columns["datetime_ns"] = day.columns["datetime_ns"] + 1000 * (np.arange(day.n) % times)
    day.columns["bid_volume1"] = day.columns["bid_volume1"] + np.arange(day.n) % times
    return day


def ticks_of(day: Day) -> DayTicks:
    return ticks_of_frame(tick_frame(day.columns), sessions_of(CONTRACT, DAY).windows)


DAY = TUESDAY


def sampling_above(rows: int) -> Policy:
    return policy_for("rb", sampling=replace(SAMPLING, value=rows))


def test_rates_are_unbiased_and_their_bound_holds() -> None:
    day = merged_day(4)
    random = np.random.default_rng(1)
    broken = random.random(day.n) < 0.02
    for start in range(5_000, day.n - 2000, 9_000):
        broken[start : start + 2000] |= random.random(2000) < 0.1
    truth = int(broken.sum())
    ticks = ticks_of(day)
    estimates, held = [], 0
    for seed in range(300):
        sample = draw_sample(ticks, str(seed), 20_000)
        rows = np.flatnonzero(broken[sample.rows])
        count, bound = sample.estimate(Part(rows, len(sample.rows)))
        estimates.append(count)
        held += abs(count - truth) <= bound
    spread = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - truth) < 3.5 * spread
    assert held >= 0.9 * 300


def test_blocks_are_contiguous_and_every_window_is_seen() -> None:
    ticks = ticks_of(merged_day(4))
    sample = draw_sample(ticks, "seed", 20_000)
    assert set(ticks.window_of[sample.rows]) == set(ticks.window_of)
    assert 15_000 < len(sample.rows) < 30_000
    for block in np.unique(sample.block_of):
        rows = sample.rows[sample.block_of == block]
        assert len(rows) <= BLOCK_ROWS
        if ticks.window_of[rows[0]] >= 0:
            assert (np.diff(rows) == 1).all()
    assert (draw_sample(ticks, "seed", 20_000).rows == sample.rows).all()


def test_large_days_are_sampled_for_single_tick_rules_only() -> None:
    day = merged_day(9)
    day.columns["bid_volume2"][::50] = -1.0
    day.columns["open_interest"][70_000:70_101] = np.nan
    frame = tick_frame(day.columns)
    full = judge_frame(frame, CONTRACT, policy=sampling_above(0))
    sampled = judge_frame(frame, CONTRACT, policy=sampling_above(100_000))
    assert (full.quality.sampled, sampled.quality.sampled) == (False, True)
    assert sampled.quality.sample_rows < full.quality.sample_rows
    truth, estimate = findings(full)["negative_volume"], findings(sampled)["negative_volume"]
    assert abs(truth["rate"] - estimate["rate"]) <= estimate["rate_error"] <= sampled.quality.rate_error_bound
    assert findings(full)["null_run"] == findings(sampled)["null_run"]
    named = {name: getattr(full.coverage, name) for name in ("fingerprint", "policy_digest", "policy_json")}
    assert full.coverage == replace(sampled.coverage, **named)
    assert full.gaps == sampled.gaps


def test_a_day_below_the_border_is_seen_whole() -> None:
    frame = tick_frame(clean_day(CONTRACT).columns)
    assert not judge_frame(frame, CONTRACT, policy=sampling_above(frame.height)).quality.sampled
    assert judge_frame(frame, CONTRACT, policy=sampling_above(frame.height - 1)).quality.sampled
