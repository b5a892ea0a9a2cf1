"""A home, a settings file and a folder of other users, as a command meets them."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from ghtrader_assets_tests.cli.refusals import refused
from ghtrader_assets_tests.fix_platform import CommandLine

WORDS = (("status",), ("days", "KQ.m@SHFE.cu", "--from", "2026-01-05", "--to", "2026-01-06"), ("up",), ("doctor",))


def remedy_of(line: str) -> None:
    subprocess.run(shlex.split(line.split("`")[1]), check=True)


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
def test_a_home_that_others_can_write_is_refused(bare: CommandLine, words: tuple[str, ...]) -> None:
    home = bare.home / "home"
    home.mkdir()
    home.chmod(0o777)
    refused(bare.run(*words, GHTRADER_HOME=str(home)), 2, f"other users can write the home {home}", "`chmod 700 ")
    assert list(home.iterdir()) == []


def test_its_remedy_helps(bare: CommandLine) -> None:
    home = bare.home / "home"
    home.mkdir()
    home.chmod(0o775)
    remedy_of(bare.run("status", GHTRADER_HOME=str(home)).err)
    assert bare.run("status", "--json", GHTRADER_HOME=str(home)).document["home"] == str(home)


def test_a_home_that_others_can_read_is_closed_without_a_word(bare: CommandLine) -> None:
    home = bare.home / "home"
    (home / "manifests").mkdir(parents=True)
    home.chmod(0o755)
    ran = bare.run("status", "--json", GHTRADER_HOME=str(home))
    assert (ran.code, ran.err) == (1, "")
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_settings_file_that_others_can_write_is_not_obeyed(bare: CommandLine) -> None:
    path = bare.home / "ghtrader.toml"
    path.write_text('questdb_http = "evil:9000"\nquestdb_pg = "evil:8812"\nquestdb_password = "canary"\n')
    path.chmod(0o666)
    ran = bare.run("status")
    refused(ran, 2, "other users can write ghtrader.toml", "`chmod go-w ")
    remedy_of(ran.err)
    ran = bare.run("status")
    refused(ran, 2, "GHTRADER_QUESTDB_PASSWORD", "may be read by other users", "`chmod 600 ")
    assert "canary" not in ran.err
    remedy_of(ran.err)
    assert bare.run("status", "--json").document["healthy"] is False


def test_a_new_home_and_what_a_command_writes_is_its_users_alone(bare: CommandLine) -> None:
    former = os.umask(0)
    try:
        ran = bare.run("calendar", "--json", GHTRADER_HOME=str(bare.home / "deep" / "home"))
    finally:
        os.umask(former)
    assert ran.code == 0, ran.err
    assert [str(path) for path in bare.home.rglob("*") if path.stat().st_mode & 0o077] == []


@pytest.mark.process
def test_a_module_in_the_current_folder_is_not_executed(bare: CommandLine, tmp_path: Path) -> None:
    """The console script itself."""
    folder = tmp_path / "of another user"
    folder.mkdir()
    for name in ("typer", "pydantic", "ghtrader_assets", "json", "aiohttp", "sitecustomize"):
        (folder / f"{name}.py").write_text("raise SystemExit('the module of another user')")
    process = CommandLine(bare.home, bare.environment, folder).start("status", "--json")
    out, err = process.communicate(timeout=900)
    assert (process.returncode, '"healthy": false' in out) == (1, True), err
