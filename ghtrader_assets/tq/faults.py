"""What an exception or a refusal of the provider means: transient, throttled, maintenance, denied, broken, unknown.

Belongs here: the one decision by kind, and keeping secrets out of every text.
Does not belong here: what follows from a kind: retries and the circuit breaker (`pool`).

tqsdk raises bare `Exception`s with Chinese text for log-in and permission, so text is what there is to go by; the
texts are those of tqsdk 3.10.4.
"""

from __future__ import annotations

import json
import re
from typing import Final

from ghtrader_assets.errors import (
    BrokenDayError,
    DeniedError,
    FetchError,
    MaintenanceError,
    ProviderEmptyError,
    ShortDayError,
    TransientFetchError,
    UnknownContractError,
)

MAINTENANCE_WORDS: Final = ("维护", "运维", "maintenance")
CREDENTIAL_REMEDY: Final = "check TQSDK_USER and TQSDK_PASSWORD"
GRANT_REMEDY: Final = "use an account with this permission, or have it added by Shinny"
MAINTENANCE_REMEDY: Final = "try again after 19:30 Beijing time"
RETRY_REMEDY: Final = "run the same command again"

_LOGIN_STATUS: Final = re.compile(r"用户权限认证失败 \((\d{3}),")
_NAME_SERVICE_STATUS: Final = re.compile(r"调用名称服务失败: (\d{3}),")
_TOKEN: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=Bearer )\S+")
_MAX_TEXT: Final = 300


class ThrottledError(TransientFetchError):
    """HTTP 429: the account asks too fast. It slows everybody down and costs no attempt."""

    def __init__(self, what: str, pause_s: float | None = None) -> None:
        super().__init__(what, "the next session starts later")
        self.pause_s = pause_s


KINDS: Final[dict[str, type[FetchError]]] = {
    kind.__name__: kind
    for kind in (
        FetchError,
        TransientFetchError,
        ThrottledError,
        MaintenanceError,
        DeniedError,
        ShortDayError,
        BrokenDayError,
        ProviderEmptyError,
        UnknownContractError,
    )
}
"""How an error is named between worker and pool."""


def of_status(status: int, place: str, body: str, retry_after: str | None = None) -> FetchError:
    """The error of an HTTP status at `place`: log-in, name service or market data handshake."""
    if status == 429:
        return ThrottledError(f"{place} answered 429 too many requests", _seconds(retry_after))
    if status == 401:
        return DeniedError(f"{place} refused the account ({status})", CREDENTIAL_REMEDY)
    if _speaks_of_maintenance(body):
        return MaintenanceError(f"{place} is under maintenance ({status})", MAINTENANCE_REMEDY)
    if status == 403 or (status == 400 and "login" in place):
        return DeniedError(f"{place} refused the account ({status})", CREDENTIAL_REMEDY)
    if 400 <= status < 500 and status not in (408, 425):
        return DeniedError(f"{place} refused the request ({status}): {_short(body)}", "check the TQ_* addresses")
    return TransientFetchError(f"{place} answered {status}: {_short(body)}", RETRY_REMEDY)


def of_exception(error: BaseException) -> FetchError:
    """The error that an exception out of tqsdk, the network or a parser amounts to."""
    if isinstance(error, FetchError):
        return error
    text = str(error)
    return _of_text(text) or _of_type(error, text)


def _of_text(text: str) -> FetchError | None:
    """The error that tqsdk's words amount to."""
    for pattern, place in ((_LOGIN_STATUS, "the login server"), (_NAME_SERVICE_STATUS, "the name service")):
        status = pattern.search(text)
        if status is not None:
            return of_status(int(status[1]), place, text)
    if _speaks_of_maintenance(text):
        return MaintenanceError(f"the provider says it is under maintenance: {_short(text)}", MAINTENANCE_REMEDY)
    if "仅限专业版用户" in text:
        return no_download_grant()
    if "您的账户不支持" in text:
        return DeniedError(f"the account has no permission for this market: {_short(text)}", GRANT_REMEDY)
    return None


def _of_type(error: BaseException, text: str) -> FetchError:
    if isinstance(error, json.JSONDecodeError):
        return BrokenDayError(f"the answer is no JSON: {error.msg} at {error.pos}", RETRY_REMEDY)
    if isinstance(error, TimeoutError) or type(error).__name__ == "TqTimeoutError":
        return TransientFetchError(f"the provider did not answer in time: {_short(text)}", RETRY_REMEDY)
    if isinstance(error, OSError):
        return TransientFetchError(f"the connection failed: {_short(text)}", RETRY_REMEDY)
    return TransientFetchError(f"{type(error).__name__}: {_short(text)}", RETRY_REMEDY)


def heed_notice(text: str) -> None:
    """Raise `MaintenanceError` if the server's notice announces maintenance; other notices are none of ours."""
    if _speaks_of_maintenance(text):
        raise MaintenanceError("the provider announced maintenance", MAINTENANCE_REMEDY)


def no_download_grant() -> DeniedError:
    return DeniedError("the account may not download tick history (grant tq_dl, professional edition)", GRANT_REMEDY)


def no_market_grant(contract: str) -> DeniedError:
    return DeniedError(f"the account may not read the market of {contract} (grant futr)", GRANT_REMEDY)


def unknown_contract(contract: str) -> UnknownContractError:
    return UnknownContractError(f"the provider knows no contract {contract}", "check the main contract schedule")


def redacted(text: str, *secrets: str) -> str:
    """The text without the secrets and without bearer tokens."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _TOKEN.sub("***", text)


def _speaks_of_maintenance(text: str) -> bool:
    return any(word in text.lower() for word in MAINTENANCE_WORDS)


def _short(text: str) -> str:
    line = " ".join(text.split()) or "no further text"
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"


def _seconds(retry_after: str | None) -> float | None:
    try:
        return None if retry_after is None else max(0.0, float(retry_after))
    except ValueError:  # an HTTP date; our own pause will do
        return None
