"""What a settings file or a variable may hold: anything else is one line that names it, at once, without its secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.settings import Settings, checked, load_settings, secret_fields, variable_of
from ghtrader_assets.settings_file import MOST_BYTES

CANARY = "canary-91c0"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("GHTRADER_", "TQSDK_", "TQ_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal() -> str:
    with pytest.raises(BadInputError) as error:
        load_settings()
    line = error.value.line
    assert "\n" not in line
    assert CANARY not in line
    assert len(line) < 1200
    return line


def put(content: str | bytes) -> None:
    path = Path("ghtrader.toml")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"x = '\xff'", "ghtrader.toml is not valid TOML: byte 5 is not UTF-8"),
        (b"\xff\xfe" + "x = 1".encode("utf-16-le"), "not UTF-8"),
        ("x = " + "[" * 20_000, "nested too deep"),
        ("x = " + "[" * 20_000 + "]" * 20_000, "nested too deep"),
        ("x = " + "{a = " * 20_000, "nested too deep"),
        (".".join("a" * 20_000) + " = 1", "nested too deep"),
        (". ".join(["'a'", '"b"'] * 10_000) + " = 1", "nested too deep"),
        ("[" + ".".join("a" * 20_000) + "]", "nested too deep"),
        ("x = {" + ".".join("a" * 20_000) + " = 1}", "nested too deep"),
        ("min_free_mb = " + "9" * 5_000, "too many digits"),
        ("min_free_mb = " + "9" * 4_000, "GHTRADER_MIN_FREE_MB='999"),
        ("x = '" + "y" * MOST_BYTES + "'", "larger than 256 kB"),
        ("x = 1\nx = 2", "is not valid TOML"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_that_is_no_settings_file_is_refused_at_once(content: str | bytes, says: str) -> None:
    """They were tracebacks, ten seconds and three minutes."""
    put(content)
    assert says in refusal()


def test_a_file_that_is_named_and_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHTRADER_SETTINGS_FILE", "typo.toml")
    assert "the settings file typo.toml can't be read: No such file" in refusal()
    monkeypatch.setenv("GHTRADER_SETTINGS_FILE", ".")
    assert "is no file" in refusal()


@pytest.mark.parametrize("field", sorted(secret_fields()))
@pytest.mark.parametrize(
    "value", [f"{{a = '{CANARY}'}}", f"[['{CANARY}']]", "7", "true", f"{{a = {{b = '{CANARY}'}}}}"]
)
def test_a_secret_of_a_wrong_type_is_not_shown(field: str, value: str) -> None:
    put(f"{field} = {value.replace('CANARY', CANARY)}\n")
    assert variable_of(field) in refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUERY_TIMEOUT_S", "inf"),
        ("QUERY_TIMEOUT_S", "1e308"),
        ("QUERY_TIMEOUT_S", "1e-320"),
        ("QUERY_TIMEOUT_S", "0"),
        ("QUERY_TIMEOUT_S", "nan"),
        ("SESSIONS_PER_MINUTE", "1e-320"),
        ("SESSIONS_PER_MINUTE", "nan"),
        ("PAGES_PER_SECOND", "1e-320"),
        ("MAINTENANCE_WAIT_S", "inf"),
        ("INGEST_RATE_SHARE", "nan"),
        ("CACHE_TTL_S", "inf"),
        ("CACHE_TTL_S", "1e300"),
        ("MIN_FREE_MB", "1" + "0" * 30),
        ("QUALITY_SAMPLE_ABOVE_ROWS", "1" + "0" * 30),
        ("L5_VALIDATE_TQ_CHECK_MAX_DAYS", "1" + "0" * 30),
        ("L5_VALIDATE_TQ_CHECK_MAX_SEGMENTS", "1" + "0" * 30),
        ("START_DATE", "0"),
        ("START_DATE", "1700000000"),
        ("START_DATE", "20260106"),
        ("START_DATE", "2026-W02-2"),
        ("START_DATE", "2026-01-06T00:00:00"),
        ("START_DATE", "9999-12-31"),
        ("START_DATE", "0001-01-01"),
        ("START_DATE_CU", "20260106"),
        ("START_DATE_CU", "2026-W02-2"),
        ("START_DATE_CU", "0"),
        ("START_DATE_CU", "9999-12-31"),
        ("SYMBOLS", ""),
        ("SYMBOLS", " , "),
        ("HOME", ""),
        ("WORKSPACE", ""),
        ("INGEST_WORKERS", "9" * 100_000),
        ("READBACK", "x" * 100_000),
    ],
    ids=lambda value: value[:20],
)
def test_a_value_out_of_its_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"GHTRADER_{name}", value)
    assert f"GHTRADER_{name}" in refusal()


@pytest.mark.parametrize(
    "content",
    [
        "start_date = 0",
        "start_date = 20260106",
        "start_date = 2026-01-06T00:00:00",
        "start_date_cu = 1.5",
        "symbols = []",
        "symbols = ['']",
        "symbols = [7]",
        "query_timeout_s = inf",
        "query_timeout_s = nan",
        "ingest_workers = 2.5",
        "sender_pool = 7",
        "home = 7",
    ],
)
def test_a_value_of_the_file_out_of_its_bounds_is_refused(content: str) -> None:
    put(content)
    assert f"GHTRADER_{content.partition(' ')[0].upper()}" in refusal()


def test_each_number_has_finite_bounds() -> None:
    numbers = {
        name: field for name, field in Settings.model_fields.items() if field.annotation in (int, float, int | None)
    }
    assert len(numbers) > 20
    for name, field in numbers.items():
        bounds = {bound for each in field.metadata for bound in ("ge", "gt", "le", "lt") if hasattr(each, bound)}
        assert bounds & {"ge", "gt"}, name
        assert bounds & {"le", "lt"}, name


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("ingest_worker = 2", ("ingest_worker", "ingest_workers")),
        ("GHTRADER_SYMBOL = 'KQ.m@SHFE.cu'", ("GHTRADER_SYMBOL", "GHTRADER_SYMBOLS")),
        ("tqsdk_pasword = 'canary-91c0'", ("tqsdk_pasword", "tqsdk_password")),
        ("star_date_cu = 2026-01-05", ("star_date_cu",)),
        ("[ghtrader]\ningest_workers = 2", ("ghtrader", "table")),
        ("[questdb]\nhttp = 'a:1'", ("questdb", "table")),
        ("TQ_MD_URL = 'ws://x'", ("TQ_MD_URL", "environment")),
        ("sources = 1", ("sources",)),
        ("ingest_workers = 2\nGHTRADER_INGEST_WORKERS = 3", ("ingest_workers", "GHTRADER_INGEST_WORKERS", "both")),
        ("Ingest_Workers = 2\ningest_workers = 3", ("Ingest_Workers", "ingest_workers", "both")),
        ("tqsdk_password = 'canary-91c0'\nTQSDK_PASSWORD = 'x'", ("tqsdk_password", "TQSDK_PASSWORD", "both")),
        ("'" + "x" * 100_000 + "' = 1", ("xxx",)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_key_that_sets_nothing_is_refused(content: str, says: tuple[str, ...]) -> None:
    """It was read in silence."""
    put(content)
    line = refusal()
    for word in says:
        assert word in line


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GHTRADER_INGEST_WORKER", "GHTRADER_INGEST_WORKERS"),
        ("GHTRADER_SYMBOL", "GHTRADER_SYMBOLS"),
        ("GHTRADER_CACHE_TTL", "GHTRADER_CACHE_TTL_S"),
        ("GHTRADER_QUESTDB_PASSWD", "GHTRADER_QUESTDB_PASSWORD"),
    ],
)
def test_a_variable_that_is_nearly_one_of_ours_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, CANARY)
    line = refusal()
    assert name in line
    assert f"write {meant}" in line


@pytest.mark.parametrize(
    "name",
    [
        "GHTRADER_ROLE",
        "GHTRADER_DATA_DIR",
        "GHTRADER_JOB_ID",
        "GHTRADER_QDB_ILP_BATCH_ROWS",
        "GHTRADER_TQ_RETRY_MAX",
        "GHTRADER_L5_START_DATE",
        "GHTRADER_L5_START_DATE_CU",
        "GHTRADER_QUESTDB_HOST",
        "GHTRADER_QUESTDB_PG_PASSWORD",
        "GHTRADER_TQ_MAINTENANCE_WAIT_S",
        "GHTRADER_WORKERS_GLOBAL_MAX",
        "GHTRADER_ENDS_WITH_PARENT",
        "GHTRADER_CONFIG_ALLOW_LEGACY_ENV",
    ],
)
def test_variables_of_ghtraders_own_and_of_later_versions_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Both programs may run in one environment."""
    monkeypatch.setenv(name, "x")
    load_settings()


@pytest.mark.parametrize("value", ["0", "-5", "1000", "abc", "", "9" * 5_000, "1e1", " 2"])
def test_a_value_from_elsewhere_has_the_bounds_of_its_setting(value: str) -> None:
    if value == " 2":
        assert checked("ingest_workers", value, "the run's tag") == 2
        return
    with pytest.raises(BadInputError, match="the run's tag") as error:
        checked("ingest_workers", value, "the run's tag")
    assert len(error.value.line) < 1200
