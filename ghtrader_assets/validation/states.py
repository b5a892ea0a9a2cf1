"""When figures are bad: the states of a trading day, their reason and what to do about it.

Belongs here: the conditions of every reason, which all speak of one day; `data/reasons.csv` gives each its layer, state
and hint.
Does not belong here: figures (`coverage`, `quality`), thresholds (`policy`).

Layers: `engineering` is what we did wrong, `source` what the provider lacks, `policy` what the thresholds do not allow.
A day's state is the worst of its layers; its reason the first code of that table that has that state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol, TypeVar

from ghtrader_assets.market.data_files import records
from ghtrader_assets.validation.coverage import BLOCKING_GAP_S, Coverage, FoundGap
from ghtrader_assets.validation.intake import DayTicks
from ghtrader_assets.validation.policy import Policy
from ghtrader_assets.validation.quality.measure import Quality
from ghtrader_assets.validation.verdicts import Attribution, State
from ghtrader_assets.validation.witness import Testimony

Layer = Literal["engineering", "source", "policy"]
LAYERS: Final[tuple[Layer, ...]] = ("engineering", "source", "policy")
OK_REASON: Final = "quality_ok"
SESSION_LOST: Final = "session_lost"
MINUTES_LOST: Final = "witness_lost_block"
SECONDS_MISSING: Final = "missing_share_block"
LOAD_AGAIN: Final = frozenset({SESSION_LOST, MINUTES_LOST, SECONDS_MISSING})
"""Reasons for which the ticks are asked for again: what is not there is known, or bound, to have traded."""
SEVERITY: Final = (State.OK, State.WARN, State.PARTIAL, State.ERROR)
RANK: Final[Mapping[str, int]] = {state.value: rank for rank, state in enumerate(SEVERITY)}
"""How bad a state is."""


class HasState(Protocol):
    """A verdict, in whatever form: its state is one of `SEVERITY`."""

    @property
    def state(self) -> str: ...


OfState = TypeVar("OfState", bound=HasState)
OfOtherState = TypeVar("OfOtherState", bound=HasState)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a day is in a state, which layer says so, and what to do."""

    code: str
    layer: Layer
    state: State
    hint: str


REASONS: Final = records(Reason, "reasons.csv", "ghtrader_assets.validation")
"""Every reason, the first of a state being the one that a day of that state gets."""

_BY_CODE: Final = {reason.code: reason for reason in REASONS}

QUALITY_HINT: Final = "see the quality command for the ticks concerned, then load the day again"
NO_TICKS: Final = "no_ticks"


@dataclass(frozen=True, slots=True)
class Decision:
    """A state with its reason and what to do."""

    state: State
    reason_code: str
    action_hint: str


@dataclass(frozen=True, slots=True)
class CoverageStates:
    """The states of a day's coverage: per layer, by the fixed and by the adaptive gap threshold, and overall.

    `codes` are the reasons for all of them.
    """

    engineering: State
    source: State
    policy: State
    fixed: State
    adaptive: State
    overall: Decision
    codes: frozenset[str]


def worst(states: Iterable[State]) -> State:
    """The worst of the states; ok if there is none."""
    return max(states, key=SEVERITY.index, default=State.OK)


def coverage_states(coverage: Coverage, ticks: DayTicks, policy: Policy) -> CoverageStates:
    """The states of one day's coverage."""
    fixed, adaptive = _gap_codes(_by_fixed(coverage), policy), _gap_codes(_by_adaptive(coverage), policy)
    gaps = fixed if coverage.cadence.mode == "fixed_0p5s" else adaptive
    codes = {*_engineering_codes(coverage, ticks, policy), *_source_codes(coverage, policy), *gaps}
    codes |= _presence_codes(coverage, policy)
    codes |= set() if coverage.missing_day else _half_second_codes(coverage, policy)
    return CoverageStates(
        **_layers(codes),
        fixed=worst(_BY_CODE[code].state for code in fixed),
        adaptive=worst(_BY_CODE[code].state for code in adaptive),
        overall=_decision(codes),
        codes=frozenset(codes),
    )


def with_testimony(states: CoverageStates, testimony: Testimony, policy: Policy) -> CoverageStates:
    """The states of a day whose ticks were held against the provider's bars as well: the same or worse."""
    codes = states.codes | _testimony_codes(testimony, policy)
    return replace(states, **_layers(codes), overall=_decision(codes), codes=codes)


def _layers(codes: Set[str]) -> dict[str, State]:
    return {name: worst(_BY_CODE[code].state for code in codes if _BY_CODE[code].layer == name) for name in LAYERS}


def quality_decision(quality: Quality) -> Decision:
    """The state of one day's field quality: that of the first broken rule, errors first."""
    if quality.faults:
        return _decision({"malformed_frame"})
    if quality.rows == 0:
        return Decision(State.PARTIAL, NO_TICKS, "there is nothing to judge: see the coverage of the day")
    for state, severity in ((State.ERROR, "error"), (State.WARN, "warn")):
        broken = quality.failed(severity)
        if broken:
            return Decision(state, broken[0].rule.name, f"{broken[0].rule.says}: {QUALITY_HINT}")
    return _decision(set())


def worse(coverage: OfState, quality: OfOtherState) -> OfState | OfOtherState:
    """Of a day's two verdicts the one that decides its state and reason: the worse, coverage's where they are alike.

    `questdb.standing.derivation` has the same rule for frames of days.
    """
    return quality if RANK[quality.state] > RANK[coverage.state] else coverage


def _decision(codes: Set[str]) -> Decision:
    state = worst(_BY_CODE[code].state for code in codes)
    reason = next(each for each in REASONS if each.state == state and each.code in {*codes, OK_REASON})
    return Decision(state, reason.code, reason.hint)


def _engineering_codes(coverage: Coverage, ticks: DayTicks, policy: Policy) -> set[str]:
    codes: set[str] = set()
    if ticks.faults:
        codes.add("malformed_frame")
    if ticks.outside_window_rows:
        codes.add("outside_window_block")
    if coverage.misplaced.blocks:
        codes.add("trading_outside")
    if coverage.repeated:
        codes.add("repeated_block")
    if coverage.off_level:
        codes.add("off_level_block")
    codes |= {"misstamped_block" if each.proven else "misstamped_warn" for each in coverage.shifts}
    stray = coverage.outside.stray_seconds
    if stray > policy.value("OUTSIDE_SESSIONS_BLOCK_S"):
        codes.add("outside_sessions_block")
    elif stray:
        codes.add("outside_sessions_warn")
    return codes


def _source_codes(coverage: Coverage, policy: Policy) -> set[str]:
    if not coverage.missing_day:
        return {"source_missing_session"} if coverage.absent_sessions else set()
    if policy.value("SOURCE_MISSING_DAYS_TOLERANCE") >= 1:
        return {"source_missing_days_tolerated"}
    return {"source_missing_days_block" if policy.value("SOURCE_BLOCKING") else "source_missing_days_warn"}


def _presence_codes(coverage: Coverage, policy: Policy) -> set[str]:
    presence = coverage.presence
    codes = {SESSION_LOST} if presence.lost else set[str]()
    if coverage.auction_missing_s is not None:
        codes.add("auction_missing")
    absent = coverage.absent_sessions
    lost = [each.lots_share for name, each in presence.sessions.items() if each.lots > 0 and name not in absent]
    if lost:
        beyond = max(lost) > policy.value("LOST_VOLUME_BLOCK_SHARE")
        codes.add("lost_volume_block" if beyond else "lost_volume_warn")
    if presence.sparse:
        codes.add(SECONDS_MISSING)
    if presence.thin or any(each.cause == "thin" for each in coverage.shortfalls):
        codes.add("thin_main")
    for each in coverage.shortfalls:
        if each.cause != "thin":
            codes.add("missing_ticks_block" if each.blocks else "missing_ticks_warn")
    for each in coverage.silent_volumes:
        codes.add("silent_volume_block" if each.blocks else "silent_volume_warn")
    return codes


def _testimony_codes(testimony: Testimony, policy: Policy) -> set[str]:
    codes = {"witness_differs"} if testimony.differs else set[str]()
    if testimony.worst_share > policy.value("LOST_VOLUME_BLOCK_SHARE"):
        codes.add(MINUTES_LOST)
    elif testimony.worst_share:
        codes.add("witness_lost_warn")
    return codes


def _half_second_codes(coverage: Coverage, policy: Policy) -> set[str]:
    """Half seconds in which the market was halted or pinned are left out, of those missed and of all."""
    info = policy.value("MISSING_HALF_INFO_RATIO")
    block = max(info, policy.value("MISSING_HALF_BLOCK_RATIO"))
    idle = coverage.idle_half_seconds
    open_s = coverage.total("strict") - idle
    missing = (coverage.total("missing_half_seconds") - idle) / open_s if open_s > 0 else 0.0
    if coverage.cadence.mode != "fixed_0p5s" or missing < info:
        return set()
    return {"missing_half_seconds_block" if missing >= block else "missing_half_seconds_info"}


def _by_fixed(coverage: Coverage) -> list[FoundGap]:
    """The gaps of the fixed threshold, but for sessions without any tick: those are the source layer's."""
    absent = coverage.absent_sessions
    return [each for each in coverage.gaps if each.gap.session not in absent]


def _by_adaptive(coverage: Coverage) -> list[FoundGap]:
    """Of those, the gaps unusual for the symbol, and those in which ids or volume prove that ticks are lost."""
    proven = {Attribution.PROVIDER_HOLE, Attribution.LOST}
    return [each for each in _by_fixed(coverage) if each.over_adaptive or each.attribution in proven]


def _gap_codes(gaps: list[FoundGap], policy: Policy) -> set[str]:
    """What gaps mean. A pinned market and a halt are no holes: the one is fine, the other worth knowing."""
    causes = {each.attribution for each in gaps}
    holes = [each for each in gaps if each.attribution not in {Attribution.LIMIT_LOCKED, Attribution.HALTED}]
    codes: set[str] = set()
    if sum(each.gap.duration_s > BLOCKING_GAP_S for each in holes) > policy.value("GAP_BLOCK_GT30"):
        codes.add("gap_gt30_block")
    if len(holes) > policy.value("GAP_WARN"):
        codes.add("gap_warn")
    if len(holes) > policy.value("SEGMENTS_WARN_AVG_PER_DAY"):
        codes.add("segments_warn")
    if Attribution.HALTED in causes:
        codes.add("market_halted")
    if Attribution.LIMIT_LOCKED in causes:
        codes.add("limit_locked")
    return codes
