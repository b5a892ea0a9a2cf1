"""The rules without a server: wholeness, kinds of failure, retries, slots, pace, secrets."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets import files
from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.errors import (
    BrokenDayError,
    DeniedError,
    FetchError,
    MaintenanceError,
    ProviderEmptyError,
    ShortDayError,
    SilentProviderError,
    ThrottledError,
    TransientFetchError,
)
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.tq import faults, wire
from ghtrader_assets.tq.attempts import Task
from ghtrader_assets.tq.pace import Pace
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.slots import session_slots
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets.tq.wholeness import Reading, whole_day
from ghtrader_assets_tests.tq.conftest import CANARY, QUICK, request_of
from ghtrader_assets_tests.waiting import HANGS_S, await_that

WINDOW = snapshot_calendar().window(date(2025, 4, 21))
OPEN = WINDOW.start_ns + 3 * 3600 * 10**9
PROVIDER = Provider("trader", SecretStr(CANARY), {"TQ_MD_URL": "ws://127.0.0.1:1/md"})


def _answered(status: int, body: str) -> requests.HTTPError:
    response = requests.Response()
    response.status_code, response._content = status, body.encode()
    return requests.HTTPError(response=response)


def reading(ids: list[int], **changed: Any) -> Reading:
    columns = {
        "tick_id": np.array(ids, dtype=np.int64),
        "datetime_ns": OPEN + np.arange(len(ids), dtype=np.int64) * 500_000_000,
        "last_price": np.full(len(ids), 1.0),
    }
    last = ids[-1] if ids else -1
    known: dict[str, Any] = {
        "second_ids": np.array(ids[-1:], dtype=np.int64),
        "following_ns": WINDOW.end_ns + 1,
        "series_last_id": last + 1,
    }
    return Reading(columns, **(known | changed))


@given(st.integers(1, 50), st.data())
@settings(max_examples=100, deadline=None)
def test_a_day_without_any_of_its_ids_is_not_whole(count: int, data: st.DataObject) -> None:
    ids = list(range(100, 100 + count))
    frame, fault = whole_day(reading(ids, first_id=100), WINDOW)
    assert (frame.height, fault) == (count, None)
    gone = data.draw(st.sets(st.sampled_from(ids), min_size=1))
    left = [item for item in ids if item not in gone]
    known = {"first_id": 100, "series_last_id": 100 + count}
    ends_early = not left or left[-1] != ids[-1]
    partial = reading(left, **known, **({"following_ns": None} if ends_early else {}))
    _, fault = whole_day(partial, WINDOW)
    assert isinstance(fault, ShortDayError | ProviderEmptyError)
    assert isinstance(fault, ProviderEmptyError) == (not left)


@pytest.mark.parametrize(
    ("changed", "kind", "says"),
    [
        ({"second_ids": np.array([3, 4, 5])}, ShortDayError, "brought 2 more"),
        ({"following_ns": WINDOW.end_ns - 1}, ShortDayError, "before id 4"),
        ({"following_ns": None, "series_last_id": 9}, ShortDayError, "id 4 after .* was not delivered"),
        ({"following_ns": None, "series_last_id": 3, "quote_ns": OPEN + 3600 * 10**9}, ShortDayError, "quote is of"),
    ],
)
def test_the_end_of_a_day_is_proved(changed: dict[str, Any], kind: type[FetchError], says: str) -> None:
    _, fault = whole_day(reading([1, 2, 3], **changed), WINDOW)
    assert fault is not None
    with pytest.raises(kind, match=says):
        raise fault


@pytest.mark.parametrize("quote_ns", [OPEN + 10**9, OPEN + 20 * 60 * 10**9])
def test_the_last_day_of_a_series_is_whole(quote_ns: int) -> None:
    """Settlement figures refresh a quote after the close."""
    last = reading([1, 2, 3], following_ns=None, series_last_id=3, quote_ns=quote_ns)
    assert whole_day(last, WINDOW)[1] is None
    assert whole_day(reading([1, 2, 3], following_ns=None, series_last_id=3), WINDOW)[1] is None


def test_repeated_ids_and_time_running_backwards_are_broken() -> None:
    assert isinstance(whole_day(reading([1, 2, 2, 3]), WINDOW)[1], BrokenDayError)
    backwards = reading([1, 2, 3])
    backwards.columns["datetime_ns"][1] += 10**12
    assert isinstance(whole_day(backwards, WINDOW)[1], BrokenDayError)


def test_an_empty_day_that_is_not_empty() -> None:
    assert isinstance(whole_day(reading([], following_ns=None), WINDOW)[1], ProviderEmptyError)
    assert isinstance(whole_day(reading([], second_ids=np.array([7])), WINDOW)[1], ShortDayError)
    assert isinstance(whole_day(reading([], following_ns=OPEN), WINDOW)[1], ShortDayError)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("用户权限认证失败 (401,{'error': 'invalid_grant'})", DeniedError),
        ("用户权限认证失败 (429,{})", ThrottledError),
        ("用户权限认证失败 (503,{})", TransientFetchError),
        ("用户权限认证失败 (503,{'error_description': '系统维护中'})", MaintenanceError),
        ("get_tick_data_series 数据获取方式仅限专业版用户使用，如需购买专业版", DeniedError),
        ("您的账户不支持查看 SHFE.cu2602 的行情数据，需要购买后才能使用", DeniedError),
        ("与 wss://x 的连接失败，每日 19:00-19:30 为日常运维时间，请稍后再试", MaintenanceError),
        ("调用名称服务失败: 502, b''", TransientFetchError),
        ("Under Maintenance", TransientFetchError),
        ("file /data/maintenance/x", TransientFetchError),
        ("用户权限认证失败 (403,{'error': '系统维护 SR401'})", DeniedError),
        ("Deadlock: lock is already held", TransientFetchError),
    ],
)
def test_the_clients_words_have_kinds(text: str, kind: type[FetchError]) -> None:
    assert type(faults.of_exception(Exception(text))) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionError("[Errno 111] maintenance.example 用户权限认证失败 (401,"), TransientFetchError),
        (TimeoutError("维护"), TransientFetchError),
        (requests.ReadTimeout("Under Maintenance"), SilentProviderError),
        (RuntimeError("您的账户不支持"), TransientFetchError),
        (json.JSONDecodeError("维护", "用户权限认证失败 (401,", 0), BrokenDayError),
        (_answered(429, "维护"), ThrottledError),
        (_answered(503, "401"), TransientFetchError),
        (_answered(404, "429"), DeniedError),
        (_answered(403, "you may not read maintenance-free SR401"), DeniedError),
        (_answered(500, "maintenance"), TransientFetchError),
        (_answered(503, "维护"), MaintenanceError),
        (Exception("cu2401 用户权限认证失败 (401,"), TransientFetchError),
    ],
)
def test_a_type_or_a_status_goes_before_any_text(error: Exception, kind: type[FetchError]) -> None:
    assert type(faults.of_exception(error)) is kind


@pytest.mark.parametrize(
    "text",
    [
        "系统维护已于今日结束, 恢复正常",
        "Maintenance has ended",
        "行情恢复正常",
        "如有问题请联系运维人员",
        "今日无维护",
        "下次维护时间另行通知",
        "The server is temporarily unable to service your request due to maintenance downtime or capacity problems.",
    ],
)
def test_maintenance_that_is_not_announced_stops_nothing(text: str) -> None:
    faults.heed_notice(text)
    assert type(faults.of_exception(_answered(503, text))) is TransientFetchError


def test_the_clients_clock_says_nothing_of_a_server_that_never_closes() -> None:
    lost = "与 wss://x 的{}，每日 19:00-19:30 为日常运维时间，请稍后再试"
    assert type(faults.of_exception(Exception(lost.format("连接失败")), closes_daily=False)) is TransientFetchError
    faults.heed_notice(lost.format("网络连接断开，请检查客户端及网络是否正常"), closes_daily=False)
    with pytest.raises(MaintenanceError):
        faults.heed_notice("系统维护中，每日 19:00-19:30 为日常运维时间，请稍后再试", closes_daily=False)


@pytest.mark.parametrize(
    "text",
    [
        "系统维护中，每日 19:00-19:30 为日常运维时间，请稍后再试",
        "系统维护中，预计 19:30 恢复",
        "维护将于 20:00 结束",
        "服务不可用系统维护中",
        "无法连接维护中",
        "Scheduled maintenance, will be completed at 20:00",
    ],
)
def test_maintenance_that_is_announced_stops(text: str) -> None:
    with pytest.raises(MaintenanceError):
        faults.heed_notice(text)


def test_only_a_log_in_that_is_malformed_is_the_accounts() -> None:
    assert faults.of_status(400, faults.LOGIN_SERVER, "").remedy == faults.CREDENTIAL_REMEDY
    assert faults.of_status(400, faults.NAME_SERVICE, "login").remedy == "check the TQ_* addresses"


def test_no_secret_gets_into_a_text() -> None:
    setup = wire.Setup("u", CANARY, "k", "h", "d", keeps_maintenance_window=False, timing=QUICK)
    assert CANARY not in f"{setup!r} {PROVIDER!r} {[setup, PROVIDER]}"


def test_a_day_is_given_up_in_time() -> None:
    task = Task(request_of("SHFE.au2604", date(2025, 4, 21)), Timing(attempts=3, backoff_s=1.0), SYSTEM_CLOCK)
    pauses = []
    for _ in range(3):
        task.begin("tqsdk", worker_ready=True)
        pauses.append(task.follow_up(TransientFetchError("away")))
    assert pauses[2] is None
    assert 0.5 <= pauses[0] <= 1.5
    assert 1.0 <= pauses[1] <= 3.0
    ended = task.ended_with(TransientFetchError("away"))
    assert (ended.state, ended.reason) == ("failed", "away (after 3 attempts)")


def test_no_pause_reaches_beyond_the_deadline() -> None:
    timing = Timing(day_s=0.1, backoff_s=5.0)
    task = Task(request_of("SHFE.au2604", date(2025, 4, 21)), timing, SYSTEM_CLOCK)
    task.begin("tqsdk", worker_ready=True)
    assert task.follow_up(TransientFetchError("away")) is None


def test_a_short_day_goes_to_the_plain_client_and_has_its_own_count() -> None:
    task = Task(request_of("SHFE.au2604", date(2025, 4, 21)), QUICK, SYSTEM_CLOCK)
    task.begin("lean", worker_ready=True)
    assert task.fast_allowed
    assert task.follow_up(ShortDayError("short")) is not None
    assert not task.fast_allowed
    task.begin("tqsdk", worker_ready=True)
    assert task.follow_up(ShortDayError("short")) is not None
    task.begin("tqsdk", worker_ready=True)
    assert task.follow_up(ShortDayError("short")) is None


def _tries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many slots each look for them took from now on."""
    found: list[int] = []
    take = files._take

    def looked(*where: Any) -> int:
        found.append(take(*where))
        return found[-1]

    monkeypatch.setattr(files, "_take", looked)
    return found


def test_slots_are_shared_by_processes_and_freed_by_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f"""
        import sys, time
        from pathlib import Path
        from pydantic import SecretStr
        from ghtrader_assets.tq.provider import Provider
        from ghtrader_assets.tq.slots import session_slots
        provider = Provider("trader", SecretStr("x"), {{"TQ_MD_URL": "ws://127.0.0.1:1/md"}})
        with session_slots(Path({str(tmp_path)!r}), provider, 3, 2) as granted:
            print(granted, flush=True)
            time.sleep(3600)
    """

    def granted_of(want: int) -> int:
        with session_slots(tmp_path, PROVIDER, 3, want) as granted:
            return granted

    path = [entry or "." for entry in sys.path]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, env={"PYTHONPATH": ":".join(path)}
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"2\n"
        with ThreadPoolExecutor(1) as threads:
            with session_slots(tmp_path, PROVIDER, 3, 3) as granted:
                assert granted == 1
                tried = _tries(monkeypatch)
                waiting = threads.submit(granted_of, 2)
                await_that("it finds no slot, twice", lambda: len(tried) >= 2)
                assert not any(tried)
                assert not waiting.done()
            assert waiting.result(timeout=HANGS_S) == 1
        other.kill()
        other.wait()
    assert [granted_of(3), granted_of(9)] == [3, 3]


def test_the_pace_is_shared_and_a_429_slows_everybody(tmp_path: Path) -> None:
    clock = Clock(lambda: 1_700_000_000 * 10**9)
    first, second = (Pace(tmp_path, "k", "sessions", 10.0, clock) for _ in range(2))
    assert first.reserve() == 0.0
    assert second.reserve() == 0.1
    first.slow_down(5.0)
    assert second.delay() == 5.0
    assert Pace(tmp_path, "k", "pages", 10.0, clock).delay() == 0.0


def test_starts_that_are_taken_at_once_are_all_apart(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    clock = Clock(lambda: 1_700_000_000 * 10**9)
    with ThreadPoolExecutor(8) as threads:
        waits = threads.map(lambda _: Pace(tmp_path, "k", "sessions", 10.0, clock).reserve(), range(400))
        assert sorted(round(wait_s * 10) for wait_s in waits) == list(range(400))


def test_a_clock_that_was_set_back_keeps_no_session_waiting(tmp_path: Path) -> None:
    Pace(tmp_path, "k", "sessions", 10.0, Clock(lambda: 1_700_001_000 * 10**9)).slow_down(5.0)
    assert Pace(tmp_path, "k", "sessions", 10.0, Clock(lambda: 1_700_000_000 * 10**9)).delay() == 0.0


def test_timing_is_frozen_and_moves_the_provider_clock() -> None:
    shifted = Timing(clock_offset_s=3600)
    assert shifted.provider_clock(Clock(lambda: 5)).now_ns() == 3600 * 10**9 + 5
    assert Timing().provider_clock(Clock(lambda: 5)).now_ns() == 5
    with pytest.raises(AttributeError):
        shifted.day_s = 1.0  # type: ignore[misc]
    assert msgspec.structs.replace(shifted, day_s=1.0).day_s == 1.0
