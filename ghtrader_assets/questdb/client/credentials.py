"""The endpoint of a QuestDB, and the log-ins of the embedded server.

Belongs here: names, passwords and the 0600 file that keeps them. Does not belong here: connecting (`connection`).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from ghtrader_assets.errors import CredentialError
from ghtrader_assets.files import put_secret_once
from ghtrader_assets.private import read_secret
from ghtrader_assets.redaction import hide

CREDENTIALS_FILE: Final = "questdb-credentials.json"
OWNER_NAME: Final = "ghtrader"
READER_NAME: Final = "reader"
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and its password."""

    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A QuestDB to talk to: `http` and `pg` are `host:port`; `user` and `password` open both.

    `reader`, where the server has one, is a PG log-in that can't change anything; QuestDB 9.3 knows a single HTTP
    log-in, so bulk reads over HTTP use the first one in any case.
    """

    http: str
    pg: str
    user: str
    password: SecretStr
    reader: Login | None = None


def credentials_file(home: Path) -> Path:
    """The file that holds the embedded server's log-ins (also those of its web console)."""
    return home / CREDENTIALS_FILE


def ensure_credentials(home: Path) -> tuple[Login, Login]:
    """The owner's and the reader's log-in of a home, generated on the first call and readable by its user alone."""
    path = credentials_file(home)
    content = {name: {"user": name, "password": secrets.token_urlsafe(24)} for name in (OWNER_NAME, READER_NAME)}
    if not path.exists():
        put_secret_once(path, json.dumps(content, indent=2))
    return read_credentials(home)


def read_credentials(home: Path) -> tuple[Login, Login]:
    """The owner's and the reader's log-in. Raises `CredentialError` for a file absent, damaged or open to others."""
    path = credentials_file(home)
    try:
        content = json.loads(read_secret(path, _MOST_BYTES))
        logins = [
            Login(content[name]["user"], SecretStr(content[name]["password"])) for name in (OWNER_NAME, READER_NAME)
        ]
    except FileNotFoundError:
        raise CredentialError(
            f"{path} is missing: no embedded QuestDB was started in this home", "run `ghtrader-assets up`"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CredentialError(
            f"{path} is damaged", "stop the platform, delete it and start again: new log-ins are generated"
        ) from None
    hide(*(login.password for login in logins))
    return logins[0], logins[1]


def embedded_endpoint(home: Path, http_port: int, pg_port: int) -> Endpoint:
    """The endpoint of the embedded server of a home that listens on these loopback ports."""
    owner, reader = read_credentials(home)
    return Endpoint(f"127.0.0.1:{http_port}", f"127.0.0.1:{pg_port}", owner.user, owner.password, reader)
