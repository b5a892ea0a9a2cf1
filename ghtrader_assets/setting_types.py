"""The types of settings' values: what each may be written as, and what it may not be.

Belongs here: types that pydantic has not. Does not belong here: the settings (`settings`), and where values come from.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Final, cast

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints
from pydantic_settings import NoDecode

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import bounded_day, day_of

MOST_WORDS: Final = 1000


def as_day(value: object) -> date:
    """YYYY-MM-DD as text, or TOML's date. Raises `ValueError` for a number of seconds, an instant, another form."""
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            return bounded_day(value)
        return day_of(value)
    except BadInputError as error:
        raise ValueError(str(error)) from None


def _split_words(value: object) -> object:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _joined(value: object) -> object:
    """Several addresses as apprise takes them: a list of texts from the settings file becomes one."""
    if not isinstance(value, list):
        return value
    words = cast("list[object]", value)
    return ", ".join(map(str, words)) if all(isinstance(word, str) for word in words) else words


def _named(value: object) -> object:
    if value == "":
        raise ValueError("it names nothing; to go without it, unset it")
    return value


def _anchored(path: Path) -> Path:
    """A path that means the same in every process: `~` is the user's home, a relative one lies in this folder."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{error}; write the whole path") from None


def as_evening(value: object) -> time:
    """HH:MM in the evening, Beijing time, as text or TOML's time. Raises `ValueError`."""
    text = value.isoformat("minutes") if isinstance(value, time) else value
    if not isinstance(text, str) or re.fullmatch(r"(1[6-9]|2[0-3]):[0-5][0-9]", text) is None:
        raise ValueError("write it as HH:MM, from 16:00 to 23:59 Beijing time")
    return time.fromisoformat(text)


AnchoredPath = Annotated[Path, BeforeValidator(_named), AfterValidator(_anchored)]
_OneWord = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Words = Annotated[tuple[_OneWord, ...], NoDecode, BeforeValidator(_split_words), Field(max_length=MOST_WORDS)]
SettingEvening = Annotated[time, BeforeValidator(as_evening)]
SettingDay = Annotated[date, BeforeValidator(as_day)]
Addresses = Annotated[SecretStr | None, BeforeValidator(_joined)]
