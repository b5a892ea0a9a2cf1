"""Hypothesis without a stopwatch: an example may take as long as a busy machine needs.

Belongs here: the profile of the whole suite. Does not belong here: how many examples a test draws.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
