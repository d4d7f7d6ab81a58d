"""A finding: a contradiction, possible duplicate or hazard, computed and open until a person closes it.

Its id is a hash of rule, kind, slot and statement names, so equal held sets give equal findings, and
a new statement in the contradiction makes a new finding. Findings that depend on the time
(`timed`) are computed when read and never stored.
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
    TIME = "time"


class Severity(StrEnum):
    """How much it matters to the casualty."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Act(StrEnum):
    """What sort of statement would close a finding. A resolution with a reason always does."""

    CHOOSE = "choose"
    """One statement in the slot that replaces every statement of the finding in its document."""

    VOID = "void"
    """Entered in error: one of the statements."""

    RECORD = "record"
    """A new statement, with `Closing.value` as its proposed value."""

    RESOLVE = "resolve"
    """Nothing but a person's resolution."""


class Closing(NamedTuple):
    """The statement that would close a finding: `words` for people, the rest for a form."""

    act: Act
    slot: str
    words: str
    value: Json = None

    def body(self) -> dict[str, Json]:
        """JSON form."""
        body: dict[str, Json] = {"act": self.act.value, "slot": self.slot, "words": self.words}
        return body if self.value is None else body | {"value": self.value}


class Finding(NamedTuple):
    """`rule` names what found it; `statements`: sorted `<document>/<statement id>`; `text`: plain
    words; `closing`: what would close it; `closed_by`: names of resolutions; `timed`: depends on
    the time of reading.
    """

    id: str
    kind: str
    severity: str
    slot: str
    statements: tuple[str, ...]
    text: str
    rule: str
    closing: Closing
    closed_by: tuple[str, ...] = ()
    timed: bool = False

    def body(self) -> dict[str, Json]:
        """JSON form."""
        body: dict[str, Json] = {
            "id": self.id,
            "rule": self.rule,
            "kind": self.kind,
            "severity": self.severity,
            "slot": self.slot,
            "statements": list(self.statements),
            "text": self.text,
            "closing": self.closing.body(),
            "closed_by": list(self.closed_by),
        }
        return body | {"timed": True} if self.timed else body


def finding(
    rule: str,
    kind: Kind,
    severity: Severity,
    slot: str,
    statements: Iterable[Statement],
    text: str,
    closing: Closing,
    *,
    timed: bool = False,
) -> Finding:
    """Finding over `statements`, with its id. `rule` is unique to what it says of them."""
    members = {one.name: one for one in statements}
    names = tuple(sorted(members))
    lasting = sorted(one.lasting_name for one in members.values())
    digest = hashlib.sha256("\x1f".join((rule, kind.value, slot, *lasting)).encode()).hexdigest()
    return Finding(
        digest[:16], kind.value, severity.value, slot, names, text, rule, closing, timed=timed
    )


SEVERITIES = tuple(one.value for one in Severity)


def by_urgency(found: Finding) -> tuple[int, str]:
    """Order of display: severity, then id."""
    return SEVERITIES.index(found.severity), found.id


def who_when(statement: Statement) -> str:
    """`Ruiz 13:58Z`: author and clinical time as given, time of day where it has one."""
    return f"{statement.by or 'unnamed'} {clock_time(statement.at)}".strip()


def clock_time(at: str | None) -> str:
    """Time of day of a clinical time, as given; the whole text where it has none."""
    if not at:
        return ""
    try:
        if precision_of(at) in {Precision.MINUTE, Precision.SECOND}:
            instants(at)
            return at.partition("T")[2]
    except BadTime:
        pass
    return at[:25]
