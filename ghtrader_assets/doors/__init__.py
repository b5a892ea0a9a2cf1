"""Who gets in at our web servers: one rule for all of them, an adapter a framework, servers that wait for no one.

Belongs here: what a request may do, and how it is refused. Does not belong here: what any server answers.
"""
