"""A finding: a contradiction, possible duplicate or hazard, computed and open until a person closes it.

Its id is a hash of kind and statement ids, so equal held sets give equal findings, and a new
statement in the contradiction makes a new finding. Only findings that do not depend on the time are
made here; those that do are computed when read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from conflict.clinical_time import Precision, instants, precision_of
from conflict.errors import BadTime
from conflict.statement import Json, Statement


class Kind(StrEnum):
    """What sort of finding."""

    CONTRADICTION = "contradiction"
    DUPLICATE = "possible-duplicate"
    HAZARD = "hazard"
    SOURCE = "source-differs"


class Severity(StrEnum):
    """How much it matters to the casualty."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Finding(NamedTuple):
    """`statements`: sorted `<document>/<statement id>`; `text`: plain words; `closed_by`: resolutions."""

    id: str
    kind: str
    severity: str
    slot: str
    statements: tuple[str, ...]
    text: str
    closed_by: tuple[str, ...] = ()

    def body(self) -> dict[str, Json]:
        """JSON form."""
        return self._asdict() | {
            "statements": list(self.statements),
            "closed_by": list(self.closed_by),
        }


def finding(
    kind: Kind, severity: Severity, slot: str, statements: Iterable[Statement], text: str
) -> Finding:
    """Finding over `statements`, with its id."""
    names = tuple(sorted({one.name for one in statements}))
    digest = hashlib.sha256("\x1f".join((kind.value, slot, *names)).encode()).hexdigest()
    return Finding(digest[:16], kind.value, severity.value, slot, names, text)


def who_when(statement: Statement) -> str:
    """`Ruiz 13:58Z`: author and clinical time as given, time of day where it has one."""
    return f"{statement.by or 'unnamed'} {_clock_time(statement.at)}".strip()


def _clock_time(at: str | None) -> str:
    if not at:
        return ""
    try:
        if precision_of(at) in {Precision.MINUTE, Precision.SECOND}:
            instants(at)
            return at.partition("T")[2]
    except BadTime:
        pass
    return at[:25]
