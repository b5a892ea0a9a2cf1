"""Another secret for each that there is, by one command."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.questdb.client.credentials import ensure_credentials
from ghtrader_assets.runtime import RunningProcess, Runtime, write_runtime
from ghtrader_assets.settings import Settings, secret_fields, variable_of
from ghtrader_assets_tests.fix_platform import CommandLine

CANARY = "canary-of-the-rotation-4d1e"
OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def secrets_of(home: Path) -> set[str]:
    keys = keys_of(Settings(home=home))
    return {
        *(login.password.get_secret_value() for login in ensure_credentials(home)),
        keys.owner.get_secret_value(),
        keys.reader.get_secret_value(),
    }


def test_the_secrets_of_a_home_are_made_anew(bare: CommandLine) -> None:
    before = secrets_of(bare.home)
    ran = bare.run("rotate-secrets", "--json")
    assert ran.code == 0, ran.err
    after = secrets_of(bare.home)
    assert (len(before), len(after)) == (4, 4)
    assert before.isdisjoint(after)
    assert not any(secret in ran.out + ran.err for secret in before | after)
    assert {Path(row["where"]).name for row in ran.document} == {"questdb-credentials.json", "token", "token_read"}


def test_each_secret_of_the_settings_is_named_with_its_place(bare: CommandLine) -> None:
    given = {variable_of(field): CANARY for field in secret_fields()} | {
        "TQSDK_USER": "me",
        "GHTRADER_HOME": str(bare.home),
    }
    (bare.home / "ghtrader.toml").write_text(f"web_token = '{CANARY}'\n")
    (bare.home / "ghtrader.toml").chmod(0o600)
    del given["GHTRADER_WEB_TOKEN"]
    ran = bare.run("rotate-secrets", "--json", **given)
    assert ran.code == 0, ran.err
    places = {row["secret"]: row["where"] for row in ran.document}
    assert places.keys() >= {variable_of(field) for field in secret_fields()}
    assert places["TQSDK_PASSWORD"] == "env:TQSDK_PASSWORD"
    assert places["GHTRADER_WEB_TOKEN"] == "file:ghtrader.toml"
    assert CANARY not in ran.out + ran.err
    assert keys_of(Settings(home=bare.home, web_token=SecretStr(CANARY))).owner.get_secret_value() == CANARY


def test_nothing_is_made_anew_while_services_run(bare: CommandLine) -> None:
    before = secrets_of(bare.home)
    write_runtime(bare.home, Runtime(owner=RunningProcess.of(1)))
    ran = bare.run("rotate-secrets")
    assert (ran.code, "`down` first" in ran.err) == (2, True)
    assert secrets_of(bare.home) == before


def test_the_docs_say_of_each_secret_how_it_is_changed() -> None:
    text = OPERATIONS.read_text(encoding="utf-8").partition("## Other secrets than before")[2].partition("\n## ")[0]
    assert [variable for field in secret_fields() if f"`{(variable := variable_of(field))}`" not in text] == []
