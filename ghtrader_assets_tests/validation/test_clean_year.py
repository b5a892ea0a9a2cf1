"""A clean year of the embedded exchange raises nothing: no broken rule, no unusual gap, no state but ok.

The suite sees every sixtieth day and every third day whose night session fell away, other ones of each product; `make
soak` every day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import pytest

from ghtrader_assets.exchange.contracts import contract_named, main_contract
from ghtrader_assets.exchange.daily import DEFAULT_SEED
from ghtrader_assets.exchange.plans import occasion_of
from ghtrader_assets.exchange.specs import Model, Spec, specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.sessions import breaks_for_holiday
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, tick_frame
from ghtrader_assets_tests.true_ticks import MODEL_2, SPECS, ticks_of
from ghtrader_assets_tests.validation.days import findings, judge_frame

CALENDAR: Final = snapshot_calendar()
YEAR: Final = CALENDAR.days(date(2025, 1, 2), date(2026, 1, 12))
NIGHTLESS: Final = [day for day in YEAR if breaks_for_holiday(CALENDAR.previous(day), day)]
KEPT: Final = {"tick_id", "datetime_ns", *NUMERIC_COLUMNS}


def complaint(spec: Spec, day: date) -> str:
    """What the verdict on a clean day complains of; empty where it does not."""
    contract = main_contract(spec, day).text
    columns = {name: values for name, values in ticks_of(contract, day).items() if name in KEPT}
    verdict = judge_frame(tick_frame(columns), contract, day)
    broken = ", ".join(findings(verdict))
    quiet = verdict.coverage.adaptive_missing_segments == 0
    return "" if verdict.state == "ok" and not broken and quiet else f"{day}: {verdict.reason_code} {broken}"


@pytest.mark.parametrize(("place", "key"), list(enumerate(SPECS)))
def test_days_of_a_clean_year_raise_nothing(place: int, key: str) -> None:
    days = [*YEAR[5 * place :: 60], *NIGHTLESS[place % 3 :: 3]]
    assert len(days) >= 5
    assert [said for day in days if (said := complaint(SPECS[key], day))] == []


@pytest.mark.parametrize(("place", "key"), list(enumerate(specs_of(MODEL_2.number))))
def test_days_of_model_2_raise_nothing_but_halts(place: int, key: str) -> None:
    require_halts_alone(key, [*YEAR[5 * place :: 100], NIGHTLESS[-1]])


CONTRACT_DAYS: Final = (
    # large trades on dying days, each after a silence in which the contract has a tick or two
    (DEFAULT_SEED, "SHFE.rb2601", date(2025, 12, 22)),
    (DEFAULT_SEED, "DCE.m2601", date(2025, 12, 11)),
    (DEFAULT_SEED, "DCE.m2605", date(2026, 4, 3)),
    (DEFAULT_SEED, "DCE.m2605", date(2026, 4, 8)),
    (57, "DCE.m2605", date(2026, 3, 27)),
    (DEFAULT_SEED, "GFEX.lc2601", date(2025, 10, 9)),
    # pinned at the limit with 18 ticks of half an hour
    (12, "CZCE.SR605", date(2026, 5, 8)),
    (14, "DCE.m2605", date(2026, 5, 14)),
    # half seconds of a halt, and of a pinned market
    (15, "CZCE.SR605", date(2026, 2, 24)),
    (18, "DCE.m2605", date(2026, 2, 24)),
    (58, "DCE.m2605", date(2026, 2, 24)),
)


@pytest.mark.parametrize(("seed", "contract", "day"), CONTRACT_DAYS)
def test_a_clean_day_of_a_contract_is_none_of_lost_ticks(seed: int, contract: str, day: date) -> None:
    """Under its own symbol and without any history."""
    columns = ticks_of(contract, day, Model(2, seed))
    verdict = judge_frame(tick_frame({name: columns[name] for name in columns if name in KEPT}), contract, day)
    known = contract_named(contract, 2)
    assert known is not None
    special = occasion_of(known, day, seed)
    halted = special is not None and special.kind == "halt"
    assert verdict.state == ("warn" if halted else "ok"), (verdict.reason_code, verdict.coverage.detail)


@pytest.mark.soak
@pytest.mark.parametrize("key", specs_of(MODEL_2.number))
def test_a_year_of_model_2_raises_nothing_but_halts(key: str) -> None:
    require_halts_alone(key, [*YEAR[::5], *NIGHTLESS])


def require_halts_alone(key: str, days: Sequence[date]) -> None:
    spec = specs_of(MODEL_2.number)[key]
    for day in days:
        contract = main_contract(spec, day)
        columns = {name: values for name, values in ticks_of(contract.text, day, MODEL_2).items() if name in KEPT}
        verdict = judge_frame(tick_frame(columns), contract.text, day)
        special = occasion_of(contract, day, MODEL_2.seed)
        halted = special is not None and special.kind == "halt"
        assert (verdict.state, day) == ("warn" if halted else "ok", day), verdict.reason_code


@pytest.mark.soak
@pytest.mark.parametrize("key", SPECS)
def test_a_clean_year_raises_nothing(key: str) -> None:
    assert [said for day in YEAR if (said := complaint(SPECS[key], day))] == []
