"""The errors a user can meet, and what follows from each: an exit code, an ingest state, whether a retry can cure it.

Belongs here: every exception class of the package, its stable code, and the decisions that hang on its kind.
Does not belong here: where errors are found (each room raises them), how they are shown (`cli`), what an error of a
library amounts to (`questdb.client.errors`, `tq.faults`).
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from ghtrader_assets.redaction import redacted_head, without_known
from ghtrader_assets.texts import one_line

_LONGEST: Final = 2000
"""So much of what an error says is kept: most of it may be another program's words."""


class IngestState(StrEnum):
    """How the load of one symbol's trading day stands. `COMPLETE` only for a day fetched whole and read back.

    `RUNNING`: an attempt began and has not ended; only code that can ask for runs knows whether its run still lives.
    """

    COMPLETE = "complete"
    PARTIAL = "partial"
    SHORT = "short"
    BROKEN = "broken"
    PROVIDER_EMPTY = "provider_empty"
    MAINTENANCE = "maintenance"
    DENIED = "denied"
    UNKNOWN_CONTRACT = "unknown_contract"
    NOT_LISTED = "not_listed"
    EXPIRED = "expired"
    RUNNING = "running"
    FAILED = "failed"
    MISSING = "missing"


class AnswerFault(StrEnum):
    """What is wrong with an answer as such. It stands before the reason of a day that is broken by it."""

    OVERSIZED = "oversized"
    TOO_DEEP = "too_deep"
    IMPLAUSIBLE = "implausible"
    WORKER_MEMORY = "worker_memory"
    NO_PROGRESS = "no_progress"
    NOT_JSON = "not_json"


class DayStateWarning(UserWarning):
    """Some of the trading days that a reader asked for are missing, partial, in error or unjudged; the text names them.

    `states` says how each of them stands.
    """

    def __init__(self, text: str, states: Mapping[date, str]) -> None:
        self.states = states
        super().__init__(text)


LONGEST_LINE: Final = 1200
"""So many characters of an error are said: it may hold what a caller, a file or a server has sent."""


class GhtraderError(Exception):
    """Root of our errors. `str()` is one line: what is wrong, where, and what to do about it.

    `code` names the class to users and scripts and never changes; `docs/errors.md` lists them all. Codes by their
    first digit: 1 input, 2 the store, 3 services, log-ins and the disk, 4 the provider. A class's `remedy` is what its
    errors say unless the place that raises them knows better. `what` may hold whatever another program said: this is
    where such words enter, as one line without control characters, of bounded length (`texts`), and without secrets
    (`redaction`): whatever stores, shows or sends an error has none of them.
    """

    code = "GHT-000"
    exit_code = 1
    remedy = ""

    def __init_subclass__(cls, *, code: str, exit_code: int | None = None, remedy: str | None = None) -> None:
        """A class's own code; an exit code and a remedy that are not given are those of its base."""
        cls.code = code
        cls.exit_code = cls.exit_code if exit_code is None else exit_code
        cls.remedy = cls.remedy if remedy is None else remedy

    def __init__(self, what: str, remedy: str | None = None) -> None:
        self.what = one_line(redacted_head(what, 4 * _LONGEST), _LONGEST)
        self.remedy = type(self).remedy if remedy is None else without_known(remedy)
        super().__init__(self.what, self.remedy)

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what

    @property
    def line(self) -> str:
        """The error on one line that ends with its code. Of a long one the middle is left out."""
        text = " ".join(str(self).split())
        if len(text) > LONGEST_LINE:
            text = f"{text[: LONGEST_LINE // 2]} … ({len(text):,} characters) … {text[-LONGEST_LINE // 2 :]}"
        return f"{text} [{self.code}]"


class SameNameWarning(UserWarning):
    """Days of two contracts with one name are handed out together: CZCE uses its names again after ten years."""


class BadInputError(GhtraderError, code="GHT-101", exit_code=2):
    """Bad usage: an unknown symbol, a day that is no trading day, a malformed setting."""


class NoDayError(BadInputError, code="GHT-102"):
    """No day of a range can be handed out: none is stored, or none in one of the states asked for."""


class UntrustedFileError(BadInputError, code="GHT-103"):
    """Another user owns or can write a home or a file that decides what we do, or may read one that holds secrets."""


class ServiceError(GhtraderError, code="GHT-300", exit_code=3):
    """A service failed in a way that has no class of its own."""


class CredentialError(ServiceError, code="GHT-301"):
    """A user name, password or token is missing, refused, or in a file that others can read."""


class PortTakenError(ServiceError, code="GHT-302"):
    """A port of an embedded service is taken by another process."""


FULL_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT)
"""What the operating system says of a disk, or a quota of it, that is full."""


class DiskFullError(ServiceError, code="GHT-303", remedy="free space, then run the same command again"):
    """A disk is full, or has less room than a load needs."""


class FileAccessError(ServiceError, code="GHT-304", remedy="mend the disk, or move away what stands there"):
    """A file or folder of the home can't be read or written."""


class RunStoppedError(ServiceError, code="GHT-305"):
    """The process of a run was stopped: it works no more, and nothing starts it again."""


class PlatformError(ServiceError, code="GHT-306", remedy="install it in WSL: https://learn.microsoft.com/windows/wsl"):
    """The operating system is none that we run on."""


class QuestDBError(ServiceError, code="GHT-200"):
    """The root of what goes wrong with the store; itself a failure of QuestDB that has no class of its own."""


class ReadBackError(QuestDBError, code="GHT-201"):
    """What is stored is not what was fetched."""


class StoreAwayError(QuestDBError, code="GHT-202", remedy="start it with `ghtrader-assets up`"):
    """No connection to QuestDB could be opened: it is stopped, unreachable, or takes no more connections."""


class StoreBrokeOffError(
    QuestDBError,
    code="GHT-203",
    remedy="see its log: it may have died, as on a full disk; then `ghtrader-assets up` and the same command again",
):
    """QuestDB closed an open connection before it had answered."""


class StoreTimeoutError(QuestDBError, code="GHT-204", remedy="ask for fewer days at once"):
    """QuestDB did not answer in the time that a statement or a request may take."""


class StoreBusyError(QuestDBError, code="GHT-205", remedy="run fewer commands or threads at once"):
    """QuestDB or our pool of sessions to it stayed fully in use for longer than we wait."""


class QueryRefusedError(
    QuestDBError,
    code="GHT-206",
    remedy="correct it; for a command of ours, `ghtrader-assets doctor` compares the tables with what it needs",
):
    """QuestDB or its client refused a statement or rows as wrong."""


class TableMissingError(QuestDBError, code="GHT-207", remedy="run `ghtrader-assets doctor`"):
    """A table that is read or written does not exist."""


class SuspendedTableError(QuestDBError, code="GHT-208"):
    """A table is suspended: it takes writes and shows none."""


class BrokenAnswerError(
    QuestDBError, code="GHT-209", remedy="run the same command again; if that changes nothing, see QuestDB's log"
):
    """An answer of QuestDB ended as it should and is not whole."""


class VersionError(QuestDBError, code="GHT-210", remedy="use a newer ghtrader-assets"):
    """The store or the home is of another version than this code reads."""


class ForeignTableError(
    QuestDBError,
    code="GHT-211",
    remedy="it is of another program: give it another name (`RENAME TABLE … TO …`); the next load makes ours",
):
    """A table or view that has the name of one of ours lacks our columns, keys or partitions."""


class DayReplacedError(QuestDBError, code="GHT-212", remedy="read it again"):
    """A trading day was loaded again while it was read, and is no longer what was asked for."""


class OtherContentError(
    QuestDBError, code="GHT-213", remedy="look at `manifests --covering`, then load the day again with --force"
):
    """The ticks of a stored trading day are not those that its stored-day row names."""


class StoreLimitError(QuestDBError, code="GHT-214"):
    """QuestDB reached a limit that the operating system sets its process: of open files, or of memory and mappings."""


class AnswerCutError(
    QuestDBError,
    code="GHT-215",
    remedy="ask for fewer days at once; GHTRADER_WEB_READ_ROWS and GHTRADER_WEB_READ_S of that host are the bounds",
):
    """An answer to a remote reader went beyond its bounds and was cut: what came of it is not all."""


class FetchError(GhtraderError, code="GHT-410", exit_code=3):
    """A trading day could not be fetched whole. `state` is the outcome its manifest records."""

    state = IngestState.FAILED
    retryable = False

    def __init_subclass__(
        cls,
        *,
        state: IngestState | None = None,
        retryable: bool | None = None,
        code: str,
        exit_code: int | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init_subclass__(code=code, exit_code=exit_code, remedy=remedy)
        cls.state = state or cls.state
        cls.retryable = cls.retryable if retryable is None else retryable


class TransientFetchError(FetchError, code="GHT-411", remedy="run the same command again", retryable=True):
    """A dropped connection, a time-out or a 5xx of the provider: the next attempt may succeed."""


class SilentProviderError(TransientFetchError, code="GHT-415"):
    """The provider takes connections and answers none: no log-in, no handshake."""


class ThrottledError(TransientFetchError, code="GHT-412", remedy="the next session starts later"):
    """HTTP 429: the account asks too fast. Its next sessions start later; it costs no attempt."""

    def __init__(self, what: str, remedy: str | None = None, pause_s: float | None = None) -> None:
        super().__init__(what, remedy)
        self.pause_s = pause_s


class MaintenanceError(
    FetchError, code="GHT-413", remedy="try again after 19:30 Beijing time", state=IngestState.MAINTENANCE
):
    """The provider is in its maintenance window (daily 19:00-19:30 Beijing, or announced by its message)."""


class DeniedError(FetchError, code="GHT-414", state=IngestState.DENIED):
    """Log-in or permission refused: no retry can cure it, and no other day will fare better."""


class LogInError(
    FetchError, code="GHT-428", remedy="see that TQ_AUTH_URL and a proxy lead to the provider, then run it again"
):
    """The log-in's answer is none: no other day will fare better, and it is asked for once."""


class ShortDayError(
    FetchError, code="GHT-420", remedy="run the same command again", state=IngestState.SHORT, retryable=True
):
    """The answer ended early: ids break off, or a second request brings ticks after the last one."""


class BrokenDayError(
    FetchError, code="GHT-421", remedy="run the same command again", state=IngestState.BROKEN, retryable=True
):
    """The answer contradicts itself: duplicate ids, time running backwards, columns missing."""


class UnfitAnswerError(
    BrokenDayError,
    code="GHT-427",
    remedy="the address of the provider may lead to another server; else report it, and load the day later",
    retryable=False,
):
    """The answer is larger, deeper or farther from what was asked than any answer of a provider: not asked again."""


class ProviderEmptyError(FetchError, code="GHT-422", state=IngestState.PROVIDER_EMPTY):
    """The provider answered, whole, that it has no tick of that trading day."""


class UnknownContractError(FetchError, code="GHT-423", exit_code=2, state=IngestState.UNKNOWN_CONTRACT):
    """The provider does not know the contract, no main contract is known for the day, or the product is unknown."""


class NotListedError(FetchError, code="GHT-424", exit_code=2, state=IngestState.NOT_LISTED):
    """The symbol was not listed yet on that trading day."""


class ExpiredError(NotListedError, code="GHT-425", state=IngestState.EXPIRED):
    """The contract or product had ended before that trading day."""


class WrongMainError(FetchError, code="GHT-426", exit_code=1, state=IngestState.MISSING):
    """The provider names a main contract that can't trade on that day."""
