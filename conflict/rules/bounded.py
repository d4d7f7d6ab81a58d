"""How much a finding names and says, so that a flood of entries stays a few findings of some kilobytes.

What is left out is counted in the text; the newest entries are named, for they are what a person has
not seen yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conflict.policies.comparing import by_record_time, said
from conflict.rules.moments import FEW
from conflict.slot import CATALOGUE
from conflict.statement import Statement

NAMED_MAX = 256
"""Statements that one finding names; a resolution can say that it saw so many."""

CORRECT = "correct the entry that is wrong, mark it as an error, or say why it stands"
"""What closes a finding whose entries do not contend for one value."""

SAID_CHARS_MAX = 240
"""Of one entry in the text of a finding that names several."""


def named(first: Sequence[Statement], others: Iterable[Statement] = ()) -> list[Statement]:
    """What a finding names of a flood: the newest, of `first` up to all of the room."""
    kept = by_record_time(first)[-NAMED_MAX:]
    left = NAMED_MAX - len(kept)
    return [*kept, *(by_record_time(others)[-left:] if left else ())]


def told(statements: Sequence[Statement], few: int = FEW) -> str:
    """`Ruiz 13:58Z wrote 10 mg; ...; and 12 more`, in the order given."""
    each = [said(CATALOGUE[one.slot], (one,)) for one in statements[:few]]
    more = [f"and {len(statements) - few} more"] if len(statements) > few else []
    return "; ".join([*(_cut(one) for one in each), *more])


def _cut(text: str) -> str:
    return text if len(text) <= SAID_CHARS_MAX else text[: SAID_CHARS_MAX - 1] + "…"
