"""Logs: one JSON object a line on stderr, and no secret in any of them, whoever wrote the record."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from shinny_structlog import ShinnyLogger

from ghtrader_assets.logs import _Lines, logger
from ghtrader_assets.redaction import HIDDEN, hide, redacted
from ghtrader_assets_tests.fix_platform import PASSWORD, CommandLine

CANARY = "canary-5f0d-secret"

SCRIPT = f"""
import logging, warnings
from pydantic import SecretStr
from ghtrader_assets.logs import configure, logger
from ghtrader_assets.redaction import hide
configure("debug")
hide(SecretStr({CANARY!r}))
log = logger("ghtrader_assets.somewhere")
log.debug("plain", count=3, ok=True, nothing=None)
log.info("with 100% {CANARY} inside", where="http://user:{CANARY}@host/x", nested={{"deep": ["{CANARY}"]}})
log.warning("by header", sent="Authorization: Bearer other-secret-5")
log.warning("by key", password="other-secret-1", headers={{"Authorization": "Bearer other-secret-2"}})
log.info("a secret type", value=SecretStr("other-secret-3"))
logging.getLogger("urllib3").warning("GET /?token=other-secret-4 %s", {CANARY!r})
logging.getLogger("urllib3").info("not shown")
try:
    raise RuntimeError("failed with {CANARY}")
except RuntimeError:
    log.exception("an exception")
    logging.getLogger("library").exception("theirs")
"""


def test_every_record_is_one_line_of_json_on_stderr_without_a_secret() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=True)
    assert ran.stdout == ""
    for secret in (CANARY, *(f"other-secret-{number}" for number in range(1, 6))):
        assert secret not in ran.stderr, secret
    records = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [record["event"] for record in records] == [
        "plain",
        f"with 100% {HIDDEN} inside",
        "by header",
        "by key",
        "a secret type",
        f"GET /?token={HIDDEN} {HIDDEN}",
        "an exception",
        "theirs",
    ]
    assert records[0] | {"ts": ""} == {
        "ts": "",
        "level": "debug",
        "logger": "ghtrader_assets.somewhere",
        "event": "plain",
        "count": 3,
        "ok": True,
        "nothing": None,
    }
    assert records[0]["ts"].endswith("+00:00")
    assert records[1]["nested"] == {"deep": [HIDDEN]}
    assert all("RuntimeError" in record["exception"] for record in records[-2:])


FORGED = 'a\n{"ts": "2026-01-01", "level": "info", "event": "forged"}\r\x1b[2J\u2028\x85b'


@pytest.fixture(params=[logging.Logger, ShinnyLogger], ids=["plain", "as tqsdk has it"])
def logger_class(request: pytest.FixtureRequest) -> Iterator[type[logging.Logger]]:
    before = logging.getLoggerClass()
    logging.setLoggerClass(request.param)
    yield request.param
    logging.setLoggerClass(before)


def test_no_text_from_outside_is_a_line_of_its_own(
    caplog: pytest.LogCaptureFixture, logger_class: type[logging.Logger]
) -> None:
    """Neither the event, nor a value or its name, nor what a library says."""
    with caplog.at_level("INFO"):
        logger(f"ghtrader_assets.somewhere.{logger_class.__name__}").info(FORGED, **{FORGED: FORGED, "list": [FORGED]})
        logging.getLogger("library").warning("said %s", FORGED)
    ours, theirs = (_Lines().format(record) for record in caplog.records)
    for line in (ours, theirs):
        assert len(line.splitlines()) == 1
        assert line.isprintable()
        assert FORGED in json.loads(line)["event"]
    assert json.loads(ours)["list"] == [FORGED]


@settings(deadline=None, max_examples=60)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_a_known_secret_survives_nowhere(value: object) -> None:
    hide(SecretStr(CANARY))
    planted = json.loads(json.dumps({"at": value, "with": [value, f"a{CANARY}b"]}))
    assert CANARY not in json.dumps(redacted(planted))


def test_a_command_logs_its_loads_to_stderr_and_keeps_stdout_for_its_document(shared: CommandLine, symbol: str) -> None:
    ran = shared.run("coverage", "KQ.m@SHFE.cu", "--json", GHTRADER_LOG_LEVEL="debug")
    assert ran.code == 0, ran.err
    assert ran.document[0]["symbol"] == "KQ.m@SHFE.cu"
    records = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert "day_states.stored" in {record["query"] for record in records if record["event"] == "query"}
    assert PASSWORD not in ran.err
    assert shared.environment["GHTRADER_QUESTDB_PASSWORD"] not in ran.err
