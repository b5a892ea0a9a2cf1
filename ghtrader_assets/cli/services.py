"""`up`, `down`, `status`, `rotate-secrets`: the embedded services.

Belongs here: these commands. Does not belong here: how services start and stop (`services`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from importlib import metadata
from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import AsJson, announce, as_document, command, emit_json, emit_rows, emit_table, log, out
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors.keys import LINK_S, keys_of, link_to
from ghtrader_assets.doors.outside import outside_of
from ghtrader_assets.health import is_well
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.client.credentials import credentials_file
from ghtrader_assets.reading.stored import require_known
from ghtrader_assets.runtime import DAGSTER, DASHBOARD, Runtime, owned_runtime
from ghtrader_assets.services.detached import start_detached, tell_manager
from ghtrader_assets.services.embedded import running_services
from ghtrader_assets.services.platform import PlatformHealth, look_at_platform
from ghtrader_assets.services.rotation import rotate_secrets
from ghtrader_assets.services.stopping import stop_services
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store

INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
VERSIONED = ("ghtrader-assets", "dagster", "tqsdk", "questdb", "psycopg")


@command()
def up(
    settings: Settings,
    detach: Annotated[bool, typer.Option("--detach", help="Return once all is ready; `down` stops it.")] = False,
) -> None:
    """Start the embedded services and keep them up until Ctrl-C: what dies or hangs is started again."""
    if detach:
        show_urls(settings, start_detached(settings))
        return
    with running_services(settings, announce, SYSTEM_CLOCK, with_dagster=True) as runtime:
        show_urls(settings, runtime)
        tell_manager("READY=1")
        wait_for_interrupt()
        tell_manager("STOPPING=1")
        log.print("stopping")


@command()
def down(settings: Settings, as_json: AsJson = False) -> None:
    """Stop the embedded services, or what a killed `up` left of them."""
    stopped = stop_services(settings)
    if as_json:
        emit_json({"stopped": stopped})
    else:
        out.print("stopped" if stopped else "nothing was running")


@command()
def status(
    settings: Settings,
    as_json: AsJson = False,
    feeds_count: Annotated[bool, typer.Option("--feeds", help="A feed that is not good counts as unhealthy.")] = False,
) -> None:
    """What runs where, in which version, whether it answers, and how the feeds stand. Exit 0 when healthy, else 1.

    What is in error decides; with --feeds a symbol whose latest expected trading day is not present, judged and good
    does too.
    """
    found = look_at_platform(settings, SYSTEM_CLOCK, feeds_count=feeds_count)
    versions = {name: metadata.version(name) for name in VERSIONED}
    credentials = str(credentials_file(settings.home))
    healthy = is_well(found.findings)
    if as_json:
        document = {
            "healthy": healthy,
            "home": settings.home,
            **as_document(found),
            "findings": found.wrong,
            "versions": versions,
        }
        links, outside = links_of(settings, owned_runtime(settings.home)), outside_of(settings)
        shown = {"addresses": outside.addresses, "sha256": outside.fingerprint} if outside else None
        emit_json({**document, "questdb_credentials": credentials, "links": links, "outside": shown})
    else:
        _show_status(settings, found, versions, credentials)
    raise typer.Exit(0 if healthy else 1)


@command("rotate-secrets")
def rotate(settings: Settings, as_json: AsJson = False) -> None:
    """Make the log-ins and tokens of the home anew; say where each secret of the settings is changed."""
    found = rotate_secrets(settings)
    emit_rows("secrets", found, ("secret", "where", "said"), as_json=as_json)


@contextmanager
def services_for(settings: Settings, *, with_provider: bool = True, with_dagster: bool = False) -> Generator[Runtime]:
    """The services of a running `up`, or ones started for as long as a command lasts.

    Without a provider, for commands that only need the store, at most QuestDB is started.
    """
    runtime = owned_runtime(settings.home)
    if runtime is not None and (not with_dagster or runtime.service(DAGSTER)):
        yield runtime
        return
    starting = running_services(
        settings, announce, SYSTEM_CLOCK, with_provider=with_provider, with_dagster=with_dagster
    )
    with starting as started:
        yield started


@contextmanager
def store_for(settings: Settings, *symbols: Symbol, day: date | None = None) -> Generator[Store]:
    """The store for a reading command: its log-in can't write, and nothing but QuestDB is started for it.

    Raises `BadInputError` for a `day` that is no trading day, before anything is started, and for a symbol that is
    neither in the universe nor stored.
    """
    if day is not None:
        calendar_for(settings.home).require_trading_day(day)
    with services_for(settings, with_provider=False), Store(settings) as store:
        for symbol in symbols:
            require_known(store.context, symbol)
        yield store


def show_urls(settings: Settings, runtime: Runtime) -> None:
    """Say where everything is, how a browser gets in, and where the console's credentials are."""
    for service in runtime.services:
        if not service.urls:
            continue
        out.print(f"{service.name:<10} {'   '.join(service.urls.values())}")
    _show_links(settings, runtime)
    if runtime.service("questdb") is not None:
        out.print(f"{'':<10} user and password of the QuestDB console: {credentials_file(settings.home)}")


def links_of(settings: Settings, runtime: Runtime | None) -> dict[str, str]:
    """For each server with pages that runs, an address that opens it for a browser."""
    found = [service for name in (DAGSTER, DASHBOARD) if runtime and (service := runtime.service(name))]
    return {each.name: link_to(keys_of(settings), each.name, each.urls["http"], SYSTEM_CLOCK) for each in found}


def _show_links(settings: Settings, runtime: Runtime | None) -> None:
    links = links_of(settings, runtime) if settings.web_auth == "token" else {}
    if links:
        log.print(f"to open in a browser, each once and within {LINK_S // 60} minutes (`status` prints others):")
    for name, link in links.items():
        out.print(f"  {name:<10} {link}", soft_wrap=True)
    outside = outside_of(settings)
    if outside is not None:
        out.print(f"outside    https at {', '.join(outside.addresses)}   sha256 {outside.fingerprint}", soft_wrap=True)


def wait_for_interrupt() -> None:
    """Return at Ctrl-C, at SIGTERM, and when the terminal hangs up."""
    interrupted = threading.Event()
    for number in INTERRUPTS:
        signal.signal(number, lambda _signal, _frame: interrupted.set())
    interrupted.wait()


def _show_status(settings: Settings, found: PlatformHealth, versions: dict[str, str], credentials: str) -> None:
    rows = (
        (service.name, "healthy" if service.healthy else "down", service.where, service.detail)
        for service in found.services
    )
    emit_table("services", ("service", "health", "where", "detail"), rows)
    if found.feeds:
        emit_rows("feeds", found.feeds, ("symbol", "state", "expected_day", "last_day", "reason", "remedy"))
    if found.wrong:
        emit_rows("what is wrong", found.wrong, ("level", "subject", "finding", "remedy"))
    _show_links(settings, owned_runtime(settings.home))
    out.print(f"home       {settings.home}")
    out.print(f"console    user and password of QuestDB's console: {credentials}")
    out.print("versions   " + "  ".join(f"{name} {version}" for name, version in versions.items()))
