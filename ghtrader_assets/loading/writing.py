"""One run of this host at a time stores what belongs to a symbol's days.

Belongs here: the locks. Does not belong here: what is stored under them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.files import held_locks
from ghtrader_assets.market.symbols import Symbol


@contextmanager
def writing(context: StoreContext, symbols: Iterable[Symbol]) -> Generator[None]:
    """Hold the locks of these symbols: two replacements of one day would mix.

    Every run takes its locks in one order, so none waits for a run that waits for it. Raises `ServiceError` where a
    process that is stopped holds one.
    """
    with ExitStack() as held:
        for key in sorted(symbol.key for symbol in symbols):
            held.enter_context(held_locks(context.settings.home / "writing" / f"{key}.lock"))
        yield
