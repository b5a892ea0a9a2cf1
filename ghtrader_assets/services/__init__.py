"""The embedded services as a whole: which run, where, since when; how they start, stop and are found again.

Belongs here: processes, ports, health.
Does not belong here: what a service is inside (`questdb.embedded.server`, `exchange`), and what runs on
Dagster (`assets`).
"""
