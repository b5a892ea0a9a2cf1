"""What a child process is given: an environment with no secret that it does not need, its places of files and modules.

Belongs here: what holds for any child, decided in one place and by the types of the settings. Does not belong here:
starting one (`services`, `questdb.embedded`, `tq`), and what ties it to its parent (`tether`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Generator
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from ghtrader_assets.private import PRIVATE_FOLDER
from ghtrader_assets.settings import secret_fields, variables_of
from ghtrader_assets.settings_file import SETTINGS_FILE_VARIABLE, settings_path

NO_SECRETS: Final[frozenset[str]] = frozenset()
ALL_SECRETS: Final = secret_fields()
READING_SECRETS: Final = frozenset({"questdb_password", "questdb_reader_password"})
"""Of a process that shows what is stored. Bulk reads and measured values go through the one log-in over HTTP that
QuestDB 9.3 has, so the reader's alone does not do."""
STORE_SECRETS: Final = READING_SECRETS | {"redis_url"}
"""Of a process that may run code locations of the user's own, which read through `connect()`."""
WEB_SECRETS: Final = frozenset({"web_token", "web_token_read"})
"""Of a process that lets others in."""

WITHHELD: Final = f"withheld-{token_urlsafe(24)}"
"""What stands in place of a secret that a child doesn't need: it is set, which decides whether settings are whole.
No one can guess it: a process that compares it with what it is sent lets no one in."""

PYTHON: Final = (sys.executable, "-P")
"""This Python, for which neither the folder that it stands in nor that of its script is a place of modules."""

SOCKET_PATH_BYTES: Final = 107
"""The longest path that Linux takes for a socket."""
_NAME_BYTES: Final = 45
"""Room for a folder of sockets and what libraries name them, as `/gh-xxxxxxxx/pymp-xxxxxxxx/listener-xxxxxxxx`."""
_LEFT_BEHIND_NS: Final = 24 * 3600 * 10**9


def child_environment(
    home: Path, secrets: Collection[str] = NO_SECRETS, *, reads_settings: bool = False
) -> dict[str, str]:
    """The environment of a child of ours that starts in `home`.

    Of the secrets among the settings it has those named in `secrets`. One that reads the settings finds the others
    `WITHHELD`, and the settings file that this process has found; any other finds none of them. What the settings file
    says a child reads from there itself.
    """
    given = dict(os.environ)
    for field in secret_fields() - set(secrets):
        for name in [name for name in given if name.upper() in variables_of(field)]:
            if reads_settings:
                given[name] = WITHHELD
            else:
                del given[name]
    if reads_settings:
        given[SETTINGS_FILE_VARIABLE] = _whole_settings_path()
    given.pop("PYTHONPATH", None)
    places = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if places:
        given["PYTHONPATH"] = os.pathsep.join(places)
    return given | {"PYTHONSAFEPATH": "1", "TMPDIR": str(temporary_folder(home))}


def own_module_path() -> str:
    """This process's places of modules, for a child that must find what it has found; the current folder is none.

    Unless it was named as one, or our own package lies there.
    """
    named = {Path(entry).absolute() for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    package = Path(__file__).resolve().parents[1]
    here = Path.cwd()
    kept = [entry for entry in sys.path if entry and (Path(entry) != here or here in named or here == package)]
    if here == package and str(here) not in kept:
        kept.append(str(here))
    return os.pathsep.join(kept)


def temporary_folder(home: Path) -> Path:
    """The folder of temporary files of a home's processes, made where it isn't there."""
    folder = home / "tmp"
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return folder


def clear_temporary_folder(home: Path, now_ns: int) -> None:
    """Remove what processes that were killed left there a day ago or longer."""
    for path in temporary_folder(home).iterdir():
        with contextlib.suppress(OSError):
            if now_ns - path.lstat().st_mtime_ns > _LEFT_BEHIND_NS:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@contextlib.contextmanager
def socket_folder(home: Path) -> Generator[Path]:
    """A folder for sockets, for its user alone, removed at the end: in the home, or where that lies too deep for the
    path of a socket, in the system's folder of temporary files."""
    inside = temporary_folder(home)
    fits = len(os.fsencode(inside)) + _NAME_BYTES <= SOCKET_PATH_BYTES
    with tempfile.TemporaryDirectory(prefix="gh-", dir=inside if fits else None, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _whole_settings_path() -> str:
    path = settings_path()
    return str(path.absolute()) if path is not None else ""
