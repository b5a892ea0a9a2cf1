"""A hunt through the command line, in this process: words in any order and form end in a document, or in one line."""

from __future__ import annotations

import random
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from pydantic import SecretStr
from typer.main import get_command

from ghtrader_assets import cli
from ghtrader_assets.cli import services
from ghtrader_assets.errors import GhtraderError, StoreAwayError
from ghtrader_assets.settings import Settings
from ghtrader_assets.texts import shown
from ghtrader_assets_tests.hunting import CANARY, Record, counts, hunt, odd, spoiled

LEFT_OUT = {"up", "down", "demo", "bench", "status", "doctor", "rotate-secrets"}
"""They start and stop processes, look at them for seconds, or make secrets; none takes a text."""
COMMANDS = [name for name in cli.FILES if name not in LEFT_OUT]
COPPER, DAY = "KQ.m@SHFE.cu", "2026-01-06"
MANIFEST = "20260105T080000-0000000a"
OPTIONS = (
    "--from", "--to", "--json", "--covering", "--columns", "--out", "--states", "--strict", "--tables", "--workers",
    "--force", "--reason", "--expires", "--window", "--apply", "--full", "--probe", "--symbol", "--help", "-h", "--",
)  # fmt: skip
VALUES = (
    COPPER,
    "SHFE.cu2602",
    "CZCE.SR605",
    DAY,
    "2026-01-05",
    MANIFEST,
    "agg-" + "0" * 32,
    "last_price",
    "ticks",
    "1",
)

words = st.sampled_from(OPTIONS) | st.sampled_from(VALUES) | st.text(max_size=6) | odd.map(str)
lines = st.builds(lambda command, more: [command, *more], st.sampled_from(COMMANDS), st.lists(words, max_size=7))


def written(document: Any, dice: random.Random) -> list[str]:
    """Words as an operating system hands them on: bytes that need not be UTF-8, without a zero."""
    given = document if isinstance(document, list) else [document]
    texts = (spoiled(str(word).encode(errors="surrogatepass"), dice) for word in given)
    return [text.replace(b"\x00", b"0").decode(errors="surrogateescape") for text in texts]


@contextmanager
def _away(*_: object, **__: object) -> Generator[None]:
    raise StoreAwayError("no QuestDB runs")
    yield


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a secret. Nothing is started for a command, whatever it needs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(services, "running_services", _away)
    cli.register(["--help"])
    monkeypatch.setattr(cli, "app", get_command(cli.app))  # made once, and not for each line
    secret = SecretStr(CANARY)
    return Settings(
        home=tmp_path / "home", tqsdk_password=secret, questdb_password=secret, alert_urls=secret,
        questdb_http="127.0.0.1:1", questdb_pg="127.0.0.1:1",
    )  # fmt: skip


@pytest.mark.parametrize(("count", "part"), counts(60_000, 2))
def test_words(
    given: Settings, capsys: pytest.CaptureFixture[str], count: int, part: int, seed: int, record_property: Record
) -> None:
    def examine(line: list[str]) -> str:
        if set(line) & LEFT_OUT:
            return ""
        try:
            ended: object = cli.run([word for word in line if word != "--debug"], given)
        except GhtraderError as error:
            ended = error.exit_code
            sys.stderr.write(f"error: {shown(error.line)}\n")
        except SystemExit as exit_:
            ended = exit_.code
        said = capsys.readouterr()
        assert ended in (0, 1, 2, 3), ended
        assert "Traceback" not in said.err
        assert "\x1b" not in said.err + said.out
        return f"{said.err}{said.out[:1000]}"

    hunt(lines, examine, count, f"words:{seed}:{part}", record_property, written)
