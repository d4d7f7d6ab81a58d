"""The values that a store takes and gives beside those of `sync.ports`: frozen, no behaviour.

Held, admitted and refused lanes, documents that await admission, projections for the screen, what
was set aside, figures for status, problems for `doctor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneState, ShortState
from sync.ports import SetAside


@dataclass(frozen=True, slots=True)
class ProjectionRow:
    """What is shown of one document: the fold's result, ready to read.

    `label` is what lists show and search; `body` is opaque here; `links` are the documents it
    names; `blobs` are (SHA-256, size in bytes) of what its statements name; `members` are the documents
    that a unit's says belong to it. `shed_ms`: when content of it was let go (0: all is here); only
    the store says so.
    """

    document: DocumentId
    label: str
    open_findings: int
    body: bytes
    links: tuple[DocumentId, ...] = ()
    blobs: tuple[tuple[bytes, int], ...] = ()
    members: tuple[DocumentId, ...] = ()
    shed_ms: int = 0


class Refusal(NamedTuple):
    """Why a lane was not admitted, and how long it was then."""

    length: int
    code: str
    detail: str


class LaneStatus(NamedTuple):
    """One lane: how far held, how far admitted (changes), statements admitted, refusal if any.

    `shed`: changes from the first on whose content was let go; then none is admitted, and
    `statements` counts those that were.
    """

    lane: Lane
    author: NodeId
    nonce: bytes
    held: LaneState
    admitted: int
    statements: int
    refusal: Refusal | None
    shed: int = 0


class LaneWork(NamedTuple):
    """A lane to admit: all its raw changes from the first, and how many entries are known.

    `shown`: so many of its changes may be shown, where its author was revoked; None: all.
    """

    actor: ActorId
    author: NodeId
    changes: tuple[bytes, ...]
    known: int
    shown: int | None = None


class DocumentWork(NamedTuple):
    """A document to admit and fold: lanes that await it, entries admitted so far by lane.

    `actors`: who wrote the lanes that are branches of an actor (`conflict/branches.py`).
    """

    document: DocumentId
    lanes: tuple[LaneWork, ...]
    entries: Mapping[ActorId, tuple[Entry, ...]]
    actors: Mapping[ActorId, ActorId] = {}


class Given(NamedTuple):
    """A document that a scope may hold, and through which: itself, or an episode that names it."""

    through: DocumentId
    document: DocumentId


class SetAsideRow(NamedTuple):
    """What was set aside: the item, who sent it (None: local), bytes kept of it, when (ms)."""

    item: SetAside
    source: NodeId | None
    kept: bytes
    at_ms: int


class Counts(NamedTuple):
    """Figures for `status` and `doctor`.

    `waiting`: documents that await admission. `refused`: lanes. `review`: documents with open
    findings. `shed`: documents whose content was let go; `wanted`: of them, those to come back.
    """

    documents: int
    lanes: int
    changes: int
    statements: int
    waiting: int
    refused: int
    review: int
    set_aside: int
    staged: int
    blobs: int
    blobs_wanted: int
    shed: int = 0
    wanted: int = 0


class Shed(NamedTuple):
    """A document whose content was let go: what is still known of it.

    `at_ms`, `wanted_ms`: when that was, since when it is to come back (0: it is not). `changes`,
    `statements`: what was let go.
    """

    document: DocumentId
    at_ms: int
    wanted_ms: int
    label: str
    changes: int
    statements: int


class Freed(NamedTuple):
    """What letting go of a document freed: changes, attachments, bytes of both and of what was read
    out of them."""

    changes: int
    blobs: int
    size: int


class Idle(NamedTuple):
    """A document that may be let go as far as receipts say, and when it last changed here (ms)."""

    touched_ms: int
    document: DocumentId


class Holding(NamedTuple):
    """What one node says it holds of a document, under its latest epoch.

    `at_ms`: last told directly; `entry`: number of the last entry of its custody log that spoke of
    it, and when that came. 0: never.
    """

    holder: NodeId
    vector: Mapping[ActorId, ShortState]
    at_ms: int
    entry: int
    entry_ms: int


class Suspected(NamedTuple):
    """A held lane of a revoked device: its changes, and how many of them something covers."""

    lane: Lane
    author: NodeId
    changes: int
    covered: int


class Uncovered(NamedTuple):
    """A document with changes that no garrison is known to hold, and since when (ms)."""

    document: DocumentId
    changes: int
    since_ms: int


class Custody(NamedTuple):
    """What is known to be at a garrison of all that is held here.

    `garrisons`: whose receipts count. `told_ms`: the last of these came then (0: none). `documents`,
    `changes`: at no garrison as far as we know; `uncovered`: the longest waiting of them. `blobs`:
    named by a held document and claimed by no garrison. `staged`, `set_aside`: brought in here
    ourselves and not held.
    """

    garrisons: tuple[NodeId, ...]
    told_ms: int
    documents: int
    changes: int
    uncovered: tuple[Uncovered, ...]
    blobs: int
    staged: int
    set_aside: int


class Forked(NamedTuple):
    """An actor with several histories in one document: who signed them, and the head of each."""

    lane: Lane
    author: NodeId
    heads: tuple[bytes, ...]


class Problem(NamedTuple):
    """One thing that `check` found: a stable code, what it is about, what to do."""

    code: str
    subject: str
    advice: str


class Rebuilt(NamedTuple):
    """Outcome of a rebuild: documents and lanes recreated, damaged runs that were set aside."""

    documents: int
    lanes: int
    problems: tuple[Problem, ...]
