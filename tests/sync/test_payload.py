"""Payloads from anybody: typed refusals that name the limit, in bounded memory."""

from __future__ import annotations

import tracemalloc

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict import limits as record_limits
from conflict.signature import SIGNATURE_BYTES
from sync import columns, limits
from sync.errors import BadFrame, FrameTooLarge, PeerFault
from sync.leb128 import numbers
from sync.packing import lay_out, pack
from sync.payload import LAYOUT, read_payload
from sync.squeezing import squeeze, unsqueeze
from tests.sync.packing_samples import (
    Case,
    cases,
    document,
    lane_of,
)

CASES = list(cases())
NAMES = [case.name for case in CASES]
HERE = document(9)


def sealed(*parts: bytes, plain: bytes = b"") -> bytes:
    """A payload of hand-made content."""
    return bytes([LAYOUT]) + squeeze(parts) + plain


def opened(data: bytes) -> object:
    """What a node does with bytes of unknown origin."""
    return read_payload(data).runs({})


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_cut_is_refused(case: Case) -> None:
    data = pack(case.runs, case.continued)
    for size in range(len(data)):
        with pytest.raises(BadFrame):
            opened(data[:size])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_flipped_bit_is_refused_or_gives_runs(case: Case) -> None:
    data = pack(case.runs, case.continued)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        try:
            opened(bytes(flipped))
        except (BadFrame, FrameTooLarge):
            continue


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_changed_byte_of_the_content_is_refused_or_gives_other_runs(case: Case) -> None:
    parts, plain = lay_out(case.runs, case.continued)
    body = b"".join(parts)
    for place in range(len(body)):
        for byte in (0, 1, 10, 127, 128, 255):
            changed = body[:place] + bytes([byte]) + body[place + 1 :]
            if changed == body:
                continue
            try:
                found = opened(sealed(changed, plain=plain))
            except (BadFrame, FrameTooLarge):
                continue
            assert found != case.runs


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PeerFault):
        opened(data)


@settings(max_examples=300)
@given(
    st.lists(st.integers(0, 6) | st.integers(0, 300), max_size=60).map(numbers),
    st.binary(max_size=60),
    st.binary(max_size=300),
)
def test_random_content_is_refused_or_gives_runs(head: bytes, rest: bytes, plain: bytes) -> None:
    try:
        opened(sealed(head + rest, plain=plain))
    except (BadFrame, FrameTooLarge):
        return


def test_an_unknown_layout_is_named() -> None:
    with pytest.raises(BadFrame, match="layout 9; this node reads 2"):
        opened(b"\x09" + pack([lane_of(1, at=HERE)])[1:])


def test_nothing_may_follow() -> None:
    run = lane_of(2, at=HERE)
    parts, plain = lay_out([run])
    for data in (pack([run]) + b"\0", sealed(*parts, b"\0", plain=plain)):
        with pytest.raises(BadFrame, match="after its end"):
            opened(data)


def test_a_number_in_more_bytes_than_it_needs_is_refused() -> None:
    parts, plain = lay_out([lane_of(2, at=HERE)])
    body = b"".join(parts)
    assert body[0] == 1
    with pytest.raises(BadFrame, match="more bytes than it needs"):
        opened(sealed(b"\x81\x00" + body[1:], plain=plain))


def header(*, counts: list[int], first: int = 0) -> bytes:
    """One told run of new ids."""
    return numbers((1, 1, 0, 0, 0, 0, len(counts) - 1, first, *(count - 1 for count in counts)))


IDS = bytes(16 * 3 + SIGNATURE_BYTES)


@pytest.mark.parametrize(
    ("limit", "content"),
    [
        ("CONTENT_RUNS_MAX", numbers((limits.CONTENT_RUNS_MAX + 1,))),
        ("CONTENT_CHANGES_MAX", numbers((1, 1, 0, 0, 0, 0, limits.CONTENT_CHANGES_MAX, 0))),
        ("CONTENT_STATEMENTS_MAX", header(counts=[columns.CONTENT_STATEMENTS_MAX + 1])),
        ("START_OP_MAX", header(counts=[1], first=record_limits.START_OP_MAX)),
        (
            "CONTENT_TEXT_BYTES_MAX",
            header(counts=[8000]) + bytes(16000) + b"\nslot/" + b"x" * 200 + b"\n",
        ),
        (
            "CONTENT_TEXT_BYTES_MAX",
            header(counts=[8000]) + bytes(16000) + b"\nslot/" + b"\3" * 100 + b"\n",
        ),
        (
            "CHANGE_BYTES_MAX",
            header(counts=[1])
            + b"\0\0\nslot/"
            + b"x" * record_limits.CHANGE_BYTES_MAX
            + b"\n"
            + b"\1\0\0",
        ),
        (
            "CHANGE_BYTES_MAX",
            numbers((1, 3, 0, 0, 0, 0, 0, record_limits.CHANGE_BYTES_MAX)) + bytes(1 << 17),
        ),
    ],
)
def test_what_exceeds_a_limit_is_refused_by_its_name(limit: str, content: bytes) -> None:
    with pytest.raises(FrameTooLarge, match=limit):
        opened(sealed(content, plain=IDS))


def told(head: bytes, tail: bytes, columns_after: bytes) -> bytes:
    """Content of one statement."""
    return header(counts=[1]) + b"\0\0" + head + b"\n" + tail + b"\n" + columns_after


@pytest.mark.parametrize(
    ("reason", "content"),
    [
        ("form 3", numbers((1, 6))),
        ("goes on from nothing", numbers((1, 5, 0, 0, 0))),
        ("an id that did not come before", numbers((1, 1, 5))),
        ("an id that did not come before", told(b"\3", b"slot", b"\x03")),
        ("no kind", told(b"\4", b"slot", b"\x00")),
        ("an instant outside", told(b"\1", b"slot", numbers((1 << 50,)))),
        ("an instant outside", told(b"\1", b"slot", numbers((1 << 37 | 1,)))),
        ("rule 2", told(b"", b"slot/", b"\2\0\0")),
        ("stamp out of range", told(b"", b"slot/", b"\0\1\0")),
        ("stamp out of range", told(b"", b"slot/", b"\0\0\1")),
        ("stamp out of range", told(b"", b"slot/", b"\0" + numbers((2 * 10**15, 0)))),
        ("stamp out of range", told(b"", b"slot/", b"\0" + numbers((0, 2 * 10**9)))),
        ("digits that have no code", told(b"\0", b"slot", b"\xff12\n")),
        ("digits that have no code", told(b"\0", b"slot", b"\xffabc\n")),
        ("digits that have no code", told(b"\0", b"slot", b"\xff\n")),
        ("inside a field", told(b"\0", b"slot", b"")),
        ("inside its texts", told(b"\0", b"slot", b"\xff999")),
        ("inside a number", told(b"\1", b"slot", b"\x80")),
        ("over 8 bytes", told(b"\1", b"slot", b"\x80" * 8 + b"\x01")),
        ("inside its numbers", told(b"\1\1", b"slot", b"\x01")),
    ],
)
def test_broken_content_is_refused_with_its_reason(reason: str, content: bytes) -> None:
    with pytest.raises(BadFrame, match=reason):
        opened(sealed(content, plain=IDS + bytes(16)))


def test_few_bytes_never_take_much_memory() -> None:
    content = header(counts=[16_000]) + bytes(32_000) + b"\nslot/" + b"x" * 20_000 + b"\n"
    data = sealed(content, plain=IDS)
    assert len(data) < 400
    tracemalloc.start()
    with pytest.raises(FrameTooLarge, match="CONTENT_TEXT_BYTES_MAX"):
        opened(data)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_cut_inside_what_was_squeezed_is_refused_there() -> None:
    squeezed = squeeze((b"some content, and more of it",))
    for size in range(len(squeezed)):
        with pytest.raises(BadFrame, match=r"zstd|size"):
            unsqueeze(squeezed[:size])
    assert unsqueeze(squeezed + b"rest") == (b"some content, and more of it", b"rest")


def test_a_bomb_is_refused_before_it_inflates() -> None:
    bomb = zstd.compress(bytes(limits.CONTENT_RAW_BYTES_MAX + 1))
    with pytest.raises(FrameTooLarge, match="CONTENT_RAW_BYTES_MAX"):
        opened(bytes([LAYOUT]) + bomb[4:])


def test_content_that_hides_its_size_is_refused() -> None:
    compressor = zstd.ZstdCompressor()
    hidden = compressor.compress(bytes(99)) + compressor.flush()
    assert zstd.get_frame_info(hidden).decompressed_size is None
    with pytest.raises(BadFrame, match="does not say its size"):
        opened(bytes([LAYOUT]) + hidden[4:])
