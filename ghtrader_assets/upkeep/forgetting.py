"""Forgetting a symbol, or days of it: planned, carried out step by step, and written down for good.

Belongs here: which days, the steps and their order, the document that says so, files of the home. Does not belong here:
what is done to a table (`questdb.tables.forgetting`), and Dagster's records (`assets.forgetting`).

The document is there before anything is taken away, with `finished` empty, and gets its end last. Each step can be
repeated: whatever was killed, the same command finds what is left, and what the open document says, and goes on. No run
that loads the symbol may be alive; loads that begin meanwhile wait.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.files import held_locks, put_file
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.cache.answers import announce_load
from ghtrader_assets.questdb.tables.forgetting import (
    DaysOfSymbol,
    days_with_traces,
    hide_rows,
    hide_stored_days,
    hide_ticks,
    is_known,
)
from ghtrader_assets.questdb.tables.reader import FIRST_DAY, LAST_DAY, read_daily_aggs, read_open_manifests
from ghtrader_assets.runtime import is_living_run

WipeDays = Callable[[DaysOfSymbol], None]
"""Takes the days out of Dagster's records."""


@dataclass(frozen=True, slots=True)
class ForgottenDay:
    """A trading day that goes, and what was stored of it: nothing, where it has attempts and verdicts alone."""

    trading_day: date
    rows: int = 0
    digest: str = ""
    manifest_id: str = ""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What goes, who had it go, when that began and ended: the file `manifests/forgotten/ID.json`, kept for good.

    `first` and `last` are the days that were named; None where the whole symbol goes. Instants are UTC.
    """

    forget_id: str
    symbol: str
    first: date | None
    last: date | None
    days: tuple[ForgottenDay, ...]
    who: str = ""
    began: datetime | None = None
    finished: datetime | None = None

    @property
    def rows(self) -> int:
        """Ticks that go."""
        return sum(day.rows for day in self.days)

    @property
    def span(self) -> DaysOfSymbol:
        """Its days, as the tables take them."""
        return DaysOfSymbol(self.symbol, self.first or FIRST_DAY, self.last or LAST_DAY, self.first is None)


def plan_forget(context: StoreContext, symbol: Symbol, first: date | None, last: date | None) -> list[Forgetting]:
    """What there is to forget: what earlier commands left undone, and what there is of these days. Empty: nothing.

    `first` and `last` are both given or both None. Raises `BadInputError` for a symbol that nothing is known of, nor
    ever was, and that is not in the universe.
    """
    known = forgotten(context.settings.home, symbol)
    left = [each for each in known if each.finished is None]
    asked = Forgetting("", symbol.text, first, last, ())
    stored = {
        row.trading_day: row
        for row in read_daily_aggs(context.database, [symbol.text], asked.span.first, asked.span.last)
    }
    traces = set(days_with_traces(context.database, asked.span)) | set(_days_with_files(context, symbol, asked.span))
    days = tuple(
        ForgottenDay(day, row.rows_total, row.digest, row.manifest_id)
        if (row := stored.get(day))
        else ForgottenDay(day)
        for day in sorted(traces)
    )
    if days or (first is None and is_known(context.database, symbol.text)):
        return [*left, replace(asked, days=days)]
    if not known and symbol.text not in context.settings.symbols:
        raise BadInputError(
            f"{symbol.text} is neither in the universe nor stored, and was never forgotten", "check its name"
        )
    return left


def forget(context: StoreContext, planned: Sequence[Forgetting], wipe: WipeDays, *, who: str) -> list[Forgetting]:
    """Carry the plan out; what was forgotten, with its end. Raises `ServiceError` while a run loads the symbol."""
    done: list[Forgetting] = []
    for each in planned:
        begun = each
        if each.began is None:
            began = context.clock.now()
            new_id = f"forget-{began.astimezone(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
            begun = replace(each, forget_id=new_id, who=who, began=began)
        for _ in carry_out(context, begun, wipe):
            pass
        done.append(next(item for item in forgotten(context.settings.home) if item.forget_id == begun.forget_id))
    return done


def carry_out(context: StoreContext, begun: Forgetting, wipe: WipeDays) -> Iterator[str]:
    """The steps of one forgetting; yields what is done after each. It can be left anywhere and begun again."""
    home, database = context.settings.home, context.database
    key = parse_symbol(begun.symbol).key
    with held_locks(home / "writing" / f"{key}.lock"):
        _require_no_load(context, begun.symbol)
        _put(home, begun)
        yield "document"
        hide_stored_days(database, begun.span)
        announce_load(context.settings, database.endpoint)
        yield "stored days"
        hide_ticks(database, begun.span, [day.trading_day for day in begun.days], context.calendar)
        yield "ticks"
        yield from hide_rows(database, begun.span)
        announce_load(context.settings, database.endpoint)
        _remove_files(home, begun)
        yield "files"
        wipe(begun.span)
        yield "dagster"
        _put(home, replace(begun, finished=context.clock.now()))


def forgotten(home: Path, symbol: Symbol | None = None) -> list[Forgetting]:
    """The documents of what was forgotten, of one symbol or of all, oldest first. Raises `ServiceError`."""
    found: list[Forgetting] = []
    for path in sorted(_folder(home).glob("forget-*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Forgetting))
        except (OSError, msgspec.MsgspecError) as error:
            raise ServiceError(f"{path} can't be read: {error}", "mend or remove it") from None
    return [each for each in found if symbol is None or each.symbol == symbol.text]


def _folder(home: Path) -> Path:
    return home / "manifests" / "forgotten"


def _put(home: Path, document: Forgetting) -> None:
    path = _folder(home) / f"{document.forget_id}.json"
    try:
        put_file(path, msgspec.json.format(msgspec.json.encode(document)))
    except OSError as error:
        raise ServiceError(
            f"{path} could not be written: {error.strerror}", "free or mend the disk under GHTRADER_HOME"
        ) from None


def _require_no_load(context: StoreContext, symbol: str) -> None:
    for manifest in read_open_manifests(context.database):
        if manifest.symbol == symbol and is_living_run(context.settings.home, manifest.run_id):
            raise ServiceError(
                f"run {manifest.run_id} is loading {symbol}", "wait for its end, or cancel it, then run this again"
            )


def _days_with_files(context: StoreContext, symbol: Symbol, span: DaysOfSymbol) -> Iterator[date]:
    """The days of which a manifest's file is left: its row may have gone with another store."""
    for path in (context.settings.home / "manifests" / symbol.key).glob("????-??-??"):
        try:
            day = date.fromisoformat(path.name)
        except ValueError:
            continue
        if span.first <= day <= span.last:
            yield day


def _remove_files(home: Path, begun: Forgetting) -> None:
    """Remove files of manifests by day; of a whole symbol every file that is its own."""
    key = parse_symbol(begun.symbol).key
    places = [home / "manifests" / key / day.trading_day.isoformat() for day in begun.days]
    if begun.first is None:
        places = [home / "manifests" / key, home / "pictures" / key]
        for path in (home / "main_contracts").glob(f"*/{key}.json"):
            path.unlink(missing_ok=True)
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
