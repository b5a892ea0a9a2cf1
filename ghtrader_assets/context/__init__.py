"""What reading and loading need, opened once and handed down.

Belongs here: the two contexts, and opening them from settings and the runtime file.
Does not belong here: starting services (`services`), and any question or load.
"""
