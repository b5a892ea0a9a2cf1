"""How a day stands: every reader of the store says what the rules say, whatever was stored, attempted and judged."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ghtrader_assets.context.universe import UNKNOWN_PRODUCT
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.lives import Obstacle, WrongMain, wrong_main_of
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import (
    read_accepted,
    read_attempted_states,
    read_day_states,
    read_grid,
    read_stored_states,
)
from ghtrader_assets.questdb.standing.derivation import (
    FACTS,
    Unexplained,
    may_be_accepted,
    state_of_attempt,
    state_untouched,
    with_states,
)
from ghtrader_assets.questdb.standing.histories import read_histories
from ghtrader_assets.questdb.tables.reader import read_begun
from ghtrader_assets.validation.states import LOAD_AGAIN, SESSION_LOST, worse
from ghtrader_assets.validation.verdicts import State
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.pasts import DAY, NOW, Excepted, Judged, Past, put

ALIAS = "KQ.m@SHFE.cu"
WORST_FIRST = ["error", "partial", "warn", "ok"]


@dataclass(frozen=True)
class Stands:
    ingest_state: str
    coverage_state: str
    quality_state: str
    state: str
    reason: str
    accepted: bool
    wrong_main: str | None = None


BAD = {"error", "partial"}
ENDED_BADLY = {"short", "broken", "provider_empty", "maintenance", "denied", "unknown_contract", "failed"}


def obstacle_of(past: Past) -> Obstacle | None:
    """Nothing is missing by an obstacle unless the main contract is wrong."""
    if past.obstacle is None:
        return None
    wrong = WrongMain.EXPIRED if past.obstacle == IngestState.MISSING else None
    return Obstacle(past.obstacle, "in the way", "", contract="SHFE.cu1905" if wrong else "", wrong_main=wrong)


def by_the_rules(past: Past, *, of_main: bool = False) -> Stands:
    """The rules as `derivation` words them, for one day and without a library; `of_main`: it has a main contract."""
    obstacle = obstacle_of(past)
    if past.stored is None and obstacle is not None:
        state = obstacle.state.value
        return Stands(state, "", "", state, obstacle.reason, accepted=False, wrong_main=obstacle.wrong_main)
    plain = without_exceptions(past)
    if obstacle is not None and obstacle.wrong_main:
        holds = plain[0] == "complete" and plain[3] in BAD and past.exception_holds
        return Stands(*plain[:4], obstacle.reason, accepted=holds, wrong_main=obstacle.wrong_main)
    closable = plain[0] in ENDED_BADLY or (plain[0] == "complete" and plain[3] in BAD)
    wrong = "provider_main_unknown" if of_main and plain[0] == "unknown_contract" else None
    return Stands(*plain, accepted=closable and past.exception_holds, wrong_main=wrong)


def decided_by(past: Past) -> str:
    """What the state and the reason of a day are those of."""
    if past.stored is None:
        return "attempt" if past.obstacle is None else "obstacle"
    ingest, coverage, quality, state, _ = without_exceptions(past)
    if ingest == "partial" or state == "unjudged":
        return "content"
    return "quality" if WORST_FIRST.index(quality) < WORST_FIRST.index(coverage) else "coverage"


def without_exceptions(past: Past) -> tuple[str, str, str, str, str]:
    if past.stored is None:
        last = past.attempts[-1].value
        if last in {"complete", "partial"}:
            return "running", "", "", "running", "not_recorded"
        return last, "", "", last, f"attempt {len(past.attempts) - 1}"
    if past.partial:
        return "partial", "", "", "partial", "day_in_progress"
    force = {
        name: item
        for name, item in (("coverage", past.coverage), ("quality", past.quality))
        if item is not None and item.digest and item.digest == past.stored and item.state in WORST_FIRST
    }
    coverage, quality = (force[name].state if name in force else "" for name in ("coverage", "quality"))
    if len(force) < 2:
        return "complete", coverage, quality, "unjudged", "not_judged"
    deciding = min(force.values(), key=lambda item: WORST_FIRST.index(item.state))
    assert worse(force["coverage"], force["quality"]) == deciding, "what is said of two verdicts at hand"
    return "complete", coverage, quality, deciding.state, deciding.reason


DIGESTS = st.sampled_from(["", "d", "e"])
VERDICTS = st.none() | st.builds(
    Judged, st.sampled_from([*State, ""]), DIGESTS, st.sampled_from(["", "gap_warn", SESSION_LOST])
)
ATTEMPTS = st.lists(st.sampled_from(sorted(set(IngestState) - {IngestState.MISSING})), max_size=3).map(tuple)
OBSTACLES = st.none() | st.sampled_from([IngestState.NOT_LISTED, IngestState.EXPIRED, IngestState.MISSING])
EXPIRIES = st.sampled_from([None, NOW - timedelta(days=1), NOW, NOW + timedelta(microseconds=1)])
EXCEPTIONS = st.lists(
    st.builds(Excepted, st.sampled_from(["this", "this", "another"]), st.booleans(), EXPIRIES), max_size=3
).map(tuple)
PASTS = st.builds(Past, st.none() | DIGESTS, st.booleans(), VERDICTS, VERDICTS, ATTEMPTS, EXCEPTIONS, OBSTACLES).filter(
    lambda past: past.stored is not None or past.attempts or past.obstacle
)


def facts_of(past: Past) -> dict[str, Any]:
    """The day as one row of facts, null where there is nothing."""
    facts: dict[str, Any] = dict.fromkeys(FACTS)
    for name, item in (("coverage", past.coverage), ("quality", past.quality)):
        if item is not None:
            same = bool(item.digest) and item.digest == past.stored
            facts |= {name: item.state, f"{name}_reason": item.reason, f"{name}_names_content": same}
    if past.attempts:
        facts |= {"outcome": past.attempts[-1].value, "outcome_reason": f"attempt {len(past.attempts) - 1}"}
        facts["outcome_wrong_main"] = wrong_main_of(ALIAS, past.attempts[-1])
    if (obstacle := obstacle_of(past)) is not None:
        facts |= {"obstacle": obstacle.state.value, "obstacle_reason": obstacle.reason}
        facts["obstacle_wrong_main"] = obstacle.wrong_main
    stored = past.stored is not None
    holds = past.exception_holds if past.exceptions else None
    return facts | {"stored": stored, "partial": past.partial if stored else None, "exception_holds": holds}


ALIKE = Past("d", False, Judged("warn", "d", "gap_warn"), Judged("warn", "d", "price_jump"), (IngestState.COMPLETE,))
"""Coverage and quality are as bad: the reason is coverage's."""

LOST = Past("d", False, Judged("error", "d", SESSION_LOST), Judged("ok", "d", ""), (IngestState.COMPLETE,))
"""Its reason alone says that it is to be loaded again."""


@settings(deadline=None, max_examples=40)
@example([ALIKE])
@given(st.lists(PASTS, min_size=1, max_size=50))
def test_a_frame_of_days_stands_as_each_by_the_rules(pasts: list[Past]) -> None:
    frame = with_states(pl.DataFrame([facts_of(past) for past in pasts], schema=FACTS))
    found = [Stands(**row) for row in frame.select(name.name for name in dataclasses.fields(Stands)).to_dicts()]
    assert found == [by_the_rules(past, of_main=True) for past in pasts]
    assert frame["decided_by"].to_list() == [decided_by(past) for past in pasts]


def test_columns_that_a_frame_lacks_are_null() -> None:
    frame = with_states(pl.DataFrame({"stored": [False], "outcome": ["short"], "outcome_reason": [None]}))
    assert frame.select("ingest_state", "coverage_state", "quality_state", "state", "reason", "accepted").row(0) == (
        "short", "", "", "short", "", False,
    )  # fmt: skip


@pytest.mark.parametrize("reason", [*Unexplained, UNKNOWN_PRODUCT])
def test_the_page_of_commands_says_what_a_reason_code_means(reason: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert re.fullmatch(r"[a-z_]+", reason)
    assert re.search(rf"\| `{reason}` \| `\w+` \| [^|]+ \|", page)


def test_a_day_that_nothing_is_known_of() -> None:
    assert state_untouched(DAY, DAY) == IngestState.MISSING
    assert state_untouched(DAY, DAY + timedelta(days=1)) == IngestState.NOT_LISTED


def test_every_outcome_has_a_state_and_is_told() -> None:
    told = {outcome: state_of_attempt(outcome) for outcome in IngestState}
    assert {outcome for outcome, state in told.items() if state != outcome} == {
        IngestState.COMPLETE,
        IngestState.PARTIAL,
    }


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # it would stand in place of what failed
@settings(deadline=None, max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example([LOST, ALIKE])
@given(st.lists(PASTS, min_size=40, max_size=80))
def test_every_reader_of_the_store_says_the_same(db: Database, pasts: list[Past]) -> None:
    symbols = [fresh_symbol() for _ in range(4)]
    days = {(symbols[nth % 4], DAY + timedelta(days=nth // 4)): past for nth, past in enumerate(pasts)}
    put(db, days)
    wanted = {key: by_the_rules(past) for key, past in days.items()}
    last = DAY + timedelta(days=len(pasts))

    obstacles = {key: obstacle for key, past in days.items() if (obstacle := obstacle_of(past))}
    found = read_day_states(db, symbols, DAY, last, NOW, obstacles)
    one_by_one = {(state.symbol, state.trading_day): state for state in found}
    assert {key: _stands(item) for key, item in one_by_one.items()} == wanted

    in_the_way = {key: obstacle for key, obstacle in obstacles.items() if days[key].stored is None}
    apart = [
        *read_stored_states(db, symbols, DAY, last, NOW),
        *read_attempted_states(db, symbols, DAY, last, NOW, in_the_way),
    ]
    told_apart = {(state.symbol, state.trading_day): state for state in apart}
    assert told_apart.keys() == one_by_one.keys()
    of_another = {key for key, item in obstacles.items() if item.wrong_main and days[key].stored is not None}
    assert all(told_apart[key] == item for key, item in one_by_one.items() if key not in of_another)
    accepted = read_accepted(db, symbols, DAY, last, NOW)
    assert accepted.keys() - in_the_way.keys() == {key for key, item in wanted.items() if item.accepted}
    assert all(one_by_one[key].accepted == accepted[key] for key in accepted.keys() - in_the_way.keys())
    for key, past in days.items():
        assert (
            may_be_accepted(wanted[key].ingest_state, wanted[key].state)
            == by_the_rules(
                dataclasses.replace(past, exceptions=(Excepted("this", revoked=False, expires=None),))
            ).accepted
        )

    grid = read_grid(db, DAY, last, NOW, obstacles).filter(pl.col("symbol").is_in(symbols))
    rows = grid.select("symbol", "trading_day", "state", "reason", "accepted", "wrong_main").iter_rows()
    assert {(symbol, day): rest for symbol, day, *rest in rows} == {
        key: [item.state, item.reason, item.accepted, item.wrong_main] for key, item in wanted.items()
    }
    for symbol, day, gap_seconds, score in grid.select("symbol", "trading_day", "gap_seconds", "score").iter_rows():
        stands = wanted[symbol, day]
        assert (gap_seconds is not None, score is not None) == (bool(stands.coverage_state), bool(stands.quality_state))

    in_bulk = read_histories(db, symbols, DAY, last, NOW, leave_out_sound=True)
    assert in_bulk.sound == {
        key
        for key, item in wanted.items()
        if item.ingest_state == "complete" and item.state != "unjudged" and item.coverage_state != "partial"
        if days[key].coverage.reason not in LOAD_AGAIN
    }
    assert in_bulk.accepted == accepted.keys()
    assert in_bulk.contents.keys().isdisjoint(in_bulk.sound)
    begun = [key for key, past in days.items() if past.stored is not None or past.attempts]
    of_symbol = {symbol: [day for name, day in begun if name == symbol] for symbol, _ in begun}
    assert read_begun(db, symbols) == {symbol: (min(own), max(own)) for symbol, own in of_symbol.items()}


def test_the_detail_is_told_where_coverage_decided_and_nowhere_else(db: Database, symbol: str) -> None:
    """Whatever the two verdicts are called."""
    coverage = Judged("warn", "d", "alike", "the night")
    other = DAY + timedelta(days=1)
    put(db, {(symbol, DAY): Past("d", False, coverage, Judged("error", "d", "alike"), ())})
    put(db, {(symbol, other): Past("d", False, coverage, Judged("ok", "d", "alike"), ())})
    found = {day.trading_day: (day.state, day.reason) for day in read_stored_states(db, [symbol], DAY, other, NOW)}
    assert found == {DAY: ("error", "alike"), other: ("warn", "alike: the night")}


@pytest.mark.parametrize(
    ("coverage", "told"),
    [
        (Judged("ok", "d", "quality_ok", baseline_days=0), "quality_ok: no_baseline"),
        (Judged("error", "d", "session_lost", "the night", baseline_days=0), "session_lost: the night; no_baseline"),
        (Judged("ok", "d", "quality_ok", baseline_days=5), "quality_ok"),
    ],
)
def test_what_a_day_names_comes_after_the_code_of_its_reason(
    db: Database, symbol: str, coverage: Judged, told: str
) -> None:
    put(db, {(symbol, DAY): Past("d", False, coverage, Judged("ok", "d", "quality_ok"), ())})
    assert [day.reason for day in read_stored_states(db, [symbol], DAY, DAY, NOW)] == [told]


def test_a_grid_of_days_that_are_all_stored_or_all_not_or_none(db: Database, symbol: str) -> None:
    empty, attempted, stored = (date(year, 3, 1) for year in (2001, 2002, 2003))
    put(db, {(symbol, attempted): Past(None, False, None, None, (IngestState.SHORT,))})
    put(db, {(symbol, stored): Past("d", False, None, None, ())})
    found = [read_grid(db, day, day, NOW)["state"].to_list() for day in (empty, attempted, stored)]
    assert found == [[], ["short"], ["unjudged"]]
    assert read_day_states(db, [symbol], empty, empty, NOW) == []


def _stands(day: Any) -> Stands:
    stands = {field.name: getattr(day, field.name) for field in dataclasses.fields(Stands)}
    return Stands(**stands | {"accepted": day.accepted is not None})
