"""Talking to one QuestDB server: sessions, senders, bulk reads, and what its errors mean.

Belongs here: connections and protocols. Does not belong here: any table of ours (`questdb.tables`).
"""
