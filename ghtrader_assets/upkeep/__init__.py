"""Keeping histories up to date: what each trading day should be, what is wrong with it, and when it is tried again.

Belongs here: plans, causes, back-off, accepted days, whether a feed is alive. Does not belong here: carrying a plan out
(`orchestration`) and loading itself (`loading`).
"""
