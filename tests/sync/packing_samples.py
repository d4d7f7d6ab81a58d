"""Runs made for packing tests, and the checked-in vectors made of them.

    python -m tests.sync.packing_samples

writes `vectors/content.json`: only for a new layout, because a second implementation reads it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.identity import (
    DocumentId,
    DocumentKind,
    Lane,
    NodeId,
    actor_id,
    document_text,
    new_document,
)
from conflict.lane import LaneRun
from conflict.rebuilding import change_hash, dependency
from conflict.statement import Draft
from sync.continuing import Base, Continued
from sync.packing import lay_out, pack
from sync.payload import read_payload

VECTORS = Path(__file__).parent / "vectors" / "content.json"
NOW_MS = 1_795_401_431_123
AUTHOR = NodeId(bytes.fromhex("a0" * 16))
NONCE = bytes.fromhex("b1" * 16)
ACTOR = actor_id(AUTHOR, NONCE)
SIGNATURE = b"\x01" + bytes(range(64))


def document(number: int, kind: DocumentKind = DocumentKind.EPISODE) -> DocumentId:
    """The same document for the same number."""
    return new_document(kind, hashlib.sha256(b"packed %d" % number).digest()[:15])


def run_of(
    changes: Sequence[bytes],
    *,
    at: DocumentId,
    first_seq: int = 1,
    author: NodeId = AUTHOR,
    nonce: bytes = NONCE,
    signature: bytes | None = SIGNATURE,
) -> LaneRun:
    """A run of these raw changes."""
    return LaneRun(
        lane=Lane(at, actor_id(author, nonce)),
        author=author,
        nonce=nonce,
        first_seq=first_seq,
        changes=tuple(changes),
        head=change_hash(changes[-1]),
        signature=signature,
    )


def written(saves: Sequence[Sequence[Draft]], nonce: bytes = NONCE) -> list[bytes]:
    """Raw changes, one a save, some seconds apart."""
    lane = LaneWriter(actor_id(AUTHOR, nonce))
    return [
        lane.write(
            [(draft, Stamp(NOW_MS + 7_000 * number, place)) for place, draft in enumerate(drafts)]
        ).raw
        for number, drafts in enumerate(saves)
    ]


def vitals(number: int) -> Draft:
    """A set of vital signs."""
    value = {"pulse": 60 + number, "spo2": 97, "temperature": "36.60"}
    at = f"2026-11-23T13:{number % 60:02}:07Z"
    return Draft(slot="vitals", value=value, by="SPC Bandejo", at=at)


def lane_of(changes: int, *, at: DocumentId) -> LaneRun:
    """A run of one set of vital signs a change."""
    return run_of(written([[vitals(number)] for number in range(changes)]), at=at)


def cut(run: LaneRun, first: int, last: int, signature: bytes | None = SIGNATURE) -> LaneRun:
    """Changes `first` to `last` of a lane that begins with `run`."""
    return run_of(
        run.changes[first - 1 : last],
        at=run.lane.document,
        first_seq=first,
        author=run.author,
        nonce=run.nonce,
        signature=signature,
    )


def resealed(chunk: bytes, old: bytes, new: bytes) -> bytes:
    """A change with one part replaced by another of the same size, its checksum made right again."""
    assert chunk.count(old) == 1
    assert len(old) == len(new)
    body = chunk[8:].replace(old, new)
    return chunk[:4] + hashlib.sha256(body).digest()[:4] + body


def odd_run(at: DocumentId) -> LaneRun:
    """Valid by its header, but not what we would write: its operation counter starts at 5."""
    chunk = written([[vitals(1)]])[0]
    start = b"\x10" + ACTOR + b"\x01"
    return run_of([resealed(chunk, start + b"\x01", start + b"\x05")], at=at)


def base_of(run: LaneRun) -> dict[Continued, Base]:
    """What a receiver fills in that holds all before `run`."""
    before = dependency(run.changes[0])
    place = Continued(run.lane.document, run.lane.actor[:8], run.first_seq - 1, before[:4])
    return {place: Base(run.author, run.nonce, before)}


def unpack(data: bytes) -> tuple[LaneRun | None, ...]:
    """What a receiver that has nothing makes of a payload."""
    return read_payload(data).runs({})


class Case(NamedTuple):
    """A vector: its name, its runs, and the lanes of which the receiver holds the beginning."""

    name: str
    runs: tuple[LaneRun, ...]
    continued: frozenset[Lane] = frozenset()


def cases() -> Iterator[Case]:
    """The vectors, each to show one thing."""
    lane = lane_of(5, at=document(1))
    yield Case("the first change of a lane", (cut(lane, 1, 1),))
    yield Case("from the middle of a lane, with its dependency", (cut(lane, 3, 5),))
    yield Case(
        "the same for a receiver that holds what comes before",
        (cut(lane, 3, 5),),
        frozenset({lane.lane}),
    )
    yield Case(
        "a piece that goes on and whose signature is still to come, and another lane's beginning",
        (cut(lane, 2, 2, None), lane_of(1, at=document(5))),
        frozenset({lane.lane}),
    )
    yield Case("an unsigned beginning and a signed end", (cut(lane, 1, 2, None), cut(lane, 3, 5)))
    yield Case("many statements, ids and documents in them", _entangled())
    yield Case("a change that is not rebuilt stands whole", (odd_run(document(4)),))


def _entangled() -> tuple[LaneRun, LaneRun]:
    person, episode = document(2, DocumentKind.PERSON), document(3)
    other = bytes.fromhex("c2" * 16)
    link = {"document": document_text(person), "relation": "casualty"}
    first = (
        Draft(slot="link", value=link, by="HM2 Gauzewell", at="2026-11-23T13:58:00Z"),
        Draft(slot="note", value={"text": "Schmerz gelindert, 30 mg. 痛み"}, by="HM2 Gauzewell"),
        Draft(slot="triage", value={"category": "immediate"}, by="HM2 Gauzewell"),
    )
    again = Draft(
        slot="triage",
        value={"category": "delayed"},
        by="CPT Skalpell",
        at="2026-11-23T14:20:00Z",
        supersedes=(f"{ACTOR.hex()}.3", f"{'9e' * 16}.12"),
    )
    back = {"document": document_text(episode), "relation": "casualty"}
    return (
        run_of(written([first, [again]]), at=episode),
        run_of(
            written([[Draft(slot="link", value=back, by="CPT Skalpell")]], other),
            at=person,
            nonce=other,
        ),
    )


def vector(case: Case) -> dict[str, Any]:
    """A case as JSON; bytes in hex."""
    parts, plain = lay_out(case.runs, case.continued)
    return {
        "name": case.name,
        "payload": pack(case.runs, case.continued).hex(),
        "inflated": b"".join(parts).hex(),
        "plain": plain.hex(),
        "continued": [_place(run) for run in case.runs if run.lane in case.continued],
        "runs": [
            {
                "document": run.lane.document.hex(),
                "author": run.author.hex(),
                "nonce": run.nonce.hex(),
                "first_seq": run.first_seq,
                "changes": [chunk.hex() for chunk in run.changes],
                "head": run.head.hex(),
                "signature": run.signature.hex() if run.signature else None,
            }
            for run in case.runs
        ],
    }


def _place(run: LaneRun) -> dict[str, Any]:
    ((place, base),) = base_of(run).items()
    return {
        "document": place.document.hex(),
        "actor": place.actor.hex(),
        "length": place.length,
        "head": base.head.hex(),
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps([vector(case) for case in cases()], indent=1) + "\n")
