"""A whole platform whose parts are killed and stopped: it comes back, and what was asked of it goes on or is named."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import psutil
import pytest

from ghtrader_assets.errors import IngestState
from ghtrader_assets.files import lock_holder
from ghtrader_assets.manifests import Manifest, manifest_files, read_manifest_file
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.runtime import CODE_SERVER, DAEMON, Runtime, Service, read_runtime
from ghtrader_assets_tests.fix_platform import (
    ANY_PORTS,
    COMMAND,
    MODEL_1,
    CommandLine,
    RunningPlatform,
    started_platform,
)
from ghtrader_assets_tests.waiting import HANGS_S, await_that

pytestmark = [pytest.mark.joint, pytest.mark.service, pytest.mark.xdist_group("kept up")]

SYMBOL = "KQ.m@CFFEX.IF"
"""No night session and one level: its days are small."""
DAYS = snapshot_calendar().days(date(2025, 12, 3), date(2025, 12, 5))
SETTINGS = MODEL_1 | {"GHTRADER_SYMBOLS": SYMBOL, "GHTRADER_INGEST_WORKERS": "1", "GHTRADER_PROMETHEUS_PORT": "0"}
RANGE = (SYMBOL, "--from", str(DAYS[0]), "--to", str(DAYS[-1]))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    with started_platform(tmp_path_factory.mktemp("kept"), **SETTINGS) as running:
        yield running


def runtime_of(home: Path) -> Runtime:
    runtime = read_runtime(home)
    assert runtime is not None
    return runtime


def ready_services(home: Path) -> dict[str, Service]:
    return {service.name: service for service in runtime_of(home).services if service.ready and service.process.alive}


def await_all(home: Path) -> dict[str, Service]:
    """Every part of the platform, once each is ready."""
    return await_that("all parts", lambda: found if len(found := ready_services(home)) == 7 else None) or {}


def send(home: Path, number: signal.Signals, *names: str) -> None:
    services = await_all(home)
    for name in names:
        psutil.Process(services[name].process.pid).send_signal(number)


def attempts(home: Path) -> list[Manifest]:
    return [read_manifest_file(path) for path in manifest_files(home)]


def begun(platform: RunningPlatform, *words: str) -> subprocess.Popen[str]:
    """A backfill whose first day is stored, while the provider says nothing of the last."""
    platform.exchange.faults({"kind": "stall", "trading_day": str(DAYS[-1]), "times": None})
    process = platform.command.start("backfill", *RANGE, "--json", *words)

    def is_held() -> bool:
        assert process.poll() is None, process.communicate()
        done = {load.trading_day for load in attempts(platform.command.home) if load.outcome == IngestState.COMPLETE}
        return DAYS[0] in done and platform.exchange.rules()[0]["hits"] > 0

    await_that("the first day stored and the last one held", is_held)
    return process


def reasons_of(out: str) -> list[str]:
    """Why days failed, by a report that tells each day."""
    report = json.loads(out)
    told = {day["trading_day"] for day in (*report["succeeded"], *report["failed"])}
    assert told == {str(day) for day in DAYS}, "each day is told"
    return [day["reason"] for day in report["failed"]]


def test_a_killed_code_server_takes_its_runs_along_and_their_days_are_named(kept: RunningPlatform) -> None:
    """The run ends, its attempts are closed, its slot is free; the same command ends the work."""
    home = kept.command.home
    process = begun(kept)
    server = psutil.Process(await_all(home)[CODE_SERVER].process.pid)
    (inner,) = server.children()
    runs = inner.children(recursive=True)
    inner.kill()
    assert psutil.wait_procs(runs, timeout=HANGS_S)[1] == [], "no run outlives its code server"
    kept.exchange.reset()
    out, err = process.communicate(timeout=600)
    assert "Traceback" not in out + err
    reasons_of(out)
    await_that("closed attempts", lambda: all(load.finished for load in attempts(home)))
    again = kept.command.run("backfill", *RANGE, "--json")
    assert again.code == 0, again.err
    assert again.document["failed"] == []


def test_a_stopped_daemon_is_started_again_and_the_backfill_goes_on(kept: RunningPlatform) -> None:
    before = await_all(kept.command.home)[DAEMON]
    send(kept.command.home, signal.SIGSTOP, DAEMON)
    ran = kept.command.run("backfill", *RANGE, "--force", "--json")
    assert ran.code == 0, ran.err
    assert len(ran.document["succeeded"]) == len(DAYS)
    assert await_all(kept.command.home)[DAEMON].process != before.process


@pytest.mark.parametrize(
    ("number", "why"),
    [
        pytest.param(signal.SIGKILL, "dagster-daemon ended and was not started again", id="dead"),
        pytest.param(signal.SIGSTOP, "shows no sign of life", id="hung"),
    ],
)
def test_a_backfill_whose_daemon_nobody_keeps_up_ends_with_its_days_named(
    kept: RunningPlatform, number: signal.Signals, why: str
) -> None:
    """`up` is stopped as well, so nothing comes back; its run goes on, and the same command ends the work later."""
    home = kept.command.home
    process = begun(kept, "--force")
    await_all(home)
    owner = psutil.Process(runtime_of(home).owner.pid)
    owner.suspend()
    try:
        send(home, number, DAEMON)
        out, err = process.communicate(timeout=HANGS_S)
    finally:
        owner.resume()
        kept.exchange.reset()
    assert process.returncode == 3, err
    failed = reasons_of(out)
    assert failed
    assert all(why in reason for reason in failed)
    assert "goes on without this command; follow or stop it at http" in err
    await_that("closed attempts", lambda: all(load.finished for load in attempts(home)))
    assert kept.command.run("backfill", *RANGE).code == 0


@pytest.mark.parametrize(("number", "code"), [(0, 0), (1, 1)], ids=["it goes on", "it is ended"])
def test_a_stopped_run_is_named_and_does_what_its_remedy_says(kept: RunningPlatform, number: int, code: int) -> None:
    home = kept.command.home
    process = begun(kept, "--force")
    (lock,) = (home / "living").glob("*.lock")
    run = lock_holder(lock)
    assert run is not None
    run.suspend()
    try:

        def named() -> dict[str, str] | None:
            found = kept.command.run("status", "--json").document["findings"]
            return next((each for each in found if each["kind"] == "run_stopped"), None)

        found = await_that("the finding", named)
        assert found is not None
        assert found["subject"] == f"run {lock.stem}"
        kept.exchange.reset()
        subprocess.run(shlex.split(re.findall(r"`([^`]+)`", found["remedy"])[number]), check=True)
        _, err = process.communicate(timeout=HANGS_S)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            run.resume()
    assert process.returncode == code, err
    assert named() is None
    assert kept.command.run("backfill", *RANGE).code == 0


def test_a_backfill_whose_run_is_stopped_ends_with_its_days_and_the_remedy_named(kept: RunningPlatform) -> None:
    """The run's end is waited for no longer than a hang may last; it goes on once it is woken."""
    process = begun(kept, "--force")
    (lock,) = (kept.command.home / "living").glob("*.lock")
    run = lock_holder(lock)
    assert run is not None
    run.suspend()
    try:
        out, err = process.communicate(timeout=HANGS_S)
    finally:
        run.resume()
        kept.exchange.reset()
    assert process.returncode == 3, err
    failed = reasons_of(out)
    assert failed
    assert all("is stopped" in reason and f"kill -CONT {run.pid}" in reason for reason in failed)
    assert kept.command.run("backfill", *RANGE).code == 0


def test_all_parts_killed_at_once_come_back_at_their_places(kept: RunningPlatform) -> None:
    home = kept.command.home
    before = await_all(home)
    send(home, signal.SIGKILL, *before)

    def back() -> bool:
        now = ready_services(home)
        return all(name in now and now[name].process != service.process for name, service in before.items())

    await_that("every part's return", back)
    assert {name: service.urls for name, service in await_all(home).items()} == {
        name: service.urls for name, service in before.items()
    }
    assert kept.command.run("status").code == 0
    assert runtime_of(home).given_up == {}


def test_a_killed_up_leaves_nothing_and_down_ends_what_is_stopped(tmp_path: Path) -> None:
    command = CommandLine(tmp_path, ANY_PORTS | SETTINGS)
    log = tmp_path / "logs" / "questdb.log"
    assert command.run("up", "--detach").code == 0
    owner = psutil.Process(runtime_of(tmp_path).owner.pid)
    children = owner.children(recursive=True)
    owner.kill()
    assert psutil.wait_procs(children, timeout=HANGS_S)[1] == []
    assert "QuestDB is shutdown" in log.read_text(encoding="utf-8"), "closed in order"
    log.write_text("", encoding="utf-8")

    assert command.run("up", "--detach").code == 0, "without a hand"
    children = psutil.Process(runtime_of(tmp_path).owner.pid).children(recursive=True)
    send(tmp_path, signal.SIGSTOP, "questdb", "exchange", DAEMON)
    assert command.run("down").code == 0
    assert psutil.wait_procs(children, timeout=HANGS_S)[1] == []
    assert "QuestDB is shutdown" in log.read_text(encoding="utf-8"), "closed in order, whatever the others do"
    assert read_runtime(tmp_path) is None


def test_definitions_that_cannot_be_loaded_end_up_with_their_error(bare: CommandLine) -> None:
    """An account without a first day: no port is open in vain, and nobody is told that Dagster is ready."""
    ran = bare.run("up", TQSDK_USER="quant", TQSDK_PASSWORD="quant")
    assert ran.code == 3
    assert "Dagster can't load our definitions" in ran.err
    assert "GHTRADER_START_DATE is not set" in ran.err
    assert "Traceback" not in ran.err


def test_another_code_location_in_error_is_an_error_until_its_remedy_is_done(bare: CommandLine) -> None:
    """Dagster's web server answers all the while, and ours loads."""
    broken = bare.home / "broken.py"
    broken.write_text('raise RuntimeError("of mine")', encoding="utf-8")
    workspace = bare.home / "workspace.yaml"
    workspace.write_text("load_from: [{python_file: broken.py}]", encoding="utf-8")
    assert bare.run("up", "--detach", GHTRADER_WORKSPACE=str(workspace)).code == 0
    try:
        for word in ("status", "doctor"):
            ran = bare.run(word, "--json")
            assert (ran.code, "RuntimeError: of mine" in ran.out) == (1, True), word
        (finding,) = [each for each in bare.run("status", "--json").document["findings"] if "broken.py" in str(each)]
        broken.write_text("import dagster\n\ndefs = dagster.Definitions()", encoding="utf-8")
        for words in re.findall(r"`ghtrader-assets ([a-z -]+)`", finding["remedy"]):
            detached = ("--detach",) if words == "up" else ()
            assert bare.run(*words.split(), *detached, GHTRADER_WORKSPACE=str(workspace)).code == 0
        assert "broken.py" not in bare.run("status", "--json").out
    finally:
        assert bare.run("down").code == 0


def test_relative_paths_mean_the_folder_of_the_command(bare: CommandLine) -> None:
    """Its children stand in the home, and in the folder of the workspace file those that read that."""
    (bare.home / "ghtrader.toml").write_text('home = "data"\nsymbols = "KQ.m@CFFEX.IF"\n', encoding="utf-8")
    (bare.home / "ghtrader.toml").chmod(0o600)
    (bare.home / "mine").mkdir()
    module = {"module_name": "of_mine", "working_directory": "."}
    (bare.home / "mine" / "workspace.yaml").write_text(json.dumps({"load_from": [{"python_module": module}]}))
    (bare.home / "mine" / "of_mine.py").write_text("import dagster, in_lib\n\ndefs = dagster.Definitions()")
    (bare.home / "lib").mkdir()
    (bare.home / "lib" / "in_lib.py").touch()
    place = {"GHTRADER_WORKSPACE": "mine/workspace.yaml", "GHTRADER_SETTINGS_FILE": "ghtrader.toml"}
    place["PYTHONPATH"] = os.pathsep.join(filter(None, ["lib", os.environ.get("PYTHONPATH")]))
    environment = {name: value for name, value in bare.whole_environment(place).items() if name != "GHTRADER_HOME"}
    up, status = (in_folder(environment, bare.home, *words) for words in (("up", "--detach"), ("status", "--json")))
    try:
        assert up.returncode == 0, up.stderr
        assert (status.returncode, "of_mine" in status.stdout) == (0, False), status.stdout
        assert (bare.home / "data" / "runtime.json").exists()
        assert json.loads(status.stdout)["home"] == str(bare.home / "data")
    finally:
        assert in_folder(environment, bare.home, "down").returncode == 0


def in_folder(environment: Mapping[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=HANGS_S
    )
