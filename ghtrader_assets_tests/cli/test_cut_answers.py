"""QuestDB's bulk answers cut off and ended as they should: one line, the day concerned fails, the others go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from ghtrader_assets.errors import BrokenAnswerError
from ghtrader_assets.manifests import manifest_files, read_manifest_file
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_platform import CommandLine
from ghtrader_assets_tests.waiting import HANGS_S

SYMBOL = "KQ.m@CFFEX.IF"
DAYS = snapshot_calendar().days(date(2026, 3, 10), date(2026, 3, 12))
RANGE = (SYMBOL, "--from", str(DAYS[0]), "--to", str(DAYS[-1]))
OTHER_DAYS = snapshot_calendar().days(date(2026, 3, 16), date(2026, 3, 18))
OTHER_RANGE = (SYMBOL, "--from", str(OTHER_DAYS[0]), "--to", str(OTHER_DAYS[-1]))

Cut = Callable[[str], bool]


@contextmanager
def cutting(upstream: str, is_cut: Cut) -> Generator[str]:
    """The address of a proxy of QuestDB's HTTP server that takes the end off the exports of chosen statements."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if self.headers[name]}
            url = f"http://{upstream}{self.path}"
            answer = requests.request(self.command, url, data=sent, headers=headers, timeout=HANGS_S)
            asked = urlsplit(self.path)
            content = answer.content
            if asked.path == "/exp" and is_cut(parse_qs(asked.query)["query"][0]):
                content = content[: len(content) // 2]
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_any  # noqa: N815 - the names that `BaseHTTPRequestHandler` looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def whole_day(day: date) -> Cut:
    """The ticks of the window that ends on this day: what its load reads back."""
    return lambda statement: "tick_id" in statement and f"ts < '{day}T" in statement


@pytest.fixture
def command(shared: CommandLine) -> CommandLine:
    return CommandLine(shared.home, {**shared.environment, "GHTRADER_SYMBOLS": SYMBOL})


def test_readers_say_it_in_one_line(
    command: CommandLine, questdb_endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = command.run("backfill", *RANGE)
    assert ran.code == 0, ran.err
    (manifest_id, *_) = [day["manifest_id"] for day in command.run("days", *RANGE, "--json").document]
    target = tmp_path / "day.parquet"
    with cutting(questdb_endpoint.http, lambda statement: True) as address:
        for words in (
            ("ticks", SYMBOL, str(DAYS[0]), "--out", str(target)),
            ("verify-manifest", manifest_id),
            ("validate", *RANGE, "--full"),
        ):
            ran = command.run(*words, GHTRADER_QUESTDB_HTTP=address)
            assert ran.code == 3, ran.out
            said = [line for line in ran.err.splitlines() if "GHT-209" in line]
            assert len(said) == 1, ran.err
            assert "that are no whole Parquet file" in said[0]
            assert "Traceback" not in ran.err
        for name, value in command.whole_environment({"GHTRADER_QUESTDB_HTTP": address}).items():
            monkeypatch.setenv(name, value)
        with Store(Settings()) as store, pytest.raises(BrokenAnswerError, match="no whole Parquet file"):
            store.ticks(SYMBOL, DAYS[0])
    assert not target.exists()


def test_a_load_fails_the_day_that_was_read_back_cut_and_goes_on(
    command: CommandLine, questdb_endpoint: Endpoint
) -> None:
    with cutting(questdb_endpoint.http, whole_day(OTHER_DAYS[1])) as address:
        ran = command.run("backfill", *OTHER_RANGE, "--json", GHTRADER_QUESTDB_HTTP=address)
    assert ran.code == 1, ran.err
    (failed,) = ran.document["failed"]
    assert failed["trading_day"] == str(OTHER_DAYS[1])
    assert "that are no whole Parquet file" in failed["reason"]
    assert {day["trading_day"] for day in ran.document["succeeded"]} == {str(OTHER_DAYS[0]), str(OTHER_DAYS[2])}
    assert all(read_manifest_file(path).finished for path in manifest_files(command.home))
    again = command.run("backfill", *OTHER_RANGE, "--json")
    assert (again.code, again.document["failed"]) == (0, []), again.err
