"""How a command refuses, whatever it is that it refuses."""

from __future__ import annotations

import re

from ghtrader_assets_tests.fix_platform import Ran


def refused(ran: Ran, code: int, *words: str) -> None:
    """The command ended with `code` and one line on stderr that holds the words and the error's code; no traceback."""
    lines = [line for line in ran.err.splitlines() if line.startswith("error:")]
    assert (ran.code, len(lines)) == (code, 1), ran.err
    assert re.search(r" \[GHT-\d{3}\]$", lines[0]), lines[0]
    assert "Traceback" not in ran.err
    for word in words:
        assert word in lines[0], lines[0]
