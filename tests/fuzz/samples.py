"""Honest bytes of every kind that is read here; readers of files and text made readers of bytes."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from conflict import statement
from conflict.document import Entry
from conflict.identity import ActorId, StatementId
from conflict.lane import ShortState
from conflict.signature import SigningKey
from conflict.urgency import ROUTINE_LANE
from node import authority_key, opened, vault
from node.backup import envelope
from node.config import load
from node.desk import Move
from node.home import Home
from node.opened import LaneVerdict
from storage import ProjectionRow
from sync import audit, bundle, custody, limits, payload, squeezing, vectors
from sync.aliases import BlobAlias, DocumentAlias
from sync.audit import Action, AuditEntry, AuditRow
from sync.packing import pack
from sync.ports import Precedence, Summary
from sync.trust import armour, certificate, enrolment, sealing
from sync.trust.authority import Time
from sync.trust.sealed_box import seal, unseal
from tests.contracts.store_samples import document, sample_lane
from tests.sync.packing_samples import cases
from tests.theatre import NOW_MS, SECRET, Authority

KEY = SigningKey.from_entropy(bytes([7]) * 48)
STATE = ShortState(3, b"headhead")
RECEIVE = certificate.receive_key(KEY)


def text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Of a reader of text: what a terminal or a file that is not quite UTF-8 would give it."""
    return lambda raw: read(raw.decode("utf-8", "surrogateescape"))


def stream(read: Callable[[Callable[[int], bytes]], Any]) -> Callable[[bytes], Any]:
    return lambda raw: read(io.BytesIO(raw).read)


def file(read: Callable[[Path], Any], name: str) -> Callable[[bytes], Any]:
    """Of a reader of files: of one with this name in an otherwise empty home."""

    def from_bytes(raw: bytes) -> Any:
        path = folder() / name
        path.write_bytes(raw)
        return read(path)

    return from_bytes


@cache
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="aidstation-fuzz-"))


@cache
def theatre() -> Authority:
    made = Authority()
    made.enrol(KEY, "bas-1", codes=("BAS-1", "Röle 2"))
    made.say(Time())
    made.enrol(SigningKey.from_entropy(bytes([8]) * 48), "role-3", role="garrison")
    return made


def entries() -> list[bytes]:
    return list(theatre().entries)


def device() -> bytes:
    found = theatre().theatre.device(KEY.node)
    assert found is not None
    return found.certificate.der


def request() -> enrolment.Request:
    return enrolment.ask(
        KEY,
        RECEIVE,
        name="bas-1",
        role=certificate.DeviceRole.FIELD,
        codes=("BAS-1", "Röle 2"),
        nonce=b"n" * 16,
    )


@cache
def approval() -> enrolment.Approval:
    made, once = theatre(), SigningKey.from_entropy(bytes([9]) * 48)
    return enrolment.approve(
        made.root, made.certificate, request(), device(), ("BAS-1",), SECRET, once, entries()[:1]
    )


def requests() -> list[bytes]:
    return [enrolment.request_bytes(request())]


def approvals() -> list[bytes]:
    return [enrolment.approval_bytes(approval(), log=log) for log in (True, False)]


def armoured() -> list[bytes]:
    made = requests() + approvals()
    texts = [armour.text(one).encode() for one in made]
    return [*made, *texts, texts[0].replace(b"A", "А".encode())]


def audit_rows() -> list[AuditRow]:
    return [AuditRow(NOW_MS, Action.READ, "ruiz", "medic", b"s" * 16, "care", "ok")] * 2


def audit_entries() -> list[bytes]:
    rows = audit_rows()
    entry = AuditEntry(KEY.node, b"e" * 16, 7, b"p" * audit.LINK_BYTES, rows[0])
    return [audit.to_bytes(entry)]


def custody_entries() -> list[bytes]:
    plain = custody.CustodyEntry(
        garrison=KEY.node,
        epoch=custody.new_epoch(NOW_MS, bytes(16)),
        number=1,
        previous=custody.NO_ENTRY,
        at_ms=NOW_MS,
        lanes=(custody.Claim(DocumentAlias(b"d" * 16), ActorId(b"a" * 16), STATE),),
        blobs=(BlobAlias(b"b" * 16),),
    )
    return [custody.to_bytes(custody.signed(plain, KEY))]


def changes() -> list[bytes]:
    return [one.raw for one in sample_lane(1, document(1), 3).written]


@cache
def vault_file() -> bytes:
    data = vault.DataKey(b"d" * 32)
    slots = (
        vault.passphrase_slot(data, b"correct horse battery", 2, bytes),
        vault.key_file_slot(data, bytes(32), "vault.key", bytes),
    )
    return vault.Vault(slots).encode()


@cache
def key_file() -> bytes:
    key = authority_key.make("an invented theatre", NOW_MS, lambda size: b"k" * size)
    return authority_key.close(key, b"correct horse battery", lambda size: b"e" * size).encode()


def bundles() -> list[bytes]:
    header, chunks = sealing.seal([RECEIVE.public], lambda size: b"x" * size)
    return [header.to_bytes() + b"".join(chunks([b"content" * 20]))]


def backup_headers() -> list[bytes]:
    return [envelope.Header(b"s" * envelope.SALT_BYTES, vault_file()).to_bytes()]


NESTED = b"[" * 100_000
"""Deeper than Python's stack: what a JSON or TOML reader must refuse by name."""

CONFIG = b"""[node]
name = "bas-1"
role = "field"
[sync]
listen = "0.0.0.0:8471"
[[peers]]
name = "role-2"
node = "00112233445566778899aabbccddeeff"
address = "10.0.0.2:8471"
"""


def configured(path: Path) -> Any:
    return load(Home(path.parent, path))


def patients() -> list[bytes]:
    body = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient", "id": "a", "gender": "male"}}],
    }
    return [json.dumps(body).encode()]


def payloads() -> list[bytes]:
    return [pack(case.runs, case.continued) for case in cases()][:12]


def runs_of(raw: bytes) -> object:
    return payload.read_payload(raw).runs({})


def squeezed() -> list[bytes]:
    return [squeezing.squeeze([b"what is said again and again " * 9]), squeezing.squeeze([b""])]


def vectors_said() -> list[bytes]:
    lane = sample_lane(1, document(1), 3)
    vector = {lane.lane.actor: lane.whole().state.short}
    return [vectors.vectors_to_bytes(((document(1), vector), (document(2), {})), whole=True)]


def records() -> list[bytes]:
    held = ((document(1), {ActorId(b"a" * 16): STATE}),)
    records = (
        bundle.Sender(device(), b"e" * 16, 1234, None, True, Summary(7, b"digest 8"), 2),
        bundle.Authority(tuple(entries())),
        bundle.Custody(tuple(custody_entries())),
        bundle.Content(Precedence.URGENT, payloads()[0]),
        bundle.Held(held),
        bundle.BlobPart(b"h" * 32, 70_000, 65_536, b"end of it"),
        bundle.Manifest(9, b"d" * 32),
    )
    return [bytes((kind,)) + body for kind, body in map(bundle.to_bytes, records)]


def unarmoured(raw: bytes) -> bytes:
    return armour.read(raw, enrolment.REQUEST_KIND, limits.ENROL_REQUEST_BYTES_MAX)


def unsealed(raw: bytes) -> bytes:
    return unseal(RECEIVE, raw, b"bound")


def sealed() -> list[bytes]:
    once = SigningKey.from_entropy(bytes([9]) * 48)
    return [seal(RECEIVE.public, SECRET, b"bound", once)]


def plain(read: Callable[[int], bytes]) -> bytes:
    header = sealing.read_header(read)
    return b"".join(sealing.opened(read, header, RECEIVE))


def witnesses() -> list[bytes]:
    body = json.dumps({"marks": ["a", "b"], "machine": "m", "place": "1:2"}).encode()
    return [b"%020d\n" % 7 + body, b"7\n" + NESTED]


def stated(raw: bytes) -> object:
    body = statement.check_raw(raw)
    return statement.from_body("vitals", StatementId("a.1"), body, document(1))


MOVE = Move(document(1), ("ab.1", "ab.2"), document(2), "ruiz", "wrong casualty")


def answers() -> list[bytes]:
    lane = sample_lane(1, document(1), 3)
    entries = tuple(Entry("vitals", at, "{}") for at in (1, 2))
    verdict = LaneVerdict(lane.lane.actor, 3, entries, "", "")
    row = ProjectionRow(document(1), "a label", 1, b"{}", (document(2),), ((b"b" * 32, 9),))
    answer = opened.Opened(document(1), (verdict,), row, ((lane.lane.actor, ROUTINE_LANE),))
    return [
        orjson.dumps(opened.encoded(answer)),
        orjson.dumps(opened.encoded(answer._replace(row=None))),
    ]


def configs() -> list[bytes]:
    return [CONFIG, b"a = " + NESTED, b"a" + b".a" * 500 + b" = 1"]


def home(path: Path) -> Home:
    return Home(path.parent, path.parent / "config.toml")
