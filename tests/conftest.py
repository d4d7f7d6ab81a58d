"""Fixtures that every room's tests may ask for, and what all property tests have in common.

How long an example takes says more of the machine than of the code: no deadlines, no complaints. Files
of a few long tests come first, so that no worker is left alone with one at the end.
"""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import postgres

__all__ = ["postgres"]

# Tests start hundreds of nodes: where Python is told to keep no bytecode, each would compile it all.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("aidstation", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aidstation")

LONGEST = (
    "test_system_kill",
    "test_system_at_rest",
    "test_node_audit_tampering",
    "test_system_clones",
    "test_system_silence",
    "test_sync_mutated",
    "test_system_demo",
)
LONG_ROOMS = ("system", "cli")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files, then the rooms that start nodes, then the rest as it was found."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[int, int]:
    if item.path.stem in LONGEST:
        return 0, LONGEST.index(item.path.stem)
    room = item.path.parent.name
    return (1, LONG_ROOMS.index(room)) if room in LONG_ROOMS else (2, 0)
