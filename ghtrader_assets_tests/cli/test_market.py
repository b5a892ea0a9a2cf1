"""`calendar`, `sessions`, `schedule` and `l5-start` as a user types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from ghtrader_assets.market.calendar import TradingCalendar, calendar_for, calendar_path, changed_days, dump_calendar
from ghtrader_assets.market.session_events import events_path
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine


def without(calendar: TradingCalendar, day: date) -> TradingCalendar:
    """The calendar with one trading day taken out."""
    days = [calendar.previous(calendar.first), *calendar.days(calendar.first, calendar.horizon)]
    days.remove(day)
    return TradingCalendar(
        days,
        first=calendar.first,
        horizon=calendar.horizon,
        source="the operator's own",
        inferred_from=calendar.inferred_from,
    )


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_range_of_the_calendar(bare: CommandLine) -> None:
    document = bare.run("calendar", "--from", "2026-01-01", "--to", "2026-01-06", "--json").document
    assert document["trading_days"] == ["2026-01-05", "2026-01-06"]
    assert document["holidays"] == ["2026-01-01", "2026-01-02"]
    assert (document["digest"], document["refresh"]) == ("37d45fd346ab934c", None)
    beyond = bare.run("calendar", "--from", "2031-01-01")
    assert (beyond.code, "lies outside the calendar" in beyond.err) == (2, True)


def test_sessions_of_copper_after_a_holiday(bare: CommandLine) -> None:
    ran = bare.run("sessions", "KQ.m@SHFE.cu", "--from", "2026-01-05", "--to", "2026-01-06", "--json")
    monday, tuesday = ran.document["days"]
    assert (monday["has_night"], monday["expected_seconds"]) == (False, 13_503)
    assert (tuesday["has_night"], tuesday["expected_seconds"], tuesday["expected_seconds_strict"]) == (
        True,
        27_904,
        27_896,
    )
    assert tuesday["windows"][0]["start"] == "2026-01-05T21:00:00+08:00"


def test_a_calendar_that_the_provider_contradicts_is_loud_and_stays_until_adopted(
    shared: CommandLine, calendar: TradingCalendar
) -> None:
    day = date(2026, 3, 4)
    path = calendar_path(shared.home)
    path.parent.mkdir(parents=True)
    path.write_text(dump_calendar(without(calendar, day)), encoding="utf-8")
    loud = shared.run("calendar", "--refresh")
    assert loud.code == 1
    assert "DIFFERS: 2026-03-04 (Wed): closed in our calendar, open in the provider's list" in loud.out
    assert not calendar_for(shared.home).is_trading_day(day)
    adopted = shared.run("calendar", "--refresh", "--adopt", "--json")
    assert (adopted.code, adopted.document["refresh"]["changed"]) == (0, ["2026-03-04", "2026-03-05"])
    taken = calendar_for(shared.home)
    assert changed_days(taken, calendar) == []
    assert (taken.inferred_from, taken.horizon) == (None, calendar.horizon), "the list covers the inferred year"


def test_a_stored_calendar_that_the_packages_has_overtaken_is_said_by_doctor(
    bare: CommandLine, calendar: TradingCalendar
) -> None:
    path = calendar_path(bare.home)
    path.parent.mkdir(parents=True)
    path.write_text(dump_calendar(without(calendar, date(2026, 3, 4))), encoding="utf-8")
    (path.parent / "confirmed.json").mkdir()
    found = {item["subject"]: item for item in bare.run("doctor", "--json").document["findings"]}
    assert found["stored calendar"]["level"] == "warn"
    assert "they differ on 2026-03-04, 2026-03-05" in found["stored calendar"]["finding"]
    assert found["holiday list"]["finding"] == "no provider has confirmed this calendar yet"
    path.write_text("")
    damaged = bare.run("calendar", "--refresh")
    assert (damaged.code, "remove it: the packaged calendar takes its place" in damaged.err) == (2, True)


def test_what_stands_in_the_way_of_a_file_is_one_line(shared: CommandLine) -> None:
    path = calendar_path(shared.home).with_name("confirmed.json")
    path.mkdir(parents=True)
    ran = shared.run("calendar", "--refresh")
    assert (ran.code, ran.err.count("\n")) == (3, 1), ran.err
    assert "confirmed.json" in ran.err


def test_a_list_that_confirms_too_little_is_loud_and_nothing_of_its_gaps_is_adopted(
    shared: CommandLine, calendar: TradingCalendar, tmp_path: Path
) -> None:
    """Cut in June, without Spring Festival: its days would open if they were adopted."""
    closed = [day for day in calendar.holidays_on_weekdays(calendar.first, date(2026, 6, 30)) if day.month != 2]
    (tmp_path / "holidays.json").write_text(json.dumps([day.isoformat() for day in closed]))
    with served_folder(tmp_path) as url:
        ran = shared.run("calendar", "--refresh", "--adopt", TQ_CHINESE_HOLIDAY_URL=f"{url}/holidays.json")
    assert ran.code == 1
    assert "NOT CONFIRMED: the list tells only of 2004-01-01 to 2026-06-19: 2026 is not confirmed whole" in ran.out
    assert "2026-02-16 (Mon): closed in our calendar, open in the provider's list" in ran.out
    assert not calendar_for(shared.home).is_trading_day(date(2026, 2, 16))


def test_a_contract_says_when_it_ended_and_what_befell_it(bare: CommandLine) -> None:
    ran = bare.run("sessions", "SHFE.cu2602", "--from", "2026-02-24", "--to", "2026-02-24", "--json")
    assert ran.document["last_day"]["day"] == "2026-02-24"
    ended = bare.run("sessions", "SHFE.cu2602", "--from", "2026-02-25", "--to", "2026-02-25")
    assert (ended.code, "SHFE.cu2602 ended on 2026-02-24" in ended.err) == (2, True)
    suspended = bare.run("sessions", "SHFE.ni2204", "--from", "2022-03-10", "--to", "2022-03-10")
    assert "skip of the night session of ni2204 ni2205" in suspended.out
    assert "上期发〔2022〕73号" in suspended.out


def test_a_range_over_two_contracts_of_one_name_says_which_years_are_which(bare: CommandLine) -> None:
    ran = bare.run("sessions", "CZCE.SR609", "--from", "2016-09-01", "--to", "2025-09-20", "--json")
    assert ran.code == 0, ran.err
    days = [day["trading_day"] for day in ran.document["days"]]
    assert (days[0], days[-1], {day[:4] for day in days}) == ("2016-09-01", "2025-09-19", {"2016", "2025"})
    (left,) = ran.document["left_out"]
    assert (left["first_day"], left["last_day"]) == ("2016-09-19", "2025-09-12")  # 15 and 16 were holidays
    assert "the contract of 2016 has the same name (to 2016-09-14)" in left["reason"]
    told = "2016-09-01 to 2016-09-14 of the one of 2016, 2025-09-15 to 2025-09-19 of the one of 2026"
    assert f"CZCE.SR609 is the name of 2 contracts: {told}" in ran.err
    nothing = bare.run("sessions", "CZCE.SR609", "--from", "2018-01-02", "--to", "2018-01-31")
    assert (nothing.code, "is not listed before 2025-09-15" in nothing.err) == (2, True)


def test_a_damaged_file_of_session_events_is_one_line(bare: CommandLine) -> None:
    path = events_path(bare.home)
    path.parent.mkdir(parents=True)
    path.write_text('[{"exchange": "SHFE"}]')
    ran = bare.run("sessions", "KQ.m@SHFE.cu")
    assert ran.code == 2
    assert ran.err.startswith(f"error: {path}: event 1 is wrong")
    assert "docs/operations.md" in ran.err
    doctor = bare.run("doctor", "--json").document["findings"]
    (finding,) = [item for item in doctor if item["subject"] == "session events"]
    assert (finding["level"], "event 1" in finding["finding"]) == ("error", True)


def test_the_providers_present_hours_agree(shared: CommandLine) -> None:
    ran = shared.run("sessions", "KQ.m@SHFE.cu", "--live", "--json")
    assert (ran.code, ran.document["live"]["differences"]) == (0, [])


def test_the_schedule_is_asked_for_where_nothing_is_stored(shared: CommandLine) -> None:
    words = ("schedule", "KQ.m@SHFE.sn", "--from", "2026-01-05", "--to", "2026-01-09")
    universe = {"GHTRADER_SYMBOLS": "KQ.m@SHFE.sn,KQ.m@SHFE.rb"}
    empty = shared.run(*words, **universe)
    assert (empty.code, "no main contract of KQ.m@SHFE.sn is stored" in empty.out) == (0, True)
    unknown = shared.run(*words, "--refresh", **universe)
    assert (unknown.code, "main contract table has no KQ.m@SHFE.sn" in unknown.err) == (2, True)
    asked = shared.run("schedule", "KQ.m@SHFE.rb", *words[2:], "--refresh", "--json", **universe).document
    assert [(row["contract"], row["price_tick"], row["multiplier"]) for row in asked] == [("SHFE.rb2605", 1.0, 10)] * 5
    assert {row["expires"] for row in asked} == {"2026-05-15"}
    assert all(row["expires_source"] for row in asked)
    beyond = shared.run("schedule", "KQ.m@SHFE.rb", "--from", "2028-01-04", **universe)
    assert (beyond.code, "2028-01-04 lies outside the calendar" in beyond.err) == (2, True)


def test_other_hours_and_terms_at_the_provider_are_reported_and_change_nothing(
    shared: CommandLine, exchange: ExchangeControl
) -> None:
    before = shared.run("sessions", "KQ.m@DCE.m", "--from", "2026-01-06", "--to", "2026-01-06", "--json").document
    exchange.faults({"kind": "hours"}, {"kind": "terms"})
    ran = shared.run("sessions", "KQ.m@DCE.m", "--from", "2026-01-06", "--to", "2026-01-06", "--live", "--json")
    session, tick, multiplier = ran.document["live"]["differences"]
    assert ran.code == 1
    assert (session["session"], session["theirs"]) == ("night", [[75_600, 91_800]])
    assert (tick["term"], tick["ours"], tick["theirs"]) == ("price tick", 1.0, 2.0)
    assert (multiplier["term"], multiplier["ours"], multiplier["theirs"]) == ("multiplier", 10, 20)
    assert ran.document["days"] == before["days"], "nothing is adopted, least of all for the past"
    assert ran.document["terms"] == before["terms"]
    doctor = shared.run("doctor", "--json", GHTRADER_SYMBOLS="KQ.m@DCE.m").document["findings"]
    (finding,) = [item for item in doctor if item["subject"] == "hours and terms"]
    assert finding["level"] == "error"
    assert "differs on KQ.m@DCE.m" in finding["finding"]
    assert "night session of" in finding["finding"]


def test_the_first_five_level_day_is_probed(shared: CommandLine) -> None:
    ran = shared.run("l5-start", "KQ.m@SHFE.rb", "--from", "2026-01-05", "--to", "2026-01-09", "--step", "3", "--json")
    document = ran.document
    assert (document["first_day"], document["setting"]) == ("2026-01-05", "GHTRADER_START_DATE_RB=2026-01-05")
    assert document["may_be_earlier"], "the first day asked about has five levels already"
    assert [item["trading_day"] for item in document["probed"]] == ["2026-01-05", "2026-01-08", "2026-01-09"]
    one_level = shared.run("l5-start", "KQ.m@DCE.m", "--from", "2026-01-05", "--to", "2026-01-09")
    assert "DCE delivers one level" in one_level.out
