"""A store on another host, or of another user: each question is sent to the dashboard's process there.

Belongs here: the connection, what its failures mean. Does not belong here: any question (`api`), its form (`wire`),
the address (`address`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, ReadTimeoutError, SSLError

from ghtrader_assets.errors import (
    LONGEST_LINE,
    CredentialError,
    ServiceError,
    StoreAwayError,
    StoreBrokeOffError,
    StoreBusyError,
    StoreTimeoutError,
)
from ghtrader_assets.reading.telling import tell
from ghtrader_assets.redaction import hide
from ghtrader_assets.store.address import Address, address_of
from ghtrader_assets.store.api import Store
from ghtrader_assets.store.questions import StoreQuestion
from ghtrader_assets.store.wire import READ, STREAM, sent_question, tables_received, value_received

CONNECT_S: Final = 5
SILENT_S: Final = 180
"""No piece of an answer takes longer: the other end's statements, and its waits for a day, end before."""
IDLE_CONNECTIONS: Final = 4
_WITHIN: Final = urllib3.Timeout(connect=CONNECT_S, read=SILENT_S)


class RemoteStore(Store):
    """A store that is read through its dashboard, with the token for reading. Shared by threads.

    It answers all that a `Store` does, and has none of what stands behind one: `context`, `settings`, `calendar`,
    `database`. Raises `CredentialError` for a token or a certificate that isn't accepted, `StoreAwayError` where no
    dashboard answers, `AnswerCutError` for an answer beyond the bounds of the other end.
    """

    def __init__(self, address: str) -> None:
        """An address as `address.FORM`. Nothing is sent before the first question. Raises `BadInputError`."""
        self._line = _Line(address_of(address))

    def answer_to(self, question: StoreQuestion, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Ask the other end. Of tables the first is there, with what is told; others arrive while they are taken."""
        body = sent_question(question, question.arguments_of(arguments, named))
        if question.gives_tables:
            tables = self._tables(question, body)
            return _begun(next(tables, None), tables)
        with self._line.answer(body) as answer:
            return value_received(question, answer, tell)

    def close(self) -> None:
        self._line.close()

    def _tables(self, question: StoreQuestion, body: bytes) -> Generator[tuple[Any, Any]]:
        with self._line.answer(body) as answer, closing(tables_received(question, answer, tell)) as tables:
            yield from tables


def _begun(first: tuple[Any, Any] | None, others: Generator[tuple[Any, Any]]) -> Generator[tuple[Any, Any]]:
    if first is not None:
        yield first
        yield from others


class _HungUpOnce(urllib3.Retry):
    """Asks again on another connection where a kept one was hung up on, and never where an answer takes too long: the
    other end is still at it."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> urllib3.Retry:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class _Line:
    """The connections to one dashboard."""

    def __init__(self, address: Address) -> None:
        hide(address.token)
        self._at = f"the dashboard at {address}"
        self._headers = {"Content-Type": "application/json", "Accept": STREAM}
        if address.token.get_secret_value():
            self._headers["Authorization"] = f"Bearer {address.token.get_secret_value()}"
        given: dict[str, Any] = {
            "retries": _HungUpOnce(connect=0, read=1, redirect=0, status=0, other=0, allowed_methods=None),
            "maxsize": IDLE_CONNECTIONS,
        }
        if address.tls is None:
            self._pool = urllib3.HTTPConnectionPool(address.host, address.port, **given)
        else:
            self._pool = urllib3.HTTPSConnectionPool(address.host, address.port, **given, **address.tls)

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def answer(self, body: bytes) -> Generator[urllib3.BaseHTTPResponse]:
        """What the dashboard answers, while it is received. One that isn't read to its end is hung up on, and the other
        end stops."""
        with self._translated():
            answer = self._pool.urlopen(
                "POST", READ, body, self._headers, redirect=False, timeout=_WITHIN, preload_content=False
            )
            try:
                _require_answer(self._at, answer)
                yield answer
                answer.drain_conn()
            except BaseException:
                answer.close()
                raise
            finally:
                answer.release_conn()

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Raise errors of the connection as ours."""
        try:
            yield
        except HTTPError as error:
            cause = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
            raise _error_of(self._at, cause) from None
        except OSError as error:  # as of a file with certificates
            raise ServiceError(f"{self._at}: {error}", "see the address that `connect` was given") from None


def _error_of(at: str, error: Exception) -> ServiceError:
    what = f"{at}: {error}"
    if isinstance(error, SSLError):
        return CredentialError(
            what, "name its certificate: ?sha256= as `ghtrader-assets status` prints it there, or ?cafile="
        )
    if isinstance(error, ReadTimeoutError):
        return StoreTimeoutError(what)
    if isinstance(error, ProtocolError):
        return StoreBrokeOffError(what, "see that host's log, then ask again")
    return StoreAwayError(what, "see that `ghtrader-assets up` runs there, and that this is its address")


def _require_answer(at: str, answer: urllib3.BaseHTTPResponse) -> None:
    """Raise what a refusal of the doors means; its words say what helps."""
    if answer.headers.get("Content-Type") == STREAM:
        return
    kinds: dict[int, type[ServiceError]] = {
        HTTPStatus.UNAUTHORIZED: CredentialError,
        HTTPStatus.FORBIDDEN: CredentialError,
        HTTPStatus.SERVICE_UNAVAILABLE: StoreBusyError,
    }
    said = answer.read(LONGEST_LINE).decode("utf-8", "replace")
    kind = kinds.get(answer.status, ServiceError)
    raise kind(f"{at} says {answer.status}: {said}", "see the address that `connect` was given")
