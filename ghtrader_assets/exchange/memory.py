"""Which model a home's exchange began with: a small file in the exchange's folder that never changes.

Belongs here: reading and writing it, refusing another model. Does not belong here: what a model is (`tables`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast, get_args

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.specs import DEFAULT_MODEL, ModelNumber
from ghtrader_assets.files import put_file

LOG: Final = "exchange.log"
_MEMORY: Final = "model"
_BEFORE_MODELS: Final = 1
"""The model of homes that are older than the memory: commit 399ca52 had no other."""


def settled_model(folder: Path, asked: int | None, has_loads: Callable[[], bool] = lambda: False) -> ModelNumber:
    """The model of the exchange in `folder`: the one it began with, else `asked`, else the default. Remembers it.

    An exchange that has left a log and no memory, or whose home holds loads of it (`has_loads`), is of model 1.
    Raises `BadInputError` when another model is `asked` than the one it began with, or the memory can't be read.
    """
    path = folder / _MEMORY
    remembered = _remembered(path)
    began = remembered
    if began is None:
        is_old = (folder / LOG).exists() or has_loads()
        began = _BEFORE_MODELS if is_old else cast("ModelNumber", asked or DEFAULT_MODEL)
    if asked not in (None, began):
        raise BadInputError(
            f"the exchange of {folder} began with model {began} and can't go on with model {asked}",
            f"leave out --model and GHTRADER_EXCHANGE_MODEL, or set it to {began}; model {asked} needs an empty home",
        )
    if remembered is None:
        put_file(path, f"{began}\n")
    return began


def _remembered(path: Path) -> ModelNumber | None:
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    for number in get_args(ModelNumber):
        if text == str(number):
            return number
    raise BadInputError(f"{path} does not name a model of the exchange: {text[:20]!r}", "write 1 or 2 into it")
