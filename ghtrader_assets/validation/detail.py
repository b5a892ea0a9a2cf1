"""What of a day's coverage is named: the session, the block, its hours, lots and share, in one line of text.

Belongs here: the words. Does not belong here: what is found (`misplaced`, `presence`), what it means (`states`).

Times are Shanghai's. A missing share is of the ticks of the baseline; without one, of the session's strict seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from ghtrader_assets.market.clock import MINUTE_S, NS, shanghai_time
from ghtrader_assets.validation.blocks import Block
from ghtrader_assets.validation.coverage import Coverage
from ghtrader_assets.validation.intake import DayTicks
from ghtrader_assets.validation.levels import OFF_TIMES, WORDS
from ghtrader_assets.validation.misplaced import Offset
from ghtrader_assets.validation.policy import Policy
from ghtrader_assets.validation.traded import Stretch
from ghtrader_assets.validation.verdicts import Attribution
from ghtrader_assets.validation.witness import Testimony

MOST: Final = 3
"""So many blocks and silences are named, the largest; the others are counted."""
AGREE_S: Final = 5
"""Sessions stamped late (early) by seconds that differ so little are the whole day."""

_SAID: Final = {
    Attribution.PROVIDER_HOLE: "ids are absent there",
    Attribution.HALTED: "no more was traded than one snapshot carries",
    Attribution.UNKNOWN: "no tick says what was traded",
}
"""What is known of a silence that is neither lost nor explained."""


def detail_of(coverage: Coverage, ticks: DayTicks, policy: Policy, testimony: Testimony) -> str:
    """What is to be told of a day's coverage; empty where nothing is lost, silent or misplaced."""
    return "; ".join(
        [
            *_misplaced(coverage),
            *_within(coverage),
            *_shifted(coverage),
            *_repeated(coverage),
            *_off_level(coverage),
            *_absent(coverage),
            *_auction(coverage),
            *_lost_sessions(coverage),
            *_lost_stretches(coverage),
            *_silences(coverage),
            *_sparse(coverage, ticks, policy),
            *_short(coverage),
            *_silent(coverage),
            *_testimony(testimony),
        ]
    )


def _misplaced(coverage: Coverage) -> Iterator[str]:
    late, blocks = coverage.misplaced.late, coverage.misplaced.blocks
    seconds = [each.seconds for each in late.values()]
    if late and late.keys() == coverage.fixed.keys() and max(seconds) - min(seconds) <= AGREE_S:
        yield f"the whole day is stamped {_late(*max(late.values(), key=_size))}: {_in_all(blocks)}"
    elif late:
        shifts = ", ".join(f"the {name} session is stamped {_late(*offset)}" for name, offset in late.items())
        yield f"{shifts}: {_in_all(blocks)}"
    else:
        largest = sorted(blocks, key=lambda block: -block.lots)[:MOST]
        yield from (_block(coverage, block) for block in sorted(largest, key=lambda block: block.first_s))
        if len(blocks) > MOST:
            yield f"{len(blocks) - MOST} more blocks trade outside the sessions"


def _shifted(coverage: Coverage) -> Iterator[str]:
    for each in coverage.shifts:
        if each.session not in coverage.misplaced.late:
            by = "its openings and closes, or its auction, agree" if each.proven else "by its call auction"
            late = _late(round(each.late_s), math.ceil(each.within_s))
            yield f"the {each.session} session is stamped {late} against the days before: {by}"


def _size(offset: Offset) -> int:
    return abs(offset.seconds)


def _late(seconds: int, within_s: int) -> str:
    late = f"{seconds} s late" if seconds > 0 else f"{-seconds} s early"
    return f"{late} (give or take {within_s} s)"


def _in_all(blocks: tuple[Block, ...]) -> str:
    lots = sum(block.lots for block in blocks)
    spans = ", ".join(_span(block.first_s, block.last_s) for block in blocks[:MOST])
    more = f" and {len(blocks) - MOST} more" if len(blocks) > MOST else ""
    return f"{lots:,.0f} lots are traded outside the sessions ({spans}{more})"


def _block(coverage: Coverage, block: Block) -> str:
    said = (
        f"{block.rows:,} ticks trade {block.lots:,.0f} lots outside the sessions, {_span(block.first_s, block.last_s)}"
    )
    return said if block.hole is None else f"{said}: {_belonging(coverage, block, block.hole)}"


def _within(coverage: Coverage) -> Iterator[str]:
    """Blocks among other ticks of the sessions."""
    for block in coverage.misplaced.within[:MOST]:
        if block.hole is not None:
            said = f"{block.rows:,} ticks among others, {_span(block.first_s, block.last_s)}, are misplaced"
            yield f"{said}: {_belonging(coverage, block, block.hole)}"


def _belonging(coverage: Coverage, block: Block, hole: Stretch) -> str:
    inside = [each.gap for each in coverage.gaps if each.stretch == hole and each.gap.last_s >= block.left[0]]
    sessions = dict.fromkeys(gap.session for gap in inside if gap.first_s <= block.left[1])
    way = "earlier" if block.moved_s > 0 else "later"
    place = f"in the {' and '.join(sessions)} session's hole {_span(*block.left)}"
    return f"they belong {_length(abs(block.moved_s))} {way}, {place}"


def _repeated(coverage: Coverage) -> Iterator[str]:
    for name in coverage.repeated:
        ticks = coverage.total("rows", name)
        said = "are those of a day before, lot for lot and price for price"
        yield f"the {name} session's {ticks:,} ticks, or an hour of them, {said}"


def _off_level(coverage: Coverage) -> Iterator[str]:
    for name, figures in coverage.off_level.items():
        said = f"not on the level of the days before (beyond {OFF_TIMES} times)"
        yield f"the {name} session's {' and '.join(WORDS[each] for each in figures)} are {said}: of another unit"


def _auction(coverage: Coverage) -> Iterator[str]:
    if coverage.auction_missing_s is not None:
        usual = f"some {coverage.auction_missing_s:.0f} s before the opening"
        session = coverage.windows[0].window.session
        yield f"no tick of the call auction of the {session} session, which came {usual} until now"


def _absent(coverage: Coverage) -> Iterator[str]:
    for name in coverage.absent_sessions:
        if name not in coverage.presence.lost and not coverage.missing_day:
            yield f"the {name} session ({_hours(coverage, name)}) has no tick"


def _lost_sessions(coverage: Coverage) -> Iterator[str]:
    for name in coverage.presence.lost:
        session = coverage.presence.sessions[name]
        lots = f", {session.lots:,.0f} lots were traded in them" if session.lots else ""
        yield (
            f"the {name} session ({_hours(coverage, name)}) is lost: {session.lost_s:,} of its {session.strict_s:,}"
            f" seconds ({_percent(session.lost_share)}) lie in gaps that no silence of the market explains{lots}"
        )


def _lost_stretches(coverage: Coverage) -> Iterator[str]:
    moved = coverage.misplaced.holes
    found: dict[int, tuple[Stretch, list[str]]] = {}
    for each in coverage.gaps:
        if each.attribution == Attribution.LOST and each.stretch not in moved:
            found.setdefault(id(each.stretch), (each.stretch, []))[1].append(each.gap.session)
    told = [
        (stretch, sessions)
        for stretch, sessions in found.values()
        if not {*sessions} & {*coverage.presence.lost, *coverage.absent_sessions}
    ]
    for stretch, sessions in sorted(told, key=lambda each: -(each[0].lots or 0.0))[:MOST]:
        traded = coverage.presence.sessions[sessions[0]].traded
        lots = stretch.lots or 0.0
        share = f", {_percent(lots / traded)} of the {sessions[0]} session's" if traded > 0 else ""
        yield f"{_span(stretch.first_s, stretch.last_s)}: {lots:,.0f} lots were traded in ticks that are lost{share}"
    if len(told) > MOST:
        concerned = {session for _, sessions in told for session in sessions}
        shares = [
            f"{_percent(session.lots_share)} of what the {name} session traded"
            for name, session in coverage.presence.sessions.items()
            if name in concerned
        ]
        yield f"{len(told) - MOST} more silences in which ticks are lost, in all {' and '.join(shares)}"


def _silences(coverage: Coverage) -> Iterator[str]:
    """Silences that neither a quiet nor a pinned market explains, except in sessions that are lost entirely."""
    lost = {*coverage.presence.lost, *coverage.absent_sessions}
    told = [
        each for each in coverage.gaps if each.attribution in _SAID and each.stretch not in coverage.misplaced.holes
    ]
    told = [each for each in told if each.gap.session not in lost]
    for each in sorted(told, key=lambda each: -each.gap.duration_s)[:MOST]:
        span = _span(each.gap.first_s, each.gap.last_s)
        yield f"{span}: no tick in the {each.gap.session} session, {_SAID[each.attribution]}"
    if len(told) > MOST:
        yield f"{len(told) - MOST} more silences that nothing explains"


def _sparse(coverage: Coverage, ticks: DayTicks, policy: Policy) -> Iterator[str]:
    presence = coverage.presence
    for name in presence.sparse:
        if name not in presence.lost:
            missing, most = presence.sessions[name].missing_share, policy.value("MISSING_MAX_SHARE")
            yield f"{missing:.1%} of the {name} session's seconds have no tick, of a main contract {most:.1%} at most"
    if presence.thin:
        least = policy.value("MAIN_MIN_TICKS")
        missing = coverage.total("missing") / max(1, coverage.total("strict"))
        yield (
            f"{ticks.n:,} ticks, where a main contract has at least {least:,.0f}, {_percent(missing)} of the seconds"
            " have none: is it still the main contract?"
        )


def _short(coverage: Coverage) -> Iterator[str]:
    for each in coverage.shortfalls:
        share, number = _percent(each.share), f"{each.ticks:,} ticks, where its baseline has {each.expected:,.0f}"
        if each.cause == "few":
            yield f"{share} of the {each.session} session's ticks are missing: {number}, and as much was traded"
        elif each.cause == "thin":
            yield f"the {each.session} session is thin: {number}, and little was traded: is it still the main contract?"
        else:
            yield f"at least {share} of the {each.session} session's ticks are missing, spread over it: {number}"


def _silent(coverage: Coverage) -> Iterator[str]:
    for each in coverage.silent_volumes:
        yield (
            f"{_percent(each.share)} of what the {each.session} session traded, {each.lots:,.0f} lots, is shown after"
            f" {each.silences:,} silences, {each.times:.1f} times what a tick shows: ticks are missing in them"
        )


def _testimony(testimony: Testimony) -> Iterator[str]:
    """What the provider's bars say that the ticks do not."""
    lost = sorted(testimony.lost, key=lambda each: -each.lots)
    for each in lost[:MOST]:
        share = _percent(each.lots / testimony.traded[each.session])
        yield (
            f"the provider's bars trade {each.lots:,.0f} lots in {each.minutes} min without a tick,"
            f" {_span(each.first_s, each.last_s + MINUTE_S - 1)}, {share} of the {each.session} session's"
        )
    if len(lost) > MOST:
        minutes = sum(each.minutes for each in lost[MOST:])
        yield f"{minutes} more minutes that trade in the provider's bars and have no tick"
    if testimony.beyond:
        yield f"the provider's bars trade {testimony.beyond:,.0f} lots more than the last tick shows"
    if testimony.differs:
        yield f"the provider's bars have another {' and '.join(testimony.differs)} of the day"


def _hours(coverage: Coverage, session: str) -> str:
    windows = [each.window for each in coverage.windows if each.window.session == session]
    return f"{shanghai_time(windows[0].start_ns):%H:%M}-{shanghai_time(windows[-1].end_ns):%H:%M}"


def _span(first_s: int, last_s: int) -> str:
    first, last = shanghai_time(first_s * NS), shanghai_time(last_s * NS)
    same = first.date() == last.date()
    return (
        f"{first:%Y-%m-%d %H:%M:%S}-{last:%H:%M:%S}" if same else f"{first:%Y-%m-%d %H:%M:%S}-{last:%Y-%m-%d %H:%M:%S}"
    )


def _length(seconds: int) -> str:
    for unit, name in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds % unit == 0:
            number = seconds // unit
            return f"{number} {name}{'s' if name == 'day' and number > 1 else ''}"
    return f"{seconds:,} s"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
