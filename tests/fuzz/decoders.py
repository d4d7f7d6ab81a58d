"""Every reader of bytes or text that others may have made: what it may raise, and honest samples.

A reader is in `DECODERS`, where `test_fuzz_decoders.py` mutates its samples, or in `ELSEWHERE`, with the
test that does or the reason why none is needed. A test finds readers that are in neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from conflict import change, clock, identity, rebuilding
from conflict.errors import BadIdentity, BadStatement, BadTime, LaneRefused
from node import authority_key, founding, lineage, opened, persons, settings, vault
from node.backup import envelope
from node.desk import Move
from node.errors import (
    BackupVersion,
    BadBackup,
    BadConfiguration,
    BadRequest,
    NotABackup,
    VaultDamaged,
)
from node.fhir.reading import read_file
from node.home import read_running
from node.http import actions, bodies
from node.locking import Attempts
from node.session_file import read_session
from sync import audit, bundle, custody, squeezing, vectors
from sync.errors import BadFrame, FrameTooLarge
from sync.trust import authority, certificate, code_channel, crockford, enrolment, sealing
from sync.trust.errors import (
    BadCertificate,
    BadEnrolment,
    BundleCut,
    BundleFault,
    BundleVersion,
    NotABundle,
    OtherTheatre,
)
from tests.contracts.store_samples import document
from tests.fuzz.samples import (
    KEY,
    MOVE,
    NESTED,
    answers,
    approvals,
    armoured,
    audit_entries,
    audit_rows,
    backup_headers,
    bundles,
    changes,
    configs,
    configured,
    custody_entries,
    device,
    entries,
    file,
    home,
    key_file,
    patients,
    payloads,
    plain,
    records,
    requests,
    runs_of,
    sealed,
    squeezed,
    stated,
    stream,
    text,
    theatre,
    unarmoured,
    unsealed,
    vault_file,
    vectors_said,
    witnesses,
)

FRAMING = (BadFrame, FrameTooLarge)


@dataclass(frozen=True)
class Decoder:
    """`read` raises nothing but `raises`. `written`: the inverse, where bytes have one reading."""

    name: str
    read: Callable[[bytes], Any]
    raises: tuple[type[BaseException], ...]
    samples: Callable[[], list[bytes]]
    written: Callable[[Any], bytes] | None = None


DECODERS = [
    Decoder("conflict.change.read_header", change.read_header, (LaneRefused,), changes),
    Decoder("conflict.rebuilding.parse", rebuilding.parse, (), changes),
    Decoder(
        "conflict.clock.parse_stamp",
        text(clock.parse_stamp),
        (BadTime,),
        lambda: [b"1795401431123.4"],
    ),
    Decoder(
        "conflict.identity.parse_document",
        text(identity.parse_document),
        (BadIdentity,),
        lambda: [identity.document_text(document(1)).encode(), b"kind9-" + b"A" * 24],
    ),
    Decoder(
        "conflict.identity.parse_node",
        text(identity.parse_node),
        (BadIdentity,),
        lambda: [KEY.node.hex().encode()],
    ),
    Decoder(
        "conflict.statement.check_text",
        stated,
        (BadStatement, BadTime),
        lambda: [b'{"by":"medic","rec":"1.0","value":{"pulse":61}}', NESTED],
    ),
    Decoder("sync.audit.from_bytes", audit.from_bytes, FRAMING, audit_entries, audit.to_bytes),
    Decoder(
        "sync.audit.rows_from_bytes",
        audit.rows_from_bytes,
        FRAMING,
        lambda: [b"".join(map(audit.row_bytes, audit_rows()))],
        lambda rows: b"".join(map(audit.row_bytes, rows)),
    ),
    Decoder(
        "sync.custody.from_bytes", custody.from_bytes, FRAMING, custody_entries, custody.to_bytes
    ),
    Decoder("sync.payload.read_payload", runs_of, FRAMING, payloads),
    Decoder("sync.squeezing.unsqueeze", squeezing.unsqueeze, FRAMING, squeezed),
    Decoder(
        "sync.vectors.vectors_from_bytes",
        lambda raw: vectors.vectors_from_bytes(raw, identity.ID_BYTES, whole=True),
        FRAMING,
        vectors_said,
        lambda found: vectors.vectors_to_bytes(found, whole=True),
    ),
    Decoder(
        "sync.bundle.from_bytes",
        lambda raw: bundle.from_bytes(raw[0] if raw else 0, raw[1:]),
        FRAMING,
        records,
    ),
    Decoder(
        "sync.trust.authority.from_bytes",
        authority.from_bytes,
        FRAMING,
        entries,
        authority.to_bytes,
    ),
    Decoder(
        "sync.trust.certificate.check",
        lambda raw: certificate.check(raw, theatre().root.public),
        (BadCertificate, OtherTheatre),
        lambda: [device()],
    ),
    Decoder(
        "sync.trust.certificate.root_public",
        certificate.root_public,
        (BadCertificate,),
        lambda: [theatre().certificate, device()],
    ),
    Decoder(
        "sync.trust.certificate.public_key",
        certificate.public_key,
        (BadCertificate,),
        lambda: [theatre().certificate, device()],
    ),
    Decoder(
        "sync.trust.enrolment.read_request",
        enrolment.read_request,
        (BadEnrolment,),
        requests,
        enrolment.request_bytes,
    ),
    Decoder(
        "sync.trust.enrolment.read_approval",
        enrolment.read_approval,
        (BadEnrolment, BadCertificate),
        approvals,
    ),
    Decoder("sync.trust.armour.read", unarmoured, (BadEnrolment,), armoured),
    Decoder("sync.trust.sealed_box.unseal", unsealed, (BadEnrolment,), sealed),
    Decoder(
        "sync.trust.crockford.read",
        text(lambda text: crockford.read(text, 6)),
        (BadEnrolment,),
        lambda: [b"abc-12o"],
    ),
    Decoder(
        "sync.trust.code_channel.read_code",
        text(code_channel.read_code),
        (BadEnrolment,),
        lambda: [code_channel.new_code(bytes(10)).encode()],
    ),
    Decoder(
        "sync.trust.code_channel.read_greeting",
        code_channel.read_greeting,
        (BadEnrolment,),
        lambda: [code_channel.greeting(b"n" * 16)],
        code_channel.greeting,
    ),
    Decoder(
        "sync.trust.code_channel.frame_size",
        lambda raw: code_channel.frame_size(raw[: code_channel.SIZE_BYTES]),
        (BadEnrolment,),
        lambda: [(100).to_bytes(4, "big")],
    ),
    Decoder(
        "sync.trust.sealing.read_header",
        stream(sealing.read_header),
        (NotABundle, BundleVersion, BundleCut, FrameTooLarge),
        bundles,
    ),
    Decoder("sync.trust.sealing.opened", stream(plain), (BundleFault, FrameTooLarge), bundles),
    Decoder(
        "node.backup.envelope.read_header",
        stream(lambda read: envelope.read_header(read).opens_with()),
        (NotABackup, BackupVersion, BadBackup),
        backup_headers,
    ),
    Decoder("node.vault.decode", vault.decode, (VaultDamaged,), lambda: [vault_file(), NESTED]),
    Decoder(
        "node.authority_key.decode",
        authority_key.decode,
        (BadConfiguration,),
        lambda: [key_file(), NESTED],
    ),
    Decoder(
        "node.founding.read_log",
        founding.read_log,
        (BadRequest,),
        lambda: [founding.log_bytes(entries())],
        founding.log_bytes,
    ),
    Decoder(
        "node.settings.parse_listen",
        text(settings.parse_listen),
        (ValueError,),
        lambda: [b"127.0.0.1:8470", b"[::1]:0"],
    ),
    Decoder(
        "node.locking.decode",
        Attempts.decode,
        (),
        lambda: [b"[3, 1800000000000]", b"[1e999, 0]", NESTED],
    ),
    Decoder("node.config.load", file(configured, "config.toml"), (BadConfiguration,), configs),
    Decoder("node.lineage.read", file(lineage.read, "witness"), (), witnesses),
    Decoder(
        "node.session_file.read_session",
        file(lambda path: read_session(home(path)), "session"),
        (),
        lambda: [b'{"account": "a", "name": "b", "token": "c"}', NESTED],
    ),
    Decoder(
        "node.home.read_running",
        file(lambda path: read_running(home(path)), "running.json"),
        (BadConfiguration,),
        lambda: [b'{"pid": 1, "sync": "a", "api": "b", "token_file": "c"}', NESTED],
    ),
    Decoder(
        "node.fhir.reading.read_file",
        file(lambda path: list(read_file(path)), "patient.json"),
        (),
        lambda: [*patients(), NESTED],
    ),
    Decoder(
        "node.http.bodies.json_of",
        bodies.json_of,
        (BadRequest,),
        lambda: [b'{"saves": []}', NESTED],
    ),
    Decoder(
        "node.http.actions.decode_action",
        lambda raw: actions.decode_action(Move, bodies.json_of(raw)),
        (BadRequest,),
        lambda: [orjson.dumps(actions.encode_action(MOVE)), b"{}"],
    ),
    Decoder(
        "node.opened.decoded",
        lambda raw: opened.decoded(orjson.loads(raw)),
        (ValueError, KeyError, TypeError),
        answers,
    ),
    Decoder("node.persons.band_of", text(persons.band_of), (), lambda: [b" ab 12\t", b"\xc3\x9f"]),
]

ELSEWHERE = {
    "conflict.statement.decode": "conflict.statement.check_text, above, reads before it",
    "discovery.advert.decode_advert": "test_any_bytes_give_an_advert_or_a_typed_refusal",
    "discovery.static.parse_peer": "test_any_text_gives_a_peer_or_a_typed_refusal",
    "node.fhir.exact.parse": "node.fhir.reading.read_file, above, is its one caller",
    "node.http.saves.decode_batch": "test_any_json_is_read_or_refused",
    "node.http.saves.decode_document": "test_any_json_is_read_or_refused",
    "sync.codec.decode": (
        "test_18_500_mutants_end_in_typed_faults_and_nothing_is_held_that_its_author_did_not_sign"
    ),
    "sync.flow.take": "test_any_bytes_are_taken_or_refused_by_name",
    "sync.sketch.from_bytes": "test_bytes_are_cells_that_read_back_the_same_or_are_refused",
}
"""Readers that other tests give anything, by the name of the test, and who reads before them."""

OWN = {
    "storage.branches.unpack",
    "storage.coverage.unpack_nodes",
    "storage.framing.unframe",
    "storage.framing.unpack_entries",
    "storage.framing.unpack_vector",
    "storage.shedding.unpack_told",
    "sync.vectors.unpacked",
}
"""Read what this process wrote, in memory or in columns of its own store: a damaged store is found by
`check` and its pages' codes (tests/cli/test_cli_damage.py)."""
