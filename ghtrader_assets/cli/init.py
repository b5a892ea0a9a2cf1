"""`init`: three questions, and a settings file with comments that answers them.

Belongs here: the command, its questions, the file's text. Does not belong here: which settings there are (`settings`),
where a settings file is looked for (`settings_file`).
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from ghtrader_assets.cli.app import NAME, command, log, out
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.universe import unknown_product
from ghtrader_assets.errors import BadInputError, GhtraderError
from ghtrader_assets.files import put_secret_once
from ghtrader_assets.grammar import day_of
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.settings import EMBEDDED_FIRST_DAY, Settings, load_settings
from ghtrader_assets.settings_file import SETTINGS_FILE, settings_path

Answer = TypeVar("Answer")

OPTIONS: Final = "say --embedded or --account USER, --symbols and --from"
TEXT: Final = """\
# Settings of ghtrader-assets, for commands that are typed in this folder.
# A variable of the environment goes before a line of this file; `ghtrader-assets doctor` shows what holds.
# docs/cli.md lists every setting.

# The main contracts to load, as TqSdk writes them: KQ.m@EXCHANGE.product.
symbols = {symbols}

# The first trading day to load.
start_date = {start}

{account}
# Where everything is kept: QuestDB's data, Dagster's storage, manifests, logs.
# home = "~/ghtrader"

# Who is told of failed runs and late feeds: addresses of apprise.
# alert_urls = ["mailto://user:password@example.com"]

# How many TqSdk sessions load at once.
# ingest_workers = 4
"""
REAL: Final = """\
# The account at TqSdk. This file may be read by its owner alone, as long as it holds a password.
tqsdk_user = {user}
tqsdk_password = {password}
"""
EMBEDDED: Final = """\
# Without an account the embedded exchange is the provider: invented ticks over TqSdk's own protocol.
# tqsdk_user = "…"
# tqsdk_password = "…"
"""


@command()
def init(
    settings: Settings,
    embedded: Annotated[bool, typer.Option("--embedded", help="The embedded exchange is the provider.")] = False,
    account: Annotated[str, typer.Option(metavar="USER", help="An account at TqSdk; its password is asked for.")] = "",
    symbols: Annotated[str, typer.Option(help="Main contracts, comma-separated.")] = "",
    start: Annotated[str, typer.Option("--from", metavar="D", help="The first trading day to load.")] = "",
) -> None:
    """Write a settings file for this folder, after three questions. What an option answers is not asked."""
    target = settings_path() or Path(SETTINGS_FILE)
    if target.exists():
        raise BadInputError(f"{target} is there already", "edit it, or move it away")
    if embedded and account:
        raise BadInputError("--embedded and --account exclude each other", "say one of them")
    user = "" if embedded else account or _asked("TqSdk account; nothing for the embedded exchange", "", str)
    password = _password(settings, user) if user else ""
    names = _asked("Main contracts, comma-separated", ",".join(settings.symbols), _symbols(settings), symbols)
    first = _asked("First trading day to load", "" if user else f"{EMBEDDED_FIRST_DAY}", _day(settings), start)
    content = _text(names, first, user, password)
    put_secret_once(target, content)
    try:
        load_settings()
    except GhtraderError:
        target.unlink()
        raise
    out.print(f"{target} is written: {user or 'the embedded exchange'}, {', '.join(names)}, from {first}")
    out.print(f"next: `{NAME} up`, then `{NAME} backfill {names[0]} --from D --to D` in another terminal")


def _asked(question: str, default: str, checked: Callable[[str], Answer], given: str = "") -> Answer:
    """The answer that an option gives, or else one from the terminal, asked for until it is a good one."""
    if given:
        return checked(given)
    if not sys.stdin.isatty():
        raise BadInputError("there is no terminal to answer questions on", OPTIONS)
    while True:
        try:
            return checked(typer.prompt(question, default=default, err=True))
        except BadInputError as error:
            log.print(error.line)


def _password(settings: Settings, user: str) -> str:
    """The password typed, or that of the environment, which goes with the account that stands there."""
    if settings.tqsdk_password is not None and settings.tqsdk_user == user:
        return settings.tqsdk_password.get_secret_value()
    if not sys.stdin.isatty():
        raise BadInputError(
            "there is no terminal to type the password on", "set TQSDK_USER and TQSDK_PASSWORD in the environment"
        )
    return str(typer.prompt("Password", hide_input=True, err=True))


def _symbols(settings: Settings) -> Callable[[str], list[str]]:
    def checked(text: str) -> list[str]:
        found = [parse_symbol(part.strip()) for part in text.split(",") if part.strip()]
        if not found:
            raise BadInputError("no symbol is named", "name one at least, as KQ.m@SHFE.cu")
        for symbol in found:
            unknown = unknown_product(settings.home, symbol)
            if unknown is not None:
                raise BadInputError(unknown.what, unknown.remedy)
        return [symbol.text for symbol in found]

    return checked


def _day(settings: Settings) -> Callable[[str], date]:
    calendar = calendar_for(settings.home)
    last = last_completed_day(calendar, SYSTEM_CLOCK.now_ns())

    def checked(text: str) -> date:
        day = day_of(text, where="--from")
        if not calendar.first <= day <= last:
            raise BadInputError(f"--from {day} can't be loaded", f"choose a day from {calendar.first} to {last}")
        return day

    return checked


def _text(symbols: list[str], start: date, user: str, password: str) -> str:
    account = REAL.format(user=_quoted(user), password=_quoted(password)) if user else EMBEDDED
    content = TEXT.format(symbols=_quoted(symbols), start=_quoted(f"{start}"), account=account)
    said = tomllib.loads(content)
    assert said["symbols"] == symbols  # noqa: S101 - narrows a type
    return content


def _quoted(value: str | list[str]) -> str:
    """The value in TOML, which writes texts and lists of them as JSON does, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
