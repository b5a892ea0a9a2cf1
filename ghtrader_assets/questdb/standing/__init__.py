"""How trading days stand, from several tables at once: a day with its reason, a grid of days, whole histories.

Belongs here: questions that join what is stored, attempted and judged. Does not belong here: single tables
(`questdb.tables`), and what follows from an answer (`upkeep`).
"""
