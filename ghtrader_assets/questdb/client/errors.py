"""Errors of QuestDB and of its client libraries, translated into ours: a class for each kind, one line each.

Belongs here: which of our classes an exception, a status or a code is. Does not belong here: talking to a server.

What decides: over PG whether a session was open, the exception's type and the SQLSTATE; over HTTP the status and the
exception's type; over ILP the client's error code. QuestDB 9.3.4 says no more than that a statement failed (SQLSTATE
00000 over PG, status 400 over HTTP, ServerFlushError over ILP) and tells a full disk, a time-out and a missing table
apart in its message alone. The patterns below are the only place that reads messages. Each matches from the beginning
the words that QuestDB itself puts there: symbols, tables and statements, which a message may quote, decide nothing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
from collections.abc import Callable, Generator, Mapping
from typing import Final

import psycopg
import questdb
import requests
from psycopg_pool import PoolTimeout
from questdb import QuestDBErrorCode
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError, ReadTimeoutError

from ghtrader_assets.errors import (
    FULL_ERRNOS,
    CredentialError,
    DiskFullError,
    QueryRefusedError,
    QuestDBError,
    ServiceError,
    StoreAwayError,
    StoreBrokeOffError,
    StoreBusyError,
    StoreLimitError,
    StoreTimeoutError,
    SuspendedTableError,
    TableMissingError,
)

RAISE_FILES: Final = "`sudo prlimit --pid $$ --nofile=65536` in the shell that starts it (LimitNOFILE= of a unit)"
RAISE_MAPPINGS: Final = "`sudo sysctl -w vm.max_map_count=1048576` (a file in /etc/sysctl.d keeps it)"
"""What lifts the limit of QuestDB's process: the values that its makers recommend."""

_FILES: Final = ("open files", f"raise it with {RAISE_FILES}, start QuestDB again")
_MAPPINGS: Final = ("memory or its mappings", f"free memory, or raise it with {RAISE_MAPPINGS}")
_LIMITS: Final = {errno.EMFILE: _FILES, errno.ENFILE: _FILES, errno.ENOMEM: _MAPPINGS}
_LIMIT_TAGS: Final = {"TOO MANY OPEN FILES": _FILES, "OUT OF MMAP AREAS": _MAPPINGS, "OUT OF MEMORY": _MAPPINGS}
_FULL_TAG: Final = "DISK FULL"
_LONGEST_TEXT: Final = 500

# The server's messages over PG and HTTP begin with CairoException's number: an errno above 0, a kind of its own below.
_TIMED_OUT: Final = re.compile(r"(\[-1\] )?timeout, query aborted( \[fd=-?\d+, runtime=\d+ms, timeout=\d+ms\])?")
_TABLE_MISSING: Final = re.compile(r"(\[-\d+\] )?table does not exist \[table=[^\[\]]*\]")
_SYSTEM_FAILED: Final = re.compile(r"\[(\d+)\] ")
# Over ILP the first line that failed comes after a head of its own.
_LINES: Final = r"failed to parse line protocol:errors encountered on line\(s\):\s*"
_LINE_TABLE_MISSING: Final = re.compile(_LINES + r"error in line \d+: table: [^;,]+; table does not exist, ")
_LINE_SYSTEM_FAILED: Final = re.compile(_LINES + r"write error: [^,]+, errno: (\d+), error: ")
# The ILP client has one code for every failure of a socket, and names a time-out after the URL.
_FLUSH_HEAD: Final = "Could not flush buffer: "
_SOCKET_TIMED_OUT: Final = re.compile(re.escape(_FLUSH_HEAD) + r"https?://[^/]+/write: timeout: ")
# libpq has no SQLSTATE for a session that was not opened; "ERROR:  " marks what the server said and not libpq.
_LOGIN_REFUSED: Final = re.compile(r"connection to server at [^,]+, port \d+ failed: ERROR:  invalid username/password")


_Translation = Callable[[str, str], ServiceError]


def _translation(kind: type[ServiceError], what: str = "") -> _Translation:
    return lambda address, message: kind(f"QuestDB at {address}{what}: {message}")


_away: Final = _translation(StoreAwayError, " is away")
_broke_off: Final = _translation(StoreBrokeOffError, " broke off")
_busy: Final = _translation(StoreBusyError, " is busy")
_timed_out: Final = _translation(StoreTimeoutError, " did not answer in time")
_table_missing: Final = _translation(TableMissingError)


@contextlib.contextmanager
def translated_errors(address: str) -> Generator[None]:
    """Raise a client library's exception as ours, in one line: what is wrong, where, what to do."""
    try:
        yield
    except psycopg.Error as error:
        raise _pg_error(address, error) from error
    except questdb.QuestDBError as error:
        raise _ilp_error(address, error) from error
    except requests.RequestException as error:
        raise _http_error(address, error) from error


def pg_connect_error(address: str, error: psycopg.Error) -> ServiceError:
    """The error of a PG session that could not be opened."""
    said = b"" if error.pgconn is None else error.pgconn.error_message
    refused = _LOGIN_REFUSED.match(said.decode(errors="replace"))
    return (_away if refused is None else _credentials_refused)(address, _line(error))


def silent_error(address: str, silent_s: float) -> ServiceError:
    """The error of a server that keeps a connection open and says nothing: it is stopped, or hangs."""
    return StoreTimeoutError(
        f"QuestDB at {address} has said nothing for {silent_s:.0f} s: it is stopped or hangs",
        "`up` starts it again by itself; where none runs, `ghtrader-assets down` and `ghtrader-assets up`",
    )


def http_status_error(address: str, status: int, body: bytes) -> ServiceError:
    """The error of an HTTP answer whose status is none of 2xx."""
    message = _json_text(body.decode(errors="replace"), "error")
    translation = _BY_STATUS.get(status)
    return _failed(address, f"{status} {message}") if translation is None else translation(address, message)


def suspended_table_error(table: str, tag: str, message: str) -> ServiceError:
    """The error of a table that takes writes and shows none; `tag` and `message` as `wal_tables()` has them."""
    why = f": {message}" if message else ""
    if tag == _FULL_TAG:
        return DiskFullError(
            f"QuestDB's disk is full, {table} is suspended{why}",
            f"free space, run `ALTER TABLE {table} RESUME WAL`, then the same command again",
        )
    if tag in _LIMIT_TAGS:
        limit, remedy = _LIMIT_TAGS[tag]
        return StoreLimitError(
            f"QuestDB reached its limit of {limit}, {table} is suspended{why}",
            f"{remedy}, run `ALTER TABLE {table} RESUME WAL`, then the same command again",
        )
    return SuspendedTableError(
        f"table {table} is suspended: it takes writes and shows none{why}",
        f"see QuestDB's log for the cause, then run `ALTER TABLE {table} RESUME WAL`",
    )


def _pg_error(address: str, error: psycopg.Error) -> ServiceError:
    if isinstance(error, PoolTimeout):
        return StoreBusyError(f"all sessions to QuestDB at {address} are busy")
    if error.sqlstate is not None:
        return _BY_SQLSTATE.get(error.sqlstate, _refused)(address, _line(error.diag.message_primary or error))
    if isinstance(error, psycopg.OperationalError):
        return _broke_off(address, _line(error))
    return QueryRefusedError(f"the statement can't be sent to QuestDB: {_line(error)}")


def _http_error(address: str, error: requests.RequestException) -> ServiceError:
    cause: object = error.args[0] if error.args else error
    cause = getattr(cause, "reason", cause)
    if isinstance(cause, NewConnectionError | ConnectTimeoutError):
        return _away(address, _line(cause))
    if isinstance(cause, ReadTimeoutError):
        return _timed_out(address, _line(cause))
    if isinstance(cause, ProtocolError):
        return _broke_off(address, _line(cause))
    return _failed(address, _line(error))


def _ilp_error(address: str, error: questdb.QuestDBError) -> ServiceError:
    if error.code == QuestDBErrorCode.ServerFlushError:
        return _rows_refused(address, _json_text(str(error).removeprefix(_FLUSH_HEAD), "message"))
    if error.code == QuestDBErrorCode.SocketError:
        return (_timed_out if _SOCKET_TIMED_OUT.match(str(error)) else _broke_off)(address, _line(error))
    if error.code in _BY_ILP_CODE:
        return _BY_ILP_CODE[error.code](address, _line(error))
    return QueryRefusedError(f"the rows can't be sent to QuestDB: {_line(error)}")


def _refused(address: str, message: str) -> ServiceError:
    """The error of a statement that the server refused, or of what failed while it ran it."""
    if _TIMED_OUT.fullmatch(message):
        return _timed_out(address, message)
    if _TABLE_MISSING.fullmatch(message):
        return _table_missing(address, message)
    system = _SYSTEM_FAILED.match(message)
    if system is not None and int(system[1]) > 0:
        return _system_failed(address, int(system[1]), message)
    return QueryRefusedError(f"QuestDB at {address} refused the statement: {message}")


def _rows_refused(address: str, message: str) -> ServiceError:
    if _LINE_TABLE_MISSING.match(message):
        return _table_missing(address, message)
    system = _LINE_SYSTEM_FAILED.match(message)
    if system is not None:
        return _system_failed(address, int(system[1]), message)
    return QueryRefusedError(f"QuestDB at {address} refused the rows: {message}")


def _system_failed(address: str, number: int, message: str) -> ServiceError:
    if number in _LIMITS:
        limit, remedy = _LIMITS[number]
        what = f"QuestDB at {address} reached its limit of {limit}: {message}"
        return StoreLimitError(what, f"{remedy}, then run the same command again")
    return (_disk_full if number in FULL_ERRNOS else _failed)(address, message)


def _failed(address: str, message: str) -> ServiceError:
    return QuestDBError(f"QuestDB at {address} failed: {message}", "see its log")


def _credentials_refused(address: str, _message: str) -> ServiceError:
    return CredentialError(
        f"QuestDB at {address} refuses the user name or password",
        "set GHTRADER_QUESTDB_USER and GHTRADER_QUESTDB_PASSWORD (embedded: stop, then `ghtrader-assets up`)",
    )


def _disk_full(_address: str, message: str) -> ServiceError:
    return DiskFullError(f"QuestDB's disk is full: {message}")


_BY_SQLSTATE: Final[Mapping[str, _Translation]] = {
    "28000": _credentials_refused,
    "28P01": _credentials_refused,
    "42P01": _table_missing,
    "53100": _disk_full,
    "53300": _busy,
    "57014": _timed_out,
    "57P01": _broke_off,
    "57P02": _broke_off,
    "57P03": _broke_off,
}
"""PostgreSQL's codes, which a proxy or a later QuestDB may send; every other one is a refused statement."""

_BY_STATUS: Final[Mapping[int, _Translation]] = {
    400: _refused,
    401: _credentials_refused,
    408: _timed_out,
    429: _busy,
    504: _timed_out,
}

_BY_ILP_CODE: Final[Mapping[QuestDBErrorCode, _Translation]] = {
    QuestDBErrorCode.AuthError: _credentials_refused,
    # A sender asks for the server's line protocol first: whatever fails then is a connection that was not opened.
    QuestDBErrorCode.ProtocolVersionError: _away,
    QuestDBErrorCode.CouldNotResolveAddr: _away,
    QuestDBErrorCode.ConnectTimeout: _away,
}
"""Every other code is of rows that the client refused before it sent them."""


def _json_text(text: str, field: str) -> str:
    """A field of a JSON object on one line, or the text as it is: not every answer is JSON."""
    try:
        return _line(json.loads(text)[field])
    except (ValueError, TypeError, KeyError):
        return _line(text)[:_LONGEST_TEXT]


def _line(said: object) -> str:
    return " ".join(str(said).split())
