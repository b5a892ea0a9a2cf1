"""The platform as Dagster sees it: assets, partitions, resources, automation.

Belongs here: how work is cut into partitions and runs, and what Dagster shows of it.
Does not belong here: the work itself (`loading`).
"""
