"""Seeded chance: one independent stream a name, the same in every process and on every machine.

A stream is seeded by text, which `random` hashes with SHA-512, so PYTHONHASHSEED has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from conflict.clinical_time import utc_text


def dice(seed: int, *names: str | int) -> Random:
    """The stream of `seed` with this name: drawing from one stream moves no other."""
    return Random("/".join(map(str, (seed, *names))))  # noqa: S311  a simulation must be repeatable


def likely(rng: Random, percent: int) -> bool:
    """True `percent` times in a hundred."""
    return rng.randrange(100) < percent


def times(rng: Random, start: datetime, *, low_s: int, high_s: int) -> Iterator[str]:
    """Endless clinical times in Z, each `low_s` to `high_s` seconds after the one before it.

    Raises `ValueError` for a naive `start`: its text would depend on the machine.
    """
    if start.utcoffset() is None:
        raise ValueError("start has no time zone")
    return _rising(rng, start, low_s, high_s)


def _rising(rng: Random, moment: datetime, low_s: int, high_s: int) -> Iterator[str]:
    while True:
        moment += timedelta(seconds=rng.randint(low_s, high_s))
        yield utc_text(moment)
