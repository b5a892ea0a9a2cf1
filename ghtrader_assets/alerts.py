"""Alerts: what a person should know, said once, to whatever apprise URLs are set.

Belongs here: the words of each kind of alert, what was already said (kept under `GHTRADER_HOME`), sending.
Does not belong here: finding out what is wrong (`upkeep.feeds`, `upkeep.rates`, `market.calendar`, Dagster's runs).

URLs carry tokens: they are secrets, and apprise's own log lines about them stay unheard.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.files import held_locks, put_file
from ghtrader_assets.market.calendar import HorizonFinding
from ghtrader_assets.redaction import redacted_text
from ghtrader_assets.settings import Settings
from ghtrader_assets.texts import one_line, shown_lines
from ghtrader_assets.upkeep.feeds import Feed
from ghtrader_assets.upkeep.rates import RateDrop

SAID_FILE: Final = "alerts.json"
FORGET_AFTER_S: Final = 400 * 86_400
AGAIN_AFTER_DAYS: Final = 7
"""A calendar that runs out is said again each week: nothing loads beyond its horizon."""

LISTED: Final = 20
"""More alerts of one message than this are counted, not listed."""

# What a URL's service answers may hold the URL.
logging.getLogger("apprise").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to know. `key` names it: what has been said is not said again. `remedy` is a command or a link."""

    key: str
    title: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.title}: {self.text}" + (f"\n  → {self.remedy}" if self.remedy else "")


def send_new(settings: Settings, alerts: Iterable[Alert], clock: Clock) -> list[Alert]:
    """Send, in one message, the alerts that were not sent before; returns them.

    Nothing set, nothing sent and nothing remembered. Raises `BadInputError` for a URL that apprise does not know,
    `ServiceError` when no address took the message: it is sent again next time.
    """
    if settings.alert_urls is None:
        return []
    with _kept_alerts(settings.home, clock.now_s()) as said:
        new = {alert.key: alert for alert in alerts if alert.key not in said}
        if new:
            _notify(settings.alert_urls.get_secret_value(), list(new.values()))
            said.update(dict.fromkeys(new, clock.now_s()))
        return list(new.values())


def feed_alert(feed: Feed) -> Alert | None:
    """A feed that is not good, once an expected day and state."""
    if feed.good:
        return None
    key = f"feed:{feed.symbol}:{feed.expected_day}:{feed.state.value}"
    return Alert(key, f"{feed.symbol} is {feed.state.value}", feed.reason, feed.remedy)


def rate_alert(drop: RateDrop) -> Alert:
    """A symbol whose last day came far slower than usual, once a day of data."""
    remedy = "`ghtrader-assets metrics` shows the rates; look at the network and at TqSdk's load"
    return Alert(f"rate:{drop.symbol}:{drop.trading_day}", "ingestion slowed down", str(drop), remedy)


def horizon_alert(horizon: HorizonFinding) -> Alert | None:
    """A calendar that is about to run out, once a week."""
    if horizon.ok:
        return None
    week = horizon.today.toordinal() // AGAIN_AFTER_DAYS
    return Alert(
        f"horizon:{horizon.horizon}:{week}", "the trading calendar runs out", str(horizon),
        "`ghtrader-assets calendar --refresh`",
    )  # fmt: skip


def run_alert(run_id: str, name: str, reason: str, dagster_url: str | None) -> Alert:
    """A failed run, once; links to its page where the UI's address is known."""
    remedy = f"{dagster_url}/runs/{run_id}" if dagster_url else f"run {run_id} in Dagster"
    return Alert(f"run:{run_id}", f"run {run_id[:8]} of {name} failed", reason, f"{remedy}; `ghtrader-assets repair`")


def service_alert(name: str, said: str, log: Sequence[str], at: datetime) -> Alert:
    """A service that ended, hangs or was given up, each time."""
    text = "\n".join([said, *log])
    return Alert(f"service:{name}:{at.isoformat()}", f"{name} failed", text, "`ghtrader-assets status`")


def check_alert(asset: str, check: str, said: str, dagster_url: str | None) -> Alert:
    """A check in error, once for what it says."""
    link = f"{dagster_url}/assets/{asset}?view=checks" if dagster_url else ""
    return Alert(f"check:{asset}:{check}:{said}", f"check {check} of {asset} failed", said, link)


def _notify(urls: str, alerts: Sequence[Alert]) -> None:
    import apprise  # noqa: PLC0415 - half a second that every load of the definitions would pay

    sender = apprise.Apprise()
    if not sender.add(urls):  # pyright: ignore[reportUnknownMemberType] - apprise's own `dict`
        raise BadInputError(
            "GHTRADER_ALERT_URLS holds an address that apprise does not know",
            "write each as apprise does (mailto://…, slack://…, json://…), separated by commas",
        )
    title = one_line(redacted_text(alerts[0].title)) if len(alerts) == 1 else f"{len(alerts)} findings"
    body = shown_lines(redacted_text("\n".join(str(alert) for alert in alerts[:LISTED])))
    if len(alerts) > LISTED:
        body += f"\n… and {len(alerts) - LISTED} more; see `ghtrader-assets status`"
    sent = sender.notify(  # pyright: ignore[reportUnknownMemberType]
        body=body, title=f"ghtrader-assets: {title}", body_format=apprise.NotifyFormat.TEXT
    )
    if not sent:
        raise ServiceError(
            "no or not every address of GHTRADER_ALERT_URLS took an alert", "see that its service answers"
        )


@contextmanager
def _kept_alerts(home: Path, now_s: float) -> Generator[dict[str, float]]:
    """What was said and when, epoch seconds; written back at the end, one process at a time."""
    path = home / SAID_FILE
    with held_locks(home / f".{SAID_FILE}.lock"):
        try:
            said: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            said = {}
        before = dict(said)
        yield said
        if said != before:
            kept = {key: at for key, at in said.items() if at > now_s - FORGET_AFTER_S}
            put_file(path, json.dumps(kept, ensure_ascii=False, indent=1))
