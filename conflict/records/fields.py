"""Fields that slots of several subjects share, and when statuses that differ are no contradiction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from conflict.policies.comparing import field_of
from conflict.shape import Field, Number, Reference, Text
from conflict.statement import Statement

REFERENCE = Reference()
"""A statement that this one is about."""

DOCUMENT = Text(60)
"""A document's id: `episode-…`."""

CODED: dict[str, Field] = {"code": Text(40), "system": Text(120)}
"""A code and the system that it is of."""

ROUTE = Text(80)
VOLUME = Number("0", "100000", "mL")
LAST4 = Text(4, r"\d{4}", "4 digits")


def one_course(steps: tuple[str, ...]) -> Callable[[Sequence[Statement]], bool]:
    """For `Single.agree`: every status is a step of one course, so the furthest is where it stands."""
    return partial(_all_steps, steps)


def _all_steps(steps: tuple[str, ...], heads: Sequence[Statement]) -> bool:
    return all(field_of(one, "status") in steps for one in heads)
