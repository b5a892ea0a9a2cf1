"""The tables of the store: their columns, and writing and reading their rows.

Belongs here: everything that names a table or a column. Does not belong here: what follows from several tables together
(`questdb.standing`).
"""
