"""Whose a home or a file is, and what its mode allows: refused by name with a command that helps, closed, or obeyed."""

from __future__ import annotations

import ast
import errno
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ghtrader_assets import files, private
from ghtrader_assets.errors import BadInputError, UntrustedFileError
from ghtrader_assets.files import process_lock, put_file
from ghtrader_assets.private import keep_home_private, opened_log, read_trusted
from ghtrader_assets_tests.another_user import ANOTHER, as_root


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def helped_by(error: pytest.ExceptionInfo[UntrustedFileError]) -> None:
    """Run the command that the error's remedy names."""
    command = error.value.remedy.split("`")[1]
    subprocess.run(shlex.split(command), check=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "the home"
    (folder / "manifests").mkdir(parents=True)
    folder.chmod(0o700)
    return folder


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o770, 0o707, 0o722, 0o1777, 0o2775])
def test_a_home_that_others_can_write_is_refused_until_it_is_closed(home: Path, mode: int) -> None:
    home.chmod(mode)
    with pytest.raises(UntrustedFileError, match="other users can write the home") as error:
        keep_home_private(home)
    assert str(home) in error.value.line
    assert mode_of(home) == mode, "what was written by then is for a person to look at"
    helped_by(error)
    keep_home_private(home)
    assert mode_of(home) & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711, 0o705, 0o700])
def test_a_home_that_others_can_only_read_is_closed(home: Path, mode: int) -> None:
    home.chmod(mode)
    keep_home_private(home)
    assert mode_of(home) == 0o700


def test_an_empty_folder_becomes_a_home_and_none_is_fine(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new").chmod(0o755)
    keep_home_private(tmp_path / "new")
    assert mode_of(tmp_path / "new") == 0o700
    keep_home_private(tmp_path / "missing")
    (tmp_path / "file").touch()
    keep_home_private(tmp_path / "file")


def test_a_folder_of_other_things_is_not_taken_from_others(tmp_path: Path) -> None:
    """As root, `GHTRADER_HOME=/usr` must not close it."""
    folder = tmp_path / "usr"
    for name in ("bin", "lib", "cache", "logs"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    with pytest.raises(UntrustedFileError, match="a folder of other things"):
        keep_home_private(folder)
    assert mode_of(folder) == 0o755


@pytest.mark.parametrize(("mode", "is_refused"), [(0o777, True), (0o1777, False), (0o775, False), (0o755, False)])
def test_a_home_under_a_folder_in_which_all_can_rename(tmp_path: Path, mode: int, is_refused: bool) -> None:
    above = tmp_path / "above"
    home = above / "home"
    home.mkdir(mode=0o700, parents=True)
    above.chmod(mode)
    if not is_refused:
        keep_home_private(home)
        return
    with pytest.raises(UntrustedFileError, match=f"all can write the folder {above}") as error:
        keep_home_private(home)
    helped_by(error)
    keep_home_private(home)


def test_a_home_behind_a_symlink_counts_as_what_it_is(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    home.chmod(0o777)
    with pytest.raises(UntrustedFileError) as error:
        keep_home_private(tmp_path / "link")
    helped_by(error)
    keep_home_private(tmp_path / "link")


@as_root
def test_a_home_of_another_user_is_refused(home: Path) -> None:
    os.chown(home, ANOTHER, ANOTHER)
    with pytest.raises(UntrustedFileError, match=f"belongs to another user \\(uid {ANOTHER}\\)") as error:
        keep_home_private(home)
    helped_by(error)
    keep_home_private(home)


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o622, 0o646])
def test_a_file_that_others_can_write_is_not_obeyed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a file.toml"
    path.write_text("x = 1")
    path.chmod(mode)
    with pytest.raises(UntrustedFileError, match="other users can write") as error:
        read_trusted(path, 100)
    helped_by(error)
    assert read_trusted(path, 100)[0] == b"x = 1"


@as_root
def test_a_file_of_another_user_is_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("x = 1")
    os.chown(path, ANOTHER, ANOTHER)
    with pytest.raises(UntrustedFileError, match="belongs to another user") as error:
        read_trusted(path, 100, setting="GHTRADER_SETTINGS_FILE")
    assert "GHTRADER_SETTINGS_FILE" in error.value.remedy
    helped_by(error)
    assert read_trusted(path, 100)[0] == b"x = 1"


def test_what_is_no_file_is_neither_obeyed_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(BadInputError, match="is no file"):
            read_trusted(path, 100)


def test_no_write_follows_a_symlink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user may have laid it into a home that was open to all."""
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for name in ("log", "lock", "target"):
        (tmp_path / name).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        opened_log(tmp_path / "log")
    with pytest.raises(OSError, match="symbolic links"):
        process_lock(tmp_path / "lock").acquire()
    put_file(tmp_path / "target", "new")
    assert not (tmp_path / "target").is_symlink()
    monkeypatch.setattr(files.threading, "get_ident", lambda: 7)
    (tmp_path / f".whole.{os.getpid()}-7").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        put_file(tmp_path / "whole", "new")
    assert victim.read_text() == "kept"


PROTECTED = """
import os, resource, sys
from ghtrader_assets.private import protect_process
protect_process()
open("made", "w").close()
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.abort()
"""


@pytest.mark.process
def test_a_protected_process_leaves_no_core_and_makes_private_files(tmp_path: Path) -> None:
    """A worker that aborted left `core` in the caller's folder, with the account's password in it."""
    ran = subprocess.run(
        [sys.executable, "-c", PROTECTED],
        cwd=tmp_path,
        preexec_fn=lambda: (os.umask(0), resource.setrlimit(resource.RLIMIT_CORE, (most_core(), most_core()))),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (-6, "(0, 0)\n"), ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    assert mode_of(tmp_path / "made") == 0o600


def most_core() -> int:
    return resource.getrlimit(resource.RLIMIT_CORE)[1]


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="Linux's")
def test_nothing_can_attach_to_a_protected_process() -> None:
    asks = "import ctypes; from ghtrader_assets.private import protect_process as p; p(); "
    asks += "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    ran = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert ran.stdout == "0\n"


NO_PROCESS = ("tether.py", "questdb/embedded/jar.py")
"""One becomes another program, the other fetches a file as it is installed."""
ENTRANCES = (
    "cli/__init__.py",
    "definitions.py",
    "dashboard/__main__.py",
    "exchange/__main__.py",
    "services/exporter.py",
    "assets/web_server.py",
    "tq/fork_server.py",
)


def test_a_home_that_can_not_be_closed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that takes no changes."""
    home = tmp_path / "home"
    (home / "manifests").mkdir(parents=True)
    home.chmod(0o755)

    def refuse(_path: Path, _mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.warns(UserWarning, match=r"other users can read the home .*: Operation not permitted; .* elsewhere"):
        keep_home_private(home)


def test_every_process_of_ours_protects_itself_before_anything_else() -> None:
    package = Path(private.__file__).parent
    texts = {str(path.relative_to(package)): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    for name in ENTRANCES:
        calls = (node.func for node in ast.walk(ast.parse(texts[name])) if isinstance(node, ast.Call))
        assert {"protect_process", "entered"} & {call.id for call in calls if isinstance(call, ast.Name)}, name
    begun = {name for name, text in texts.items() if '__name__ == "__main__"' in text}
    assert begun <= {*ENTRANCES, *NO_PROCESS}, "a process that begins there is known to this test"
