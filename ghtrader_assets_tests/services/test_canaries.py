"""Every secret of a running platform is a canary; none is out after a success, a failure that echoes one, a crash."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from psycopg import connect

from ghtrader_assets.questdb.client.credentials import CREDENTIALS_FILE, read_credentials
from ghtrader_assets.redaction import HIDDEN
from ghtrader_assets_tests.fix_platform import COPPER, COPPER_DAYS, PASSWORD, SECRETS, Loaded, RunningPlatform
from ghtrader_assets_tests.waiting import await_that

SYMBOL, KEY = "KQ.m@DCE.m", "KQ_m_DCE_m"
DAY = COPPER_DAYS[1]
OWN_FILES = {CREDENTIALS_FILE, "web/token", "web/token_read"}
"""Where secrets of a home are kept, for their user alone."""
PAGES = ("/", f"/day/{KEY}/{DAY}", f"/symbol/{KEY}", "/operations", "/readyz")


class Failed(NamedTuple):
    """A run whose provider echoed secrets, and one that was killed."""

    failed: str
    killed: str


def canaries(platform: RunningPlatform) -> list[str]:
    logins = read_credentials(platform.command.home)
    kept = (*(login.password for login in logins), platform.keys.owner, platform.keys.reader)
    return [*(f"{PASSWORD}-{name.lower()}" for name in SECRETS), *(secret.get_secret_value() for secret in kept)]


def forms(secret: str) -> Iterator[bytes]:
    """As it is, in the two encodings that databases have, percent-encoded, in base64 at each place, in hex."""
    raw = secret.encode()
    yield raw
    yield secret.encode("utf-16-le")
    yield "".join(f"%{byte:02X}" for byte in raw).encode()
    yield raw.hex().encode()
    for shift in range(3):
        yield base64.b64encode(bytes(shift) + raw)[4 : (shift + len(raw)) * 8 // 6]


def found(platform: RunningPlatform, said: bytes) -> list[str]:
    return [secret for secret in canaries(platform) if any(form in said for form in forms(secret))]


def content_of(path: Path) -> bytes:
    """What a file holds; nothing of one that has gone, as the lock of a run does with the run."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def ends(platform: RunningPlatform, run_id: str) -> str:
    def ended() -> str | None:
        status = str(platform.run_of(run_id)["status"])
        return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

    return str(await_that(f"the end of run {run_id}", ended))


def process_of(run_id: str) -> psutil.Process | None:
    return next((each for each in psutil.process_iter() if any(run_id in word for word in words_of(each))), None)


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def failed(platform_process: RunningPlatform, copper: Loaded) -> Failed:
    """After the loads that succeeded: one that is refused with words that hold secrets, one that is killed."""
    control = platform_process.exchange
    secret = f"{PASSWORD}-tqsdk_password"
    echo = f"no {secret.replace('-', '%2D')} {base64.b64encode(secret.encode()).decode()}"
    control.reset()
    control.faults({"kind": "refuse", "at": "handshake", "status": 404, "message": echo, "times": None})
    try:
        refused = platform_process.launch_run(SYMBOL, DAY, DAY)
        assert ends(platform_process, refused) == "FAILURE"
        control.reset()
        control.faults({"kind": "slow", "seconds": 60.0, "times": None})
        killed = platform_process.launch_run(SYMBOL, COPPER_DAYS[2], COPPER_DAYS[2])
        process = await_that("the process of the run", lambda: process_of(killed))
        assert process is not None
        process.kill()
    finally:
        control.reset()
    return Failed(refused, killed)


def test_none_is_in_a_file_of_the_home(platform: RunningPlatform, failed: Failed) -> None:
    """Logs of all parts and runs, Dagster's SQLite with events, tags and run config, manifests, what workers left."""
    home = platform.command.home
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_relative_to(home / "questdb" / "db")]
    assert any(failed.failed.encode() in path.read_bytes() for path in files if path.suffix == ".db")
    told = {str(path.relative_to(home)): secrets for path in files if (secrets := found(platform, content_of(path)))}
    assert told.keys() == OWN_FILES, "the search finds what is there, and nothing elsewhere"


def test_none_is_in_the_store(platform: RunningPlatform, failed: Failed) -> None:
    service = platform.runtime.service("questdb")
    assert service is not None
    owner, _ = read_credentials(platform.command.home)
    address = f"host=127.0.0.1 port={service.urls['pg'].rpartition(':')[2]} dbname=qdb user={owner.user}"
    said = ""
    with connect(address, password=owner.password.get_secret_value(), autocommit=True) as session:
        names = [str(name) for (name,) in session.execute("SELECT table_name FROM tables()").fetchall()]
        for name in names:
            if name.startswith("ghtrader_") and "ticks" not in name:
                said += str(session.execute(f'SELECT * FROM "{name}"').fetchall())
    assert HIDDEN in said, "the reason that the provider gave"
    assert found(platform, said.encode()) == []


def test_none_is_on_a_page(platform: RunningPlatform, failed: Failed) -> None:
    pages = [platform.get("dashboard", path).content for path in PAGES]
    pages += [platform.get("dashboard", path).content for path in ("/_dash-layout", "/_dash-dependencies")]
    pages.append(platform.get("prometheus", "/metrics").content)
    events = platform.graphql(EVENTS, id=failed.failed)
    pages.append(json.dumps(events).encode())
    assert HIDDEN.encode() in pages[-1]
    assert [(place, secrets) for place, said in enumerate(pages) if (secrets := found(platform, said))] == []


EVENTS = """query Events($id: ID!) { logsForRun(runId: $id) { __typename ... on EventConnection { events {
  __typename ... on MessageEvent { message }
  ... on ExecutionStepFailureEvent { error { message stack causes { message stack } } }
} } }
  runOrError(runId: $id) { ... on Run { runConfigYaml tags { key value } } } }"""


def test_none_is_in_the_words_of_a_process(platform: RunningPlatform, failed: Failed) -> None:
    lines = [" ".join(words_of(process)) for process in psutil.process_iter()]
    assert any("ghtrader_assets" in line for line in lines)
    assert [line for line in lines if found(platform, line.encode())] == []


def test_none_is_in_what_a_command_prints_with_its_traceback(platform: RunningPlatform, failed: Failed) -> None:
    day = str(DAY)
    for words in (
        ("days", SYMBOL, "--from", day, "--to", day, "--json"),
        ("manifests", "--covering", day),
        ("repair", "--from", day, "--to", day),
        ("status", "--json"),
        ("doctor", "--debug"),
        ("gaps", COPPER, "2026-01-04", "--debug"),
    ):
        ran = platform.command.run(*words)
        assert found(platform, f"{ran.out}{ran.err}".encode()) == [], words
