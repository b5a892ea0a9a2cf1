"""The wheel in a fresh environment: what a user who never sees a checkout has, and what stays out of it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ghtrader_assets_tests.fix_platform import OURS, ROOT

pytestmark = pytest.mark.joint


@dataclass(frozen=True)
class Installed:
    """A built wheel, and an environment that has it and the lock's packages, but no checkout."""

    wheel: Path
    home: Path

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        dropped = (*OURS, "PYTHON")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        return subprocess.run(
            [self.home / "venv" / "bin" / program, *words],
            env={**plain, "HOME": str(self.home)}, cwd=self.home, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("wheel")
    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home)]
    subprocess.run(hatchling, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (wheel,) = home.glob("*.whl")
    venv.create(home / "venv", with_pip=False)
    python = home / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, timeout=300)
    here = sysconfig.get_path("purelib")
    own = Path(here.replace(sys.prefix, str(home / "venv")))
    (own / "lock.pth").write_text(
        f"{here}\n", encoding="utf-8"
    )  # .pth files in there, ours to the checkout, aren't read
    return Installed(wheel, home)


def test_it_is_the_package_whole_and_no_more(installed: Installed) -> None:
    names = {name for name in zipfile.ZipFile(installed.wheel).namelist() if ".dist-info/" not in name}
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "ghtrader_assets").rglob("*") if path.is_file()}
    assert names == {name for name in files if "__pycache__" not in name}
    assert "ghtrader_assets/py.typed" in names


def test_its_command_answers(installed: Installed) -> None:
    ran = installed.run("ghtrader-assets", "--help")
    assert ran.returncode == 0, ran.stderr
    assert "backfill" in ran.stdout


def test_benchmarks_say_that_they_want_a_checkout(installed: Installed) -> None:
    ran = installed.run("ghtrader-assets", "bench", "query")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    assert "checkout" in ran.stderr


def test_the_embedded_exchange_and_the_definitions_are_in_it(installed: Installed) -> None:
    code = (
        "import ghtrader_assets, ghtrader_assets.exchange.server, ghtrader_assets.definitions;"
        "print(ghtrader_assets.__file__)"
    )
    ran = installed.run("python", "-W", "ignore", "-c", code)
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).is_relative_to(installed.home)
