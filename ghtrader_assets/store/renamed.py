"""Old names of public arguments, accepted with a warning until version 1.0.

Belongs here: the decorator. Does not belong here: which argument was called what (where the function is).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def renamed_arguments(**new_names: str) -> Callable[[Function], Function]:
    """Accept keyword arguments under their old names: `old="new"`. Raises `TypeError` where both are given."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            old_names = [name for name in new_names if name in given]
            for old in old_names:
                if new_names[old] in given:
                    raise TypeError(f"{function.__name__}() got {new_names[old]!r} and its old name {old!r}")
                given[new_names[old]] = given.pop(old)
            if old_names:
                renamed = ", ".join(f"{old!r} is now called {new_names[old]!r}" for old in old_names)
                message = f"{function.__name__}(): {renamed}; old names are accepted until version 1.0"
                warnings.warn(message, DeprecationWarning, stacklevel=2)
            return function(*args, **given)

        return cast("Function", call)

    return decorate
