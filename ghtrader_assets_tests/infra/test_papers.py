"""The papers of the project say one version, one licence, and the Pythons that it runs on."""

from __future__ import annotations

import hashlib
import re
import runpy
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

import ghtrader_assets

ROOT = Path(ghtrader_assets.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""https://www.apache.org/licenses/LICENSE-2.0.txt"""
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_the_licence_is_apaches_own_text() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_0
    assert (PROJECT["license"], PROJECT["license-files"]) == ("Apache-2.0", ["LICENSE", "NOTICE"])


def test_the_changelog_is_of_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (version, day), *older = re.findall(r"^## \[(.+)\] - (.+)$", text, re.MULTILINE)
    assert version == PROJECT["version"]
    days = [date.fromisoformat(each) for each in (day, *(then for _, then in older))]
    assert days == sorted(days, reverse=True)
    newest = text.split("\n## ")[1]
    sections = re.findall(r"^### (.+)$", newest, re.MULTILINE)
    assert sections == [section for section in SECTIONS if section in sections]


def test_the_version_has_one_source() -> None:
    sources = [*ROOT.glob("ghtrader_assets/**/*.py"), *ROOT.glob("infra/**/*"), ROOT / "Makefile"]
    texts = {path: path.read_text(encoding="utf-8") for path in sources if path.is_file()}
    assert [str(path) for path, text in texts.items() if PROJECT["version"] in text] == []


def test_the_workflow_runs_every_python() -> None:
    text = (ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")
    pythons = re.findall(r'"(3\.\d+)"', text)
    wanted = SpecifierSet(PROJECT["requires-python"])
    assert pythons == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in wanted]
    assert "not run where this was written" in text
    for command in ("make lint", "make check", "make test"):
        assert f"run: {command}\n" in text


def test_windows_gets_one_line_that_names_wsl(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(ghtrader_assets.__file__)
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (3, 1)
    assert error.startswith("error: ghtrader-assets runs on Linux and macOS")
    assert "WSL" in error
    assert error.endswith("[GHT-306]\n")
