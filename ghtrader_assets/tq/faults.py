"""What an exception or a refusal of the provider means: transient, throttled, maintenance, denied, broken, unknown.

Belongs here: the one decision by kind.
Does not belong here: what follows from a kind: retries and the circuit breaker (`pool`).

An HTTP status or an exception's type decides wherever there is one. tqsdk raises bare `Exception`s with Chinese text:
their beginnings are in `_CLIENT_TEXTS`, as tqsdk 3.10.4 has them. Maintenance is announced in prose alone:
`_MAINTENANCE_WORDS` are looked for in the provider's notices, and in the body of a 503, which means it or overload.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

import requests

from ghtrader_assets.errors import (
    DeniedError,
    FetchError,
    MaintenanceError,
    SilentProviderError,
    ThrottledError,
    TransientFetchError,
    UnknownContractError,
)
from ghtrader_assets.redaction import redacted_head
from ghtrader_assets.texts import one_line
from ghtrader_assets.tq import bounds

CREDENTIAL_REMEDY: Final = "check TQSDK_USER and TQSDK_PASSWORD"
GRANT_REMEDY: Final = "use an account with this permission, or have it added by Shinny"
LOGIN_SERVER: Final = "the login server"
NAME_SERVICE: Final = "the name service"
MARKET_DATA_SERVER: Final = "the market data server"

_CLIENT_TIMEOUT: Final = "TqTimeoutError"
"""A class of tqsdk's, by its name: importing tqsdk takes a second, and only workers do."""
_MAINTENANCE_WORDS: Final = ("维护", "运维", "maintenance")
_NO_ANNOUNCEMENT: Final = re.compile(
    r"(?:无|没有|不(?:进行|会有|需要?)?)(?:任何|计划|系统|日常|停机)?维护|下次(?:计划|系统|日常|停机)?维护|联系[^，。；,;]{0,4}运维|运维(?:人员|部|团队|热线|电话)"
    r"|\b(?:no|next) (?:\w+ )?maintenance\b|maintenance downtime or capacity problems"
)
"""Names maintenance without announcing any: whom to ask, that there is none, a web server's own page for a 503."""
_OVER: Final = re.compile(r"已[^，。；,;]{0,12}(?:结束|恢复|完成)|\bhas (?:ended|been completed)|\bis over\b")
"""Says that maintenance is behind. That it will end, or is expected to, announces it."""
_CLIENTS_CLOCK: Final = re.compile(r"[，,]\s*每日 19:00-19:30 为日常运维时间，请稍后再试$")
"""What tqsdk adds to any lost connection in that half hour, by the clock of its host and not by the server's word."""
_ENDLESS_NUMBER: Final = "Exceeds the limit ("
"""What Python says of a number with thousands of digits."""
_MAX_TEXT: Final = 300


def _kinds(base: type[FetchError]) -> Iterator[type[FetchError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


KINDS: Final[dict[str, type[FetchError]]] = {kind.__name__: kind for kind in _kinds(FetchError)}
"""How an error is named between worker and pool."""


def of_status(status: int, place: str, body: str, retry_after: str | None = None) -> FetchError:
    """The error of an HTTP status at `place`: log-in, name service or market data handshake."""
    if status == 429:
        return ThrottledError(f"{place} answered 429 too many requests", pause_s=_seconds(retry_after))
    if status == 401:
        return DeniedError(f"{place} refused the account ({status})", CREDENTIAL_REMEDY)
    if status == 403 or (status == 400 and place == LOGIN_SERVER):
        return DeniedError(f"{place} refused the account ({status})", CREDENTIAL_REMEDY)
    if 400 <= status < 500 and status not in (408, 425):
        return DeniedError(f"{place} refused the request ({status}): {_short(body)}", "check the TQ_* addresses")
    if status == 503 and _announces_maintenance(body):
        return MaintenanceError(f"{place} is under maintenance ({status})")
    return TransientFetchError(f"{place} answered {status}: {_short(body)}")


def of_exception(error: BaseException, *, closes_daily: bool = True) -> FetchError:
    """The error that an exception out of tqsdk, the network or a parser amounts to.

    `closes_daily`: whether the provider has the live service's daily window; else tqsdk's clock says nothing of it.
    """
    text = str(error) if closes_daily else _CLIENTS_CLOCK.sub("", str(error))
    if isinstance(error, FetchError):
        return error
    if (unfit := _of_parser(error)) is not None:
        return unfit
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return of_status(error.response.status_code, f"the server at {error.response.url}", error.response.text)
    if isinstance(error, TimeoutError | requests.Timeout) or type(error).__name__ == _CLIENT_TIMEOUT:
        kind = SilentProviderError if isinstance(error, requests.Timeout) else TransientFetchError
        return kind(f"the provider did not answer in time: {_short(text)}")
    if isinstance(error, OSError):
        return TransientFetchError(f"the connection failed: {_short(text)}")
    refusal = _of_client_text(text) if type(error) is Exception else None
    return refusal or TransientFetchError(f"{type(error).__name__}: {_short(text)}")


def _of_parser(error: BaseException) -> FetchError | None:
    """The error of an answer that could not be parsed; None for other exceptions."""
    if isinstance(error, RecursionError):
        return bounds.too_deep()
    if isinstance(error, MemoryError):
        return bounds.out_of_memory()
    if isinstance(error, json.JSONDecodeError | requests.exceptions.JSONDecodeError):
        return bounds.not_json(f"the answer is no JSON: {error.msg} at {error.pos}")
    if isinstance(error, UnicodeDecodeError) or (isinstance(error, ValueError) and _ENDLESS_NUMBER in str(error)):
        return bounds.not_json(f"the answer is no JSON: {_short(str(error))}")
    return None


def refuses_instrument(error: Exception) -> bool:
    """Whether tqsdk says that the instrument query was answered with an error."""
    return str(error).startswith("查询合约服务报错 ")


def _of_client_text(text: str) -> FetchError | None:
    """The error that the text of a bare `Exception` of tqsdk amounts to."""
    for pattern, error in _CLIENT_TEXTS:
        found = pattern.match(text)
        if found is not None:
            return error(found)
    return None


def heed_notice(text: str, *, closes_daily: bool = True) -> None:
    """Raise `MaintenanceError` if a notice announces maintenance; other notices are none of ours.

    `closes_daily` as for `of_exception`: the client's own notice of a lost connection is among them.
    """
    if _announces_maintenance(text if closes_daily else _CLIENTS_CLOCK.sub("", text)):
        raise MaintenanceError("the provider announced maintenance")


def no_download_grant() -> DeniedError:
    return DeniedError("the account may not download tick history (grant tq_dl, professional edition)", GRANT_REMEDY)


def no_market_grant(contract: str) -> DeniedError:
    return DeniedError(f"the account may not read the market of {contract} (grant futr)", GRANT_REMEDY)


def unknown_contract(contract: str) -> UnknownContractError:
    return UnknownContractError(f"the provider knows no contract {contract}", "check the main contract schedule")


def _announces_maintenance(text: str) -> bool:
    told = _NO_ANNOUNCEMENT.sub("", text.lower())
    return any(word in told for word in _MAINTENANCE_WORDS) and not _OVER.search(told)


def _short(text: str) -> str:
    return one_line(redacted_head(text, 10 * _MAX_TEXT), _MAX_TEXT) or "no further text"


def _seconds(retry_after: str | None) -> float | None:
    try:
        return None if retry_after is None else max(0.0, float(retry_after))
    except ValueError:  # an HTTP date; our own pause will do
        return None


_CLIENT_TEXTS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], FetchError]], ...]] = (
    # tqsdk.auth.TqAuth: login, _get_md_url, _has_md_grants
    (re.compile(r"用户权限认证失败 \((\d{3}),"), lambda found: of_status(int(found[1]), LOGIN_SERVER, found.string)),
    (re.compile(r"调用名称服务失败: (\d{3}),"), lambda found: of_status(int(found[1]), NAME_SERVICE, found.string)),
    (
        re.compile(r"您的账户不支持"),
        lambda found: DeniedError(
            f"the account has no permission for this market: {_short(found.string)}", GRANT_REMEDY
        ),
    ),
    # tqsdk.connect: a connection that fails within the daily window
    (
        re.compile(r"与 \S+ 的连接失败，每日 19:00"),
        lambda found: MaintenanceError(f"the provider says it is under maintenance: {_short(found.string)}"),
    ),
    # tqsdk.TqApi.get_tick_data_series, which puts its own name in front
    (re.compile(r"\w+ 数据获取方式仅限专业版用户使用"), lambda _: no_download_grant()),
)
"""The beginnings of tqsdk's refusals, and the error of each."""
