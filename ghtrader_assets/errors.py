"""The errors a user can meet, and what follows from each: an exit code, an ingest state, whether a retry can cure it.

Belongs here: every exception class of the package and the decisions that hang on its kind.
Does not belong here: where errors are found (each room raises them) and how they are shown (`cli`).
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
    """Root of our errors. `str()` is one line: what is wrong, where, and what to do about it."""

    exit_code = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what}; {remedy}" if remedy else what)


class BadInputError(GhtraderError):
    """Bad usage: an unknown symbol, a day that is no trading day, a malformed setting."""

    exit_code = 2


class ServiceError(GhtraderError):
    """A service, a credential or the disk failed."""

    exit_code = 3


class QuestDBError(ServiceError):
    """QuestDB is away, refuses us, or did not do what it acknowledged."""


class ReadBackError(QuestDBError):
    """What is stored is not what was fetched."""


class CredentialError(ServiceError):
    """A user name or password is missing or refused."""


class PortTakenError(ServiceError):
    """A port of an embedded service is in use by somebody else."""


class FetchError(GhtraderError):
    """A trading day could not be fetched whole. `state` is the outcome its manifest records."""

    exit_code = 3
    state = IngestState.FAILED
    retryable = False


class TransientFetchError(FetchError):
    """A dropped connection, a time-out, a 429 or 5xx: the next attempt may succeed."""

    retryable = True


class MaintenanceError(FetchError):
    """The provider is in its maintenance window (daily 19:00-19:30 Beijing, or announced by its message)."""

    state = IngestState.MAINTENANCE


class DeniedError(FetchError):
    """Log-in or permission refused: no retry can cure it, and no other day will fare better."""

    state = IngestState.DENIED


class ShortDayError(FetchError):
    """The answer ended early: ids break off, or a second request brings ticks after the last one."""

    state = IngestState.SHORT
    retryable = True


class BrokenDayError(FetchError):
    """The answer contradicts itself: duplicate ids, time running backwards, columns missing."""

    state = IngestState.BROKEN
    retryable = True


class ProviderEmptyError(FetchError):
    """The provider answered, whole, that it has no tick of that trading day."""

    state = IngestState.PROVIDER_EMPTY


class UnknownContractError(FetchError):
    """The provider does not know the contract, or no main contract is known for the day."""

    exit_code = 2
    state = IngestState.UNKNOWN_CONTRACT


class NotListedError(FetchError):
    """The symbol was not listed yet on that trading day."""

    exit_code = 2
    state = IngestState.NOT_LISTED
