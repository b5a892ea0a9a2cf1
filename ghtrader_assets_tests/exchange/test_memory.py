"""A home's exchange stays with the model it began with; one that is older than the memory is of model 1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ghtrader_assets.errors import BadInputError, PortTakenError
from ghtrader_assets.exchange.memory import LOG, settled_model
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.fix_old_home import OLD_HOME
from ghtrader_assets_tests.fix_platform import CommandLine
from ghtrader_assets_tests.waiting import HANGS_S


@pytest.mark.parametrize(("asked", "begins_with"), [(None, 2), (1, 1), (2, 2)])
def test_a_new_home_begins_with_what_is_asked_and_remembers_it(
    tmp_path: Path, asked: int | None, begins_with: int
) -> None:
    assert settled_model(tmp_path / "exchange", asked) == begins_with
    assert settled_model(tmp_path / "exchange", None) == begins_with
    with pytest.raises(BadInputError, match=f"began with model {begins_with}"):
        settled_model(tmp_path / "exchange", 3 - begins_with)


def test_an_exchange_that_left_a_log_and_no_memory_is_of_model_1(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("", encoding="utf-8")
    with pytest.raises(BadInputError, match="began with model 1"):
        settled_model(tmp_path, 2)
    assert settled_model(tmp_path, None) == 1


def test_a_home_with_loads_and_no_memory_is_of_model_1(tmp_path: Path) -> None:
    assert settled_model(tmp_path, None, lambda: True) == 1


def test_a_memory_that_names_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("three", encoding="utf-8")
    with pytest.raises(BadInputError, match="does not name a model"):
        settled_model(tmp_path, None)


def test_the_process_refuses_another_model_in_one_line(tmp_path: Path) -> None:
    with started_exchange(tmp_path, model=1):
        pass
    command = [sys.executable, "-m", "ghtrader_assets.exchange", "--home", str(tmp_path), "--model", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S, check=False)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "began with model 1" in ended.stderr
    assert ended.stderr.endswith(f"[{BadInputError.code}]\n")


def test_the_process_refuses_a_taken_port_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "ghtrader_assets.exchange", "--home", str(tmp_path), "--port", port]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S, check=False)
    assert ended.returncode == PortTakenError.exit_code
    assert len(ended.stderr.splitlines()) == 1
    assert f"port {port} on 127.0.0.1 is taken by process {os.getpid()} " in ended.stderr
    assert "set --port to another" in ended.stderr
    assert ended.stderr.endswith(f"[{PortTakenError.code}]\n")


def test_up_refuses_model_2_in_the_home_that_399ca52_left(bare: CommandLine) -> None:
    shutil.copytree(OLD_HOME / "home", bare.home, dirs_exist_ok=True)
    ended = bare.run("up", GHTRADER_EXCHANGE_MODEL="2")
    assert ended.code == 2
    assert "began with model 1" in ended.err
    assert "Traceback" not in ended.err
