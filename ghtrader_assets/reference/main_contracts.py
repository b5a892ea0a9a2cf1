"""The provider's main-contract changes, kept for a minute: a command and the run that it launches ask once.

Belongs here: the file that keeps them under `GHTRADER_HOME`. Does not belong here: asking (`tq`), building a schedule
(`market.schedule`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.universe import in_our_tables, note_product
from ghtrader_assets.files import put_file
from ghtrader_assets.market.schedule import MainChange
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.reference.confirmation import note_confirmation
from ghtrader_assets.reference.first_days import changes_of_contract
from ghtrader_assets.tq.market_data import fetch_table_and_holidays

KEPT_S: Final = 60.0


class _Kept(msgspec.Struct, frozen=True):
    """Changes as they are kept; `asked_at` is in epoch seconds."""

    asked_at: float
    changes: list[MainChange]


def recent_changes(
    context: LoadContext, symbols: Sequence[Symbol], *, force_refresh: bool = False
) -> dict[Symbol, list[MainChange]]:
    """The changes of each symbol, from the provider unless it told them within the last minute, or `force_refresh`.

    A contract is its own main contract as long as it trades. A symbol whose product is unknown is left out, and
    remembered as such. The provider's holiday list is fetched along and compared with the calendar. Raises the
    `FetchError` family.
    """
    home = context.settings.home
    ours = [symbol for symbol in symbols if in_our_tables(symbol)]
    known = {symbol: _kept(context, symbol, 0.0 if force_refresh else KEPT_S) for symbol in ours}
    unknown = [symbol for symbol, changes in known.items() if changes is None]
    if unknown:
        names = [symbol.text for symbol in unknown]
        table, holidays = fetch_table_and_holidays(context.provider, names, home, context.timing)
        note_confirmation(context.calendar, context.provider.name, home, holidays, context.clock)
        for symbol in unknown:
            known[symbol] = table.get(symbol.text)
            note_product(home, symbol, known=symbol.text in table)
            if symbol.text in table:
                _keep(context, symbol, table[symbol.text])
    return {symbol: changes for symbol, changes in known.items() if changes is not None}


def _kept(context: LoadContext, symbol: Symbol, kept_s: float) -> list[MainChange] | None:
    if symbol.kind == "contract":
        return changes_of_contract(context, symbol)
    try:
        kept = msgspec.json.decode(_path(context, symbol).read_bytes(), type=_Kept)
    except (FileNotFoundError, msgspec.MsgspecError):  # damaged: as if never asked
        return None
    return kept.changes if 0 <= context.clock.now_s() - kept.asked_at < kept_s else None


def _keep(context: LoadContext, symbol: Symbol, changes: Sequence[MainChange]) -> None:
    put_file(_path(context, symbol), msgspec.json.encode(_Kept(context.clock.now_s(), list(changes))))


def _path(context: LoadContext, symbol: Symbol) -> Path:
    """One file a server, account and symbol."""
    return context.settings.home / "main_contracts" / context.provider.account_key / f"{symbol.key}.json"
