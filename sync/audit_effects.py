"""What a session asks and is told about audit logs; the unions of `effects.py` take these in."""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import NodeId
from sync.audit import AuditBranch, AuditHead, AuditPlace, AuditSegment, AuditVerdict


class ReadAudit(NamedTuple):
    """Which way audit entries go between us (`own`) and the peer. Answered by `AuditRead`."""

    ticket: int
    own: NodeId
    peer: NodeId


class LocateAudit(NamedTuple):
    """Which of these places of a device's log are here; `own`: on our own path. Answered by
    `AuditLocated`."""

    ticket: int
    device: NodeId
    places: tuple[AuditPlace, ...]
    own: bool


class ReadAuditRows(NamedTuple):
    """Entries of our own log after `number`, at most so many. Answered by `AuditRowsRead`."""

    ticket: int
    own: NodeId
    number: int
    most: int


class AuditRead(NamedTuple):
    """See `ReadAudit`. `sends`: the peer is known as a garrison here, and takes ours; `receives`: this
    node is one. `number`: of our own last entry; `branches`: what is here of the peer's log."""

    sends: bool
    receives: bool
    number: int
    branches: tuple[AuditBranch, ...]


class AuditLocated(NamedTuple):
    """See `LocateAudit`. `found`: whether each place is here (number 0 always is); `epoch`: of our store;
    `ours`: places of our own log to ask about where none was found."""

    asked: LocateAudit
    found: tuple[bool, ...]
    epoch: bytes
    ours: tuple[AuditPlace, ...]


class AuditRowsRead(NamedTuple):
    """See `ReadAuditRows`; None: there are no more."""

    segment: AuditSegment | None


class SaveAudit(NamedTuple):
    """Keep entries that the peer signed. Answered by `AuditSaved`."""

    ticket: int
    segment: AuditSegment


class AuditSaved(NamedTuple):
    """See `SaveAudit`: what became of them, and where they end."""

    verdict: AuditVerdict
    head: AuditHead


class SaveAuditAck(NamedTuple):
    """The garrison, in this epoch of its store, holds our log up to here. Not answered."""

    garrison: NodeId
    epoch: bytes
    place: AuditPlace


class AuditRefused(NamedTuple):
    """Entries that the peer sent were not taken: a code of `AuditVerdict`."""

    device: NodeId
    number: int
    code: str


class AuditSurpassed(NamedTuple):
    """A garrison holds an entry of our log, of the present epoch of our store, that is not here: this
    store is an earlier state of itself, or there is a copy of it."""

    garrison: NodeId
    place: AuditPlace


AuditQuestion = ReadAudit | LocateAudit | ReadAuditRows
AuditAnswer = AuditRead | AuditLocated | AuditRowsRead | AuditSaved
AuditWrite = SaveAudit | SaveAuditAck
AuditNotice = AuditRefused | AuditSurpassed
