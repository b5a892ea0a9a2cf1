"""What a child is given: no secret that it does not need, no place of modules that another user may fill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.children import (
    ALL_SECRETS,
    PYTHON,
    READING_SECRETS,
    SOCKET_PATH_BYTES,
    STORE_SECRETS,
    WITHHELD,
    child_environment,
    clear_temporary_folder,
    own_module_path,
    socket_folder,
    temporary_folder,
)
from ghtrader_assets.settings import Settings, load_settings, secret_fields, variable_of

CANARY = "canary-3f81"
DAY_NS = 24 * 3600 * 10**9


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("GHTRADER_", "TQSDK_", "TQ_")):
            monkeypatch.delenv(name)
    for field in secret_fields():
        monkeypatch.setenv(variable_of(field), f"{CANARY}-{field}")
    monkeypatch.chdir(tmp_path)


def told(environment: dict[str, str]) -> set[str]:
    return {value.removeprefix(f"{CANARY}-") for value in environment.values() if CANARY in value}


def test_secrets_are_found_by_their_type() -> None:
    declared = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secret_fields() == declared >= {"tqsdk_password", "questdb_password", "alert_urls", "redis_url"}
    settings = load_settings()
    assert all(isinstance(getattr(settings, field), SecretStr) for field in secret_fields())


@pytest.mark.parametrize("needed", [frozenset[str](), READING_SECRETS, STORE_SECRETS, ALL_SECRETS])
@pytest.mark.parametrize("reads_settings", [True, False])
def test_a_child_is_given_the_secrets_that_it_needs(
    tmp_path: Path, needed: frozenset[str], reads_settings: bool
) -> None:
    given = child_environment(tmp_path, needed, reads_settings=reads_settings)
    assert told(given) == needed
    others = {variable_of(field) for field in secret_fields() - needed}
    assert {given.get(name) for name in others} <= {WITHHELD if reads_settings else None}


@pytest.mark.parametrize("name", ["tqsdk_password", "Ghtrader_Tqsdk_Password", "ghtrader_alert_urls"])
def test_a_secret_is_found_under_each_name_that_sets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """pydantic takes variables in any case, and a field with a name of its own by the other one too."""
    monkeypatch.setenv(name, f"{CANARY}-small")
    assert told(child_environment(tmp_path)) == set()


def test_a_child_whose_secrets_are_withheld_reads_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows that the provider is TqSdk and the cache is Redis; each needs its secret to be set."""
    monkeypatch.setenv("TQSDK_USER", "me")
    monkeypatch.setenv("GHTRADER_COVERAGE_CACHE", "redis")
    Path("ghtrader.toml").write_text("ingest_workers = 7\n")
    monkeypatch.setattr(os, "environ", child_environment(tmp_path / "home", reads_settings=True))
    monkeypatch.chdir(tmp_path / "home")
    settings = load_settings()
    assert (settings.ingest_workers, settings.uses_real_tqsdk, settings.coverage_cache) == (7, True, "redis")
    assert settings.tqsdk_password == SecretStr(WITHHELD)


def test_a_child_obeys_no_settings_file_that_its_parent_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "ghtrader.toml").write_text("ingest_workers = 7\n")
    monkeypatch.setattr(os, "environ", child_environment(tmp_path / "home", reads_settings=True))
    monkeypatch.chdir(tmp_path / "home")
    assert load_settings().ingest_workers == 4


def test_no_place_of_modules_is_the_current_folder_unless_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}lib{os.pathsep}/opt/lib")
    given = child_environment(tmp_path)
    assert (given["PYTHONPATH"], given["PYTHONSAFEPATH"]) == (f"{tmp_path / 'lib'}{os.pathsep}/opt/lib", "1")
    monkeypatch.setenv("PYTHONPATH", "")
    assert "PYTHONPATH" not in child_environment(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "/opt/lib"])
    assert own_module_path() == "/opt/lib"
    monkeypatch.setenv("PYTHONPATH", ".")
    assert own_module_path() == f"{tmp_path}{os.pathsep}/opt/lib"


@pytest.mark.process
def test_a_module_that_lies_in_the_folder_of_a_child_is_not_executed(tmp_path: Path) -> None:
    (tmp_path / "aiohttp.py").write_text("raise SystemExit('the module of another user')")
    given = child_environment(tmp_path)
    for words in (["-c", "import aiohttp"], ["-m", "aiohttp"]):
        ran = subprocess.run([*PYTHON, *words], cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
        assert "the module of another user" not in ran.stderr
        ran = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=given, capture_output=True, text=True, check=False
        )
        assert "the module of another user" not in ran.stderr, "its own children take it from the variable"


def test_temporary_files_lie_in_the_home(tmp_path: Path) -> None:
    assert Path(child_environment(tmp_path)["TMPDIR"]) == temporary_folder(tmp_path) == tmp_path / "tmp"
    assert (tmp_path / "tmp").stat().st_mode & 0o777 == 0o700


def test_sockets_lie_in_the_home_unless_it_lies_too_deep(tmp_path: Path) -> None:
    short = Path("/tmp") / f"gh{os.getpid()}"
    deep = tmp_path / ("d" * 40) / ("e" * 40)
    try:
        for home, is_inside in ((short, True), (deep, False)):
            with socket_folder(home) as folder:
                assert folder.is_relative_to(home) == is_inside
                assert folder.stat().st_mode & 0o777 == 0o700
                assert len(os.fsencode(folder / "pymp-12345678" / "listener-12345678")) <= SOCKET_PATH_BYTES
            assert not folder.exists()
    finally:
        (short / "tmp").rmdir()
        short.rmdir()


def test_what_was_left_behind_in_the_folder_of_temporary_files_goes_after_a_day(tmp_path: Path) -> None:
    folder = temporary_folder(tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "one").mkdir()
    (folder / "one" / "libquestdb.so").touch()
    now_ns = (folder / "one").stat().st_mtime_ns
    clear_temporary_folder(tmp_path, now_ns + DAY_NS // 2)
    assert len(list(folder.iterdir())) == 2
    clear_temporary_folder(tmp_path, now_ns + 2 * DAY_NS)
    assert list(folder.iterdir()) == []
    assert kept.exists()
