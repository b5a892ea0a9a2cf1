"""`doctor`: every setting with its source, every dependency, service and table, with the remedy for what is wrong.

Belongs here: the command. Does not belong here: the findings (`services.findings`).
"""

from __future__ import annotations

import typer

from ghtrader_assets.cli.app import AsJson, app, as_document, emit_json, emit_table, out
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.services.findings import find_all
from ghtrader_assets.settings import load_settings, sourced_values


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check settings, dependencies, services, tables and calendar. Exit 0 when nothing is wrong, else 1."""
    settings = load_settings()
    values = sourced_values(settings)
    findings = find_all(settings, SYSTEM_CLOCK)
    wrong = [finding for finding in findings if finding.level == "error"]
    if as_json:
        shown = [{"name": value.name, "value": str(value.value), "source": value.source} for value in values]
        emit_json({"ok": not wrong, "settings": shown, "findings": [as_document(finding) for finding in findings]})
    else:
        emit_table("settings", ("setting", "value", "source"), ((row.name, row.value, row.source) for row in values))
        rows = ((row.level, row.subject, row.finding, row.remedy) for row in findings)
        emit_table("findings", ("level", "subject", "finding", "remedy"), rows)
        out.print("nothing is wrong" if not wrong else f"{len(wrong)} wrong", highlight=False)
    raise typer.Exit(1 if wrong else 0)
