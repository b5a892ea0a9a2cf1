"""`doctor`: every setting with its source, every dependency, service and table, with the remedy for what is wrong.

Belongs here: the command. Does not belong here: the findings (`services.findings`).
"""

from __future__ import annotations

import typer

from ghtrader_assets.cli.app import AsJson, command, emit_json, emit_rows, out
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.services.findings import find_all
from ghtrader_assets.settings import Settings, sourced_values


@command()
def doctor(settings: Settings, as_json: AsJson = False) -> None:
    """Check settings, dependencies, services, tables and calendar. Exit 0 when nothing is wrong, else 1."""
    values = sourced_values(settings)
    findings = find_all(settings, SYSTEM_CLOCK)
    wrong = [finding for finding in findings if finding.level == "error"]
    if as_json:
        shown = [{"name": value.name, "value": str(value.value), "source": value.source} for value in values]
        emit_json({"ok": not wrong, "settings": shown, "findings": findings})
    else:
        emit_rows("settings", values, ("name", "value", "source"))
        emit_rows("findings", findings, ("level", "subject", "finding", "remedy", "code"))
        warnings = sum(finding.level == "warn" for finding in findings)
        said = f"{len(wrong)} wrong" if wrong else "nothing is wrong"
        out.print(f"{said}, {warnings} to look at" if warnings else said)
    raise typer.Exit(1 if wrong else 0)
