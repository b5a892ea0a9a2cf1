"""The dashboard: pages over the store's tables, served next to Dagster.

Belongs here: pages, figures and their callbacks.
Does not belong here: SQL (`questdb`), what a question means (`store`), what a verdict means (`validation`).
"""
