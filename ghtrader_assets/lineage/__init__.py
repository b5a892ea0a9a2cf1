"""Which load produced what: the lineage of a trading day, aggregated manifests, and proving them by the stored ticks.

Belongs here: questions about loads that have ended. Does not belong here: recording a load (`loading.record`).
"""
