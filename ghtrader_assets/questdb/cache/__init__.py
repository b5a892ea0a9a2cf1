"""Kept answers to questions about stored days, in memory or in Redis, and when they are old.

Belongs here: keeping and dropping answers. Does not belong here: the queries (`questdb.tables.reader`).
"""
