"""What the provider says, and what an older version stored of it, is text on the terminal: no markup, no escapes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ghtrader_assets.cli.app import announce, emit_json, emit_table, out
from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import new_manifest_id
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import write_manifests
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine
from ghtrader_assets_tests.made_manifest import manifest

NASTY = "[/bold] [link=http://x.invalid]here[/link] :bug: \x1b[31mred\x1b[0m\x07 \x9b2J \u202eabc\nerror: forged"
"""Markup that closes nothing, a link, a name of an emoji, escapes of both sets, another direction, a second line."""


def require_plain(said: str) -> None:
    """The text stands there as it came, and nothing of it is more than text."""
    assert "[/bold]" in said
    assert ":bug:" in said
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
    assert not any(line.startswith("error: forged") for line in said.splitlines())


def test_a_console_shows_text_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    for show in (
        lambda: emit_table(NASTY, ["of"], []),
        lambda: emit_table("title", ["of"], [[NASTY]]),
        lambda: out.print(NASTY),
        lambda: announce(NASTY),
        lambda: emit_json({"of": NASTY}),
    ):
        show()
        said = capsys.readouterr()
        require_plain(said.out + said.err)


def test_what_a_provider_refuses_with(shared: CommandLine, exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "refuse", "at": "handshake", "status": 404, "message": NASTY, "times": None})
    day = date(2026, 1, 6)
    ran = shared.run("backfill", "KQ.m@SHFE.cu", "--from", str(day), "--to", str(day))
    assert ran.code == 3
    assert "Traceback" not in ran.err
    require_plain(ran.out)
    require_plain(ran.err)


def test_what_an_older_version_stored(shared: CommandLine, db: Database) -> None:
    day, started = date(2026, 1, 7), datetime(2026, 1, 7, 9, tzinfo=UTC)
    attempt = manifest(
        manifest_id=new_manifest_id(started),
        symbol="KQ.m@SHFE.cu",
        trading_day=day,
        outcome=IngestState.BROKEN,
        reason=NASTY,
        started=started,
        finished=started,
    )
    write_manifests(db, [attempt])
    span = ("--from", day.isoformat(), "--to", day.isoformat())
    days, manifests = ("days", "KQ.m@SHFE.cu", *span), ("manifests", "--covering", day.isoformat())
    for words in (days, (*days, "--json"), manifests, ("repair", *span)):
        ran = shared.run(*words)
        assert ran.code in (0, 1), ran
        require_plain(ran.out)
