"""Records of a bundle: written and read back, bound to sender, header and place."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import ActorId, DocumentId
from conflict.lane import ShortState
from conflict.signature import SigningKey
from sync import limits
from sync.bundle import (
    Authority,
    BlobPart,
    Content,
    Custody,
    Held,
    Kind,
    Manifest,
    Record,
    Records,
    Sender,
    from_bytes,
    gathered,
    padding,
    receipts,
    to_bytes,
    written,
)
from sync.errors import BadFrame, FrameTooLarge
from sync.ports import Precedence, Summary
from sync.trust.certificate import Certificate
from sync.trust.certificate import check as check_certificate
from sync.trust.errors import BadBundle, BundleCut, OtherTheatre
from tests.theatre import Authority as Root

KEY, INSIDER = (SigningKey.from_entropy(bytes((n,)) * 48) for n in (1, 2))
BINDING, OTHER = b"b" * 32, b"o" * 32
ROOT = Root()
for _key in (KEY, INSIDER):
    ROOT.enrol(_key)


def der_of(key: SigningKey) -> bytes:
    device = ROOT.theatre.device(key.node)
    assert device is not None
    return device.certificate.der


def check(der: bytes) -> Certificate:
    return check_certificate(der, ROOT.root.public)


DOCUMENT = DocumentId(b"d" * 16)
STATE = ShortState(3, b"headhead")
VECTOR = {ActorId(bytes((at,)) * 16): STATE for at in range(5)}
SENDER = Sender(der_of(KEY), b"e" * 16, 1234, None, True, Summary(7, b"digest 8"), 2)
RECORDS: tuple[Record, ...] = (
    SENDER,
    Authority((b"one", b"", b"three")),
    Custody((b"x" * 3000,)),
    Content(Precedence.URGENT, b"payload"),
    Content(Precedence.ROUTINE, b"p" * 200_000, tail=True),
    Held(((DOCUMENT, VECTOR),)),
    Held(((DOCUMENT, VECTOR),), away=True),
    BlobPart(b"h" * 32, 70_000, 65_536, b"end of it"),
)


def plain_of(records: Sequence[Record] = RECORDS, key: SigningKey = KEY) -> list[bytes]:
    return list(written(records, key, BINDING))


def read(parts: Sequence[bytes], binding: bytes = BINDING) -> list[Record]:
    found = Records(iter(parts), binding)
    return [found.sender(check)[0], *found]


def broken(parts: Sequence[bytes], binding: bytes = BINDING) -> tuple[list[Record], Exception]:
    """What was read before it broke off."""
    records = Records(iter(parts), binding)
    found: list[Record] = []
    with pytest.raises((BadBundle, BundleCut)) as fault:  # noqa: PT012  both steps may raise
        found.append(records.sender(check)[0])
        for one in records:
            found.append(one)
    return found, fault.value


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: type(one).__name__)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert from_bytes(*to_bytes(record)) == record


def test_scopes_of_a_sender_are_read_back() -> None:
    for scopes in (frozenset(), frozenset((DOCUMENT, DocumentId(b"c" * 16)))):
        one = SENDER._replace(scopes=scopes, complete=False)
        assert from_bytes(*to_bytes(one)) == one


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_records_come_back_however_the_bytes_are_cut(size: int) -> None:
    whole = b"".join(plain_of())
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    found = read(parts)
    assert tuple(found[:-1]) == RECORDS
    assert found[-1] == Manifest(len(RECORDS), found[-1].digest)


def test_the_size_says_only_its_leading_bits() -> None:
    assert padding(1_000_003) == -1_000_003 % 32_768
    assert all((size + padding(size)) <= size * 1.12 + 1 for size in range(1, 70_000, 37))
    sizes = {
        len(b"".join(plain_of((SENDER, Content(Precedence.ROUTINE, bytes(size))))))
        for size in range(200_000, 204_000, 100)
    }
    assert len(sizes) <= 2


BENT: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "a record left out": (lambda p: p[:2] + p[3:], 2),
    "two swapped": (lambda p: [*p[:2], p[3], p[2], *p[4:]], 2),
    "one doubled": (lambda p: [*p[:3], p[2], *p[3:]], 3),
    "a bit of a body": (lambda p: [*p[:3], p[3][:5] + b"?" + p[3][6:], *p[4:]], 3),
    "a signature of another record": (lambda p: [*p[:3], p[3][:-65] + p[2][-65:], *p[4:]], 3),
    "kind of another record": (lambda p: [*p[:3], bytes((Kind.TAIL,)) + p[3][1:], *p[4:]], 3),
    "no manifest": (lambda p: p[: len(RECORDS)], len(RECORDS)),
    "ends inside a record": (lambda p: [*p[:3], p[3][:20]], 3),
    "manifest too early": (lambda p: [*p[:3], p[len(RECORDS)]], 3),
    "nothing": (lambda _: [], 0),
}


@pytest.mark.parametrize("name", BENT)
def test_records_hold_in_their_place_only(name: str) -> None:
    bend, whole = BENT[name]
    found, fault = broken(bend(plain_of()))
    assert tuple(found) == RECORDS[:whole]
    assert isinstance(fault, BadBundle | BundleCut)


def test_records_do_not_hold_under_another_header() -> None:
    found, fault = broken(plain_of(), OTHER)
    assert found == []
    assert "signed" in str(fault)


def test_an_insider_who_knows_the_content_key_cannot_speak_for_the_sender() -> None:
    """He can decrypt and seal again; the first record names who must have signed the others."""
    mine = list(written((SENDER, *RECORDS[3:4]), INSIDER, BINDING))
    assert broken(mine)[0] == []
    theirs = plain_of()
    found, _ = broken([theirs[0], *mine[1:]])
    assert tuple(found) == RECORDS[:1]


def test_a_stranger_is_no_sender() -> None:
    other = Root("another theatre")
    other.enrol(KEY)
    device = other.theatre.device(KEY.node)
    assert device is not None
    with pytest.raises(OtherTheatre):
        read(plain_of((SENDER._replace(certificate=device.certificate.der),)))


def test_the_sender_comes_first_and_once() -> None:
    assert "begin with its sender" in str(broken(plain_of(RECORDS[1:]))[1])
    assert "second sender" in str(broken(plain_of((SENDER, SENDER)))[1])


def test_a_manifest_that_says_something_else_is_refused() -> None:
    for manifest in (Manifest(7, bytes(32)), Manifest(1, bytes(32))):
        assert "what its manifest says" in str(broken(plain_of((SENDER, manifest)))[1])


def test_something_behind_the_padding_is_told() -> None:
    found, fault = broken([*plain_of(), b"\0\0x"])
    assert "follows after the end" in str(fault)
    assert len(found) == len(RECORDS) + 1


def test_a_record_that_claims_much_takes_no_memory() -> None:
    head = b"".join(plain_of()[:1])
    found, fault = broken([head, bytes((Kind.CONTENT,)) + b"\xff\xff\xff\xff\xff\xff\x7f"])
    assert "BUNDLE_RECORD_BYTES_MAX" in str(fault)
    assert tuple(found) == RECORDS[:1]


def test_a_record_above_the_limit_is_not_written() -> None:
    with pytest.raises(FrameTooLarge, match="BUNDLE_RECORD_BYTES_MAX"):
        plain_of((SENDER, Content(Precedence.URGENT, bytes(limits.BUNDLE_RECORD_BYTES_MAX))))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (99, b""),
        (Kind.CONTENT, b""),
        (Kind.CONTENT, b"\x09rest"),
        (Kind.BLOB, b"h" * 32 + b"\x01\x01x"),
        (Kind.HELD, b"short"),
        (Kind.MANIFEST, b"\x01"),
        (Kind.SENDER, to_bytes(SENDER)[1] + b"x"),
        (Kind.AUTHORITY, b"\x05abc"),
    ],
)
def test_what_no_writer_writes_is_refused(kind: int, body: bytes) -> None:
    with pytest.raises((BadFrame, FrameTooLarge)):
        from_bytes(kind, body)


@given(st.integers(0, 10), st.binary(max_size=300))
def test_any_body_is_read_or_refused(kind: int, body: bytes) -> None:
    try:
        record = from_bytes(kind, body)
    except (BadFrame, FrameTooLarge):
        return
    assert from_bytes(*to_bytes(record)) == record


def test_log_entries_share_records_of_bounded_size() -> None:
    dice = random.Random(3)
    entries = [dice.randbytes(dice.randrange(1, 30_000)) for _ in range(40)]
    groups = list(gathered(entries))
    assert [one for group in groups for one in group] == entries
    assert all(len(group) == 1 or sum(map(len, group)) <= 64 * 1024 for group in groups)


def test_holding_lanes_is_claiming_them() -> None:
    none = ShortState(0, b"")
    claims = receipts(((DOCUMENT, {**VECTOR, ActorId(b"z" * 16): none}),))
    assert [one.lane.actor for one in claims] == list(VECTOR)
