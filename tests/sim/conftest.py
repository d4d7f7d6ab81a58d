"""Simulated nodes do not log into the tests' output."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from node.sim.lab.many import quiet


@pytest.fixture(autouse=True)
def _quiet_nodes() -> Iterator[None]:
    before = structlog.get_config()
    quiet()
    yield
    structlog.configure(**before)
