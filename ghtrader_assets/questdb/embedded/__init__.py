"""The QuestDB server that comes with the package: its jar, its configuration, its process.

Belongs here: running a server on this host. Does not belong here: talking to it (`questdb.client`).
"""
