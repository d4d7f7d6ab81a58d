"""A custody entry: one encoding, bounded, signed, chained; epochs in order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import ActorId
from conflict.lane import ShortState
from conflict.signature import SIGNATURE_BYTES, SigningKey, VerifyingKey
from sync import custody, limits
from sync.aliases import Claim, DocumentAlias
from sync.custody import NO_ENTRY, CustodyEntry, Verdict
from sync.errors import BadFrame, FrameTooLarge, PeerFault
from sync.ports import Position

KEY = SigningKey.from_entropy(bytes(range(48)))
EPOCH = custody.new_epoch(1_795_401_431_123, bytes(range(16)))
IDS = st.binary(min_size=16, max_size=16)
CLAIMS = st.builds(
    Claim,
    IDS.map(DocumentAlias),
    IDS.map(ActorId),
    st.builds(ShortState, st.integers(1, 512), st.binary(min_size=8, max_size=8)),
)


class Ring:
    """A keyring of one."""

    def verifies(self, node: bytes, message: bytes, signature: bytes) -> bool | None:
        return VerifyingKey(KEY.public).verifies(message, signature) if node == KEY.node else None


def entry(claims: tuple[Claim, ...] = (), blobs: tuple[bytes, ...] = ()) -> CustodyEntry:
    plain = CustodyEntry(
        garrison=KEY.node,
        epoch=EPOCH,
        number=7,
        previous=b"p" * 16,
        at_ms=5,
        lanes=claims,
        blobs=blobs,
    )
    return custody.signed(plain, KEY)


def lane(number: int, actor: int = 0) -> Claim:
    document, who = number.to_bytes(16, "big"), actor.to_bytes(16, "big")
    return Claim(DocumentAlias(document), ActorId(who), ShortState(3, b"headhead"))


@given(
    st.lists(CLAIMS, max_size=20, unique_by=lambda one: one[:2]),
    st.sets(IDS, max_size=5),
)
def test_an_entry_is_its_bytes(claims: list[Claim], blobs: set[bytes]) -> None:
    one = entry(tuple(sorted(claims)), tuple(sorted(blobs)))
    assert custody.from_bytes(custody.to_bytes(one)) == one
    assert custody.verdict(one, Ring()) is None


@given(st.binary(max_size=400))
def test_any_bytes_are_an_entry_or_a_typed_refusal(data: bytes) -> None:
    try:
        one = custody.from_bytes(data)
    except PeerFault:
        return
    assert custody.to_bytes(one) == data


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_never_the_garrison_s_word(at: int, flip: int) -> None:
    good = bytearray(custody.to_bytes(entry((lane(1), lane(2)), (b"b" * 32,))))
    good[at % len(good)] ^= flip
    try:
        one = custody.from_bytes(bytes(good))
    except PeerFault:
        return
    assert custody.verdict(one, Ring()) in {Verdict.BAD_SIGNATURE, Verdict.NO_GARRISON}


def test_claims_ascend_and_name_their_actors() -> None:
    one, two = lane(1), lane(2)
    for claims in ((two, one), (one, one)):
        with pytest.raises(BadFrame, match="ascend"):
            custody.from_bytes(custody.to_bytes(entry(claims)))
    with pytest.raises(BadFrame):
        custody.from_bytes(custody.to_bytes(entry((one,))) + b"x")
    with pytest.raises(BadFrame):
        custody.from_bytes(custody.to_bytes(entry((one,)))[:-1])


def test_what_is_too_much_is_refused_by_name() -> None:
    many = tuple(lane(number) for number in range(1, limits.CUSTODY_LANES_MAX + 2))
    with pytest.raises(FrameTooLarge, match="CUSTODY_LANES_MAX"):
        custody.from_bytes(custody.to_bytes(entry(many)))
    blobs = tuple(bytes([number]) * 32 for number in range(limits.CUSTODY_BLOBS_MAX + 1))
    with pytest.raises(FrameTooLarge, match="CUSTODY_BLOBS_MAX"):
        custody.from_bytes(custody.to_bytes(entry((), blobs)))
    with pytest.raises(FrameTooLarge, match="CUSTODY_ENTRY_BYTES_MAX"):
        custody.from_bytes(bytes(limits.CUSTODY_ENTRY_BYTES_MAX + 1))


def test_the_largest_entry_fits() -> None:
    claims = tuple(
        lane(number, number)._replace(state=ShortState(512, b"headhead"))
        for number in range(1, limits.CUSTODY_LANES_MAX + 1)
    )
    blobs = tuple(bytes([number]) * 32 for number in range(limits.CUSTODY_BLOBS_MAX))
    assert len(custody.to_bytes(entry(claims, blobs))) <= limits.CUSTODY_ENTRY_BYTES_MAX


def test_a_claim_of_one_device_costs_27_bytes() -> None:
    raw = custody.to_bytes(entry(tuple(lane(number) for number in range(1, 513))))
    assert len(raw) - SIGNATURE_BYTES <= 512 * 26 + 100


def test_an_entry_follows_the_one_before_it_or_begins_an_epoch() -> None:
    one = entry()
    held, link = Position(EPOCH, 6), b"p" * 16
    assert custody.follows(one, held, link) is Verdict.KEPT
    assert custody.follows(one, held, b"q" * 16) is Verdict.FORKED
    assert custody.follows(one, Position(EPOCH, 7), link) is Verdict.KNOWN
    assert custody.follows(one, Position(EPOCH, 5), link) is Verdict.GAP
    later = custody.new_epoch(1_795_401_431_124, bytes(16))
    assert custody.follows(one, Position(later, 1), link) is Verdict.KNOWN
    first = replace(one, epoch=later, number=1, previous=NO_ENTRY)
    assert custody.follows(first, held, link) is Verdict.KEPT
    assert custody.follows(replace(first, number=2), held, link) is Verdict.GAP


def test_an_epoch_is_later_than_the_one_before_whatever_the_clock_says() -> None:
    first = custody.new_epoch(2_000, b"\xff" * 16)
    assert first > custody.new_epoch(1_999, b"\xff" * 16)
    for now_ms in (1_000, 2_000, 2_001):
        assert custody.new_epoch(now_ms, bytes(16), first) > first
