"""What an import did, counted by resource type: read = mapped + kept verbatim + refused.

Counts add up over batches with `plus`. Nothing here holds patient data, except that a file's name
may: refusals are for the operator's terminal, not for logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from node.fhir.errors import FhirError

UNNAMED = "(unnamed)"
"""Stands for the type of what could not be read so far as to know it."""


class Refusal(NamedTuple):
    """What was not imported: `position` is a line or entry, empty for a whole file."""

    file: str
    position: str
    type: str
    code: str
    reason: str


def refusal(path: object, position: str, kind: str, fault: FhirError) -> Refusal:
    """Refusal of a file or of the resource at `position`."""
    return Refusal(str(path), position, kind, fault.code, fault.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Resources of one type. `also_kept`: of the mapped, those whose original is kept beside them."""

    read: int = 0
    mapped: int = 0
    also_kept: int = 0
    verbatim: int = 0
    refused: int = 0

    def plus(self, other: Tally) -> Tally:
        """Sum."""
        return Tally(
            **{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """Counts by resource type and every refusal.

    `passed_over`: files in folders whose names are not FHIR's. `weak_ids`: resources whose id is
    unique only at their source while no source system was named: give one with `system`.
    """

    types: Mapping[str, Tally] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    files: int = 0
    passed_over: int = 0
    weak_ids: int = 0
    statements: int = 0
    blobs: int = 0

    @property
    def total(self) -> Tally:
        """Sum over all types."""
        total = Tally()
        for one in self.types.values():
            total = total.plus(one)
        return total

    def plus(self, other: ImportReport) -> ImportReport:
        """Both reports as one, types in alphabetical order."""
        types = {
            name: self.types.get(name, Tally()).plus(other.types.get(name, Tally()))
            for name in sorted({*self.types, *other.types})
        }
        return ImportReport(
            types=types,
            refusals=self.refusals + other.refusals,
            files=self.files + other.files,
            passed_over=self.passed_over + other.passed_over,
            weak_ids=self.weak_ids + other.weak_ids,
            statements=self.statements + other.statements,
            blobs=self.blobs + other.blobs,
        )
