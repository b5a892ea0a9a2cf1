"""What a benchmark hands back, and how it takes times.

Belongs here: the report's shape, the machine it ran on, a stop-watch. Does not belong here: any benchmark.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import TypeVar

import psutil

from ghtrader_assets.manifests import code_version

Result = TypeVar("Result")


def _machine() -> dict[str, object]:
    """What the figures were taken on, and how busy it was with other work."""
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_1min": round(os.getloadavg()[0], 2),
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "code_version": code_version(),
    }


@dataclass(frozen=True)
class Variant:
    """One of the things compared, with its figures: seconds unless a name says otherwise."""

    variant: str
    figures: dict[str, float]


@dataclass(frozen=True)
class Report:
    """A benchmark's outcome. `ratios` say how many times better ours is than what it is compared
    with; `figures` stand for themselves."""

    name: str
    variants: list[Variant]
    ratios: dict[str, float]
    figures: dict[str, float] = field(default_factory=dict[str, float])
    machine: dict[str, object] = field(default_factory=_machine)


class Watch:
    """Collects seconds under names; the median stands for a name."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    @contextmanager
    def timing(self, name: str) -> Generator[None]:
        started = perf_counter()
        yield
        self._seconds.setdefault(name, []).append(perf_counter() - started)

    def time(self, name: str, work: Callable[[], Result]) -> Result:
        """Do the work and note its seconds."""
        with self.timing(name):
            return work()

    def total(self, name: str) -> float:
        """All seconds noted under the name."""
        return sum(self._seconds[name])

    def of(self, name: str) -> float:
        """The median of the seconds noted under the name."""
        return median(self._seconds[name])


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Figures to four significant digits."""
    return {name: float(f"{value:.4g}") for name, value in figures.items()}
