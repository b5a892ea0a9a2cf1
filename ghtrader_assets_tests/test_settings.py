"""Settings: precedence, sources, secrets, and one clear line for a bad value."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ghtrader_assets.errors import BadInputError, CredentialError
from ghtrader_assets.settings import (
    EMBEDDED_FIRST_DAY,
    L5_VALIDATE_PREFIX,
    load_settings,
    sourced_values,
    start_date_of,
    suffixed_values,
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("GHTRADER_", "TQSDK_", "TQ_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def source_of(name: str) -> str:
    return next(value.source for value in sourced_values(load_settings()) if value.name == name)


def test_environment_beats_file_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_settings().ingest_workers, source_of("GHTRADER_INGEST_WORKERS")) == (4, "default")
    Path("ghtrader.toml").write_text("ingest_workers = 2\n")
    assert (load_settings().ingest_workers, source_of("GHTRADER_INGEST_WORKERS")) == (2, "file:ghtrader.toml")
    monkeypatch.setenv("GHTRADER_INGEST_WORKERS", "3")
    assert (load_settings().ingest_workers, source_of("GHTRADER_INGEST_WORKERS")) == (
        3,
        "env:GHTRADER_INGEST_WORKERS",
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("GHTRADER_SENDER_POOL", "false", "sender_pool", False),
        ("GHTRADER_VALIDATE_INCREMENTAL", "0", "validate_incremental", False),
        ("GHTRADER_MIN_FREE_MB", "0", "min_free_mb", 0),
        ("GHTRADER_QUALITY_SAMPLE_ABOVE_ROWS", "0", "quality_sample_above_rows", 0),
        ("GHTRADER_DAGSTER_PORT", "0", "dagster_port", 0),
        ("GHTRADER_SYMBOLS", "KQ.m@SHFE.rb", "symbols", ("KQ.m@SHFE.rb",)),
    ],
)
def test_zero_and_false_are_values(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, field: str, value: object
) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(load_settings(), field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GHTRADER_INGEST_WORKERS", "many"),
        ("GHTRADER_INGEST_WORKERS", "0"),
        ("GHTRADER_READBACK", "perhaps"),
        ("GHTRADER_START_DATE", "last week"),
        ("GHTRADER_DAGSTER_PORT", "70000"),
    ],
)
def test_a_malformed_value_names_variable_and_value(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(BadInputError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_named() -> None:
    Path("ghtrader.toml").write_text("ingest_workers = \n")
    with pytest.raises(BadInputError, match=r"ghtrader\.toml is not valid TOML"):
        load_settings()


def test_the_password_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQSDK_USER", "me")
    monkeypatch.setenv("TQSDK_PASSWORD", "canary-5d1f")
    monkeypatch.setenv("GHTRADER_START_DATE", "2024-01-02")
    settings = load_settings()
    assert "canary" not in repr(settings) + str(sourced_values(settings))
    assert settings.tqsdk_password is not None
    assert settings.tqsdk_password.get_secret_value() == "canary-5d1f"


def test_a_user_without_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQSDK_USER", "me")
    with pytest.raises(CredentialError, match="TQSDK_PASSWORD"):
        load_settings()


def test_real_tqsdk_needs_a_start_date(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().first_day == EMBEDDED_FIRST_DAY
    monkeypatch.setenv("TQSDK_USER", "me")
    monkeypatch.setenv("TQSDK_PASSWORD", "secret")
    with pytest.raises(BadInputError, match="GHTRADER_START_DATE"):
        _ = load_settings().first_day


def test_one_symbol_can_start_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHTRADER_START_DATE_CU", "2025-06-03")
    settings = load_settings()
    assert start_date_of(settings, "cu") == date(2025, 6, 3)
    assert start_date_of(settings, "au") == EMBEDDED_FIRST_DAY
    monkeypatch.setenv("GHTRADER_START_DATE_CU", "soon")
    with pytest.raises(BadInputError, match=r"GHTRADER_START_DATE_CU=soon \(env:"):
        start_date_of(settings, "cu")


def test_families_know_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ghtrader.toml").write_text("l5_validate_gap_threshold_s = 6\n")
    monkeypatch.setenv("GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S_CU", "7")
    found = suffixed_values(L5_VALIDATE_PREFIX)
    assert found["GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S"].source == "file:ghtrader.toml"
    assert found["GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S_CU"].source.startswith("env:")
