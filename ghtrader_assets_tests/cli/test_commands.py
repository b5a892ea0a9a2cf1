"""The command line as a whole: every command has its file, and pays for no other's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ghtrader_assets.cli import FILES, register
from ghtrader_assets.cli.app import app
from ghtrader_assets.runtime import read_runtime
from ghtrader_assets_tests.fix_platform import CommandLine


def test_each_command_is_registered_by_its_file() -> None:
    register(["--help"])
    registered = {
        command.name or command.callback.__name__.replace("_", "-"): command.callback.__module__.rpartition(".")[2]
        for command in app.registered_commands
        if command.callback is not None
    }
    assert registered == dict(FILES)


HELP_OF_FOUR = """
import contextlib
from ghtrader_assets.cli import main
for command in ("calendar", "days", "doctor", "backfill"):
    with contextlib.suppress(SystemExit):
        main([command, "--help"])
"""


@pytest.mark.process
def test_a_command_imports_only_what_it_needs() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", HELP_OF_FOUR], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert ran.stdout.count("Usage: ") == 4
    assert "typer" in imported
    assert imported.isdisjoint({"pandas", "redis", "dagster", "tqsdk", "matplotlib"})


def test_doctor_shows_the_codes_of_errors(bare: CommandLine) -> None:
    shown, document = bare.run("doctor"), bare.run("doctor", "--json").document
    codes = {item["subject"]: item["code"] for item in document["findings"] if item["code"]}
    assert (shown.code, codes) == (1, {"questdb": "GHT-202", "tables": "GHT-202"})
    lines = [line for line in shown.out.splitlines() if "GHT-202" in line]
    assert len(lines) == 2


def test_reading_an_empty_home_starts_questdb_alone(bare: CommandLine) -> None:
    covered = bare.run("coverage", "KQ.m@SHFE.cu", "--json")
    assert covered.code == 0, covered.err
    assert [row["n_days"] for row in covered.document] == [0]
    assert "starting questdb" in covered.err
    assert "exchange" not in covered.err
    assert not (bare.home / "exchange").exists()
    assert read_runtime(bare.home) is None, "what a command started ends with it"
