"""What Dagster loads. Importing it starts no service and opens no connection.

Belongs here: the one name that Dagster looks for. Does not belong here: how it is built (`assets.build`).
"""

from __future__ import annotations

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.ports import keep_loopback_direct
from ghtrader_assets.settings import load_settings
from ghtrader_assets.tether import end_with_parent

end_with_parent()
keep_loopback_direct()
defs = build_definitions(load_settings(), SYSTEM_CLOCK)
