"""A tick's way: fetched by `tq`, stored and read back by `questdb`, judged by `validation`, recorded as a manifest.

Belongs here: the order of these steps, what is done when one of them fails, and what one trading day ends as.
Does not belong here: how a step works (its own room), and Dagster (`assets`).
"""
