"""A real Chromium, to look at what a user sees.

Belongs here: the browser and where pictures go. Does not belong here: pages.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ghtrader_assets_tests.waiting import HANGS_S

PICTURES = Path(os.environ.get("GHTRADER_TEST_PICTURES", "test-pictures"))
"""Where screenshots are kept: in the repository only when pictures for the docs are wanted."""

HANGS_MS = HANGS_S * 1000
expect.set_options(timeout=HANGS_MS)

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    executable = shutil.which("chromium")
    assert executable is not None, "the browser tests need chromium; type: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a laptop's size."""
    opened = new_page(browser)
    yield opened
    opened.close()


def new_page(browser: Browser, width: int = 1440, height: int = 900) -> Page:
    """A page on which everything is waited for until the test would hang; whoever opens it closes it."""
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.set_default_timeout(HANGS_MS)
    return opened


def keep(page: Page, name: str) -> Path:
    """Keep a picture of the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    return path
