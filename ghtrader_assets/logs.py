"""Structured logs: one JSON object a line on stderr, secrets redacted in records of libraries too.

Belongs here: our loggers, the handler of a process. Does not belong here: what is worth logging, and which texts are
secrets (`redaction`).

A logger renders its own line, so that it is whole and without secrets under anybody's handlers, as in a Dagster run
or a notebook. `configure` is for processes of ours: it also redacts and structures what libraries log, and redacts what
is printed of an exception that ends a thread or the process.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

import structlog

from ghtrader_assets.redaction import redacted, redacted_text
from ghtrader_assets.texts import shown_json, shown_lines

PACKAGE: Final = "ghtrader_assets"
_AT: Final = "_at"
_STAMP: Final = structlog.processors.TimeStamper(fmt=None, key=_AT)
"""A record's instant is structlog's, as that of a library's record is `logging`'s own."""


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The structured logger of a module: `log.info("what happened", key=value, …)`."""
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, _STAMP, structlog.processors.format_exc_info, _rendered],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def configure(level: str) -> None:
    """Send this process's logs to stderr: ours from `level` on, those of libraries from warnings on."""
    logging.basicConfig(handlers=[_to_stderr()], level=logging.WARNING, force=True)
    logging.getLogger(PACKAGE).setLevel(level.upper())
    sys.excepthook = _print_exception
    threading.excepthook = lambda ended: _print_exception(ended.exc_type, ended.exc_value, ended.exc_traceback)


def traced(error: BaseException | None) -> str:
    """The traceback of an exception as a terminal may get it: without secrets and what one obeys."""
    return shown_lines(redacted_text("".join(traceback.format_exception(error)))) + "\n"


def attach(level: str) -> None:
    """Send our own logs to stderr in a process whose logging belongs to another program, as a Dagster run's."""
    ours = logging.getLogger(PACKAGE)
    ours.setLevel(level.upper())
    if not ours.handlers:
        ours.addHandler(_to_stderr())
        ours.propagate = False


def _print_exception(_kind: type[BaseException], error: BaseException | None, _trace: TracebackType | None) -> None:
    sys.stderr.write(traced(error))


def _to_stderr() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    return handler


def _rendered(log: logging.Logger, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    at = datetime.fromtimestamp(event.pop(_AT), tz=UTC)
    return (_Line(_line(at, method, log.name, event.pop("event", ""), event)),), {}


def _line(at: datetime, level: str, name: str, event: object, more: Mapping[str, Any]) -> str:
    document = {"ts": at.isoformat(), "level": level.lower(), "logger": name, "event": event, **more}
    return shown_json(json.dumps(redacted(document), ensure_ascii=False, default=str))


class _Line(str):
    """A message that is a whole line already: tqsdk's class of loggers takes what else a record is given."""

    __slots__ = ()


class _Lines(logging.Formatter):
    """Our records as they are; those of libraries as JSON lines of the same form."""

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, _Line):
            return str(record.msg)
        more = {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        at = datetime.fromtimestamp(record.created, tz=UTC)
        return _line(at, record.levelname, record.name, record.getMessage(), more)
