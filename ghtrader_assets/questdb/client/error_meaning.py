"""What the errors of QuestDB and of its clients mean to us: one clear line each, and what to do.

Belongs here: from a library's exception to ours. Does not belong here: anything that talks to a server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import psycopg
import questdb
import requests
from psycopg_pool import PoolTimeout

from ghtrader_assets.errors import CredentialError, QuestDBError, ServiceError


@contextlib.contextmanager
def explained(address: str) -> Generator[None, None, None]:
    """Turn a client library's exception into ours, in one line: what is wrong, where, what to do."""
    try:
        yield
    except PoolTimeout:
        raise QuestDBError(
            f"all sessions to QuestDB at {address} are busy", "allow more, or ask less at once"
        ) from None
    except (psycopg.Error, questdb.QuestDBError, requests.RequestException) as error:
        raise meaning(address, str(error)) from error


def meaning(address: str, text: str) -> ServiceError:
    """What a server's or client library's text means: the error to raise."""
    line = " ".join(text.split())
    lower = line.lower()
    if "invalid username/password" in lower or "401" in lower or "unauthorized" in lower:
        return CredentialError(
            f"QuestDB at {address} refuses the user name or password",
            "set GHTRADER_QUESTDB_USER and GHTRADER_QUESTDB_PASSWORD (embedded: stop, then `ghtrader-assets up`)",
        )
    if "no space left" in lower or "could not allocate" in lower or "errno=28" in lower:
        return ServiceError(f"QuestDB's disk is full: {line}", "free space, then run the same command again")
    if "reset by peer" in lower or "broken pipe" in lower or "closed the connection" in lower:
        return QuestDBError(
            f"QuestDB at {address} broke off: {line}",
            "see its log: it may have died, as on a full disk; then `ghtrader-assets up` and the same command again",
        )
    if "refused" in lower or "could not connect" in lower:
        return QuestDBError(f"QuestDB at {address} is away: {line}", "start it with `ghtrader-assets up`")
    if "timeout, query aborted" in lower or "timed out" in lower:
        return QuestDBError(f"QuestDB at {address} did not answer in time: {line}", "ask for fewer days at once")
    return QuestDBError(f"QuestDB at {address}: {line}")


def suspended_table(table: str, message: str) -> ServiceError:
    """The error of a table that takes writes and shows none."""
    why = f": {message}" if message else ""
    if "no space left" in message.lower():
        return ServiceError(
            f"QuestDB's disk is full, {table} is suspended{why}",
            f"free space, run `ALTER TABLE {table} RESUME WAL`, then the same command again",
        )
    return QuestDBError(
        f"table {table} is suspended: it takes writes and shows none{why}",
        f"see QuestDB's log for the cause, then run `ALTER TABLE {table} RESUME WAL`",
    )
