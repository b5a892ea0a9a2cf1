"""tqsdk as a worker imports it: without its request to a public host and its log records.

Belongs here: what has to happen before and at the import of tqsdk, in a worker process only.
Does not belong here: use of the client (`client`), log-in (`login`).
"""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
from collections.abc import Generator
from types import ModuleType

from ghtrader_assets.tq.answers import bound_answers


def import_tqsdk() -> None:
    """Import tqsdk. Its `changelog_notification` module asks a public host at import and is replaced by an empty one.

    What it asks for over HTTP is bounded (`answers`). Log records are switched off for the process: tqsdk builds one
    for every message, with bearer tokens in them.
    """
    logging.disable(logging.CRITICAL)
    sys.modules["tqsdk.changelog_notification"] = ModuleType("tqsdk.changelog_notification")
    with _without_scipy():
        import tqsdk  # noqa: PLC0415 - a second that only workers pay
        import tqsdk.data_series  # noqa: PLC0415

    bound_answers()
    assert tqsdk.data_series.CACHE_DIR  # noqa: S101 - narrows a type
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _without_scipy() -> Generator[None]:
    """tqsdk imports `scipy.stats` for two functions of option prices: 0.7 s of CPU a worker for nothing of ours."""
    empty = {name: ModuleType(name) for name in ("scipy", "scipy.stats")}
    setattr(empty["scipy"], "stats", empty["scipy.stats"])  # noqa: B010 - a module has no such attribute to a checker
    absent = {name: module for name, module in empty.items() if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
