"""Settings: precedence, sources, secrets, and one clear line for a bad value."""

from __future__ import annotations

import os
import tomllib
from datetime import date
from pathlib import Path

import pytest

from ghtrader_assets.errors import BadInputError, CredentialError, UntrustedFileError
from ghtrader_assets.loading.frames import policy_of
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.settings import (
    EMBEDDED_FIRST_DAY,
    load_settings,
    sourced_values,
    start_date_of,
)
from ghtrader_assets_tests.another_user import ANOTHER, as_root


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("name", ["GHTRADER_HOME", "GHTRADER_WORKSPACE"])
def test_a_folder_means_the_same_in_every_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """A child in another folder, or a shell that leaves `~` alone, must not make another home."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    field = name.removeprefix("GHTRADER_").lower()
    for text, wanted in (("data", tmp_path / "data"), ("~/gh", tmp_path / "user" / "gh"), ("/gh", Path("/gh"))):
        monkeypatch.setenv(name, text)
        assert getattr(load_settings(), field) == wanted
        monkeypatch.delenv(name)
        Path("ghtrader.toml").write_text(f'{field} = "{text}"\n')
        assert getattr(load_settings(), field) == wanted
        Path("ghtrader.toml").unlink()


def test_the_default_home_is_a_whole_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert load_settings().home.is_absolute()


def test_a_home_of_a_user_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHTRADER_HOME", "~nobody-of-this-name/gh")
    with pytest.raises(BadInputError, match="GHTRADER_HOME=~nobody-of-this-name/gh"):
        load_settings()


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


def test_the_password_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQSDK_USER", "me")
    monkeypatch.setenv("TQSDK_PASSWORD", "canary-5d1f")
    monkeypatch.setenv("GHTRADER_START_DATE", "2024-01-02")
    settings = load_settings()
    assert "canary" not in repr(settings) + str(sourced_values(settings))
    assert settings.tqsdk_password is not None
    assert settings.tqsdk_password.get_secret_value() == "canary-5d1f"


@pytest.mark.parametrize("name", ["GHTRADER_WEB_TOKEN", "GHTRADER_WEB_TOKEN_READ"])
def test_a_token_that_can_be_guessed_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "canary-short")
    with pytest.raises(BadInputError, match=name) as caught:
        load_settings()
    assert "canary" not in str(caught.value)
    monkeypatch.setenv(name, "canary-long-enough")
    settings = load_settings()
    assert "canary" not in repr(settings) + str(sourced_values(settings))


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
    assert start_date_of(settings, "cu") == date(2025, 6, 3), "settings that were read stay as they are"
    with pytest.raises(BadInputError, match=r"GHTRADER_START_DATE_CU=soon \(env:.*YYYY-MM-DD"):
        load_settings()


def test_families_know_their_source_and_the_environment_wins_for_each_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ghtrader.toml").write_text(
        "l5_validate_gap_threshold_s = 6\nGHTRADER_L5_VALIDATE_GAP_WARN = 0\nl5_validate_tq_check_max_days = 3\n"
        "start_date_cu = 2025-06-03\nstart_date_au = 2025-06-04\n"
    )
    monkeypatch.setenv("GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S_CU", "7")
    monkeypatch.setenv("GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S", "8")
    monkeypatch.setenv("GHTRADER_START_DATE_AU", "2025-06-05")
    settings, prefix = load_settings(), "GHTRADER_L5_VALIDATE_"
    assert {name.removeprefix(prefix): (item.value, item.source) for name, item in settings.l5_validate.items()} == {
        "GAP_THRESHOLD_S": ("8", f"env:{prefix}GAP_THRESHOLD_S"),
        "GAP_THRESHOLD_S_CU": ("7", f"env:{prefix}GAP_THRESHOLD_S_CU"),
        "GAP_WARN": (0, "file:ghtrader.toml"),
    }
    assert settings.l5_validate_tq_check_max_days == 3
    assert (start_date_of(settings, "cu"), start_date_of(settings, "au")) == (date(2025, 6, 3), date(2025, 6, 5))
    shown = {value.name: (value.value, value.source) for value in sourced_values(settings)}
    assert shown["GHTRADER_START_DATE_CU"] == (date(2025, 6, 3), "file:ghtrader.toml")
    assert shown[f"{prefix}GAP_THRESHOLD_S"] == ("8", f"env:{prefix}GAP_THRESHOLD_S")
    assert shown[f"{prefix}TQ_CHECK_MAX_DAYS"] == (3, "file:ghtrader.toml")


def test_the_file_takes_keys_with_and_without_prefix_and_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text(
        'GHTRADER_INGEST_WORKERS = 2\nsender_pool = false\nmin_free_mb = 0\nsymbols = ["KQ.m@SHFE.rb", "SHFE.cu2602"]\n'
        'tqsdk_user = "me"\nTQSDK_PASSWORD = "file"\nstart_date = 2024-01-02\n'
    )
    (tmp_path / "elsewhere.toml").chmod(0o600)
    monkeypatch.setenv("GHTRADER_SETTINGS_FILE", str(tmp_path / "elsewhere.toml"))
    monkeypatch.setenv("TQSDK_PASSWORD", "environment")
    settings = load_settings()
    assert (settings.ingest_workers, settings.sender_pool, settings.min_free_mb) == (2, False, 0)
    assert settings.symbols == ("KQ.m@SHFE.rb", "SHFE.cu2602")
    assert (settings.tqsdk_user, settings.start_date) == ("me", date(2024, 1, 2))
    assert settings.tqsdk_password is not None
    assert settings.tqsdk_password.get_secret_value() == "environment"
    sources = {value.name: value.source for value in sourced_values(settings)}
    assert sources["TQSDK_USER"] == sources["GHTRADER_MIN_FREE_MB"] == f"file:{tmp_path / 'elsewhere.toml'}"
    assert (sources["TQSDK_PASSWORD"], sources["GHTRADER_READBACK"]) == ("env:TQSDK_PASSWORD", "default")


def test_no_variable_sets_what_is_gathered_from_many(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOURCES", "L5_VALIDATE"):
        monkeypatch.setenv(f"GHTRADER_{name}", "{")
    settings = load_settings()
    assert (settings.sources, settings.l5_validate, settings.start_dates) == ({}, {}, {})
    assert not {"GHTRADER_SOURCES", "GHTRADER_L5_VALIDATE"} & {value.name for value in sourced_values(settings)}
    for name in ("sources", "l5_validate", "start_dates"):
        Path("ghtrader.toml").write_text(f"{name} = 1\n")
        with pytest.raises(BadInputError, match=f"'{name}' sets nothing"):
            load_settings()


def test_a_start_reads_the_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ghtrader.toml").write_text(f'ingest_workers = 2\nalert_urls = "json://host/{"x" * 100_000}"\n')
    Path("ghtrader.toml").chmod(0o600)
    parsed: list[str] = []
    loads = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: parsed.append(text) or loads(text))
    settings = load_settings()
    sourced_values(settings)
    start_date_of(settings, "cu")
    policy_of(settings, parse_symbol("KQ.m@SHFE.cu"))
    assert len(parsed) == 1


@pytest.mark.parametrize("content", [b"ingest_workers = \n", b"x = '\xff'"])
def test_a_damaged_file_is_named_in_one_line(content: bytes) -> None:
    Path("ghtrader.toml").write_bytes(content)
    with pytest.raises(BadInputError, match=r"ghtrader\.toml is not valid TOML") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


SECRET_LINES = ('tqsdk_password = "canary-77"', "GHTRADER_QUESTDB_PASSWORD = 'canary-77'", "alert_urls = ['canary-77']")


@pytest.mark.parametrize("line", SECRET_LINES)
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_with_secrets_that_others_may_read_is_refused(line: str, mode: int) -> None:
    path = Path("ghtrader.toml")
    path.write_text(f"ingest_workers = 2\n{line}\n")
    path.chmod(mode)
    with pytest.raises(UntrustedFileError, match="may be read by other users") as error:
        load_settings()
    assert "canary" not in error.value.line
    assert error.value.remedy == f"`chmod 600 {path.absolute()}`"
    path.chmod(0o600)
    assert load_settings().ingest_workers == 2


def test_a_file_without_secrets_may_be_read_and_not_written_by_others() -> None:
    path = Path("ghtrader.toml")
    path.write_text("ingest_workers = 2\n")
    path.chmod(0o644)
    assert load_settings().ingest_workers == 2
    path.chmod(0o646)
    with pytest.raises(UntrustedFileError, match=r"other users can write ghtrader\.toml"):
        load_settings()


@as_root
def test_a_file_of_another_user_in_the_current_folder_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("ghtrader.toml")
    path.write_text('questdb_http = "evil:9000"\nquestdb_pg = "evil:8812"\n')
    path.chmod(0o644)
    os.chown(path, ANOTHER, ANOTHER)
    with pytest.raises(UntrustedFileError, match="belongs to another user"):
        load_settings()
    monkeypatch.setenv("GHTRADER_SETTINGS_FILE", "")
    assert load_settings().questdb_http is None, "the remedy: nothing named, none read"
