"""The dashboard: pages over the store's tables, served beside Dagster.

Belongs here: pages, figures and their callbacks.
Does not belong here: SQL (`questdb`), what a question means (`store`), what a verdict means (`validation`).
"""
