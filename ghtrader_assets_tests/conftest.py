"""The suite's plug-ins: each starts one real part once for all tests that ask for it."""

from __future__ import annotations

pytest_plugins = (
    "ghtrader_assets_tests.fix_exchange",
    "ghtrader_assets_tests.fix_questdb",
    "ghtrader_assets_tests.fix_platform",
    "ghtrader_assets_tests.fix_browser",
)
