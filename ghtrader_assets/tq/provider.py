"""Who delivers ticks: the account, and the addresses of its server.

Belongs here: the provider's record and the names derived from it.
Does not belong here: sessions (`slots`, `pace`) and log-in (`login`, in the worker).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

LIVE_SERVER: Final = "shinnytech"
"""The server's name where no `TQ_MD_URL` names another."""


@dataclass(frozen=True)
class Provider:
    """A TqSdk account and the `TQ_*` addresses of its server; no addresses mean the live service.

    The embedded exchange never closes, so only the name `tqsdk` keeps the daily maintenance window.
    """

    user: str
    password: SecretStr
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    name: Literal["tqsdk", "embedded"] = "tqsdk"

    @property
    def secret(self) -> SecretStr | None:
        """The password, unless it is the user's name, as that of the embedded exchange is."""
        return None if self.password.get_secret_value() == self.user else self.password

    @property
    def server(self) -> str:
        """The market data server as `host:port`, without credentials: what trust in a reader is bound to."""
        url = self.environment.get("TQ_MD_URL")
        if not url:
            return LIVE_SERVER
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    @property
    def account_key(self) -> str:
        """16 hex digits that name the account in paths, without showing it."""
        auth = self.environment.get("TQ_AUTH_URL", "")
        return hashlib.sha256(f"{self.user}\n{auth}".encode()).hexdigest()[:16]

    @property
    def keeps_maintenance_window(self) -> bool:
        return self.name == "tqsdk"


def tqsdk_environment(base_url: str) -> dict[str, str]:
    """The `TQ_*` variables that point a tqsdk client at an embedded exchange at `base_url` (`http://127.0.0.1:PORT`).

    `TQ_AUTH_URL` is read when a TqAuth is made, the others when a TqApi is made or first needs them.
    """
    base = base_url.rstrip("/")
    return {
        "TQ_AUTH_URL": base,
        "TQ_MD_URL": f"{base.replace('http', 'ws', 1)}/t/md/front/mobile",
        "TQ_CHINESE_HOLIDAY_URL": f"{base}/shinny_chinese_holiday.json",
        "TQ_CONT_TABLE_URL": f"{base}/continuous_table.json",
    }
