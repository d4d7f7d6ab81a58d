"""What a node lets go by itself, as values: read from the configuration, kept to by `hold_set.py`."""

from __future__ import annotations

from typing import NamedTuple


class HoldPolicy(NamedTuple):
    """`age_ms`: what did not change for so long goes. `quota_bytes`: of the database in use; above it,
    what did not change for longest goes. 0: no such rule."""

    age_ms: int = 0
    quota_bytes: int = 0
