"""Errors: each class has a code of its own, which the line shows and docs/errors.md explains."""

from __future__ import annotations

import pickle
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import ghtrader_assets
from ghtrader_assets import cli
from ghtrader_assets.errors import DiskFullError, GhtraderError, StoreAwayError, ThrottledError

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
ROW = re.compile(r"\| (GHT-\d{3}) \| `(\w+)` \| (\d) \| ([^|]+) \|( [^|]+)? \|")


def _classes(kind: type[GhtraderError] = GhtraderError) -> set[type[GhtraderError]]:
    return {kind}.union(*map(_classes, kind.__subclasses__()))


def test_every_class_stands_in_one_module() -> None:
    for module in pkgutil.walk_packages(ghtrader_assets.__path__, "ghtrader_assets."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    assert {kind.__module__ for kind in _classes()} == {"ghtrader_assets.errors"}


def test_codes_are_unique_and_each_class_has_its_own() -> None:
    codes = [vars(kind)["code"] for kind in _classes()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"GHT-\d{3}", code) for code in codes)


def test_the_page_lists_the_classes_as_they_are() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert {row[:3] for row in rows} == {(kind.code, kind.__name__, str(kind.exit_code)) for kind in _classes()}
    assert [row[0] for row in rows if row[0] != "GHT-000"] == sorted(kind.code for kind in _classes())[1:]
    remedies = {code: remedy for code, *_, remedy in rows}
    assert all(remedies[kind.code].strip().startswith(kind.remedy) for kind in _classes())


def test_an_error_is_one_line_that_ends_with_its_code() -> None:
    error = StoreAwayError("QuestDB is away:\n  refused")
    assert error.line == "QuestDB is away: refused; start it with `ghtrader-assets up` [GHT-202]"
    assert StoreAwayError("it is away", "").line == "it is away [GHT-202]"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert pickle.loads(pickle.dumps(ThrottledError("too fast", pause_s=3))).pause_s == 3


@pytest.mark.parametrize(("number", "code"), [(28, "GHT-303"), (5, "GHT-304")])
def test_a_file_that_fails_is_told_by_its_errno(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: str
) -> None:
    def fail() -> None:
        raise OSError(number, "it failed", "/home/file")

    monkeypatch.setattr(cli, "entered", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["days"])
    assert ended.value.code == DiskFullError.exit_code
    assert re.fullmatch(rf"error: /home/file: it failed; .* \[{code}\]\n", capsys.readouterr().err)
