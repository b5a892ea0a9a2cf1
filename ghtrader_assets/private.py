"""What other users of the host may neither see nor change: this process's files and memory, the home, trusted files.

Belongs here: whose a file or folder is and what its mode allows, and what a process of ours switches off for itself.
Does not belong here: what files hold (`files`, `settings`), and what a child process is given (`children`).
"""

from __future__ import annotations

import ctypes
import os
import resource
import shlex
import stat
import sys
import warnings
from pathlib import Path
from typing import BinaryIO, Final

from ghtrader_assets.errors import BadInputError, CredentialError, UntrustedFileError

UMASK: Final = 0o077
OTHERS: Final = 0o077
OTHERS_WRITE: Final = 0o022
PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
_PR_SET_DUMPABLE: Final = 4

HOME_SIGNS: Final = frozenset(
    {"questdb", "questdb-credentials.json", "dagster", "manifests", "runtime.json", "main_contracts", "tq"}
)
"""Names of which a home has one as soon as anything was done in it, and no system folder has any."""


def protect_process() -> None:
    """Have this process make files for its user alone, and leave no memory behind: no core, nothing to attach to.

    Its children inherit the first two; a program that replaces it can be attached to again.
    """
    os.umask(UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def keep_home_private(home: Path) -> None:
    """Refuse a home that another user can write, close one that others can only read; one that isn't there is fine.

    Raises `UntrustedFileError`. Whoever can write it decides what our processes execute, and where passwords are sent.
    """
    try:
        place = home.resolve()
        found = place.stat()
    except OSError:
        return  # what needs it says what is wrong with it
    if not stat.S_ISDIR(found.st_mode):
        return
    if found.st_uid != os.geteuid():
        raise UntrustedFileError(
            f"the home {home} belongs to another user (uid {found.st_uid})",
            f"run this as that user, or name a folder of your own in GHTRADER_HOME; as root: {_chown(place)}",
        )
    if found.st_mode & OTHERS_WRITE:
        raise UntrustedFileError(f"other users can write the home {home}", _chmod(f"{PRIVATE_FOLDER:o}", place))
    _require_safe_parents(home, place)
    if found.st_mode & OTHERS:
        _close(home, place)


def _close(home: Path, place: Path) -> None:
    """Take the folder from others. One that holds other things and nothing of ours is no home, and stays as it is."""
    held = {path.name for path in place.iterdir()}
    if held and not held & HOME_SIGNS:
        raise UntrustedFileError(
            f"the home {home} is a folder of other things that other users can read",
            "name a folder of its own in GHTRADER_HOME, which is made if it isn't there",
        )
    try:
        place.chmod(PRIVATE_FOLDER)
    except OSError as error:
        told = f"other users can read the home {home}, and it can't be closed to them: {error.strerror}"
        warnings.warn(f"{told}; name one elsewhere in GHTRADER_HOME", stacklevel=2)


def _require_safe_parents(home: Path, place: Path) -> None:
    """Where all may rename what lies in a folder above, another user can put a home of his own in this one's place."""
    for folder in place.parents:
        mode = folder.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise UntrustedFileError(
                f"other users can replace the home {home}: all can write the folder {folder} above it",
                f"{_chmod('o-w', folder)}, or name a home elsewhere in GHTRADER_HOME",
            )


def read_trusted(path: Path, most_bytes: int, *, setting: str = "") -> tuple[bytes, os.stat_result]:
    """A file that decides what we do, and how it stands. At most `most_bytes` are read, and one more.

    Raises `UntrustedFileError` for one that another user owns or can write, `BadInputError` for what is no file,
    `OSError` for one that can't be read. `setting`: the variable that names another one instead.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise BadInputError(f"{path} is no file", _another(setting) or "name one")
        _require_ours(path, found, setting)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most_bytes + 1), found
    finally:
        os.close(descriptor)


def _require_ours(path: Path, found: os.stat_result, setting: str) -> None:
    place = path.absolute()
    if found.st_uid not in (os.geteuid(), 0):
        another = _another(setting)
        raise UntrustedFileError(
            f"{path} belongs to another user (uid {found.st_uid}), and is not obeyed",
            f"{another + '; ' if another else ''}if you have read it and trust it, as root: {_chown(place)}",
        )
    if found.st_mode & OTHERS_WRITE:
        raise UntrustedFileError(
            f"other users can write {path}, and it is not obeyed", f"read it, then {_chmod('go-w', place)}"
        )


def read_secret(path: Path, most_bytes: int) -> bytes:
    """A file of ours that holds a secret. Raises `CredentialError` for one that another user owns, can write or may
    read, `OSError` for one that can't be read."""
    try:
        content, found = read_trusted(path, most_bytes)
        require_unread(path, found, "a secret")
    except UntrustedFileError as error:
        raise CredentialError(error.what, error.remedy) from None
    return content


def require_unread(path: Path, found: os.stat_result, what: str) -> None:
    """Raise `UntrustedFileError` for a file with secrets that others may read. `what` names them."""
    if found.st_mode & OTHERS:
        raise UntrustedFileError(
            f"{path} holds {what} and may be read by other users", _chmod(f"{PRIVATE_FILE:o}", path.absolute())
        )


def opened(path: Path, flags: int, mode: int = PRIVATE_FILE) -> int:
    """A descriptor of a file of ours, made with this mode where it isn't there. A symlink under its name is refused.

    Raises `OSError`. Whoever made the link would choose what is written over.
    """
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)


def opened_log(path: Path) -> BinaryIO:
    """A log to append to; its folder is made where it isn't there. Raises `OSError`."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return os.fdopen(opened(path, os.O_WRONLY | os.O_APPEND), "ab")


def _another(setting: str) -> str:
    return f"name a file of your own in {setting}, or set it to nothing to go without" if setting else ""


def _chmod(mode: str, path: Path) -> str:
    return f"`chmod {mode} {shlex.quote(str(path))}`"


def _chown(path: Path) -> str:
    return f"`chown -R {os.geteuid()} {shlex.quote(str(path))}`"
