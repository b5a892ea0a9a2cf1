"""`bench daily`: the evening's load, one trading day of many symbols, from the command to the last recorded day.

Belongs here: the sizes, the measurements, their figures. Does not belong here: ghTrader's flow (`one_by_one`), many
days of one symbol (`ingest`).

At each latency the variants take turns in one run on one store: the command in this process (main contracts read anew,
days planned, a Dagster run of all tables, workers started, days fetched, stored, read back, judged and recorded), the
load alone without command and Dagster, and ghTrader's flow, whose process starts each time as our workers do. Every
load of ours finds an empty table of ticks. The exchange has made all pages before. Beside it the command through a
running daemon, which waits for what its loops wait for, and sixty symbols.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count, zip_longest
from pathlib import Path
from typing import Final

from ghtrader_assets.assets.launchers import launcher_for
from ghtrader_assets.cli.backfill import TerminalProgress
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext, open_load
from ghtrader_assets.errors import GhtraderError, IngestState
from ghtrader_assets.exchange.contracts import contracts_of
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.orchestration.backfill import run_backfill
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.questdb.tables.reader import read_daily_aggs
from ghtrader_assets.reference.schedule import refresh_schedules
from ghtrader_assets.runtime import EXCHANGE, RunningProcess, Runtime, Service, write_runtime
from ghtrader_assets.services.embedded import running_services
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.bench.one_by_one import DROP, one_by_one
from ghtrader_assets_tests.bench.own_exchange import own_exchange
from ghtrader_assets_tests.bench.own_home import own_home
from ghtrader_assets_tests.bench.report import Report, Variant, Watch, rounded
from ghtrader_assets_tests.bench.store import empty_ticks
from ghtrader_assets_tests.model_days import contract_of
from ghtrader_assets_tests.true_ticks import SPECS

DAY: Final = date(2025, 11, 10)
NINE: Final = ("SHFE.cu", "SHFE.au", "SHFE.ag", "SHFE.rb", "CZCE.SR", "DCE.m", "CFFEX.IF", "INE.sc", "GFEX.lc")
MANY: Final = 60
LATENCIES_MS: Final = (150, 30, 0)
SESSIONS: Final = 4
COMMAND, LOAD, THEIRS, DAEMON, SIXTY = "the command", "the load alone", "ghTrader's flow", "a daemon", "60 symbols"


@dataclass(frozen=True)
class Sizes:
    """How often each variant has its turn, and at which latencies."""

    rounds: int
    latencies_ms: Sequence[int]


FULL: Final = Sizes(rounds=3, latencies_ms=LATENCIES_MS)
QUICK: Final = Sizes(rounds=1, latencies_ms=(150,))


def bench_daily(*, quick: bool) -> Report:
    """Measure all variants. Raises `GhtraderError` if a day is not complete or the flows differ in ticks."""
    sizes = QUICK if quick else FULL
    nine = [parse_symbol(f"KQ.m@{name}") for name in NINE]
    watch = Watch()
    with _home(nine) as home:
        for latency in sizes.latencies_ms:
            _side_by_side(home, nine, latency, sizes.rounds, watch)
    daemon_s = _once(nine, with_dagster=True)
    sixty_s = 0.0 if quick else _once(sixty_symbols(), with_dagster=False)
    return _report(sizes, watch, daemon_s, sixty_s)


def _report(sizes: Sizes, watch: Watch, daemon_s: float, sixty_s: float) -> Report:
    days, variants, ratios = len(NINE), list[Variant](), dict[str, float]()
    for latency in sizes.latencies_ms:
        seconds = {name: watch.of(f"{name} {latency}") for name in (COMMAND, LOAD, THEIRS)}
        ratios[f"daily_{latency}ms"] = seconds[THEIRS] / seconds[COMMAND]
        variants += [
            Variant(f"{days} symbols, {name}, {latency} ms", _figures(took, days)) for name, took in seconds.items()
        ]
    variants.append(Variant(f"{days} symbols, through {DAEMON}, 150 ms", _figures(daemon_s, days)))
    if sixty_s:
        variants.append(Variant(f"{SIXTY}, {COMMAND}, 150 ms", _figures(sixty_s, MANY)))
    figures = {"seconds_per_symbol_day_150ms": watch.of(f"{COMMAND} 150") / days}
    return Report("daily", variants, rounded(ratios), figures=rounded(figures))


def _figures(seconds: float, days: int) -> dict[str, float]:
    return rounded({"s": seconds, "s_per_symbol_day": seconds / days})


@dataclass(frozen=True)
class _Home:
    """A running home whose exchange can be exchanged."""

    folder: Path
    settings: Settings
    runtime: Runtime


@contextmanager
def _home(symbols: Sequence[Symbol], *, with_dagster: bool = False) -> Generator[_Home]:
    names, first = ",".join(symbol.text for symbol in symbols), DAY.isoformat()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ghtrader-bench-")))
        given = {"SYMBOLS": names, "START_DATE": first, "FAST_HISTORY": "on", "INGEST_WORKERS": str(SESSIONS)}
        settings = stack.enter_context(own_home(folder, **given))
        started = running_services(settings, _silent, SYSTEM_CLOCK, with_dagster=with_dagster, with_provider=False)
        yield _Home(folder, settings, stack.enter_context(started))


@contextmanager
def _exchange(home: _Home, latency_ms: int) -> Generator[Provider]:
    """An exchange of this latency, as the embedded one of the home."""
    folder = home.folder / f"exchange-{latency_ms}"
    folder.mkdir(exist_ok=True)
    with own_exchange(folder, latency_ms) as provider:
        process = RunningProcess.of(home.runtime.owner.pid)
        urls = {"http": provider.environment["TQ_AUTH_URL"]}
        service = Service(name=EXCHANGE, process=process, urls=urls, log=folder / "exchange.log")
        running = home.runtime.model_copy(update={"services": (*home.runtime.services, service)})
        write_runtime(home.settings.home, running)
        yield provider


def _side_by_side(home: _Home, symbols: Sequence[Symbol], latency: int, rounds: int, watch: Watch) -> None:
    with _exchange(home, latency) as provider, open_load(home.settings) as context:
        _command(context, symbols)  # the exchange's pages are made, the server is warm
        for _ in range(rounds):
            empty_ticks(context)
            theirs = watch.time(f"{THEIRS} {latency}", lambda: _theirs(home, context, provider, symbols))
            watch.time(f"{COMMAND} {latency}", lambda: _command(context, symbols))
            ours = _ticks(context, symbols)
            empty_ticks(context)
            watch.time(f"{LOAD} {latency}", lambda: _load(context, symbols))
            if not theirs == ours == _ticks(context, symbols):
                raise GhtraderError("ghTrader's flow and ours did not load the same number of ticks")


def _once(symbols: Sequence[Symbol], *, with_dagster: bool) -> float:
    """Seconds of the command at 150 ms a page."""
    with (
        _home(symbols, with_dagster=with_dagster) as home,
        _exchange(home, 150),
        open_load(home.settings) as context,
    ):
        refresh_schedules(context, symbols)
        _load(context, symbols)
        empty_ticks(context)
        watch = Watch()
        watch.time("", lambda: _command(context, symbols))
        return watch.of("")


def sixty_symbols() -> list[Symbol]:
    """Main contracts of every product that the exchange has, then single contracts of each in turn."""
    trading = [
        [each for each in contracts_of(spec) if each.first_served <= DAY <= each.last_day] for spec in SPECS.values()
    ]
    single = [contract.symbol for in_turn in zip_longest(*trading) for contract in in_turn if contract]
    mains = [parse_symbol(f"KQ.m@{name}") for name in SPECS]
    return [*mains, *single][:MANY]


_turn: Final = count(1)


def _theirs(home: _Home, context: LoadContext, provider: Provider, symbols: Sequence[Symbol]) -> int:
    """The ticks of the day as ghTrader loads them, one symbol after the other, with a series cache of this turn."""
    window = context.calendar.window(DAY)
    with one_by_one(context.database, provider, home.folder / f"theirs-{next(_turn)}") as (flow, _):
        ticks = sum(flow.load(symbol.text, contract_of(symbol, DAY), window)[0] for symbol in symbols)
    context.database.execute(DROP)
    return ticks


def _command(context: LoadContext, symbols: Sequence[Symbol]) -> None:
    launcher = launcher_for(context.settings, context.clock)
    report = run_backfill(context, launcher, TerminalProgress(), symbols, DAY, DAY, ALL_TABLES, force=True)
    if report.exit_code or len(report.succeeded) != len(symbols):
        raise GhtraderError(f"not every day was loaded: {report.document()['failed']}")


def _load(context: LoadContext, symbols: Sequence[Symbol]) -> None:
    wanted = {symbol: [DAY] for symbol in symbols}
    for outcome in load_days(context, wanted, "bench", must_judge=True, on_retry=_silent):
        if outcome.state != IngestState.COMPLETE:
            raise GhtraderError(f"{outcome.symbol} {outcome.trading_day} is {outcome.state.value}: {outcome.failure}")


def _ticks(context: LoadContext, symbols: Sequence[Symbol]) -> int:
    return sum(row.rows_total for row in read_daily_aggs(context.database, [each.text for each in symbols], DAY, DAY))


def _silent(_: str) -> None:
    """No one to tell."""
