"""May this device be wiped? Only if a garrison said, signed, that it holds all that is held here.

Judged from receipts under garrisons' current epochs and from what waits here; in doubt the answer is
no, with the reasons. Other field nodes never count. Pure over what a store reads. One thing does not
exist yet and belongs in `reasons` once it does: unsaved drafts (with the app).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from conflict.identity import ActorId, DocumentId
from conflict.lane import Vector
from node.status import zulu
from storage import Counts, Custody, Holding, LaneStatus

NAMED_MAX = 20
_WORDS_NAMED = 3


class Reason(NamedTuple):
    """Why not: a stable code, and words with figures."""

    code: str
    words: str


_GARRISON = Reason("garrison", "This is a garrison: others count on what it holds. Never wipe it.")


class Holder(NamedTuple):
    """How much of a record one node has said to hold: statements and changes, out of how many.

    `statements`: at least so many; a lane that it holds in part counts one a change.
    """

    holding: Holding
    statements: int
    changes: int


def reasons(
    custody: Custody,
    counts: Counts,
    labels: Mapping[DocumentId, str],
    unaudited: int = 0,
    *,
    garrison: bool = False,
) -> list[Reason]:
    """None: safe to wipe. `labels` of the documents that `custody` names; `unaudited`: audit rows that
    are known to be at no garrison. A `garrison` itself never is; of it: what no other one holds."""
    at = "no other garrison" if garrison else "no garrison"
    own = [_GARRISON] if garrison else []
    found = [*own, *_unclaimed(custody, labels, at), *_unopened(counts), *_unheld(custody)]
    if unaudited:
        words = f"{_count(unaudited, 'audit row')} known to be at {at}."
        found.append(Reason("audit-not-at-garrison", words))
    return found


def _unclaimed(custody: Custody, labels: Mapping[DocumentId, str], at: str) -> Iterator[Reason]:
    if not custody.garrisons:
        words = f"{at.capitalize()} is known here: have this node enrolled, and meet one."
        yield Reason("no-garrison", words)
    if custody.documents:
        since = custody.uncovered[0].since_ms if custody.uncovered else 0
        oldest = f", the oldest since {zulu(since)}" if since else ""
        named = [labels[one.document] for one in custody.uncovered if one.document in labels]
        yield Reason(
            "not-at-garrison",
            f"{_count(custody.changes, 'change')} in {_count(custody.documents, 'document')} "
            f"known to be at {at}{oldest}{_among(named, custody.documents)}.",
        )
    if custody.blobs:
        number = _count(custody.blobs, "attachment")
        yield Reason("blobs-not-at-garrison", f"{number} known to be at {at}.")


def _among(named: Sequence[str], documents: int) -> str:
    distinct = list(dict.fromkeys(filter(None, named)))[:_WORDS_NAMED]
    if not distinct:
        return ""
    return f": {', '.join(distinct)}{' and others' if documents > len(distinct) else ''}"


def _unopened(counts: Counts) -> Iterator[Reason]:
    if counts.waiting:
        words = (
            f"{_count(counts.waiting, 'document')} not opened yet, so what they name is unknown."
        )
        yield Reason("waiting", words)
    if counts.refused:
        words = (
            f"{_count(counts.refused, 'lane')} could not be opened, so what they name is unknown."
        )
        yield Reason("refused", words)


def _unheld(custody: Custody) -> Iterator[Reason]:
    if custody.staged:
        yield Reason("staged", f"{_count(custody.staged, 'import')} came in here unfinished.")
    if custody.set_aside:
        words = f"{_count(custody.set_aside, 'delivery')} of this node's own was set aside."
        yield Reason("set-aside", words)


def at_garrison_ms(custody: Custody) -> int | None:
    """All that was saved here before this moment (wall clock) is known to be at a garrison."""
    if not custody.told_ms:
        return None
    if not custody.documents:
        return custody.told_ms
    since = custody.uncovered[0].since_ms if custody.uncovered else 0
    return min(custody.told_ms, since) or None


def holder(holding: Holding, lanes: Sequence[LaneStatus]) -> Holder:
    """How much of these lanes, of one document, a node holds."""
    statements = changes = 0
    for lane in lanes:
        claim = holding.vector.get(lane.lane.actor)
        if claim is None:
            continue
        if claim == lane.held.short:
            statements += lane.statements
            changes += lane.held.length
        elif claim.length != lane.held.length:  # more than we: counted here, never to be wiped by
            reached = min(claim.length, lane.held.length)
            statements += (
                lane.statements if reached < claim.length else min(reached, lane.statements)
            )
            changes += reached
    return Holder(holding, statements, changes)


def _count(number: int, name: str) -> str:
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{number:,} {name if number == 1 else plural}"


def covered_by(vector: Vector, holdings: Sequence[Holding]) -> bool:
    """Whether each lane of this vector is one of the holders' in full."""
    return all(_covers(actor, vector, holdings) for actor in vector)


def _covers(actor: ActorId, vector: Vector, holdings: Sequence[Holding]) -> bool:
    return any(one.vector.get(actor) == vector[actor] for one in holdings)
