"""Fixtures that every room's tests may ask for, and what all property tests have in common.

How long an example takes says more of the machine than of the code: no deadlines, no complaints.
"""

import os
import sys

from hypothesis import HealthCheck, settings

from tests.postgres import postgres

__all__ = ["postgres"]

# Tests start hundreds of nodes: where Python is told to keep no bytecode, each would compile it all.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("aidstation", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aidstation")
