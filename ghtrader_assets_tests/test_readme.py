"""The README's first queries are run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ghtrader_assets.context.store import questdb_endpoint
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_platform import RunningPlatform

README = Path(__file__).resolve().parents[1] / "README.md"
DAY = ("--from", "2026-01-06", "--to", "2026-01-06")


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"the README has no {name}"
    return found.group(1)


@pytest.mark.usefixtures("copper")
def test_the_first_queries_answer(platform: RunningPlatform) -> None:
    assert platform.command.run("backfill", "KQ.m@SHFE.cu", *DAY).code == 0
    environment = platform.command.whole_environment({})
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", block("first-query-python")],
        env={**environment, "PATH": os.environ["PATH"]},
        cwd=platform.command.home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "last_price" in ran.stdout
    with Database(questdb_endpoint(Settings(home=platform.command.home))) as database:
        ((day, contract, ticks, *_),) = database.rows("readme", block("first-query-sql"))
    assert (day, contract, ticks > 30_000) == ("2026-01-06", "SHFE.cu2602", True)


@pytest.mark.parametrize("readme", [README, README.with_name("README.zh-CN.md")], ids=["English", "Chinese"])
def test_it_shows_the_two_commands_and_every_link_leads_somewhere(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    for place in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", text):
        assert (README.parent / place).is_file(), place
