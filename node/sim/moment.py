"""A moment of care: who writes, when, and what that person saves in one document at once.

The people here are invented. Record time, actors and nodes are not: whoever plays the saves back
supplies them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conflict.slot import Slot
from conflict.statement import Draft, Json

MEDICS = (
    "SPC Bandejo",
    "HM2 Gauzewell",
    "SSG Splintner",
    "HM3 Torniketti",
    "SGT Verbandsson",
    "CPL Stretcherly",
    "PFC Kompresov",
    "SrA Pulsowska",
)
"""Who writes at the point of injury: `Draft.by`."""

PROVIDERS = ("CPT Skalpell", "LT Mehkeem", "Maj Tabeeb", "LCDR Ostetho")
"""Who writes at Role 1."""


class Moment(NamedTuple):
    """An author and a clinical time."""

    by: str
    at: str

    def says(self, slot: Slot, value: Mapping[str, Json]) -> Draft:
        """Draft of `value`. A field that is None was not asked or not measured: it is left out."""
        given = {name: inner for name, inner in value.items() if inner is not None}
        return Draft(slot=slot.name, value=given, by=self.by, at=self.at)

    def each(self, slot: Slot, values: Iterable[Mapping[str, Json]]) -> tuple[Draft, ...]:
        """One draft for each value."""
        return tuple(self.says(slot, value) for value in values)
