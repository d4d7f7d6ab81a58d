"""How soon a lane must travel: what its statements say, as two figures that a store can keep.

A statement's urgency is its slot's (`slot.py`), whatever its value: a correction of an urgent one is as
urgent. What a catalogue does not know is routine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conflict.document import Entry
from conflict.errors import BadStatement
from conflict.identity import StatementId
from conflict.slot import CATALOGUE, Slot, Urgency
from conflict.statement import decode


class LaneUrgency(NamedTuple):
    """`urgent_ms`: latest record stamp of an urgent statement (wall clock; 0: there is none).

    `summary`: a statement says who the casualty is or how bad.
    """

    urgent_ms: int = 0
    summary: bool = False


ROUTINE_LANE = LaneUrgency()


def lane_urgency(
    entries: Iterable[Entry],
    catalogue: Mapping[str, Slot] = CATALOGUE,
    before: LaneUrgency = ROUTINE_LANE,
) -> LaneUrgency:
    """Urgency of a lane that holds these entries beside those of `before`."""
    urgent_ms, summary = before
    for entry in entries:
        slot = catalogue.get(entry.slot)
        if slot is None or slot.urgency is Urgency.ROUTINE:
            continue
        if slot.urgency is Urgency.SUMMARY:
            summary = True
        else:
            urgent_ms = max(urgent_ms, _recorded_ms(entry))
    return LaneUrgency(urgent_ms, summary)


def _recorded_ms(entry: Entry) -> int:
    try:
        return decode(entry.slot, StatementId(""), entry.text).rec.ms
    except BadStatement:
        return 0  # shown as unreadable; nobody can act on it
