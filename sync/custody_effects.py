"""What a session asks and is told about custody logs; the unions of `effects.py` take these in."""

from __future__ import annotations

from typing import NamedTuple

from conflict.identity import NodeId
from sync.custody import CustodyEntry, Verdict
from sync.ports import Position


class ReadCustody(NamedTuple):
    """How far we have each garrison's log. Answered by `CustodyRead`."""

    ticket: int


class ReadEntries(NamedTuple):
    """Entries of a garrison's log of `epoch` after `number`, at most so many. Answered by
    `EntriesRead`."""

    ticket: int
    garrison: NodeId
    epoch: bytes
    number: int
    most: int


class SaveCustody(NamedTuple):
    """Keep an entry whose signature is good, if it goes on where its log here ends. Answered by
    `CustodySaved`."""

    ticket: int
    entry: CustodyEntry


class CustodyRefused(NamedTuple):
    """An entry of a garrison's log that the peer sent was refused: a code of `custody.Verdict`."""

    garrison: NodeId
    number: int
    code: str


class CustodyRead(NamedTuple):
    """See `ReadCustody`: every node known as a garrison, what is here of its log."""

    logs: tuple[tuple[NodeId, Position], ...]


class EntriesRead(NamedTuple):
    """See `ReadEntries`; none where that log is not here any more."""

    garrison: NodeId
    epoch: bytes
    number: int
    entries: tuple[bytes, ...]


class CustodySaved(NamedTuple):
    """See `SaveCustody`: what became of the entry, and how far its log is here now."""

    entry: CustodyEntry
    verdict: Verdict
    position: Position


CustodyQuestion = ReadCustody | ReadEntries
CustodyAnswer = CustodyRead | EntriesRead | CustodySaved
