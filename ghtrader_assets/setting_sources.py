"""Where settings come from: the environment and the settings file, each value with its place, each name checked.

Belongs here: variables and keys, and what they set. Does not belong here: the settings themselves (`settings`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import quoted
from ghtrader_assets.private import require_unread
from ghtrader_assets.setting_names import PREFIX, TQSDK_ADDRESSES, slip_of, what_was_meant
from ghtrader_assets.setting_types import as_day
from ghtrader_assets.settings_file import SETTINGS_FILE_VARIABLE, read_settings_file, settings_path

L5_VALIDATE_PREFIX: Final = "GHTRADER_L5_VALIDATE_"
START_DATE: Final = "GHTRADER_START_DATE"
_TRACED: Final = frozenset({"l5_validate", "start_dates", "tqsdk_environment", "sources"})
"""Fields that no variable sets as a whole."""
_NO_SETTINGS: Final = frozenset({SETTINGS_FILE_VARIABLE, "GHTRADER_ENDS_WITH_PARENT"})
_START_DATE_OF: Final = re.compile(rf"{START_DATE}_[A-Z]{{1,2}}")
_SHOWN_WHOLE: Final = 80


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A setting's value and the place it came from: `env:NAME`, `file:PATH`, or `default`."""

    name: str
    value: object
    source: str


@dataclass(frozen=True)
class Names:
    """What the fields of a settings class are called: `fields` by their variable, families aside."""

    fields: Mapping[str, str]
    secrets: frozenset[str]
    legal: frozenset[str]

    def variable_of(self, key: str) -> str:
        """The variable that a key of the settings file stands for."""
        upper = key.upper()
        return upper if upper in self.fields or upper.startswith(PREFIX) else f"{PREFIX}{upper}"

    def by_variable(self, path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
        """The file's values by their variables. Raises `BadInputError` for a key that sets nothing, and for two of one
        setting."""
        given: dict[str, Any] = {}
        keys: dict[str, str] = {}
        for key, value in content.items():
            variable = self.variable_of(key)
            if variable not in self.fields and not _is_of_a_family(variable):
                remedy = what_was_meant(key, self.fields, is_table=isinstance(value, dict))
                raise BadInputError(f"{path}: {quoted(key)} sets nothing", remedy)
            if variable in keys:
                raise BadInputError(f"{path}: {keys[variable]} and {key} both set {variable}", "leave one of them")
            keys[variable], given[variable] = key, value
        return given

    def refuse_misspelt(self, name: str) -> None:
        """Raise `BadInputError` for a variable that is nearly one of ours, and none."""
        if name.startswith(PREFIX) and name not in self.legal and not _is_of_a_family(name):
            near = slip_of(name, self.fields)
            if near:
                raise BadInputError(f"the variable {quoted(name)} sets nothing", f"write {near}, or unset it")

    def traced(self, given: Mapping[str, Any], source_of: Callable[[str], str]) -> dict[str, Any]:
        """The families among what one source gives, and where each variable comes from. pydantic-settings merges
        mappings of several sources key by key, the first source's values before the others'."""
        starts = [name for name in given if _START_DATE_OF.fullmatch(name)]
        thresholds = [name for name in given if name.startswith(L5_VALIDATE_PREFIX) and name not in self.fields]
        sources = {name: source_of(name) for name in (*(self.fields.keys() & given.keys()), *starts, *thresholds)}
        return {
            "l5_validate": {name: SourcedValue(name, given[name], sources[name]) for name in thresholds},
            "start_dates": {name: _start_date(name, given[name], sources[name]) for name in starts},
            "sources": sources,
        }


@cache
def names_of(settings: type[BaseSettings]) -> Names:
    """The names of a class's fields."""
    fields = settings.model_fields
    secrets = frozenset(
        name for name, field in fields.items() if SecretStr in (field.annotation, *get_args(field.annotation))
    )
    variables = {variable_of(settings, name): name for name in fields if name not in _TRACED}
    legal = _NO_SETTINGS.union(*(variables_of(settings, name) for name in fields))
    return Names(variables, secrets, legal)


def variable_of(settings: type[BaseSettings], field: str) -> str:
    """The environment variable of a field."""
    alias = settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{field.upper()}"


def variables_of(settings: type[BaseSettings], field: str) -> frozenset[str]:
    """Every variable that sets a field, in capitals; pydantic takes them in any case, and by the field's name too."""
    return frozenset({variable_of(settings, field), f"{PREFIX}{field.upper()}"})


def shown_value(value: object) -> str:
    """A value as a message holds it: whole where it is short and printable."""
    text = str(value)
    return text if text.isprintable() and len(text) <= _SHOWN_WHOLE else quoted(text)


class Environment(EnvSettingsSource):
    """The environment, each value with its variable as source."""

    def __call__(self) -> dict[str, Any]:
        names = names_of(self.settings_cls)
        for name in os.environ:
            names.refuse_misspelt(name.upper())
        values = super().__call__()
        variables = {field: variable for variable, field in names.fields.items()}
        given = {name if name in names.fields else variables.get(name, name): value for name, value in values.items()}
        addresses = {name: os.environ[name] for name in TQSDK_ADDRESSES if name in os.environ}
        return values | names.traced(os.environ | given, "env:{}".format) | {"tqsdk_environment": addresses}


class SettingsFile(PydanticBaseSettingsSource):
    """`ghtrader.toml` or `GHTRADER_SETTINGS_FILE`. Keys may be written with or without the `GHTRADER_` prefix."""

    def __call__(self) -> dict[str, Any]:
        path = settings_path()
        if path is None:
            return {}
        names = names_of(self.settings_cls)
        content, found = read_settings_file(path)
        given = names.by_variable(path, content)
        values = {field: given[variable] for variable, field in names.fields.items() if variable in given}
        secrets = sorted(variable for variable in given if names.fields.get(variable) in names.secrets)
        if secrets:
            require_unread(path, found, ", ".join(secrets))
        return values | names.traced(given, lambda _: f"file:{path}")

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's
        return self().get(field_name), field_name, False


def _is_of_a_family(variable: str) -> bool:
    return variable.startswith(L5_VALIDATE_PREFIX) or _START_DATE_OF.fullmatch(variable) is not None


def _start_date(name: str, value: object, source: str) -> object:
    try:
        return as_day(value)
    except ValueError as error:
        raise BadInputError(f"{name}={shown_value(value)} ({source}): {error}") from None
