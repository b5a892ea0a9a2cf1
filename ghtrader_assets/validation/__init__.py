"""Coverage, gaps, cadence and field quality of a trading day: frames in, verdicts out, no I/O.

Belongs here: rules, baselines, evidence, states. Does not belong here: reading and writing (`questdb`), which days are
judged when (`loading`, `upkeep`).
"""
