"""The platform as Dagster sees it: assets, partitions, resources, automation.

Belongs here: partitions, assets, what runs by itself, and what Dagster shows of it.
Does not belong here: the work itself (`loading`), how it is cut into runs (`orchestration.runs`).
"""
