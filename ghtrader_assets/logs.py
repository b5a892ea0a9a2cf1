"""Structured logs: one JSON object a line on stderr, secrets redacted in records of libraries too.

Belongs here: our loggers, the handler of a process, redaction. Does not belong here: what is worth logging.

A logger renders its own line, so that it is whole and redacted under anybody's handlers, as in a Dagster run or a
notebook. `configure` is for processes of ours: it also redacts and structures what libraries log.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import structlog
from pydantic import SecretStr

from ghtrader_assets.texts import shown_json

PACKAGE: Final = "ghtrader_assets"
HIDDEN: Final = "**********"
LEAST_SECRET: Final = 4
"""Shorter values are not looked for inside texts: they would be found everywhere."""

_SECRET_KEY: Final = re.compile(r"passw|secret|token|authorization|credential|api_?key", re.IGNORECASE)
_IN_TEXT: Final = (
    (re.compile(r"(\w+://)[^/\s@]+@"), r"\1" + HIDDEN + "@"),
    (re.compile(r"((?:bearer|basic)\s+)[\w.~+/=-]+", re.IGNORECASE), r"\1" + HIDDEN),
    (re.compile(r"((?:passw(?:or)?d|secret|token)['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&]+", re.IGNORECASE), r"\1" + HIDDEN),
)
_AT: Final = "_at"
_STAMP: Final = structlog.processors.TimeStamper(fmt=None, key=_AT)
"""A record's instant is structlog's, as that of a library's record is `logging`'s own."""

_secrets: set[str] = set()


def hide(*secrets: SecretStr | None) -> None:
    """Redact these values wherever they turn up in a record of this process from now on."""
    values = {secret.get_secret_value() for secret in secrets if secret is not None}
    _secrets.update(value for value in values if len(value) >= LEAST_SECRET)


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


def attach(level: str) -> None:
    """Send our own logs to stderr in a process whose logging belongs to another program, as a Dagster run's."""
    ours = logging.getLogger(PACKAGE)
    ours.setLevel(level.upper())
    if not ours.handlers:
        ours.addHandler(_to_stderr())
        ours.propagate = False


def _to_stderr() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    return handler


def redacted(value: Any) -> Any:
    """The value without secrets: known ones, those under a telling key, and those a URL or a header carries."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value).items()
        return {key: HIDDEN if _SECRET_KEY.search(str(key)) else redacted(entry) for key, entry in entries}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(entry) for entry in cast("list[Any]", value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _redacted_text(str(value))


def _redacted_text(text: str) -> str:
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _rendered(log: logging.Logger, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    at = datetime.fromtimestamp(event.pop(_AT), tz=UTC)
    line = _line(at, method, log.name, event.pop("event", ""), event)
    return (line,), {"extra": {"ghtrader_line": line}}


def _line(at: datetime, level: str, name: str, event: object, more: Mapping[str, Any]) -> str:
    document = {"ts": at.isoformat(), "level": level.lower(), "logger": name, "event": event, **more}
    return shown_json(json.dumps(redacted(document), ensure_ascii=False, default=str))


class _Lines(logging.Formatter):
    """Our records as they are; those of libraries as JSON lines of the same form."""

    def format(self, record: logging.LogRecord) -> str:
        line = getattr(record, "ghtrader_line", None)
        if isinstance(line, str):
            return line
        more = {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        at = datetime.fromtimestamp(record.created, tz=UTC)
        return _line(at, record.levelname, record.name, record.getMessage(), more)
