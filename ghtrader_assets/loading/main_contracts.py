"""The provider's main-contract changes, kept for a minute: a command and the run that it launches ask once.

Belongs here: the file that keeps them under `GHTRADER_HOME`. Does not belong here: asking (`tq`), building a schedule
(`market.schedule`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from ghtrader_assets.files import put_file
from ghtrader_assets.loading.confirmation import note_confirmation
from ghtrader_assets.loading.platform import Platform
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.tq.market_data import fetch_table_and_holidays

KEPT_S: Final = 60.0

Change = tuple[date, str]
"""From this trading day on, this is the main contract."""


def recent_changes(platform: Platform, symbols: Sequence[Symbol]) -> dict[Symbol, list[Change]]:
    """The changes of each symbol, asked of the provider unless they were within the last minute.

    A contract is its own main contract for ever. Whoever asks has the provider's holiday list compared as well.
    Raises the `FetchError` family.
    """
    known = {symbol: _kept(platform, symbol) for symbol in symbols}
    unknown = [symbol for symbol, changes in known.items() if changes is None]
    if unknown:
        names = [symbol.text for symbol in unknown]
        home = platform.settings.home
        table, holidays = fetch_table_and_holidays(platform.provider, names, home, platform.timing)
        note_confirmation(platform.calendar, platform.provider.name, home, holidays)
        for symbol in unknown:
            known[symbol] = table[symbol.text]
            _keep(platform, symbol, table[symbol.text])
    return {symbol: changes for symbol, changes in known.items() if changes is not None}


def _kept(platform: Platform, symbol: Symbol) -> list[Change] | None:
    if symbol.kind == "contract":
        return [(platform.calendar.first, symbol.text)]
    try:
        document = json.loads(_path(platform, symbol).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not 0 <= time.time() - document["asked_at"] < KEPT_S:
        return None
    return [(date.fromisoformat(day), contract) for day, contract in document["changes"]]


def _keep(platform: Platform, symbol: Symbol, changes: Sequence[Change]) -> None:
    days = [(day.isoformat(), contract) for day, contract in changes]
    put_file(_path(platform, symbol), json.dumps({"asked_at": time.time(), "changes": days}))


def _path(platform: Platform, symbol: Symbol) -> Path:
    """One file a server, account and symbol."""
    return platform.settings.home / "main_contracts" / platform.provider.account_key / f"{symbol.key}.json"
