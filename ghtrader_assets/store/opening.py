"""`connect()`: the store of this user's home, or one that is read through its dashboard.

Belongs here: telling the two apart. Does not belong here: either (`api`, `remote`).
"""

from __future__ import annotations

from ghtrader_assets.private import keep_home_private
from ghtrader_assets.settings import Settings, load_settings
from ghtrader_assets.store.api import Store
from ghtrader_assets.store.remote import RemoteStore


def connect(settings: Settings | str | None = None) -> Store:
    """The store of `GHTRADER_HOME`, of other settings, or at an address as `store.address.FORM`.

    Raises `QuestDBError` when no QuestDB runs for a home, `BadInputError` for what is no address.
    """
    if isinstance(settings, str):
        return RemoteStore(settings)
    settings = load_settings() if settings is None else settings
    keep_home_private(settings.home)
    return Store(settings)
