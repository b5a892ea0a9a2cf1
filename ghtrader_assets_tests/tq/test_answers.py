"""Where tqsdk's requests over HTTP may lead: with TLS anywhere, without it to this host and where the operator says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.one_answer import one_answer

ASKED = """
import requests
from ghtrader_assets.errors import UnfitAnswerError
from ghtrader_assets.tq.answers import bound_answers
bound_answers()
try:
    requests.get(URL, timeout=5)
except UnfitAnswerError as error:
    print(error.what)
except requests.RequestException as error:
    print(type(error).__name__)
"""
PLAIN = "http://192.0.2.1:9/table.json"
"""An address that is kept for documents: nothing is there."""


@pytest.mark.process
def test_a_redirect_to_another_host_without_tls_is_refused(
    exchange: ExchangeControl, run_client: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    refused = "implausible: it leads to http://192.0.2.1, without TLS, which no TQ_* variable names"
    with one_answer(status=302, headers={"Location": PLAIN}) as url:
        assert run_client(exchange, f"URL = {url!r}" + ASKED).stdout.strip() == refused
    told = f"import os; os.environ['TQ_CONT_TABLE_URL'] = URL = {PLAIN!r}" + ASKED
    assert run_client(exchange, told).stdout.strip() in {"ConnectTimeout", "ConnectionError"}
