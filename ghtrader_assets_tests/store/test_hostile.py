"""A thousand hostile strings, and what is no string, as symbols, days and columns are refused before any SQL.

The store is at an address where nothing listens: a question that got through would say that QuestDB is away.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.main import get_command

from ghtrader_assets.cli import register
from ghtrader_assets.cli.app import app
from ghtrader_assets.errors import BadInputError, GhtraderError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.settings import Settings, load_settings
from ghtrader_assets.store import Store

COPPER = "KQ.m@SHFE.cu"
DAY = "2026-01-06"
FRAGMENTS = (
    "'", '"', "`", ";", "--", "/*", "*/", "\\", "\\'", "''", "%s", "%", "$1", "?", "{}", "{0}", "(", ")", "\x00", "\n",
    "\r\n", "\t", "\x1b[31m", "\u202e", "\ufeff", "’", "；", "＇", "０", "𝟘", "\ud800", " OR 1=1", " UNION SELECT 1",
    "; DROP TABLE ghtrader_metrics_v1", " AND 1=(SELECT count() FROM tables())", "../../etc/passwd", "file:///",
    "<script>alert(1)</script>", "$(id)", "`id`", "|id", "&&id", "NULL", "now()", "long_sequence(10)", "*", "ts",
    COPPER, DAY, "last_price", "x" * 5000,
)  # fmt: skip


def hostile() -> list[str]:
    """The same thousand each time: fragments alone, around a valid value, and strung together."""
    draw = random.Random(8)
    strings = {"", " "}
    for valid in (COPPER, "SHFE.cu2602", DAY, "last_price"):
        strings |= {item + valid for item in FRAGMENTS} | {valid + item for item in FRAGMENTS}
        strings |= {valid[:3] + item + valid[3:] for item in FRAGMENTS}
    while len(strings) < 1000:
        strings.add("".join(draw.choices(FRAGMENTS, k=draw.randint(1, 4))))
    return sorted(strings)[:1000]


HOSTILE = hostile()


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """An address that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def store(nobody: str, tmp_path: Path) -> Iterator[Store]:
    with Store(Settings(home=tmp_path, questdb_http=nobody, questdb_pg=nobody)) as opened:
        yield opened


def refused(question: Callable[[], object]) -> None:
    with pytest.raises(BadInputError) as caught:
        question()
    assert len(str(caught.value)) < 2000, "a refusal is a line"


def test_there_are_a_thousand() -> None:
    assert len(HOSTILE) == 1000


def test_the_api_refuses_symbols(store: Store) -> None:
    for text in HOSTILE:
        if text in {COPPER, "SHFE.cu2602"}:
            continue
        for ask in (
            lambda text=text: store.ticks(text, DAY),
            lambda text=text: store.ticks(COPPER, DAY, contracts=[text]),
            lambda text=text: store.coverage(text),
            lambda text=text: store.latest(COPPER, text),
            lambda text=text: store.days(text, DAY),
            lambda text=text: store.contracts(text, DAY),
            lambda text=text: store.gaps(text, DAY),
            lambda text=text: store.quality(text, DAY),
            lambda text=text: store.schedule(text),
            lambda text=text: store.manifests(DAY, text),
            lambda text=text: store.query_symbol_day_bounds([text]),
            lambda text=text: store.query_symbol_latest([text]),
            lambda text=text: store.fetch_ticks_for_symbol_day(text, DAY),
        ):
            refused(ask)


def test_the_api_refuses_days(store: Store) -> None:
    for text in HOSTILE:
        if text == DAY:
            continue
        for ask in (
            lambda text=text: store.ticks(COPPER, text),
            lambda text=text: store.ticks(COPPER, DAY, text),
            lambda text=text: store.days(COPPER, text),
            lambda text=text: store.gaps(COPPER, text),
            lambda text=text: store.quality(COPPER, text),
            lambda text=text: store.schedule(COPPER, text),
            lambda text=text: store.manifests(text),
            lambda text=text: store.fetch_ticks_for_symbol_day(COPPER, text),
        ):
            refused(ask)


def test_the_api_refuses_columns(store: Store) -> None:
    for text in HOSTILE:
        if text != "last_price":
            refused(lambda text=text: store.ticks(COPPER, DAY, columns=["datetime", text]))
            refused(lambda text=text: store.ticks(COPPER, DAY, columns=[text]))
            refused(lambda text=text: store.ticks(COPPER, DAY, output_format=text))  # type: ignore[call-overload]


NOT_TEXTS: tuple[Any, ...] = (
    5, 5.5, float("nan"), b"x", b"2026-01-06", True, [], {}, object(), (COPPER,), [COPPER], {COPPER: 1}, pd.NA, pd.NaT,
    np.array([COPPER, DAY]), np.float64(1), pd.Series([COPPER]), pd.DataFrame({"a": [1]}), lambda: COPPER, pa.scalar(1),
)  # fmt: skip
"""What is no text, no day, no list of texts and no number of rows."""


@pytest.mark.parametrize("given", NOT_TEXTS, ids=lambda given: type(given).__name__)
def test_the_api_refuses_types(store: Store, given: Any) -> None:
    """One line that says which argument, whatever is passed in place of a text or a day; None where it means none."""
    for ask in (
        lambda: store.ticks(given, DAY),
        lambda: store.ticks(COPPER, given),
        lambda: store.ticks(COPPER, DAY, given),
        lambda: store.ticks(COPPER, DAY, columns=[given]),
        lambda: store.asof(given, COPPER, DAY),
        lambda: store.asof(COPPER, COPPER, given),
        lambda: store.asof(COPPER, COPPER, DAY, tolerance=given),
        lambda: store.ticks(COPPER, DAY, contracts=[given]),
        lambda: store.ticks(COPPER, DAY, states=given),
        lambda: store.ticks(COPPER, DAY, output_format=given),
        lambda: next(store.stream_ticks(COPPER, DAY, output_format=given)),
        lambda: next(store.stream_ticks(given, DAY)),
        lambda: store.coverage(given),
        lambda: store.latest(COPPER, given),
        lambda: store.days(given, DAY),
        lambda: store.days(COPPER, given),
        lambda: store.contracts(given, DAY),
        lambda: store.contracts(COPPER, given),
        lambda: store.gaps(given, DAY),
        lambda: store.gaps(COPPER, given),
        lambda: store.quality(given, DAY),
        lambda: store.schedule(given),
        lambda: store.schedule(COPPER, given),
        lambda: store.schedule(COPPER, DAY, given),
        lambda: store.manifests(given),
        lambda: store.manifests(DAY, given),
        lambda: store.manifest(given),
        lambda: store.query_symbol_day_bounds([given]),
        lambda: store.query_symbol_day_bounds([COPPER], dataset_version=given),
        lambda: store.query_symbol_latest([given]),
        lambda: store.fetch_ticks_for_symbol_day(given, DAY),
        lambda: store.fetch_ticks_for_symbol_day(COPPER, given),
        lambda: store.fetch_ticks_for_symbol_day(COPPER, DAY, order=given),
    ):
        refused(ask)


@pytest.mark.parametrize("given", ["last_price", COPPER, "", b"x", 5, 1.5, True])
def test_the_api_refuses_a_text_or_a_number_for_a_list(store: Store, given: Any) -> None:
    refused(lambda: store.ticks(COPPER, DAY, columns=given))
    refused(lambda: store.ticks(COPPER, DAY, contracts=given))
    refused(lambda: store.query_symbol_day_bounds(given))
    refused(lambda: store.query_symbol_latest(given))


@pytest.mark.parametrize("limit", [-1, 1.5, "3", [], float("nan"), np.array([1, 2]), pd.NaT])
def test_the_api_refuses_limits(store: Store, limit: Any) -> None:
    refused(lambda: store.fetch_ticks_for_symbol_day(COPPER, DAY, limit=limit))


@pytest.mark.parametrize("day", ["2026-01-04", "2026-02-30", "1990-01-01", "2099-01-01", "2026-13-01", "06.01.2026"])
def test_the_api_refuses_days_that_do_not_trade(store: Store, day: str) -> None:
    refused(lambda: store.ticks(COPPER, day))
    refused(lambda: store.manifests(day))
    assert not snapshot_calendar().days(date(2026, 1, 3), date(2026, 1, 4))
    refused(lambda: store.ticks(COPPER, "2026-01-03", "2026-01-04"))
    refused(lambda: store.ticks(COPPER, DAY, "2026-01-05"))


COMMANDS = (
    ("ticks", COPPER, DAY, "--columns", "{}"),
    ("ticks", "{}", DAY),
    ("contracts", "{}", DAY),
    ("gaps", COPPER, "{}"),
    ("ticks", COPPER, "{}"),
    ("ticks", COPPER, "--from", DAY, "--to", "{}"),
    ("days", "{}", "--from", DAY, "--to", DAY),
    ("days", COPPER, "--from", "{}", "--to", DAY),
    ("quality", "{}", DAY),
    ("coverage", "{}"),
    ("schedule", "{}"),
    ("schedule", COPPER, "--from", "{}"),
    ("schedule", COPPER, "--to", "{}"),
    ("manifests", "--covering", "{}"),
)


@pytest.mark.parametrize(("words", "step"), [(words, 1 if n < 3 else 25) for n, words in enumerate(COMMANDS)])
def test_the_commands_refuse_them(
    words: tuple[str, ...],
    step: int,
    nobody: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of them as a column, a symbol and a day; every 25th at each other place."""
    register(words)
    command = get_command(app)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "GHTRADER_HOME": str(tmp_path), "GHTRADER_QUESTDB_HTTP": nobody, "GHTRADER_QUESTDB_PG": nobody,
        "TQSDK_USER": "quant", "TQSDK_PASSWORD": "canary", "GHTRADER_START_DATE": "2025-12-01",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = load_settings()
    for text in HOSTILE[::step]:
        if text.strip() in {COPPER, DAY, "last_price"}:
            continue
        with pytest.raises((SystemExit, GhtraderError)) as ended:
            command(args=[text if word == "{}" else word for word in words], obj=settings)
        raised = ended.value
        assert (raised.code if isinstance(raised, SystemExit) else raised.exit_code) == 2, (text, raised)
        assert len(str(raised)) < 2000, "a refusal is a line"
        capsys.readouterr()
