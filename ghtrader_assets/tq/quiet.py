"""tqsdk as a worker imports it: without its request to a public host, its log records and its cache in HOME.

Belongs here: what has to happen before and at the import of tqsdk, in a worker process only.
Does not belong here: use of the client (`client`), log-in (`login`).
"""

from __future__ import annotations

import gc
import logging
import sys
from pathlib import Path
from types import ModuleType


def import_tqsdk() -> None:
    """Import tqsdk. Its `changelog_notification` module asks a public host at import and is replaced by an empty one.

    Log records are switched off for the process: tqsdk builds one for every message, with bearer tokens in them.
    """
    logging.disable(logging.CRITICAL)
    sys.modules["tqsdk.changelog_notification"] = ModuleType("tqsdk.changelog_notification")
    import tqsdk  # noqa: PLC0415 - two seconds that only workers pay
    import tqsdk.data_series  # noqa: PLC0415

    assert tqsdk.data_series.CACHE_DIR
    gc.collect()
    gc.freeze()


def use_cache(directory: Path) -> None:
    """Let the client keep downloaded ticks in `directory`; it locks and keeps them there and never looks again."""
    from tqsdk import data_series  # noqa: PLC0415

    data_series.CACHE_DIR = str(directory)
