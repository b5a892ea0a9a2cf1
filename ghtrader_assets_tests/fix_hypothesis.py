"""Hypothesis without a stopwatch: an example may take as long as a busy machine needs.

Belongs here: the profile of the whole suite, with the number of examples of a property that says none (`make soak`
draws more: `fix_campaigns`). Does not belong here: how many a dear test draws.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("suite"))  # `fix_campaigns` makes each property's number larger
settings.load_profile("suite")
