"""From what days need to the runs that do it: shared by the command line, the demo, `repair` and Dagster.

Belongs here: cutting work into runs, launching them, following them, and the report on each day. No dagster, typer or
rich. Does not belong here: how a command shows it (`cli`), and what a run executes (`assets`).
"""
