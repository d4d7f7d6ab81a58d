"""Fixtures that every room's tests may ask for, and what all property tests have in common.

How long an example takes says more of the machine than of the code: no deadlines, no complaints.
"""

from hypothesis import HealthCheck, settings

from tests.postgres import postgres

__all__ = ["postgres"]

settings.register_profile("aidstation", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aidstation")
