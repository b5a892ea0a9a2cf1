"""Why a trading day should be loaded or judged again: what is wrong with what is stored, or why nothing is.

Belongs here: the causes and how each is told. Does not belong here: what a day should be (`wanted`), when it is tried
again (`repair`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.lives import WrongMain, wrong_main_of
from ghtrader_assets.questdb.standing.derivation import state_of_attempt
from ghtrader_assets.questdb.standing.histories import Attempt, BulkVerdict, Content, Histories, Key
from ghtrader_assets.upkeep.due import NEED_OF, Lack, Need, lack_of
from ghtrader_assets.upkeep.wanted import Wanted
from ghtrader_assets.validation.states import LOAD_AGAIN
from ghtrader_assets.validation.verdicts import State


class Cause(StrEnum):
    """Why a trading day should be loaded or judged again."""

    MISSING = "missing"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    MAINTENANCE = "maintenance"
    PARTIAL = "partial"
    STALE = "stale"
    UNJUDGED = "unjudged"
    PROVIDER_EMPTY = "provider_empty"
    PROVIDER_HAS_DATA = "provider_has_data"
    UNKNOWN_CONTRACT = "unknown_contract"
    DENIED = "denied"
    PROVIDER_MAIN_EXPIRED = WrongMain.EXPIRED.value
    PROVIDER_MAIN_UNLISTED = WrongMain.UNLISTED.value
    PROVIDER_MAIN_UNKNOWN = WrongMain.UNKNOWN.value


WRONG_MAIN: Final = frozenset(Cause(code.value) for code in WrongMain)
"""The provider's main contract is wrong on that day."""

CURABLE: Final = frozenset(Cause) - WRONG_MAIN - {Cause.MISSING, Cause.UNKNOWN_CONTRACT, Cause.DENIED}
"""What a repair without a person may cure: a day never asked for is a backfill's, a refused account the operator's."""

_CAUSE_OF: Final = {
    IngestState.RUNNING: Cause.INTERRUPTED,
    IngestState.MISSING: Cause.INTERRUPTED,
    IngestState.MAINTENANCE: Cause.MAINTENANCE,
    IngestState.DENIED: Cause.DENIED,
    IngestState.PROVIDER_EMPTY: Cause.PROVIDER_EMPTY,
    IngestState.UNKNOWN_CONTRACT: Cause.UNKNOWN_CONTRACT,
}

_OF_LACK: Final = {
    Lack.ITS_OWN_CONTENT: (Cause.STALE, ""),
    Lack.WHOLE_CONTENT: (Cause.PARTIAL, "it was loaded while it was in progress"),
    Lack.VERDICT: (Cause.UNJUDGED, "the stored content was never judged"),
    Lack.VERDICT_OF_NOW: (
        Cause.STALE,
        "its verdict is older than its content, the rules, the policy or other days' evidence",
    ),
}


def is_good(key: Key, want: Wanted, standing: Histories) -> bool:
    content = standing.contents.get(key)
    return not want.trades if content is None else fault_of(key, content, want, standing) is None


def fault_of(key: Key, content: Content, want: Wanted, standing: Histories) -> tuple[Cause, Need, str] | None:
    """What is wrong with stored content, if anything."""
    coverage, quality = standing.coverage.get(key), standing.quality.get(key)
    upstream = wanted = None
    if want.contract:
        upstream = want.upstream
        if coverage is not None:
            wanted = want.verdict_on(content.digest, standing.evidence.of(*key).digest(coverage.baseline_used))
    lack = lack_of(content, upstream, [each and each.fingerprint for each in (coverage, quality)], wanted)
    if lack == Lack.NOTHING and coverage is not None:
        return _verdict_fault(key, coverage, standing)
    cause, reason = _OF_LACK[lack]
    return cause, NEED_OF[lack], reason or _what_changed(content, want)


def _verdict_fault(key: Key, coverage: BulkVerdict, standing: Histories) -> tuple[Cause, Need, str] | None:
    """Why a day whose verdicts are those of now should be loaded again."""
    if standing.holes.get(key):
        return Cause.PROVIDER_HAS_DATA, Need.LOAD, f"the provider has ticks for {standing.holes[key]} of its gaps"
    if coverage.state == State.PARTIAL or coverage.reason_code in LOAD_AGAIN:
        return Cause.PARTIAL, Need.LOAD, f"part of its sessions is not there: {coverage.reason_code}"
    return None


def changed_since(cause: Cause, content: Content | None, attempts: Sequence[Attempt], want: Wanted) -> bool:
    """Whether a day should be loaded for another contract or other sessions now than when it was accepted."""
    if content is None:
        return bool(attempts and want.upstream) and attempts[-1].upstream != want.upstream
    return cause == Cause.STALE


def _what_changed(content: Content, want: Wanted) -> str:
    if content.contract != want.contract:
        return f"it was loaded for {content.contract}, now {want.contract}"
    return "its sessions or the schema have changed since it was loaded"


def never_stored(symbol: str, attempts: Sequence[Attempt], want: Wanted) -> tuple[Cause, Need, str]:
    """Why nothing of a symbol's day is stored."""
    if not attempts:
        return Cause.MISSING, Need.LOAD, "never loaded"
    last = attempts[-1]
    state = state_of_attempt(last.outcome)
    if state in (IngestState.RUNNING, IngestState.MISSING):
        reason = f"its load began {last.started:%Y-%m-%d %H:%M} UTC and was cut off"
    elif wrong := wrong_main_of(symbol, last.outcome):
        if want.upstream and last.upstream != want.upstream:
            return Cause.STALE, Need.LOAD, f"its main contract is {want.contract} by now"
        return Cause(wrong.value), Need.LOAD, last.reason
    else:
        reason = f"{state.value}: {last.reason}"
    return _CAUSE_OF.get(state, Cause.FAILED), Need.LOAD, reason
