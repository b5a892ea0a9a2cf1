"""`init` as a new user types it: three questions, a file that the next command reads, nothing lost that was there."""

from __future__ import annotations

import os
import pty
import subprocess
import tomllib
from pathlib import Path

import pytest

from ghtrader_assets_tests.cli.refusals import refused
from ghtrader_assets_tests.fix_platform import COMMAND, CommandLine, Ran
from ghtrader_assets_tests.waiting import HANGS_S

SAID = ("--symbols", "KQ.m@SHFE.cu,KQ.m@DCE.m", "--from", "2026-01-05")


def typed(bare: CommandLine, *words: str, **more: str) -> Ran:
    """The command without a terminal, started in the home's folder."""
    with bare.start("init", *words, **more) as process:
        out, err = process.communicate(timeout=HANGS_S)
    return Ran(process.returncode, out, err)


def file_of(bare: CommandLine) -> Path:
    return bare.home / "ghtrader.toml"


def test_what_options_say_is_not_asked_and_the_next_command_reads_it(bare: CommandLine) -> None:
    ran = typed(bare, "--embedded", *SAID)
    assert ran.code == 0, ran.err
    assert "the embedded exchange, KQ.m@SHFE.cu, KQ.m@DCE.m, from 2026-01-05" in ran.out
    said = tomllib.loads(file_of(bare).read_text(encoding="utf-8"))
    assert said == {"symbols": ["KQ.m@SHFE.cu", "KQ.m@DCE.m"], "start_date": "2026-01-05"}
    with bare.start("doctor", "--json") as process:
        out, err = process.communicate(timeout=HANGS_S)
    known = {item["name"]: item["source"] for item in Ran(process.returncode, out, err).document["settings"]}
    assert {known["GHTRADER_SYMBOLS"], known["GHTRADER_START_DATE"]} == {"file:ghtrader.toml"}
    before = file_of(bare).read_bytes()
    refused(typed(bare, "--embedded", *SAID), 2, "ghtrader.toml is there already", "move it away")
    assert file_of(bare).read_bytes() == before


def test_a_password_is_in_a_file_of_its_owner_alone_and_on_no_screen(bare: CommandLine) -> None:
    secret = 'canary-"7f1d\\\x7f'
    ran = typed(bare, "--account", "desk", *SAID, TQSDK_USER="desk", TQSDK_PASSWORD=secret)
    assert (ran.code, secret in ran.out + ran.err) == (0, False), ran.err
    assert file_of(bare).stat().st_mode & 0o777 == 0o600
    said = tomllib.loads(file_of(bare).read_text(encoding="utf-8"))
    assert (said["tqsdk_user"], said["tqsdk_password"]) == ("desk", secret)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), ("no terminal", "--embedded or --account")),
        (("--embedded", "--account", "desk", *SAID), ("exclude each other",)),
        (("--account", "desk", *SAID), ("no terminal to type the password", "TQSDK_PASSWORD")),
        (("--embedded", "--symbols", "cu", *SAID[2:]), ("'cu' is no futures symbol", "KQ.m@SHFE.cu")),
        (("--embedded", "--symbols", "KQ.m@SHFE.zz", *SAID[2:]), ("no product 'zz'", "known are")),
        (("--embedded", *SAID[:2], "--from", "2099-01-05"), ("--from 2099-01-05 can't be loaded",)),
    ],
)
def test_a_wrong_answer_is_one_line_and_writes_nothing(
    bare: CommandLine, words: tuple[str, ...], says: tuple[str, ...]
) -> None:
    refused(typed(bare, *words), 2, *says)
    assert not file_of(bare).exists()


def test_a_wrong_answer_on_a_terminal_is_asked_again(bare: CommandLine) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"\ncu\nKQ.m@SHFE.rb\n\n")
    try:
        ran = subprocess.run(
            [COMMAND, "init"], env=bare.whole_environment({}), cwd=bare.home, stdin=theirs, capture_output=True,
            text=True, timeout=HANGS_S, check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert ran.returncode == 0, ran.stderr
    assert "'cu' is no futures symbol" in ran.stderr
    said = tomllib.loads(file_of(bare).read_text(encoding="utf-8"))
    assert said == {"symbols": ["KQ.m@SHFE.rb"], "start_date": "2021-01-04"}
