"""Hostile sticks: whatever is on one, nothing is held that its author did not sign."""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import replace
from typing import Any

import pytest

from conflict.identity import Lane
from conflict.lane import LaneRun, ShortState
from conflict.signature import SigningKey
from node.bundles.exporting import Export
from node.bundles.importing import Import
from node.desk import BundleOrder
from node.errors import BadRequest
from sync.bundle import Authority as AuthorityRecord
from sync.bundle import BlobPart, Content, Custody, Held, Record, Records, Sender, written
from sync.errors import SyncError
from sync.packing import pack
from sync.ports import Precedence, Summary
from sync.trust.certificate import receive_key
from sync.trust.errors import (
    BundleFault,
    NotABundle,
    NotForThisNode,
    OtherTheatre,
)
from sync.trust.sealing import Header, opened, read_header, seal
from tests.conflict.conflict_lab import LabAuthor
from tests.node.bundle_lab import Authority, Member, forged, idle, key_of, member, note
from tests.node.node_lab import document

MUTATED_FILES, MUTATED_RECORDS, MUTATED_BODIES = 17_000, 2_850, 150


def receive_of(node: Member) -> bytes:
    return receive_key(node.key).public


def sender_of(node: Member) -> Sender:
    own = node.engine.belonging.certificate
    assert own is not None
    return Sender(own.der, b"e" * 16, 5, None, False, Summary(0, bytes(8)), 0)


def by_insider(insider: Member, to: Member, *records: Record) -> Any:
    """A bundle that an enrolled device made of what no honest one would."""
    return to.take(forged(insider.key, [receive_of(to)], [sender_of(insider), *records]))


def content(*runs: LaneRun) -> Content:
    return Content(Precedence.ROUTINE, pack(runs))


def lone(seed: int = 7, at: int = 3) -> tuple[LabAuthor, LaneRun]:
    author = LabAuthor(seed)
    author.write(document(at), note("written"))
    return author, author.run(document(at))


# What an enrolled insider may put into a bundle ---------------------------------------------------


def test_a_signature_moved_to_another_document_is_set_aside(pair, authority):
    one, other = pair
    author, run = lone()
    authority.enrol(author.key)
    other.engine.belonging.add(authority.entries)
    moved = replace(run, lane=Lane(document(4), run.lane.actor))
    found = by_insider(one, other, content(moved))
    assert found["set_aside"] == 1
    assert found["changes"] == 0
    assert by_insider(one, other, content(run))["changes"] == 1


def test_an_author_that_nobody_enrolled_is_set_aside_and_taken_once_it_is_known(pair, authority):
    one, other = pair
    author, run = lone()
    found = by_insider(one, other, content(run))
    assert (found["set_aside"], found["changes"]) == (1, 0)
    authority.enrol(author.key)
    log = AuthorityRecord(tuple(authority.entries))
    found = by_insider(one, other, log, content(run))
    assert (found["set_aside"], found["changes"]) == (0, 1)


def test_content_that_goes_on_from_elsewhere_or_cannot_be_read_stops_the_bundle(pair):
    one, other = pair
    author = LabAuthor(1)
    for at in range(3):
        author.write(document(1), note(f"{at}"))
    run = author.run(document(1), 2)
    continued = Content(Precedence.ROUTINE, pack([run], [run.lane]))
    bomb = Content(Precedence.ROUTINE, b"\x01" + bytes(50))
    for record in (continued, bomb, Custody((b"no entry",)), AuthorityRecord((b"no entry",))):
        found = by_insider(one, other, record)
        assert not found["whole"]
        assert found["stopped"]["code"] in {"bad-bundle", "bad-frame", "frame-too-large"}
        assert found["changes"] == 0


def test_attachments_that_nothing_names_are_not_kept(pair):
    one, other = pair
    junk = bytes(64 * 1024)
    name = hashlib.sha256(junk).digest()
    found = by_insider(one, other, BlobPart(name, len(junk), 0, junk))
    assert found["attachments"] == 0
    assert other.engine.store.blob_part(name, 0, 10) is None
    assert other.engine.store.counts().blobs_wanted == 0


def test_claims_about_lanes_that_are_not_here_fill_no_store(pair):
    one, other = pair
    state = ShortState(1, b"headhead")
    held = Held(tuple((document(at), {LabAuthor(at).actor: state}) for at in range(50)))
    assert by_insider(one, other, held)["whole"]
    assert other.engine.store.receipts(document(3)) == {}


def test_an_insider_cannot_make_one_that_opens_as_from_another(pair, authority, tmp_path):
    one, other = pair
    with member(tmp_path, authority, "insider") as insider:
        insider.engine.belonging.add(authority.entries)
        for node in (one, other):
            node.engine.belonging.add(authority.entries)
        one.write(document(1), "true")
        data = one.seal_to(other, insider)
        read = io.BytesIO(data).read
        header = read_header(read)
        plain = b"".join(opened(read, header, receive_key(insider.key)))
        again, chunked = seal([receive_of(other)], random.Random(3).randbytes)
        with pytest.raises(BundleFault, match="signed"):
            other.take(again.to_bytes() + b"".join(chunked([plain])))
        _, run = lone()
        mine = [sender_of(one), content(run)]
        with pytest.raises(BundleFault, match="signed"):
            other.take(forged(insider.key, [receive_of(other)], mine))
    assert other.digest.documents == 0


def test_another_log_of_the_same_authority_stops_the_bundle_before_its_content(pair, authority):
    one, other = pair
    copy = Authority()  # its key in a second pair of hands
    for name in ("one", "elsewhere"):
        copy.enrol(key_of(name), f"{name} again")
    copy.enrol(key_of("third"))
    _, run = lone()
    found = by_insider(one, other, AuthorityRecord(tuple(copy.entries[2:])), content(run))
    assert "(authority-forked)" in found["stopped"]["message"]
    assert found["set_aside"] == found["changes"] == 0
    assert other.engine.belonging.forked == "authority-forked"


# What a stranger may do ---------------------------------------------------------------------------


def test_a_stick_of_another_theatre_is_refused(pair, tmp_path):
    _, other = pair
    elsewhere = Authority("elsewhere")
    elsewhere.enrol(other.key)  # it was in that theatre as well
    with member(tmp_path, elsewhere, "stranger") as stranger:
        stranger.engine.belonging.add(elsewhere.entries)
        stranger.write(document(1), "theirs")
        with pytest.raises(OtherTheatre, match="another theatre"):
            other.take(stranger.seal_to(other))
    assert other.digest.documents == 0


def test_a_stranger_without_a_certificate_is_nobody(pair):
    one, other = pair
    stranger = SigningKey.from_entropy(b"s" * 48)
    with pytest.raises(BundleFault, match="signed"):
        other.take(forged(stranger, [receive_of(other)], [sender_of(one)]))


def test_a_node_in_no_theatre_says_what_to_do(tmp_path, pair):
    one, other = pair
    data = one.seal_to(other)
    other.engine.belonging.theatre = None
    with pytest.raises(BadRequest, match="enrol request"):
        other.take(data)


def test_a_forged_list_of_recipients_opens_nothing(pair):
    one, other = pair
    one.write(document(1), "x")
    data = one.seal_to(other)
    header = read_header(io.BytesIO(data).read)
    rest = data[len(header.to_bytes()) :]
    stranger = key_of("stranger")
    mine, _ = seal([receive_key(stranger).public], random.Random(1).randbytes)
    for slots in ((*header.slots, mine.slots[0]), header.slots[:-1], header.slots[::-1]):
        bent = Header(header.salt, header.ephemeral, slots)
        with pytest.raises((NotForThisNode, BundleFault)):
            other.take(bent.to_bytes() + rest)
    assert other.digest.documents == 0


class Claims:
    """A file of 10 GB that begins like a bundle; counts what is read of it."""

    def __init__(self, start: bytes, size: int) -> None:
        self.read_bytes = 0
        self._start, self._size = start, size

    def read(self, size: int) -> bytes:
        at, self.read_bytes = self.read_bytes, min(self.read_bytes + size, self._size)
        return (self._start[at:] + bytes(size))[: self.read_bytes - at]


def test_a_file_of_ten_gigabytes_is_refused_at_its_first_part(pair):
    one, other = pair
    start = one.seal_to(other)
    huge = Claims(start, 10 << 30)
    with pytest.raises(BundleFault):
        Import(other.engine, huge.read).run()
    assert huge.read_bytes < 1 << 20


def test_no_bytes_at_all_are_no_bundle(pair):
    with pytest.raises(NotABundle):
        pair[1].take(b"")


# Mutations ----------------------------------------------------------------------------------------


def bent(data: bytes, dice: random.Random) -> bytes:
    """Bits, bytes, cuts, pieces doubled, moved or left out."""
    at, other = sorted(dice.randrange(len(data) + 1) for _ in range(2))
    match dice.randrange(6):
        case 0:
            at = min(at, len(data) - 1)
            return data[:at] + bytes((data[at] ^ 1 << dice.randrange(8),)) + data[at + 1 :]
        case 1:
            return data[:at]
        case 2:
            return data[:at] + data[other:]
        case 3:
            return data[:other] + data[at:other] + data[other:]
        case 4:
            return data[:at] + dice.randbytes(dice.randrange(1, 40)) + data[at:]
        case _:
            return data[:at] + dice.randbytes(other - at)[:64] + data[min(at + 64, other) :]


def read_all(data: bytes, node: Member) -> list[Record]:
    """What would be taken of a file, before it is refused."""
    theatre = node.engine.belonging.theatre
    assert theatre is not None
    found: list[Record] = []
    try:
        read = io.BytesIO(data).read
        header = read_header(read)
        records = Records(opened(read, header, RECEIVE[node.key]), header.binding)
        found.append(records.sender(theatre.meet)[0])
        for one in records:
            found.append(one)
    except SyncError:
        pass
    return found


RECEIVE: dict[SigningKey, SigningKey] = {}


def test_mutated_files_and_records_give_nothing_but_what_was_sealed(pair):
    one, other = pair
    RECEIVE[other.key] = receive_key(other.key)
    for at in range(3):
        one.write(document(at), f"note {at}")
    parcel = one.parcel(BundleOrder(nodes=(other.name,)))
    own = one.engine.belonging.certificate
    assert own is not None
    records = list(Export(one.engine, parcel).records(own.der))
    header, chunked = seal([receive_of(other)], random.Random(5).randbytes)
    plain = b"".join(written(records, one.key, header.binding))
    data = header.to_bytes() + b"".join(chunked([plain]))
    assert read_all(data, other)[:-1] == records
    dice = random.Random(11)
    for _ in range(MUTATED_FILES):
        changed = bent(data, dice)
        assert changed == data or read_all(changed, other) in ([], records)
    for _ in range(MUTATED_RECORDS):  # as an insider with the content key could seal them
        found: list[Record] = []
        mutant = Records(iter([bent(plain, dice)]), header.binding)
        try:
            theatre = other.engine.belonging.theatre
            assert theatre is not None
            found.append(mutant.sender(theatre.meet)[0])
            for record in mutant:
                found.append(record)
        except SyncError:
            pass
        assert found[: len(records)] == records[: len(found)]
        assert len(found) <= len(records) + 1


def test_mutated_bodies_that_an_insider_signed_hold_nothing_that_its_author_did_not_sign(
    pair, authority
):
    one, other = pair
    author, _ = lone()
    authority.enrol(author.key)
    other.engine.belonging.add(authority.entries)
    for at in range(4):
        author.write(document(20 + at), note(f"word {at}"), note("and more"))
    good = [author.run(document(20 + at)) for at in range(4)]
    payload = pack(good)
    dice = random.Random(13)
    for _ in range(MUTATED_BODIES):
        record = Content(Precedence.ROUTINE, bent(payload, dice) or b"\x01")
        found = by_insider(one, other, record)
        assert found["whole"] or found["stopped"]
    idle(other.engine)
    store = other.engine.store
    held = [run for run_ in good for run in store.runs(run_.lane.document, {}, 1 << 20)[0]]
    assert all(run in good for run in held)
    assert store.check() == []
    assert by_insider(one, other, content(*good))["whole"]
    assert all(store.lanes(run.lane.document) for run in good)
