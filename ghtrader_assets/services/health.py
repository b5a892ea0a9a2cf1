"""Whether each service of this home answers.

Belongs here: one probe a service, and how the feeds stand. Does not belong here: what makes a feed good
(`upkeep.feeds`), settings (`doctor`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import requests

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import embedded_service, open_database, open_store
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.errors import GhtraderError, StoreAwayError
from ghtrader_assets.runtime import DAGSTER, DASHBOARD, EXCHANGE, PROMETHEUS, QUESTDB
from ghtrader_assets.services.processes import PROBE_TIMEOUT_S
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.feeds import Feed, feeds_of

_PROBED = {DASHBOARD: "/healthz", EXCHANGE: "/healthz"}
"""The path to probe of a service whose first page is expensive, or that has none."""


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One service: where it is, whether it answers, and what it said; of one that failed by an error of ours its code,
    and what to do where that is not to start it."""

    name: str
    healthy: bool
    where: str
    detail: str
    code: str = ""
    remedy: str = ""


def service_health(settings: Settings, clock: Clock) -> list[ServiceHealth]:
    """The health of every service that the settings call for."""
    names = [DASHBOARD, DAGSTER] if settings.uses_real_tqsdk else [EXCHANGE, DASHBOARD, DAGSTER]
    names += [] if settings.prometheus_port is None else [PROMETHEUS]
    return [_questdb(settings, clock), *(_web_service(settings, name) for name in names)]


def feed_health(settings: Settings, clock: Clock, *, loads_daily: bool | None) -> list[Feed]:
    """How each symbol's feed stands; none where the store does not answer or the calendar is damaged.

    `loads_daily`: whether the daily schedule is on; None where no Dagster says so.
    """
    symbols = universe_of(settings)
    try:
        with open_store(settings, clock=clock) as context:
            return feeds_of(context, symbols, loads_daily=loads_daily)
    except GhtraderError:
        return []


def _questdb(settings: Settings, clock: Clock) -> ServiceHealth:
    where = settings.questdb_http or ""
    try:
        with open_database(settings, clock=clock) as database:
            where = database.endpoint.http
            return ServiceHealth(QUESTDB, True, where, _version(str(database.rows("build", "SELECT build()")[0][0])))
    except StoreAwayError as error:
        return ServiceHealth(QUESTDB, False, where, error.what, error.code)
    except GhtraderError as error:
        return ServiceHealth(QUESTDB, False, where, error.what, error.code, error.remedy)


def _version(build: str) -> str:
    """`QuestDB 9.3.4` of what the server says of its build; the whole of it where it says it otherwise."""
    found = re.search(r"QuestDB \d[\w.-]*", build)
    return found[0] if found else build


def _web_service(settings: Settings, name: str) -> ServiceHealth:
    service = embedded_service(settings.home, name)
    if service is None:
        return ServiceHealth(name, False, "", "does not run")
    url = service.urls["http"]
    try:
        sent = keys_of(settings).header
        answer = requests.get(f"{url}{_PROBED.get(name, '')}", headers=sent, timeout=PROBE_TIMEOUT_S)
    except requests.RequestException as error:
        return ServiceHealth(name, False, url, f"does not answer ({type(error).__name__}); its log is {service.log}")
    return ServiceHealth(name, answer.ok, url, f"HTTP {answer.status_code}")
