"""A doorkeeper of tests that are about anything but tokens: all who come may do all."""

from __future__ import annotations

from typing import Final

from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors.keys import Doorkeeper, WebKeys

OPEN_TO_ALL: Final = Doorkeeper(WebKeys(SecretStr("o"), SecretStr("r"), required=False), "tested", "", SYSTEM_CLOCK)
