"""What answers on Dagster's port but not as Dagster does is named in one line."""

from __future__ import annotations

import pytest

from ghtrader_assets.dagster_web import DagsterAddress, ask_dagster
from ghtrader_assets.errors import ServiceError
from ghtrader_assets_tests.one_answer import one_answer
from ghtrader_assets_tests.waiting import HANGS_S


def test_the_data_is_handed_out() -> None:
    with one_answer(b'{"data": {"version": "1"}}') as url:
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
    with one_answer(body) as url, pytest.raises(ServiceError, match=said):
        ask_dagster(DagsterAddress(url), "{ version }", timeout_s=HANGS_S)
