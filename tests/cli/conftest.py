"""A node's home for tests that must hold with and without a running node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cli_lab import made, running


@pytest.fixture(name="home", params=["alone", "running"])
def _home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    home = made(tmp_path)
    if request.param == "alone":
        yield home
        return
    with running(home):
        yield home
