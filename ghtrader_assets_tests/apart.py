"""A call in a thread of its own.

Dagster makes an event loop to run a job in this process, and in a worker of pytest's that has a browser the main
thread runs one already.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def apart(call: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call, *given, **named).result()
