"""Alerts through apprise to a real receiver: said once, also after a restart, and not at all where nothing is set."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.alerts import Alert, feed_alert, horizon_alert, rate_alert, run_alert, send_new
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.market.calendar import check_horizon, snapshot_calendar
from ghtrader_assets.settings import Settings, load_settings, sourced_values
from ghtrader_assets.upkeep.feeds import Feed, FeedState
from ghtrader_assets.upkeep.rates import RateDrop
from ghtrader_assets_tests.fix_receiver import TOKEN, Receiver


def told(home: Path, url: str | None) -> Settings:
    return Settings(home=home, alert_urls=SecretStr(url) if url else None)


FEED = Feed(
    "KQ.m@SHFE.cu", FeedState.LATE, date(2026, 11, 20), date(2026, 11, 19), None, True,
    "2026-11-20 was expected and is not loaded",
    "`ghtrader-assets backfill KQ.m@SHFE.cu --from 2026-11-20 --to 2026-11-20`",
)  # fmt: skip


def test_an_alert_is_sent_once_with_what_helps_also_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    settings = told(tmp_path, receiver.url)
    alert = feed_alert(FEED)
    assert alert is not None
    assert send_new(settings, [alert], SYSTEM_CLOCK) == [alert]
    (message,) = receiver.messages
    assert FEED.reason in message["message"]
    assert FEED.remedy in message["message"]
    assert "KQ.m@SHFE.cu" in message["title"]
    assert send_new(told(tmp_path, receiver.url), [alert], SYSTEM_CLOCK) == []
    next_day = feed_alert(replace(FEED, expected_day=date(2026, 11, 23)))
    assert next_day is not None
    assert send_new(settings, [alert, next_day], SYSTEM_CLOCK) == [next_day]
    assert len(receiver.messages) == 2


def test_a_good_feed_and_one_nobody_began_say_nothing() -> None:
    assert feed_alert(replace(FEED, state=FeedState.GOOD)) is None
    assert feed_alert(replace(FEED, state=FeedState.IDLE)) is None


def test_many_findings_are_one_message(tmp_path: Path, receiver: Receiver) -> None:
    many = [Alert(f"key {number}", "title", "text") for number in range(60)]
    assert len(send_new(told(tmp_path, receiver.url), many, SYSTEM_CLOCK)) == 60
    (message,) = receiver.messages
    assert "60 findings" in message["title"]
    assert "and 40 more" in message["message"]


def test_what_nobody_took_is_new_again(tmp_path: Path, receiver: Receiver) -> None:
    settings, alert = told(tmp_path, receiver.url), Alert("key", "title", "text")
    receiver.status = 500
    with pytest.raises(ServiceError) as refused:
        send_new(settings, [alert], SYSTEM_CLOCK)
    assert TOKEN not in str(refused.value)
    receiver.status = 200
    assert send_new(settings, [alert], SYSTEM_CLOCK) == [alert]


def test_nothing_set_nothing_sent_and_nothing_remembered(tmp_path: Path, receiver: Receiver) -> None:
    alert = Alert("key", "title", "text")
    assert send_new(told(tmp_path, None), [alert], SYSTEM_CLOCK) == []
    assert send_new(told(tmp_path, receiver.url), [alert], SYSTEM_CLOCK) == [alert]


def test_an_address_that_apprise_does_not_know_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="GHTRADER_ALERT_URLS") as refused:
        send_new(told(tmp_path, f"nonsense://{TOKEN}"), [Alert("key", "title", "text")], SYSTEM_CLOCK)
    assert TOKEN not in str(refused.value)


def test_the_addresses_are_secret_in_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ghtrader.toml").write_text(f'alert_urls = ["json://one/{TOKEN}", "json://two/{TOKEN}"]\n')
    Path("ghtrader.toml").chmod(0o600)
    settings = load_settings()
    assert settings.alert_urls is not None
    assert settings.alert_urls.get_secret_value() == f"json://one/{TOKEN}, json://two/{TOKEN}"
    assert TOKEN not in repr(sourced_values(settings))


FORGED = "<b>a</b> [a](http://x.invalid) \x1b[31m\u202e\r\nBcc: a@x.invalid"


@pytest.mark.parametrize("form", ["text", "html"])
def test_what_another_program_said_is_text_in_an_alert(tmp_path: Path, receiver: Receiver, form: str) -> None:
    settings = told(tmp_path, f"{receiver.url}&format={form}")
    send_new(settings, [Alert("key", f"it failed {FORGED}", f"of {FORGED} and {TOKEN}", FORGED)], SYSTEM_CLOCK)
    (message,) = receiver.messages
    assert len(message["title"].splitlines()) == 1
    assert not {"\x1b", "\u202e", "\r"} & set(message["title"] + message["message"])
    assert TOKEN not in message["title"] + message["message"]
    assert ("<b>" in message["message"]) == (form == "text")


def test_each_kind_names_what_helps() -> None:
    drop = RateDrop("KQ.m@SHFE.cu", date(2026, 11, 20), 1000.0, 90_000.0, 20)
    assert "metrics" in rate_alert(drop).remedy
    failed = run_alert("0123456789", "KQ_m_SHFE_cu", "denied", "http://127.0.0.1:3000")
    assert "http://127.0.0.1:3000/runs/0123456789" in failed.remedy
    calendar = snapshot_calendar()
    assert horizon_alert(check_horizon(calendar, date(2026, 6, 1))) is None
    soon = horizon_alert(check_horizon(calendar, date(2026, 12, 7)))
    later = horizon_alert(check_horizon(calendar, date(2026, 12, 14)))
    assert soon is not None
    assert later is not None
    assert "calendar --refresh" in soon.remedy
    assert soon.key != later.key
