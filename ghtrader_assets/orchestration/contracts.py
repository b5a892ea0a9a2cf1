"""Loading contracts that are not in the universe, next to a launcher of symbols that are.

Belongs here: their runs, in this process: no asset exists of such a contract, so Dagster has nothing to launch.
Does not belong here: what a load does (`loading`), which days (`orchestration.backfill`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.loading.bars import make_bars
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.judgement import judge_symbols
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.loading.record import closing_attempts
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.launcher import Launcher, Progress
from ghtrader_assets.orchestration.names import BARS_ASSET, JUDGED, LAUNCH_TAG, PARTIAL_TAG, TICKS_ASSET, WORKERS_TAG
from ghtrader_assets.orchestration.runs import Needs, days_by_need
from ghtrader_assets.runtime import living_run
from ghtrader_assets.upkeep.due import Need


@dataclass(frozen=True, slots=True)
class WithContracts:
    """A `Launcher`: `inner` for symbols of the universe, this process for all others."""

    context: LoadContext
    inner: Launcher
    _begun: dict[str, list[str]] = field(default_factory=dict[str, list[str]], init=False)
    retries_maintenance = False

    @property
    def when_interrupted(self) -> str:
        """See `Launcher`."""
        others = "contracts outside the universe end with this command, the same one loads what is left of them"
        return f"{self.inner.when_interrupted}; {others}"

    def run_ids(self, launch: str) -> list[str]:
        """See `Launcher`."""
        return [*self.inner.run_ids(launch), *self._begun.get(launch, ())]

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        """See `Launcher`."""
        universe = self.context.settings.symbols
        inside = {symbol: days for symbol, days in needs.items() if days and symbol.text in universe}
        outside = {symbol: days for symbol, days in needs.items() if days and symbol.text not in universe}
        stops = self.inner.run(inside, tables, tags, progress) if inside else []
        return [*stops, *self._run_here(outside, tables, tags, progress)] if outside else stops

    def _run_here(
        self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress
    ) -> list[Stopped]:
        run_id = str(uuid.uuid4())
        self._begun.setdefault(tags.get(LAUNCH_TAG, ""), []).append(run_id)
        context = _with_workers(self.context, tags.get(WORKERS_TAG))
        must_judge, partial = bool(JUDGED & set(tables)), PARTIAL_TAG in tags
        try:
            with living_run(context.settings.home, run_id), closing_attempts(context, run_id):
                if loads := _wanted(needs, Need.LOAD) if TICKS_ASSET in tables else {}:
                    loaded = load_days(
                        context, loads, run_id, must_judge=must_judge, on_retry=progress.announce, allow_partial=partial
                    )
                    _exhaust(loaded)
                if must_judge:
                    _exhaust(judge_symbols(context, _wanted(needs, Need.JUDGEMENT)))
                for symbol, days in _wanted(needs, Need.JUDGEMENT).items() if BARS_ASSET in tables else ():
                    _exhaust(make_bars(context, symbol, days))
        except GhtraderError as error:
            return [Stopped(error.line, error.exit_code)]
        if TICKS_ASSET not in tables and _wanted(needs, Need.LOAD):
            return [Stopped(f"its ticks are to be loaded first, or again: name {TICKS_ASSET} in --tables")]
        return []


def _wanted(needs: Needs, need: Need) -> dict[Symbol, Sequence[date]]:
    return {symbol: days for symbol, found, days in days_by_need(needs) if found == need}


def _with_workers(context: LoadContext, workers: str | None) -> LoadContext:
    if workers is None:
        return context
    return replace(context, settings=context.settings.model_copy(update={"ingest_workers": int(workers)}))


def _exhaust(outcomes: Iterable[object]) -> None:
    """What became of each day is read from its manifest, as of any load (`watch`)."""
    for _ in outcomes:
        pass
