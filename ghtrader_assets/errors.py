"""The errors a user can meet, and what follows from each: an exit code, an ingest state, whether a retry can cure it.

Belongs here: every exception class of the package, its stable code, and the decisions that hang on its kind.
Does not belong here: where errors are found (each room raises them), how they are shown (`cli`), what an error of a
library amounts to (`questdb.client.errors`, `tq.faults`).
"""

from __future__ import annotations

from enum import StrEnum


class IngestState(StrEnum):
    """How the load of one symbol's trading day stands. `COMPLETE` only for a day fetched whole and read back.

    `RUNNING`: an attempt began and has not ended; whether its run still lives is for whoever knows the runs to say.
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
    RUNNING = "running"
    FAILED = "failed"
    MISSING = "missing"


class GhtraderError(Exception):
    """Root of our errors. `str()` is one line: what is wrong, where, and what to do about it.

    `code` names the class to users and scripts and never changes; `docs/errors.md` lists them all. Codes by their
    first digit: 1 input, 2 the store, 3 services, log-ins and the disk, 4 the provider. A class's `remedy` is what its
    errors say unless the place that raises them knows better.
    """

    code = "GHT-000"
    exit_code = 1
    remedy = ""

    def __init__(self, what: str, remedy: str | None = None) -> None:
        self.what = what
        self.remedy = type(self).remedy if remedy is None else remedy
        super().__init__(what, self.remedy)

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what

    @property
    def line(self) -> str:
        """The error on one line that ends with its code."""
        return f"{' '.join(str(self).split())} [{self.code}]"


class BadInputError(GhtraderError):
    """Bad usage: an unknown symbol, a day that is no trading day, a malformed setting."""

    code = "GHT-101"
    exit_code = 2


class ServiceError(GhtraderError):
    """A service failed in a way that has no class of its own."""

    code = "GHT-300"
    exit_code = 3


class CredentialError(ServiceError):
    """A user name or password is missing or refused."""

    code = "GHT-301"


class PortTakenError(ServiceError):
    """A port of an embedded service is taken by another process."""

    code = "GHT-302"


class DiskFullError(ServiceError):
    """A disk is full, or has less room than a load needs."""

    code = "GHT-303"
    remedy = "free space, then run the same command again"


class FileAccessError(ServiceError):
    """A file or folder of the home can't be read or written."""

    code = "GHT-304"
    remedy = "mend the disk, or move away what stands there"


class QuestDBError(ServiceError):
    """QuestDB failed, or did not do what it acknowledged, in a way that has no class of its own."""

    code = "GHT-200"


class ReadBackError(QuestDBError):
    """What is stored is not what was fetched."""

    code = "GHT-201"


class StoreAwayError(QuestDBError):
    """No connection to QuestDB could be opened: it is stopped, unreachable, or takes no more connections."""

    code = "GHT-202"
    remedy = "start it with `ghtrader-assets up`"


class StoreBrokeOffError(QuestDBError):
    """QuestDB closed an open connection before it had answered."""

    code = "GHT-203"
    remedy = "see its log: it may have died, as on a full disk; then `ghtrader-assets up` and the same command again"


class StoreTimeoutError(QuestDBError):
    """QuestDB did not answer in the time that a statement or a request may take."""

    code = "GHT-204"
    remedy = "ask for fewer days at once"


class StoreBusyError(QuestDBError):
    """QuestDB or our pool of sessions to it stayed fully in use for longer than we wait."""

    code = "GHT-205"
    remedy = "run fewer commands or threads at once"


class QueryRefusedError(QuestDBError):
    """QuestDB or its client refused a statement or rows as wrong."""

    code = "GHT-206"
    remedy = "correct it; for a command of ours, `ghtrader-assets doctor` compares the tables with what it needs"


class TableMissingError(QuestDBError):
    """A table that is read or written does not exist."""

    code = "GHT-207"
    remedy = "run `ghtrader-assets doctor`"


class SuspendedTableError(QuestDBError):
    """A table is suspended: it takes writes and shows none."""

    code = "GHT-208"


class BrokenAnswerError(QuestDBError):
    """An answer of QuestDB ended as it should and is not whole."""

    code = "GHT-209"
    remedy = "run the same command again; if that changes nothing, see QuestDB's log"


class FetchError(GhtraderError):
    """A trading day could not be fetched whole. `state` is the outcome its manifest records."""

    code = "GHT-410"
    exit_code = 3
    state = IngestState.FAILED
    retryable = False


class TransientFetchError(FetchError):
    """A dropped connection, a time-out or a 5xx of the provider: the next attempt may succeed."""

    code = "GHT-411"
    remedy = "run the same command again"
    retryable = True


class ThrottledError(TransientFetchError):
    """HTTP 429: the account asks too fast. Its next sessions start later; it costs no attempt."""

    code = "GHT-412"
    remedy = "the next session starts later"

    def __init__(self, what: str, remedy: str | None = None, pause_s: float | None = None) -> None:
        super().__init__(what, remedy)
        self.pause_s = pause_s


class MaintenanceError(FetchError):
    """The provider is in its maintenance window (daily 19:00-19:30 Beijing, or announced by its message)."""

    code = "GHT-413"
    remedy = "try again after 19:30 Beijing time"
    state = IngestState.MAINTENANCE


class DeniedError(FetchError):
    """Log-in or permission refused: no retry can cure it, and no other day will fare better."""

    code = "GHT-414"
    state = IngestState.DENIED


class ShortDayError(FetchError):
    """The answer ended early: ids break off, or a second request brings ticks after the last one."""

    code = "GHT-420"
    remedy = "run the same command again"
    state = IngestState.SHORT
    retryable = True


class BrokenDayError(FetchError):
    """The answer contradicts itself: duplicate ids, time running backwards, columns missing."""

    code = "GHT-421"
    remedy = "run the same command again"
    state = IngestState.BROKEN
    retryable = True


class ProviderEmptyError(FetchError):
    """The provider answered, whole, that it has no tick of that trading day."""

    code = "GHT-422"
    state = IngestState.PROVIDER_EMPTY


class UnknownContractError(FetchError):
    """The provider does not know the contract, or no main contract is known for the day."""

    code = "GHT-423"
    exit_code = 2
    state = IngestState.UNKNOWN_CONTRACT


class NotListedError(FetchError):
    """The symbol was not listed yet on that trading day."""

    code = "GHT-424"
    exit_code = 2
    state = IngestState.NOT_LISTED
