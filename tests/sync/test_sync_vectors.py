"""Every message as bytes, for a second implementation: `messages.json`, `sketch.json`, `lanes.json`.

Written by `python -m tests.sync.test_sync_vectors`, for a new protocol version only.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from enum import IntEnum
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Node

from conflict.identity import ActorId, DocumentId, DocumentKind, NodeId, new_document
from conflict.lane import ShortState
from sync import audit, codec, custody, lane_sketch, messages
from sync.aliases import claim_of
from sync.authority_effects import LogHead
from sync.messages import Message
from sync.packing import pack
from sync.ports import Listed, Position, Precedence, Receipt, Summary
from sync.sketch import CELL_BYTES, Sketch, SketchKey, Symbol, decode
from sync.trust.authority import Enrol, Head, Revoke, next_entry, to_bytes

HERE = Path(__file__).parent / "vectors"


def some(name: str, size: int = 16) -> bytes:
    """Bytes that look like an id and follow from a word."""
    return hashlib.sha256(name.encode()).digest()[:size]


def document(name: str) -> DocumentId:
    return new_document(DocumentKind.EPISODE, some(name, 15))


# A second implementation reads these without ours: so nothing here depends on a setting or a clock.
VECTOR = {ActorId(some(f"actor {n}")): ShortState(n + 1, some(f"head {n}", 8)) for n in range(2)}
CUT = {ActorId(actor[:8]): ShortState(one.length, one.head[:4]) for actor, one in VECTOR.items()}


def said() -> Iterator[Message]:
    """One or two of every type."""
    node = Node(1, Keys())
    run = node.run(document("one"), 72, saves=2)
    key = SketchKey(bytes(range(16)))
    yield messages.Hello(
        1, 1, NodeId(some("node")), some("epoch"), some("nonce"), 7, 1_795_168_800_000, key.name,
        256, 1744,
    )  # fmt: skip
    yield messages.Proof(b"\1" + some("r", 32) + some("s", 32))
    unit, site = (new_document(DocumentKind.UNIT, some(one, 15)) for one in ("unit", "site"))
    yield messages.Proof(
        b"\1" + some("r", 32) + some("s", 32),
        tuple(sorted((unit, site))),
        LogHead(3, some("link", 8)),
    )
    yield messages.Check(1, Summary(3, some("set", 8)), repair=True, sketched=False)
    yield messages.Check(0, Summary(0, bytes(8)), repair=True, sketched=False)
    listed = sorted(Listed(document(f"{n}"), some(f"digest {n}")) for n in range(2))
    yield messages.Listing(1, None, (listed[0],), final=False)
    yield messages.Listing(1, listed[0].document, (listed[1],), final=True)
    yield messages.Vectors(1, ((document("one"), CUT),), answer=False, whole=False, final=True)
    yield messages.Vectors(0, ((document("one"), VECTOR),), answer=True, whole=True, final=False)
    yield messages.Vectors(0, ((document("one"), CUT),), answer=False, whole=False, final=False)
    nothing = {ActorId(some("actor 2", 8)): ShortState(0, b"")}
    yield messages.Vectors(1, ((document("one"), nothing),), answer=True, whole=False, final=False)
    yield messages.Content(1, Precedence.URGENT, pack([run]))
    yield messages.Content(2, Precedence.ROUTINE, pack([node.run(document("one"), 74)], {run.lane}))
    yield messages.Finished(1)
    yield messages.Receipts((1, 2), ((2, 0),), b"\1" + some("r", 32) + some("s", 32))
    yield messages.Refused(
        document("one"), ActorId(some("actor 0")), 1, "author-unknown", "the key is not known"
    )
    yield messages.BlobAsk(((some("blob", 32), 0), (some("other", 32), 65536)))
    yield messages.BlobPart(some("blob", 32), 3, 0, b"abc")
    yield messages.BlobPart(some("other", 32), 0, 65536, b"")
    yield messages.Fault("stalled", "nothing heard for 120 s")
    yield messages.Part(Precedence.ROUTINE, more=True, data=b"the beginning")
    yield messages.Ack(131072)
    cells = Sketch(key, 3)
    cells.add(key.symbol(document("one"), some("digest")))
    yield messages.Sketch(1, b"", 0, cells.to_bytes())
    yield messages.Sketch(2, some("salt"), 3, bytes(CELL_BYTES))
    yield messages.More(1, 96)
    yield messages.Wanted(1, ((Symbol(0x7E8FFB716180), CUT),), whole=False, final=True)
    yield messages.Sketch(1, b"", 0, cells.to_bytes(), document("one"), 3600)
    yield messages.More(1, 104, document("one"))
    yield messages.More(1, 0, document("one"))
    lanes = ((Symbol(0x7E8FFB716180), CUT), (Symbol(0x7E8FFB716181), {}))
    yield messages.Wanted(1, lanes, whole=False, final=True, document=document("one"))
    yield messages.CustodyHave(((NodeId(some("node")), some("epoch"), 4),))
    yield messages.Custody(custody.to_bytes(_entry(node)))
    yield messages.Released(3, 2, (document("one"), document("two")))
    yield messages.Heard(3, 2)
    yield messages.Withheld((document("one"),))
    yield messages.AuditHave(node.key.node, (audit.AuditPlace(some("epoch"), 7, some("link", 8)),))
    yield messages.AuditHave(node.key.node, (audit.AuditHead().place,))
    yield messages.Audit(_audited(node))
    yield messages.AuthorityHave(3, some("link", 8))
    yield messages.Authority(2, tuple(_log(node)))


def _audited(node: Node) -> audit.AuditSegment:
    rows = (
        audit.AuditRow(1_795_168_800_000, 1, "ruiz", "medic", document("one")),
        audit.AuditRow(1_795_168_801_000, 15, "ruiz", "medic", document("two"), "mass casualty"),
        audit.AuditRow(1_795_168_802_000, 13, outcome="unauthorised"),
    )
    plain = audit.AuditSegment(node.key.node, some("epoch"), 8, some("link", 32), rows)
    return plain._replace(signature=audit.sign_head(node.key.node, plain.head, node.key))


def _log(node: Node) -> Iterator[bytes]:
    """Entries as an authority signs them; a certificate's bytes are some that stand for it."""
    acts = (
        Enrol(some("certificate", 32), "bas-1", ("BAS-1",)),
        Revoke(node.key.node, "lost", ((NodeId(some("node")), Position(some("epoch"), 4)),)),
    )
    head = Head(2, some("link"), 1_795_168_800_000)
    for act in acts:
        entry = next_entry(node.key, head, act, 1_795_168_800_000)
        yield to_bytes(entry)
        head = entry.head


def _entry(node: Node) -> custody.CustodyEntry:
    lane = node.run(document("two"), 73).lane
    entry = custody.CustodyEntry(
        garrison=node.key.node,
        epoch=some("epoch"),
        number=1,
        previous=bytes(32),
        at_ms=1_795_168_800_000,
        lanes=(claim_of(Receipt(lane, ShortState(1, some("head", 8)))),),
        blobs=(),
    )
    return custody.signed(entry, node.key)


def fields(value: object) -> object:
    """JSON form: bytes as hex, a map as pairs, a named tuple by its names."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, IntEnum):
        return int(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: fields(one) for name, one in asdict(value).items()}
    if isinstance(value, Mapping):
        return [[fields(one), fields(other)] for one, other in sorted(value.items())]
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: fields(one) for name, one in value._asdict().items()}
    if isinstance(value, tuple):
        return [fields(one) for one in value]
    return value


def messages_json() -> str:
    rows = [
        {
            "message": type(one).__name__.upper(),
            "type": codec._TYPES[type(one)],
            "bytes": codec.encode(one).hex(),
            "fields": fields(one),
        }
        for one in said()
    ]
    return json.dumps(rows, indent=1) + "\n"


def sketch_json() -> str:
    """Three sizes of sets and a salted one: symbols, first cells, and what two of them differ by."""
    rows = []
    for salt, count in ((b"", 1), (b"", 40), (some("salt"), 40)):
        key = SketchKey(bytes(range(16)), salt)
        held = [(document(f"{n}"), some(f"digest {n}")) for n in range(count)]
        symbols = [key.symbol(*one) for one in held]
        ours, theirs = Sketch(key, 30), Sketch(key, 30)
        for number, one in enumerate(symbols):
            ours.add(one)
            if number % 8:
                theirs.add(one)
        found = decode(ours.subtract(theirs))
        rows.append(
            {
                "secret": bytes(range(16)).hex(),
                "salt": salt.hex(),
                "name": key.name.hex(),
                "documents": [[one.hex(), digest.hex()] for one, digest in held],
                "symbols": [f"{one:012x}" for one in symbols],
                "cells": ours.to_bytes().hex(),
                "cells_without_every_eighth": theirs.to_bytes().hex(),
                "difference": [f"{one:012x}" for one in found.ours],
            }
        )
        assert found.complete
        assert set(found.ours) == set(symbols[::8])
    return json.dumps(rows, indent=1) + "\n"


def lanes_json() -> str:
    """Cells over the lanes of two vectors, and what they differ by."""
    session, number = some("both nonces", 32), 3
    secret = lane_sketch.secret_of(session, number)
    ours = {ActorId(some(f"actor {n}")): ShortState(n + 1, some(f"head {n}", 8)) for n in range(20)}
    theirs = dict(sorted(ours.items())[1:])
    grown = next(iter(theirs))
    theirs[grown] = ShortState(99, some("another head", 8))
    key = SketchKey(secret)
    cells = lane_sketch.cells_of(key, theirs, 26)
    told = lane_sketch.differ(key, ours, cells, len(theirs))
    assert [told.more, len(told.wanted), len(told.offered)] == [None, 1, 1]
    row = {
        "session": session.hex(),
        "round": number,
        "secret": secret.hex(),
        "ours": fields(ours),
        "theirs": fields(theirs),
        "symbols of theirs": [f"{one:012x}" for one in lane_sketch.symbols_of(key, theirs)],
        "cells of theirs": cells.hex(),
        "wanted": [[f"{one:012x}", fields(vector)] for one, vector in told.wanted],
        "offered": [one.hex() for one in told.offered],
    }
    return json.dumps(row, indent=1) + "\n"


ROWS = json.loads((HERE / "messages.json").read_text()) if (HERE / "messages.json").exists() else []


@pytest.mark.parametrize("row", ROWS, ids=[f"{n} {one['message']}" for n, one in enumerate(ROWS)])
def test_a_checked_in_message_says_what_stands_beside_it_and_encodes_to_itself(
    row: dict[str, object],
) -> None:
    frame = bytes.fromhex(str(row["bytes"]))
    told = codec.decode(frame)
    assert type(told).__name__.upper() == row["message"]
    assert codec.type_of(frame) == row["type"]
    assert fields(told) == row["fields"]
    assert codec.encode(told) == frame


def test_every_message_type_is_checked_in() -> None:
    assert {one["type"] for one in ROWS} == set(codec._TYPES.values())
    assert (HERE / "messages.json").read_text() == messages_json()


def test_the_checked_in_sketches_are_ours() -> None:
    assert (HERE / "sketch.json").read_text() == sketch_json()


def test_the_checked_in_lanes_are_ours() -> None:
    assert (HERE / "lanes.json").read_text() == lanes_json()


def test_a_checked_in_sketch_decodes_from_its_bytes_alone() -> None:
    for row in json.loads((HERE / "sketch.json").read_text()):
        key = SketchKey(bytes.fromhex(row["secret"]), bytes.fromhex(row["salt"]))
        ours = Sketch.from_bytes(key, bytes.fromhex(row["cells"]))
        theirs = Sketch.from_bytes(key, bytes.fromhex(row["cells_without_every_eighth"]))
        found = decode(ours.subtract(theirs))
        assert [f"{one:012x}" for one in found.ours] == row["difference"]
        assert found.theirs == ()


if __name__ == "__main__":
    (HERE / "messages.json").write_text(messages_json())
    (HERE / "sketch.json").write_text(sketch_json())
    (HERE / "lanes.json").write_text(lanes_json())
