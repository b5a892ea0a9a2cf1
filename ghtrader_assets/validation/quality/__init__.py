"""Field quality of a trading day, one module a rule family.

Belongs here: rules about fields of ticks. Does not belong here: time without ticks (`validation.coverage`), states.
"""
