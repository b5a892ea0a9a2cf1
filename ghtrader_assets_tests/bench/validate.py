"""`bench validate`: judging days, against the straightforward way, against doing it all again, against two workers.

Belongs here: the sizes, the measurements, their ratios. Does not belong here: the straightforward way itself
(`plain_validation`).

All variants alternate in one process on one store, so that what else the machine does hits all alike. The plain version
must find the same gaps and count the same violations, or there is no figure at all.

A ratio varies one thing. What better code and not doing work twice are worth is measured with one worker on both sides;
what a second worker is worth has a ratio of its own. The same ratios with two workers on our side are printed too.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from itertools import count
from typing import Any, Final

import numpy as np
import polars as pl

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import Exchange, Symbol, depth, parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.questdb.tables.reader import read_baselines, read_gaps, read_summary
from ghtrader_assets.setting_sources import SourcedValue
from ghtrader_assets.validation.coverage import measure_coverage
from ghtrader_assets.validation.intake import ticks_of_frame
from ghtrader_assets.validation.judge import Provenance, judge_day, quality_day
from ghtrader_assets.validation.policy import SAMPLING, policy_for
from ghtrader_assets.validation.quality.measure import measure_quality
from ghtrader_assets.validation.quality.rules import QualityDay
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets.validation.windows import LOOK_BACK, Baselines
from ghtrader_assets_tests.bench.plain_reading import PlainDay
from ghtrader_assets_tests.bench.plain_validation import PlainVerdict, judge_plainly
from ghtrader_assets_tests.bench.report import Report, Variant, Watch, rounded
from ghtrader_assets_tests.bench.store import own_store, stretched
from ghtrader_assets_tests.model_days import Columns, fill, model_day

NS: Final = 1_000_000_000
SYMBOL: Final = "KQ.m@SHFE.ag"
LAST_DAY: Final = date(2026, 1, 9)
LARGE_DAY: Final = date(2026, 1, 6)
LARGE_CONTRACT: Final = "SHFE.ag2602"
FAULT_EVERY_DAYS: Final = 3
MOST_MOVED: Final = 3
"""So many other days may a changed day make due."""
WORKERS: Final = {1: "", 2: "_2_workers"}
"""What is measured with so many workers has this suffix."""

WHOLE: Final = dataclasses.replace(SAMPLING, value=0)


@dataclass(frozen=True)
class Sizes:
    """How much is measured: days of the plain version, days of the long range, rows in memory, repetitions."""

    days: int
    long_days: int
    rows: int
    sampled_rows: int
    rounds: int


FULL: Final = Sizes(days=30, long_days=250, rows=60_000, sampled_rows=3_000_000, rounds=3)
QUICK: Final = Sizes(days=10, long_days=30, rows=60_000, sampled_rows=1_500_000, rounds=2)


def bench_validate(*, quick: bool) -> Report:
    """Measure everything the issue names. Raises `GhtraderError` when the two versions disagree."""
    sizes = QUICK if quick else FULL
    symbol, watch = parse_symbol(SYMBOL), Watch()
    with own_store() as platform:
        long = platform.calendar.days(date(2024, 1, 2), LAST_DAY)[-sizes.long_days :]
        fill(platform, symbol, _frames(symbol, long))
        short = long[-sizes.days :]
        _one_changed(platform, symbol, long, sizes, watch)
        moved = _one_moved(platform, symbol, long, sizes, watch)
        _beside_plain(platform, symbol, short, sizes, watch)
        _all_or_none(platform, symbol, short, long, sizes, watch)
    _in_memory(symbol, sizes, watch)
    return _report(sizes, watch, moved)


def _report(sizes: Sizes, watch: Watch, moved: int) -> Report:
    names: dict[str, dict[str, float]] = {"plain pandas over psycopg": {"range_s": watch.of("plain")}}
    ratios: dict[str, float] = {}
    for workers, suffix in WORKERS.items():
        full, ours = watch.of(f"full{suffix}"), f"{workers} workers: " if suffix else "1 worker: "
        none, long_full, changed = (watch.of(f"{name}{suffix}") for name in ("none", "long full", "long one"))
        names |= {
            f"{ours}{sizes.days} days": {"range_s": full, "per_day_ms": 1000 * full / sizes.days},
            f"{ours}{sizes.days} days, nothing changed": {"range_s": none},
            f"{ours}{sizes.long_days} days, all": {"range_s": long_full},
            f"{ours}{sizes.long_days} days, one changed": {"range_s": changed},
            f"{ours}{sizes.long_days} days, one changed that moves others": {
                "range_s": watch.of(f"long moved{suffix}"),
                "others_due": moved,
            },
        }
        ratios |= {
            f"full_vs_naive{suffix}": watch.of("plain") / full,
            f"incremental_30_none{suffix}": watch.of(f"short full{suffix}") / none,
            f"incremental_250_one{suffix}": long_full / changed,
            f"incremental_250_one_moved{suffix}": long_full / watch.of(f"long moved{suffix}"),
        }
    names |= {
        f"frame of {sizes.rows} rows in memory": {"ms": 1000 * watch.of("frame")},
        f"frame of {sizes.sampled_rows} rows, all of them": {"s": watch.of("whole")},
        f"frame of {sizes.sampled_rows} rows, sampled": {"s": watch.of("sampled")},
        f"field quality of {sizes.sampled_rows} rows, all of them": {"s": watch.of("quality whole")},
        f"field quality of {sizes.sampled_rows} rows, sampled": {"s": watch.of("quality sampled")},
    }
    ratios |= {
        "workers_2_vs_1": watch.of("full") / watch.of("full_2_workers"),
        "sampling_vs_full": watch.of("quality whole") / watch.of("quality sampled"),
        "sampling_vs_full_with_coverage": watch.of("whole") / watch.of("sampled"),
    }
    variants = [Variant(name, rounded(figures)) for name, figures in names.items()]
    return Report("validate", variants, rounded(ratios))


def _frames(symbol: Symbol, days: Sequence[date]) -> Mapping[date, pl.DataFrame]:
    """Days of the market model; every third with faults for the two versions to agree on."""
    return _Lazily(
        {day: number % FAULT_EVERY_DAYS == 0 for number, day in enumerate(days)},
        symbol,
    )


class _Lazily(Mapping[date, pl.DataFrame]):
    """Frames made when they are asked for: 250 days at once would fill the memory."""

    def __init__(self, faulty: Mapping[date, bool], symbol: Symbol) -> None:
        self._faulty, self._symbol = faulty, symbol

    def __getitem__(self, day: date) -> pl.DataFrame:
        columns = model_day(self._symbol, day)
        return tick_frame(_spoiled(columns) if self._faulty[day] else columns)

    def __iter__(self) -> Any:
        return iter(self._faulty)

    def __len__(self) -> int:
        return len(self._faulty)


def _spoiled(columns: Columns) -> Columns:
    """A day with a hole and faults of many rules, away from each other."""
    kept = np.ones(len(columns["tick_id"]), dtype=np.bool_)
    kept[10_000:10_400] = False
    spoiled = {name: values[kept].copy() for name, values in columns.items()}
    place = count(2_000, 700)
    for column, value in (("bid_price1", 1e6), ("last_price", -1.0), ("bid_volume2", -5.0), ("open_interest", 1.0)):
        spoiled[column][next(place)] = value
    spoiled["volume"][next(place)] -= 5_000
    spoiled["bid_price3"][next(place)] += 0.4
    spoiled["last_price"][next(place)] += 300
    start = next(place)
    spoiled["open_interest"][start : start + 150] = np.nan
    start = next(place)
    for name, values in spoiled.items():
        if name.startswith(("bid_", "ask_")):
            values[start : start + 150] = values[start]
    return spoiled


def _beside_plain(platform: LoadContext, symbol: Symbol, days: Sequence[date], sizes: Sizes, watch: Watch) -> None:
    with platform.database.session() as session:
        plain_days = {day: _plain_day(platform, symbol, day) for day in days}
        for _ in range(sizes.rounds):
            plain = watch.time("plain", lambda: {day: judge_plainly(session, item) for day, item in plain_days.items()})
            for suffix, ours in _by_workers(platform).items():
                full = watch.time(f"full{suffix}", partial(_judged_all, ours, symbol, days))
                _require_equal(platform, symbol, full, plain)


def _by_workers(platform: LoadContext) -> dict[str, LoadContext]:
    """The platform with each number of workers, by the suffix of what is measured with it."""
    return {
        suffix: dataclasses.replace(
            platform, settings=platform.settings.model_copy(update={"validate_workers": workers})
        )
        for workers, suffix in WORKERS.items()
    }


def _plain_day(platform: LoadContext, symbol: Symbol, day: date) -> PlainDay:
    sessions, window = day_sessions(symbol, day, platform.calendar), platform.calendar.window(day)
    return PlainDay(
        symbol=symbol.text,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        windows=[(each.session, each.start_ns // NS, each.end_ns // NS) for each in sessions.windows],
        tick=product_on(symbol, day).price_tick,
        multiplier=product_on(symbol, day).multiplier,
        levels=depth(symbol.exchange),
        whole_seconds=symbol.exchange == Exchange.CZCE,
    )


def _require_equal(
    platform: LoadContext, symbol: Symbol, ours: Sequence[DayOutcome], plain: Mapping[date, PlainVerdict]
) -> None:
    for outcome in ours:
        assert outcome.judgement is not None
        day, quality = outcome.trading_day, outcome.judgement.quality
        gaps = [
            (int(gap.start_ts.timestamp()), int(gap.end_ts.timestamp()))
            for gap in read_gaps(platform.database, symbol.text, [day])
        ]
        longest = sorted(plain[day].gaps, key=lambda gap: gap[0] - gap[1])[: len(gaps)]
        if outcome.judgement.coverage.missing_segments != len(plain[day].gaps) or gaps != sorted(longest):
            raise GhtraderError(f"{day}: the plain version finds other gaps: {len(plain[day].gaps)}, ours {len(gaps)}")
        counts = {rule["rule"]: rule["count"] for rule in json.loads(quality.rules_json)["rules"]}
        different = {name: (found, counts[name]) for name, found in plain[day].counts.items() if counts[name] != found}
        if different or counts.keys() != plain[day].counts.keys():
            raise GhtraderError(f"{day}: the plain version counts otherwise (plain, ours): {different}")


def _one_changed(platform: LoadContext, symbol: Symbol, days: Sequence[date], sizes: Sizes, watch: Watch) -> None:
    """One changed day among many judged ones.

    This comes first: each batch of verdicts rewrites some hundred files, and ext4 makes new ones slowly while it
    remembers deleted ones. After a full judgement a single day's verdict shows 50 ms later than it does in a store
    where nothing else has just happened.
    """
    list(judge_days(platform, symbol, days, rows=False))
    middle = len(days) // 2
    changed, numbers = days[middle + (middle % FAULT_EVERY_DAYS == 0)], count(1)  # a whole day stays whole
    for _ in range(5 * sizes.rounds):
        for suffix, ours in _by_workers(platform).items():
            columns = model_day(symbol, changed)
            columns["bid_volume1"][0] += next(numbers)
            fill(platform, symbol, {changed: tick_frame(columns)})
            _require_judged(watch.time(f"long one{suffix}", partial(_validated, ours, symbol, days)), 1)


def _one_moved(platform: LoadContext, symbol: Symbol, days: Sequence[date], sizes: Sizes, watch: Watch) -> int:
    """The same with a day that loses a minute and finds it again: it leaves the baselines of later days and returns.

    Returns how many other days that makes due.
    """
    changed, others = _day_that_moves(platform, symbol, days)
    numbers = count(1)
    for _ in range(sizes.rounds):
        for suffix, ours in _by_workers(platform).items():
            for is_whole in (False, True):
                columns = model_day(symbol, changed)
                columns["bid_volume1"][0] += next(numbers)
                kept = np.ones(len(columns["tick_id"]), dtype=np.bool_)
                kept[10_000:10_120] = is_whole
                fill(platform, symbol, {changed: tick_frame({name: each[kept] for name, each in columns.items()})})
                judged = watch.time(f"long moved{suffix}", partial(_validated, ours, symbol, days))
                _require_judged(judged, 1 + others)
    return others


def _day_that_moves(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> tuple[date, int]:
    """The first whole day whose absence moves what the verdicts on one to three other days used."""
    given = read_baselines(platform.database, [symbol.text], days[0], days[-1])
    used = {day: row.baseline_used for day, row in read_summary(platform.database, symbol.text, days).items()}
    whole = Baselines(given)
    for row in given:
        later = [day for day in days if row.trading_day < day <= row.trading_day + LOOK_BACK]
        if not row.whole or not later:
            continue
        without = Baselines(each for each in given if each is not row)
        moved = sum(whole.before(day).digest(used[day]) != without.before(day).digest(used[day]) for day in later)
        if 1 <= moved <= MOST_MOVED:
            return row.trading_day, moved
    raise GhtraderError(f"no day of {symbol.text} moves the baselines of one to {MOST_MOVED} others")


def _all_or_none(
    platform: LoadContext, symbol: Symbol, short: Sequence[date], long: Sequence[date], sizes: Sizes, watch: Watch
) -> None:
    """All days judged again, and nothing to be judged."""
    for _ in range(sizes.rounds):
        for suffix, ours in _by_workers(platform).items():
            watch.time(f"long full{suffix}", partial(_judged_all, ours, symbol, long))
            watch.time(f"short full{suffix}", partial(_judged_all, ours, symbol, short))
            for _ in range(3):
                _require_judged(watch.time(f"none{suffix}", partial(_validated, ours, symbol, short)), 0)


def _judged_all(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> list[DayOutcome]:
    return list(judge_days(platform, symbol, days, full=True))


def _validated(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> list[DayOutcome]:
    """What `validate` does: the states of all days, and the rows of those that had to be judged."""
    return list(judge_days(platform, symbol, days, rows=False))


def _require_judged(outcomes: Sequence[DayOutcome], wanted: int) -> None:
    fresh = sum(outcome.judgement is not None and outcome.judgement.fresh for outcome in outcomes)
    if fresh != wanted:
        raise GhtraderError(f"{fresh} days were judged where {wanted} had changed")


def _in_memory(symbol: Symbol, sizes: Sizes, watch: Watch) -> None:
    columns = model_day(symbol, LARGE_DAY)
    frame = tick_frame(stretched(columns, sizes.rows))
    for _ in range(5 * sizes.rounds):
        watch.time("frame", lambda: _judged(symbol, frame, WHOLE))
    large = tick_frame(stretched(columns, sizes.sampled_rows))
    for _ in range(sizes.rounds):
        watch.time("whole", lambda: _judged(symbol, large, WHOLE))
        sampled = watch.time("sampled", lambda: _judged(symbol, large, SAMPLING))
        assert sampled.quality.sampled
        for name, above in (("quality whole", 0), ("quality sampled", 1_000_000)):
            day = _quality_day(symbol, large)
            with watch.timing(name):
                measure_quality(day, above, "seed")


def _judged(symbol: Symbol, frame: pl.DataFrame, sampling: SourcedValue) -> DayVerdict:
    return judge_day(
        frame,
        symbol,
        LARGE_CONTRACT,
        day_sessions(symbol, LARGE_DAY, snapshot_calendar()),
        product_on(symbol, LARGE_DAY),
        policy_for(symbol.product, sampling=sampling),
        Provenance(content_digest="0" * 32, judged_at=datetime.now(UTC)),
        window=snapshot_calendar().window(LARGE_DAY),
    )


def _quality_day(symbol: Symbol, frame: pl.DataFrame) -> QualityDay:
    ticks = ticks_of_frame(frame, day_sessions(symbol, LARGE_DAY, snapshot_calendar()).windows)
    policy = policy_for(symbol.product)
    coverage = measure_coverage(ticks, symbol, policy)
    return quality_day(ticks, symbol.exchange, product_on(symbol, LARGE_DAY), policy, coverage, None)
