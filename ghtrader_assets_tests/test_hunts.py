"""A hunt through the settings: files and variables by hand, of another program, spoiled."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st

from ghtrader_assets import redaction
from ghtrader_assets.errors import BadInputError, CredentialError
from ghtrader_assets.settings import Settings, load_settings, secret_fields, sourced_values, variable_of
from ghtrader_assets_tests.hunting import CANARY, Record, counts, hunt, odd, spoiled

FIELDS = sorted(set(Settings.model_fields) - {"sources", "l5_validate", "start_dates", "tqsdk_environment"})
NAMES = [*map(variable_of, FIELDS), *FIELDS, "GHTRADER_START_DATE_CU", "GHTRADER_L5_VALIDATE_X", "ghtrader"]
SECRETS = sorted(secret_fields())


class Given(NamedTuple):
    """A settings file, and variables."""

    file: bytes
    variables: dict[str, str]


values = st.integers(0, 70) | st.text(max_size=10) | st.sampled_from(["on", "2026-01-05", "KQ.m@SHFE.cu", "x:1"]) | odd
named = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
given_settings = st.builds(lambda file, by_variable: [file, by_variable], named, named)


def written(document: Any, dice: random.Random) -> Given:
    """Secrets come last, in their fields: in another they would be none."""
    pair = document if isinstance(document, list) and len(document) == 2 else [document, {}]
    file, variables = (each if isinstance(each, dict) else {"symbols": each} for each in pair)
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in file.items()).encode(errors="replace")
    by_hand = spoiled(text, dice)
    if dice.random() < 0.5:
        secret = _toml(dice.choice((CANARY, [CANARY], {"a": CANARY}, [[CANARY]])))
        by_hand = f"{dice.choice(SECRETS)} = {secret}\n".encode() + (by_hand if by_hand == text else b"")
    texts = {str(name): str(value) for name, value in variables.items() if name}
    texts |= {variable_of(dice.choice(SECRETS)): f"{dice.choice(('', 'x://'))}{CANARY}"}
    return Given(by_hand, {name: value for name, value in texts.items() if _is_legal(name, value)})


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_toml(entry)}" for key, entry in value.items()) + "}"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else json.dumps(value, default=str)


def _is_legal(name: str, text: str) -> bool:
    """Whether an environment can hold it at all."""
    try:
        os.fsencode(name + text)
    except UnicodeEncodeError:
        return False
    return "\x00" not in name + text and "=" not in name


def examine(given: Given) -> str:
    Path("ghtrader.toml").write_bytes(given.file)
    os.environ.clear()
    os.environ.update(given.variables)
    redaction._secrets.clear()  # those of a process, which reads settings once
    redaction._known = None
    try:
        settings = load_settings()
    except (BadInputError, CredentialError) as error:
        return f"{error} {error.line}"
    return f"{settings!r} {sourced_values(settings)}"


@pytest.fixture
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder and an environment of its own, which the hunt changes as it likes."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    Path("ghtrader.toml").touch(mode=0o600)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize(("count", "part"), counts(1_000_000, 8))
def test_settings(count: int, part: int, seed: int, record_property: Record) -> None:
    hunt(given_settings, examine, count, f"settings:{seed}:{part}", record_property, written)
