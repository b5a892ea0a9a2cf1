"""What each process of ours does before anything else: protects itself, reads the settings, closes the home, logs.

Belongs here: those steps in their order. Does not belong here: what any of them is (`private`, `settings`, `logs`), and
processes that read no settings.
"""

from __future__ import annotations

from ghtrader_assets.logs import configure
from ghtrader_assets.ports import keep_loopback_direct
from ghtrader_assets.private import keep_home_private, protect_process
from ghtrader_assets.settings import Settings, load_settings


def entered() -> Settings:
    """The settings of this process, which other users of the host can neither read nor reach through its home.

    Raises `BadInputError` and its kind for settings and homes that are refused.
    """
    protect_process()
    keep_loopback_direct()
    settings = load_settings()
    keep_home_private(settings.home)
    configure(settings.log_level)
    return settings
