"""Hypothesis without a stopwatch: an example may take as long as a busy machine needs.

Belongs here: the profile of the whole suite, with the number of examples of a property that says none (`make check`
draws fewer, `make soak` more: `fix_campaigns`). Does not belong here: how many a dear test draws.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from ghtrader_assets_tests.fix_campaigns import EXAMPLES

settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
for name in EXAMPLES:
    settings.register_profile(name, settings.get_profile("suite"))
settings.load_profile("suite")
