"""What Dagster loads. Importing it starts no service and opens no connection.

Belongs here: the one name that Dagster looks for. Does not belong here: how it is built (`assets.build`).
"""

from __future__ import annotations

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.ports import keep_loopback_direct
from ghtrader_assets.private import keep_home_private, protect_process
from ghtrader_assets.settings import load_settings
from ghtrader_assets.tether import end_with_parent

end_with_parent()
protect_process()
keep_loopback_direct()
_settings = load_settings()
keep_home_private(_settings.home)
defs = build_definitions(_settings, SYSTEM_CLOCK)
