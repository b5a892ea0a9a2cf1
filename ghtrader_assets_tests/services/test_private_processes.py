"""What other users of the host, a foreign current folder and a core dump get of a running platform: nothing."""

from __future__ import annotations

import contextlib
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ghtrader_assets.runtime import (
    CODE_SERVER,
    DAEMON,
    DAGSTER,
    DASHBOARD,
    EXCHANGE,
    PROMETHEUS,
    QUESTDB,
    Service,
    read_runtime,
)
from ghtrader_assets_tests.another_user import ANOTHER, as_root
from ghtrader_assets_tests.fix_platform import PASSWORD, Loaded, RunningPlatform
from ghtrader_assets_tests.waiting import HANGS_S, await_that

PARTS = (QUESTDB, EXCHANGE, CODE_SERVER, DAGSTER, DAEMON, DASHBOARD, PROMETHEUS)


def processes(platform: RunningPlatform, name: str) -> list[psutil.Process]:
    """Those of a part, as it runs now: other tests kill parts. Dagster's code server has another one inside."""

    def running() -> Service | None:
        runtime = read_runtime(platform.command.home)
        return runtime and runtime.service(name)

    service = await_that(f"{name} is ready", running)
    assert service is not None
    process = psutil.Process(service.process.pid)
    return [process, *process.children(recursive=True)]


def files_of(home: Path) -> Iterator[tuple[Path, int]]:
    for path in (home, *home.rglob("*")):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISLNK(found.st_mode):
            yield path, found.st_mode


@contextlib.contextmanager
def opened_above(home: Path) -> Iterator[None]:
    """The folders above a home of the tests, which are as closed as the home itself, can be passed by all."""
    modes = {folder: folder.stat().st_mode for folder in home.parents}
    try:
        for folder, mode in modes.items():
            folder.chmod(stat.S_IMODE(mode) | 0o011)
        yield
    finally:
        for folder, mode in modes.items():
            folder.chmod(stat.S_IMODE(mode))


def ran_as_another(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", f"--reuid={ANOTHER}", f"--regid={ANOTHER}", "--clear-groups", "sh", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS_S,
    )


def test_nothing_in_the_home_is_open_to_others(platform: RunningPlatform, copper: Loaded) -> None:
    """Started under umask 000, which made 68 files writable by all. QuestDB sets the modes of its files itself."""
    questdb = platform.command.home / "questdb"
    found = list(files_of(platform.command.home))
    assert (questdb / "db", stat.S_IFDIR | 0o700) in found
    by_us = [(path, mode) for path, mode in found if stat.S_ISDIR(mode) or not path.is_relative_to(questdb)]
    assert [str(path) for path, mode in by_us if mode & 0o077] == []


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_private(platform: RunningPlatform, name: str) -> None:
    part, *children = processes(platform, name)
    require_private(part, platform.command.home, sets_umask=name == QUESTDB)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):  # of a moment: libraries start such
            require_private(child, platform.command.home, sets_umask=name == QUESTDB)


def require_private(process: psutil.Process, home: Path, *, sets_umask: bool) -> None:
    """`sets_umask`: it has one of its own, whatever it was given. Raises `psutil.NoSuchProcess` if it has ended."""
    assert process.rlimit(resource.RLIMIT_CORE) == (0, 0)
    assert Path(process.cwd()).is_relative_to(home)
    told = process.cmdline()
    with contextlib.suppress(FileNotFoundError):
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        assert sets_umask or "Umask:\t0077" in status, told


@pytest.mark.parametrize("name", PARTS)
def test_a_part_has_its_temporary_files_in_the_home(platform: RunningPlatform, name: str) -> None:
    process = processes(platform, name)[0]
    folder = Path(process.environ()["TMPDIR"])
    assert folder.is_relative_to(platform.command.home)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_socket_of_the_platform_lies_outside_its_home(platform: RunningPlatform) -> None:
    named = [
        item.laddr
        for name in PARTS
        for process in processes(platform, name)
        for item in process.net_connections("unix")
        if item.laddr and not item.laddr.startswith("@")
    ]
    assert named, "the code server listens on one"
    assert [path for path in named if not Path(path).is_relative_to(platform.command.home)] == []


@pytest.mark.parametrize(
    ("name", "given"),
    [
        (QUESTDB, set()),
        (EXCHANGE, set()),
        (DASHBOARD, {"QUESTDB_PASSWORD", "QUESTDB_READER_PASSWORD"}),
        (PROMETHEUS, {"QUESTDB_PASSWORD", "QUESTDB_READER_PASSWORD"}),
        (DAGSTER, {"QUESTDB_PASSWORD", "QUESTDB_READER_PASSWORD", "REDIS_URL"}),
        (DAEMON, {"QUESTDB_PASSWORD", "QUESTDB_READER_PASSWORD", "REDIS_URL"}),
        (CODE_SERVER, {"QUESTDB_PASSWORD", "QUESTDB_READER_PASSWORD", "REDIS_URL", "TQSDK_PASSWORD"}),
    ],
)
def test_a_part_is_given_the_secrets_that_it_needs(platform: RunningPlatform, name: str, given: set[str]) -> None:
    for process in processes(platform, name):
        found = {variable for variable, value in process.environ().items() if PASSWORD in value}
        assert {variable.removeprefix("GHTRADER_") for variable in found} == given, process.cmdline()


def test_the_folder_that_a_command_is_started_in_is_not_obeyed(platform: RunningPlatform, copper: Loaded) -> None:
    """`aiohttp.py` in it was executed; `.env` was read by Dagster, `matplotlibrc` by what draws."""
    assert platform.command.folder is not None
    assert not (platform.command.folder / "obeyed").exists()
    for name in PARTS:
        assert processes(platform, name)[0].environ().get("GHTRADER_LOG_LEVEL") != "debug"


@as_root
@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")
def test_another_user_of_the_host_gets_nothing(platform: RunningPlatform) -> None:
    home = platform.command.home
    tries = [f"cat {home}/runtime.json", f"ls {home}", f"echo >> {home}/dagster/dagster.yaml", f"touch {home}/x"]
    tries += [f"cat /proc/{processes(platform, name)[0].pid}/environ" for name in PARTS]
    with opened_above(home):
        assert ran_as_another(f"stat {home}").returncode == 0, "the home alone has to hold"
        for each in tries:
            ran = ran_as_another(each)
            assert (ran.returncode != 0, ran.stdout) == (True, ""), each
