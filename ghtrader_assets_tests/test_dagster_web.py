"""What answers on Dagster's port but not as Dagster does is named in one line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ghtrader_assets.dagster_web import DagsterAddress, ask_dagster
from ghtrader_assets.errors import ServiceError
from ghtrader_assets_tests.waiting import HANGS_S


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """The address of an HTTP server that answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def test_the_data_is_handed_out() -> None:
    with answering(b'{"data": {"version": "1"}}') as url:
        assert ask_dagster(DagsterAddress(url), "{ version }", timeout_s=HANGS_S) == {"version": "1"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"data": null}', "is no Dagster"),
        (b'{"errors": []}', "is no Dagster"),
        (b'{"errors": ["x"]}', "is no Dagster"),
        (b"[1, 2]", "is no Dagster"),
        (b"{}", "is no Dagster"),
        (b"<html>", "does not answer: JSONDecodeError"),
        (b'{"data": {}, "errors": [{"message": "no such field"}]}', "refused the request: no such field"),
    ],
)
def test_any_other_answer_is_an_error_of_one_line(body: bytes, said: str) -> None:
    with answering(body) as url, pytest.raises(ServiceError, match=said):
        ask_dagster(DagsterAddress(url), "{ version }", timeout_s=HANGS_S)
