"""The cookbook's recipes are run as they stand, over a store with the days they name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.main import get_command

from ghtrader_assets.cli import register
from ghtrader_assets.cli.app import app
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.settings import Settings, load_settings
from ghtrader_assets_tests.fix_store import Record

COOKBOOK = Path(__file__).resolve().parents[2] / "docs" / "cookbook.md"
DAYS = (date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7))
SYMBOLS = {"KQ.m@SHFE.cu": "SHFE.cu2602", "KQ.m@INE.bc": "INE.bc2603"}
ROWS = 300


def recipe(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", COOKBOOK.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"the cookbook has no {name}"
    return found.group(1)


@pytest.fixture
def desk(settings: Settings, load_of: Callable[..., DayLoad], record: Record, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a reader works, with the settings of the store in the environment."""
    for symbol, contract in SYMBOLS.items():
        for number, day in enumerate(DAYS):
            record(load_of(day, rows=ROWS, seed=number, name=symbol, contract=contract))
    assert settings.questdb_password is not None
    for name, value in {
        "GHTRADER_HOME": settings.home,
        "GHTRADER_QUESTDB_HTTP": settings.questdb_http,
        "GHTRADER_QUESTDB_PG": settings.questdb_pg,
        "GHTRADER_QUESTDB_USER": settings.questdb_user,
        "GHTRADER_QUESTDB_PASSWORD": settings.questdb_password.get_secret_value(),
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(settings.home)
    return settings.home


def run(name: str) -> dict[str, Any]:
    """What a recipe leaves in its names."""
    names: dict[str, Any] = {}
    exec(compile(recipe(name), f"{COOKBOOK.name}: {name}", "exec"), names)
    if "store" in names:
        names["store"].close()
    return names


@pytest.mark.usefixtures("desk")
def test_order_book_imbalance() -> None:
    by_minute: pd.Series[float] = run("order-book-imbalance")["by_minute"]
    assert len(by_minute) > 10
    assert by_minute.between(-1, 1).all()
    assert by_minute.nunique() > 10


@pytest.mark.usefixtures("desk")
def test_a_pair_across_exchanges(capsys: pytest.CaptureFixture[str]) -> None:
    found = run("cross-exchange-pair")
    assert len(found["pair"]) == ROWS * len(DAYS)
    assert found["age"].between(pd.Timedelta(0), pd.Timedelta(seconds=5)).all()
    assert 0 < len(found["spread"]) < len(found["pair"])
    assert "ticks have a spread" in capsys.readouterr().out


@pytest.mark.usefixtures("desk")
def test_a_price_for_each_second() -> None:
    grid: pd.DataFrame = run("each-second")["grid"]
    assert len(grid) == 6 * 3600 + 1
    assert 0 < int(grid["last_price"].notna().sum()) < len(grid)


def test_duckdb_over_the_export_tree(desk: Path) -> None:
    for line in recipe("export-tree").splitlines():
        program, *words = shlex.split(line)
        assert program == "ghtrader-assets"
        register(tuple(words))
        with pytest.raises(SystemExit) as ended:
            get_command(app)(args=words, obj=load_settings())
        assert ended.value.code == 0
    minutes = run("duckdb-over-the-tree")["minutes"]
    rows = minutes.fetchall()
    assert sum(row[-1] for row in rows) == ROWS * len(DAYS) * len(SYMBOLS)
    assert {(row[0], row[1]) for row in rows} == {(symbol, day) for symbol in SYMBOLS for day in DAYS}
    assert len(list((desk / "ticks").rglob("ticks.parquet"))) == len(DAYS) * len(SYMBOLS)
