"""docs/when-something-is-wrong.md from the health model: `python -m ghtrader_assets_tests.health_page` writes it.

Belongs here: the page's form. Does not belong here: what can be wrong, and what helps (`ghtrader_assets.health`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ghtrader_assets.health import KINDS, FindingKind

PAGE: Final = Path(__file__).parents[1] / "docs" / "when-something-is-wrong.md"

_HEAD: Final = """# When something is wrong

<!-- Written by `python -m ghtrader_assets_tests.health_page` from `ghtrader_assets/health.py`; don't edit. -->

`ghtrader-assets status` says what is wrong with the platform that runs, `ghtrader-assets doctor` that and what is wrong
with settings, machine and tables; the dashboard answers `/healthz` while its process lives and `/readyz` with 200 while
nothing is in error, else with 503, and whoever sends a token with the findings. All of them, and Dagster's checks,
speak by one model: a finding has a kind, a subject, what was found, and what to do. An **error** makes `status`,
`doctor` and `/readyz` unhealthy; a **warning** does not. Feeds count for `doctor`, and for `status --feeds`; a symbol
that is not followed (the daily schedule is off, or its history was never begun) has an idle feed, which is no fault.

In JSON a finding's `kind` is the name below, `manual` says that a person, or root, has to do it. Commands stand between
backquotes; statements are for QuestDB's console. An error that ends a command has its code and its remedy in
[errors](errors.md).
"""


def page() -> str:
    """The page."""
    return _HEAD + "".join(_section(kind) for kind in KINDS.values())


def _section(kind: FindingKind) -> str:
    level = "error" if kind.level == "error" else "warning"
    lines = [f"\n## `{kind.name}` ({level})\n\n{kind.seen}\n\n**What to do:** {_remedy(kind)}.\n"]
    if kind.manual:
        lines.append(f"\nNo command does it by itself: {kind.manual}.\n")
    return "".join(lines)


def _remedy(kind: FindingKind) -> str:
    if kind.remedy == "{remedy}":
        return "what the finding says, which depends on the cause"
    return re.sub(r"\{(\w+)\}", lambda place: place[1].upper(), kind.remedy)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
