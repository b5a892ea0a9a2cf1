"""New secrets for old ones: those of a home are made anew, of the others it is said where they are changed.

Belongs here: that list. Does not belong here: making them (`doors.keys`, `questdb.client.credentials`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ghtrader_assets.doors.keys import TOKEN_FILES, keys_of
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.questdb.client.credentials import credentials_file, ensure_credentials
from ghtrader_assets.runtime import owned_runtime
from ghtrader_assets.settings import Settings, secret_fields, sourced_value

_SETTING: Final = "change it at the service that it opens, then there"


@dataclass(frozen=True, slots=True)
class RotatedSecret:
    """A secret, where it stands, and what became of it or is to be done."""

    secret: str
    where: str
    said: str


def rotate_secrets(settings: Settings) -> list[RotatedSecret]:
    """Make the secrets of the home anew; every secret that there is. The old ones open nothing from the next start on.

    Raises `BadInputError` while services of the home run: they would go on with the old ones.
    """
    if owned_runtime(settings.home) is not None:
        raise BadInputError(f"services of {settings.home} are running with the old secrets", "`down` first")
    console = credentials_file(settings.home)
    tokens = [settings.home / name for name in TOKEN_FILES]
    for path in (console, *tokens):
        path.unlink(missing_ok=True)
    ensure_credentials(settings.home)
    keys_of(settings)
    return [*_of_home([console, *tokens]), *_of_settings(settings)]


def _of_home(paths: list[Path]) -> Iterator[RotatedSecret]:
    """The files that are there again: a token of the settings needs none."""
    for path in paths:
        if path.exists():
            yield RotatedSecret(path.name, str(path), "made anew")


def _of_settings(settings: Settings) -> Iterator[RotatedSecret]:
    for field in sorted(secret_fields()):
        found = sourced_value(settings, field)
        if found.value is not None:
            yield RotatedSecret(found.name, found.source, _SETTING)
