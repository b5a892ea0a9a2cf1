"""A command's patience with maintenance: the clock stands, and sleeping is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.patience import JITTER_S, Patience

LIVE = Provider("trader", SecretStr("unused"), name="tqsdk")
IN_THE_WINDOW = Clock(lambda: instant_ns(date(2025, 7, 21), 19 * 3600 + 10 * 60))


@dataclass
class Waited:
    """How long was slept in all, and what was shown meanwhile."""

    slept_s: float = 0.0
    shown: list[float] = field(default_factory=list[float])

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds

    def patience(self, home: Path, budget_s: float) -> Patience:
        settings = Settings(home=home, maintenance_wait_s=budget_s)
        unused = cast("Any", None)
        context = LoadContext(settings=settings, calendar=unused, database=unused, provider=LIVE, clock=IN_THE_WINDOW)
        return Patience(context, self.sleep)


def test_a_command_waits_until_half_past_seven_with_a_countdown(tmp_path: Path) -> None:
    clock = Waited()
    assert clock.patience(tmp_path, 2700).wait(clock.shown.append)
    assert 20 * 60 <= clock.slept_s <= 20 * 60 + JITTER_S
    assert clock.shown == sorted(clock.shown, reverse=True)
    assert len(clock.shown) >= 1200


def test_a_budget_that_does_not_reach_is_not_begun(tmp_path: Path) -> None:
    clock = Waited()
    patience = clock.patience(tmp_path, 1300 + JITTER_S)
    assert patience.wait(clock.shown.append)
    assert not patience.wait(clock.shown.append)
    assert not clock.patience(tmp_path, 0).wait(clock.shown.append)
