"""The settings file: its place, whose it is, its size and depth, its TOML.

Belongs here: finding and reading it, within bounds. Does not belong here: which keys there are and what they mean
(`settings`).
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.private import read_trusted

SETTINGS_FILE: Final = "ghtrader.toml"
SETTINGS_FILE_VARIABLE: Final = "GHTRADER_SETTINGS_FILE"
MOST_BYTES: Final = 256 * 1024
MOST_PARTS: Final = 100
"""No setting is a table: keys of so many parts would take the parser minutes."""
_PART: Final = re.compile(rb"""[\w\s"'-]*""")


def settings_path() -> Path | None:
    """The file that the variable names, else the one in this folder; None where there is none, or it names nothing."""
    named = os.environ.get(SETTINGS_FILE_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    with contextlib.suppress(OSError):
        Path(SETTINGS_FILE).stat()
        return Path(SETTINGS_FILE)
    return None


def read_settings_file(path: Path) -> tuple[dict[str, Any], os.stat_result]:
    """The file's keys and values, and how it stands. Raises `BadInputError` in one line."""
    try:
        content, found = read_trusted(path, MOST_BYTES, setting=SETTINGS_FILE_VARIABLE)
    except OSError as error:
        remedy = f"mend that, or name another file in {SETTINGS_FILE_VARIABLE}"
        raise BadInputError(f"the settings file {path} can't be read: {error.strerror}", remedy) from None
    if len(content) > MOST_BYTES:
        raise BadInputError(f"{path} is larger than {MOST_BYTES // 1024} kB", "a settings file is a few lines of TOML")
    if _is_deep(content):
        raise BadInputError(f"{path} is nested too deep", "write each setting as `name = value`")
    try:
        return tomllib.loads(content.decode()), found
    except RecursionError:
        raise BadInputError(f"{path} is nested too deep", "write each setting as `name = value`") from None
    except ValueError as error:
        raise BadInputError(f"{path} is not valid TOML: {_said(error)}", "mend the line it names") from None


def _said(error: ValueError) -> str:
    """What the parser says of a place, without the text that stands there: it may be a secret."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    return str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it holds a number of too many digits"


def _is_deep(content: bytes) -> bool:
    parts = 0
    for part in content.split(b"."):
        parts = parts + 1 if _PART.fullmatch(part) else 0
        if parts > MOST_PARTS:
            return True
    return False
