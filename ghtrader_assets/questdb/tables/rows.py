"""Rows of tables that no other room owns: stored days, metrics, versions, and what a day's states are read as.

Belongs here: their dataclasses, field names equal to column names, and what a person may write into one.
Does not belong here: verdicts (`validation.verdicts`), manifests (`manifests`), the schedule (`market.schedule`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.lives import WrongMain
from ghtrader_assets.validation.verdicts import DATASET_VERSION, TICKS_KIND

LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyAgg:
    """`ghtrader_main_l5_daily_agg_v2`: a stored symbol-day. Instants are UTC, cut to microseconds.

    `first_tick` and `last_tick` are None for a day without a tick; ghTrader's `first_datetime_ns` and
    `last_datetime_ns` are derived from them. `upstream` is the fingerprint of what the day was loaded for. `partial`:
    it was stored while the trading day was in progress.
    """

    symbol: str
    trading_day: date
    ticks_kind: str = TICKS_KIND
    dataset_version: str = DATASET_VERSION
    rows_total: int
    updated_at: datetime
    contract: str
    digest: str
    first_tick: datetime | None
    last_tick: datetime | None
    upstream: str
    manifest_id: str
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingVerdict:
    """How a judged symbol-day stands by one verdict table, and on what grounds: a few columns of a wide row."""

    trading_day: date
    state: str
    reason_code: str
    fingerprint: str
    content_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingCoverage(StandingVerdict):
    """How a judged symbol-day stands by its coverage verdict, and the evidence which that used."""

    baseline_used: str
    witness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`ghtrader_metrics_v1`: a measured value at an instant, of a symbol-day where it has one."""

    ts: datetime
    name: str
    symbol: str
    trading_day: date | None
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVersion:
    """`ghtrader_schema_version_v1`: a version of the tables that the store was brought to, when and by which code."""

    ts: datetime
    version: int
    code_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractLife:
    """`ghtrader_contract_lives_v1`: the first trading day of a contract as the provider was asked for it.

    `delivery` is the first day of the delivery month: CZCE uses its names again. `first_day` is None where the provider
    has no tick of the contract.
    """

    contract: str
    delivery: date
    first_day: date | None
    first_source: str
    last_day: date
    last_source: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MainOverride:
    """`ghtrader_main_overrides_v1`: a version of what a person says of the main contract, from `ts` on.

    On the trading days from `first_day` to `last_day`, whatever earlier versions say of them, it is `contract`; empty:
    the provider's word holds again.
    """

    ts: datetime
    symbol: str
    first_day: date
    last_day: date
    contract: str
    reason: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarDay:
    """`ghtrader_bar_days_v1`: a symbol's trading day of which 1-minute bars are stored, and what they were made of.

    `content_digest` and `manifest_id` name the ticks; `fingerprint` (`bars.frame.bars_fingerprint`) is the version.
    """

    symbol: str
    trading_day: date
    contract: str
    bars: int
    traded_bars: int
    volume: float
    content_digest: str
    sessions_fingerprint: str
    fingerprint: str
    manifest_id: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAnswer:
    """`ghtrader_witness_v1`: the provider's own bars of a symbol's trading day, or why there are none.

    `outcome` is `complete` for an answer with bars, `provider_empty` for one without, else what the request ended with;
    then `digest` is empty. `volume` is in lots; prices are None without a bar that traded. `bars_json` holds the
    minutes that traded, as `validation.bars` writes them.
    """

    symbol: str
    trading_day: date
    contract: str
    source: str
    outcome: str
    reason: str
    asked_at: datetime
    digest: str
    volume: float | None
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    bars_json: str

    def answers(self, contract: str) -> bool:
        """Whether the provider answered, about this contract."""
        return bool(self.digest) and self.contract == contract


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRange:
    """What is stored of a symbol. Instants are UTC, None where no stored day has a tick."""

    symbol: str
    first_day: date
    last_day: date
    n_days: int
    rows: int
    first_tick: datetime | None
    last_tick: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayException:
    """`ghtrader_exceptions_v1`: an operator's word that a day stays as it stands, or the end of such a word.

    The last row of a symbol-day counts. `ts` is when it was given (UTC), `bound_to` what it speaks of, as
    `questdb.standing.day_states` words it. From the instant `expires` (UTC) on it no longer holds, None for never.
    """

    ts: datetime
    symbol: str
    trading_day: date
    who: str
    reason: str
    bound_to: str
    expires: datetime | None
    revoked: bool


def require_reason(reason: str) -> None:
    """Raise `BadInputError` for what can't stand as a person's `reason` in a row, and be shown on a line."""
    if not reason.strip() or not reason.isprintable() or len(reason) > LONGEST_REASON:
        raise BadInputError(
            f"--reason {reason[:80]!r} is no reason", f"say it in one line of at most {LONGEST_REASON} characters"
        )


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted a day as it stands, when (UTC) and why."""

    who: str
    when: datetime
    reason: str

    def __str__(self) -> str:
        return f"{self.when:%Y-%m-%d} by {self.who}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayState:
    """How a symbol's trading day stands: stored content, states of ingest, coverage and quality, and why.

    `coverage_state` and `quality_state` are empty where no verdict speaks of the stored content; `rows`, `digest`
    and `manifest_id` are those of the stored content, or of the last attempt where nothing is stored. `witness`
    says what the provider's own bars say of the ticks judged, `unwitnessed` where they are wanted and not there.
    `accepted` says who accepted the state that the day is in now; None where it is not accepted. `wrong_main` says
    what is wrong with the provider's main contract, where that keeps the day from being stored.
    """

    symbol: str
    trading_day: date
    rows: int
    contract: str
    ingest_state: str
    coverage_state: str
    quality_state: str
    state: str
    reason: str
    digest: str
    manifest_id: str
    witness: str = ""
    accepted: Acceptance | None = None
    wrong_main: WrongMain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatedRow:
    """`ghtrader_aggregated_manifests_v1`: one calendar year of one symbol in an aggregated manifest.

    `trading_day` is the first one of the part, `first_day` and `last_day` the whole manifest's range. `days_json` holds
    one object a trading day, as `lineage.aggregate` writes them; the figures are sums over it.
    """

    symbol: str
    trading_day: date
    manifest_id: str
    first_day: date
    last_day: date
    expected_days: int
    n_days: int
    rows: int
    gaps: int
    gap_seconds: int
    digest: str
    days_json: str
