"""The errors of this room: one tree, each leaf with a stable code and whether a retry can help.

Messages say what happened and what to do. They never carry patient data.
"""

from __future__ import annotations


class ConflictError(Exception):
    """Root of what the record layer raises."""

    code = "conflict"
    retryable = False


class BadIdentity(ConflictError):
    """Text or bytes that are no id."""

    code = "bad-identity"


class BadTime(ConflictError):
    """A clinical time that cannot be read."""

    code = "bad-time"


class BadStatement(ConflictError):
    """A statement whose bytes break the record format: size, depth, canonical JSON, types."""

    code = "bad-statement"


class LaneFull(ConflictError):
    """The lane reached its limit of changes: go on in a new lane."""

    code = "lane-full"
    retryable = True


class LaneRefused(ConflictError):
    """Foreign changes that break a rule of lanes. `code` names the rule (see lane.py)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class ValueRefused(ConflictError):
    """A value outside its slot's shape, refused at entry.

    `problems` name the field, the limit and what was given.
    """

    code = "value-refused"

    def __init__(self, slot: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"{slot}: " + "; ".join(problems))
        self.slot = slot
        self.problems = problems
