"""Closing findings: what is accepted is left alone and shown, until anything about it changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ghtrader_assets.alerts import feed_alert
from ghtrader_assets.assets.checks import LATEST_DAY, evaluations
from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError, IngestState
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.reader import read_exceptions
from ghtrader_assets.questdb.tables.rows import LONGEST_REASON
from ghtrader_assets.reading.overview import days_of, summary_of
from ghtrader_assets.services.exporter import TablesCollector
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.acceptance import accept_days, revoke_days
from ghtrader_assets.upkeep.feeds import FeedState, feeds_of
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.pasts import CONTRACT, DAY, Judged, Past, put

TODAY = date(2019, 7, 1)
NOTHING = Past(None, partial=False, coverage=None, quality=None, attempts=())


def content(digest: str, state: str = "error", rules: str = "1") -> Past:
    """A stored day whose coverage is judged so under these rules."""
    return Past(digest, False, Judged(state, digest, f"rules {rules}"), Judged("ok", digest, f"rules {rules}"), ())


def attempted(*outcomes: IngestState) -> Past:
    return dataclasses.replace(NOTHING, attempts=outcomes)


@dataclass
class Desk:
    """An operator at a store, with a clock of their own."""

    context: StoreContext
    name: str
    today: list[date] = field(default_factory=lambda: [TODAY])

    def accept(self, expires: date | None = None, reason: str = "the exchange has none either") -> None:
        accept_days(self.context, parse_symbol(self.name), DAY, DAY, who="operator", reason=reason, expires=expires)

    def revoke(self) -> None:
        revoke_days(self.context, parse_symbol(self.name), DAY, DAY, who="operator", reason="")

    def put(self, past: Past) -> None:
        put(self.context.database, {(self.name, DAY): past})

    @property
    def accepted(self) -> bool:
        (state,) = days_of(self.context, parse_symbol(self.name), DAY, DAY)
        return state.accepted is not None


@pytest.fixture(scope="module")
def desk_of(db: Database, calendar: TradingCalendar, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Desk]:
    home = tmp_path_factory.mktemp("home")

    def make() -> Desk:
        today = [TODAY]
        clock = Clock(lambda: instant_ns(today[0], 12 * 3600))
        settings = Settings(home=home, start_date=DAY)
        context = StoreContext(settings=settings, calendar=calendar, database=db, clock=clock)
        return Desk(context, fresh_symbol(), today)

    return make


@pytest.fixture
def desk(desk_of: Callable[[], Desk]) -> Desk:
    return desk_of()


def test_a_bad_day_is_closed_and_says_by_whom(desk: Desk) -> None:
    desk.put(content("d"))
    desk.accept(reason="交易所公告〔2019〕12号")
    (state,) = days_of(desk.context, parse_symbol(desk.name), DAY, DAY)
    assert (state.state, state.coverage_state) == ("error", "error"), "the verdict stays"
    assert state.accepted is not None
    assert (state.accepted.who, state.accepted.reason) == ("operator", "交易所公告〔2019〕12号")
    assert state.accepted.when == desk.context.clock.now()
    desk.revoke()
    assert not desk.accepted
    desk.accept()
    assert desk.accepted, "the last word counts"


def test_a_contract_is_closed_under_the_name_it_is_stored_by(desk: Desk) -> None:
    desk.put(content("d"))
    other = dataclasses.replace(desk, name=CONTRACT)
    with pytest.raises(BadInputError, match="has no day from 2019-06-03 to 2019-06-03 that can be accepted"):
        other.accept()


def test_a_day_without_ticks_is_closed_and_no_longer_missing(desk: Desk) -> None:
    desk.put(attempted(IngestState.SHORT, IngestState.PROVIDER_EMPTY))
    symbol = parse_symbol(desk.name)
    assert DAY in summary_of(desk.context, symbol).missing_days["provider_empty"]
    desk.accept()
    assert "provider_empty" not in summary_of(desk.context, symbol).missing_days
    desk.put(attempted(IngestState.SHORT, IngestState.PROVIDER_EMPTY, IngestState.PROVIDER_EMPTY))
    assert desk.accepted, "asked again, and the answer is the same"
    desk.put(attempted(IngestState.SHORT, IngestState.PROVIDER_EMPTY, IngestState.PROVIDER_EMPTY, IngestState.SHORT))
    assert not desk.accepted


def test_an_accepted_day_is_no_bad_feed(desk: Desk) -> None:
    desk.today[0] = DAY + timedelta(days=1)
    desk.put(dataclasses.replace(content("d"), attempts=(IngestState.COMPLETE,)))
    (bad,) = feeds_of(desk.context, [parse_symbol(desk.name)], loads_daily=True)
    desk.accept()
    (good,) = feeds_of(desk.context, [parse_symbol(desk.name)], loads_daily=True)
    assert (bad.state, good.state, good.expected_day) == (FeedState.BAD, FeedState.GOOD, DAY)
    assert "accepted 2019-06-04 by operator: the exchange has none either" in good.reason
    assert (feed_alert(bad) is None, feed_alert(good)) == (False, None)
    checks = [check for check in evaluations([good], [], [parse_symbol(desk.name)]) if check.check_name == LATEST_DAY]
    assert [check.passed for check in checks] == [True]


def test_the_exporter_counts_an_accepted_day_apart(desk: Desk, questdb_endpoint: Endpoint) -> None:
    """No alert's expression counts the state `accepted`."""

    def counted() -> dict[str, float]:
        families = TablesCollector(settings, desk.context.clock).collect()
        (days,) = [family for family in families if family.name == "ghtrader_days"]
        return {item.labels["state"]: item.value for item in days.samples if item.labels["symbol"] == desk.name}

    settings = desk.context.settings.model_copy(
        update={
            "questdb_http": questdb_endpoint.http,
            "questdb_pg": questdb_endpoint.pg,
            "questdb_user": questdb_endpoint.user,
            "questdb_password": questdb_endpoint.password,
        }
    )
    desk.put(content("d"))
    assert counted() == {"error": 1}
    desk.accept()
    assert counted() == {"accepted": 1}
    desk.revoke()
    assert counted() == {"error": 1}


@pytest.mark.parametrize(
    "past",
    [
        content("d", "ok"),
        content("d", "warn"),
        dataclasses.replace(content("d"), partial=True),
        dataclasses.replace(content("d"), quality=None),
        attempted(IngestState.RUNNING),
        attempted(IngestState.COMPLETE),
        NOTHING,
    ],
)
def test_what_is_no_finding_cannot_be_closed(desk: Desk, past: Past) -> None:
    desk.put(past)
    with pytest.raises(BadInputError, match="can be accepted"):
        desk.accept()
    with pytest.raises(BadInputError, match="was accepted"):
        desk.revoke()


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "\x00", "x" * (LONGEST_REASON + 1), "\udcff"])
def test_a_reason_is_one_line(desk: Desk, reason: str) -> None:
    desk.put(content("d"))
    with pytest.raises(BadInputError, match="--reason"):
        desk.accept(reason=reason)


def test_an_end_that_has_come_is_refused(desk: Desk) -> None:
    desk.put(content("d"))
    with pytest.raises(BadInputError, match="--expires 2019-07-01 has begun already"):
        desk.accept(expires=TODAY)


def test_what_was_recorded_last_counts_whatever_the_clock_says(desk: Desk) -> None:
    desk.put(content("d"))
    desk.today[0] = TODAY + timedelta(days=2)
    desk.accept()
    desk.today[0] = TODAY
    desk.revoke()
    assert not desk.accepted
    assert read_exceptions(desk.context.database, desk.name, DAY, DAY)[DAY].revoked


@dataclass(frozen=True)
class Loaded:
    digest: str
    rules: str


@dataclass(frozen=True)
class Failed:
    outcome: IngestState


@dataclass(frozen=True)
class Accepted:
    days: int | None


@dataclass(frozen=True)
class Revoked:
    pass


@dataclass(frozen=True)
class Passed:
    days: int


EVENTS = st.one_of(
    st.builds(Loaded, st.sampled_from("ab"), st.sampled_from("12")),
    st.builds(Failed, st.sampled_from([IngestState.PROVIDER_EMPTY, IngestState.SHORT])),
    st.builds(Accepted, st.sampled_from([None, 2])),
    st.builds(Revoked),
    st.builds(Passed, st.just(1)),
)


@settings(deadline=None, max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(events=st.lists(EVENTS, min_size=3, max_size=9))
def test_new_content_reopens_in_any_order(desk_of: Callable[[], Desk], events: list[object]) -> None:
    """A day is accepted while it stands as it stood at the last word on it, for as long as that was given."""
    desk, stands, outcomes = desk_of(), "", ()
    word: tuple[str, date | None] | None = None
    for event in events:
        match event:
            case Loaded(digest, rules):
                stands = f"content {digest} by {rules}"
                desk.put(dataclasses.replace(content(digest, "error", rules), attempts=outcomes))
            case Failed(outcome):
                outcomes = (*outcomes, outcome)
                stands = stands if stands.startswith("content") else outcome.value
                desk.put(attempted(*outcomes))
            case Accepted(days) if stands:
                until = None if days is None else desk.today[0] + timedelta(days=days)
                desk.accept(until)
                word = (stands, until)
            case Revoked() if word:
                desk.revoke()
                word = None
            case Passed(days):
                desk.today[0] += timedelta(days=days)
            case _:
                continue
        in_time = word is not None and (word[1] is None or desk.today[0] < word[1])
        assert desk.accepted == (word is not None and word[0] == stands and in_time), event
