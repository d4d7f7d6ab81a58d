"""The header reader: what the pinned binding writes for a lane is taken, all else refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from automerge.core import ROOT, Document, ObjType, ScalarType
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict import change, limits
from conflict.change import MAGIC, ChangeHeader, read_header
from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.errors import LaneRefused
from conflict.statement import Draft
from tests.conflict import conflict_lab as lab
from tests.conflict.conflict_lab import EPISODE, LabAuthor, vitals_lane

AUTHOR = LabAuthor(1)
ACTOR = AUTHOR.actor
LANE = vitals_lane(AUTHOR, 4)
KEY = lab.key_of(ACTOR, 1)


def refusal(raw: bytes) -> str:
    with pytest.raises(LaneRefused) as caught:
        read_header(raw)
    return caught.value.code


def test_a_real_lane_reads_as_a_chain() -> None:
    before = None
    for seq, (raw, written) in enumerate(zip(LANE, AUTHOR.written[EPISODE], strict=True), 1):
        header = read_header(raw)
        assert (header.actor, header.seq, header.dependency) == (ACTOR, seq, before)
        assert header.hash == written.hash
        before = header.hash


@given(st.sampled_from(LANE), st.integers(0), st.integers(0, 7))
@settings(deadline=None, max_examples=300)
def test_no_flipped_bit_is_taken(raw: bytes, place: int, bit: int) -> None:
    flipped = bytearray(raw)
    flipped[place % len(raw)] ^= 1 << bit
    refusal(bytes(flipped))


@given(st.sampled_from(LANE), st.integers(0))
@settings(deadline=None)
def test_no_truncation_is_taken(raw: bytes, length: int) -> None:
    refusal(raw[: length % len(raw)])


@given(st.sampled_from(LANE), st.integers(0), st.binary(min_size=1, max_size=8))
@settings(deadline=None)
def test_an_insertion_is_refused_or_changes_nothing(raw: bytes, place: int, more: bytes) -> None:
    at = place % (len(raw) + 1)
    longer = raw[:at] + more + raw[at:]
    refusal(longer)


@given(st.binary(min_size=1, max_size=200))
@settings(deadline=None)
def test_no_bytes_whatever_raise_anything_but_a_refusal(noise: bytes) -> None:
    for raw in (noise, MAGIC + noise, lab.chunk(noise), lab.chunk(LANE[0][11:] + noise)):
        refusal(raw)


@given(st.sampled_from(LANE), st.data())
@settings(deadline=None, max_examples=300)
def test_a_change_with_a_mended_checksum_is_another_change_or_refused(
    raw: bytes, data: st.DataObject
) -> None:
    body = bytearray(raw[11:] if raw[9] >= 0x80 else raw[10:])
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=3)):
        body[place] = data.draw(st.integers(0, 255))
    forged = lab.chunk(bytes(body))
    try:
        header = read_header(forged)
    except LaneRefused:
        return
    assert forged == raw or header.hash != read_header(raw).hash
    assert len(header.actor) <= len(forged)
    assert 0 < header.start_op < limits.START_OP_MAX


def said_of(read: Callable[[], ChangeHeader]) -> ChangeHeader | str:
    try:
        return read()
    except IndexError:
        return "truncated-change"
    except LaneRefused as fault:
        return fault.code


@given(st.sampled_from(LANE), st.lists(st.tuples(st.integers(0, 95), st.integers(0, 255))))
@settings(deadline=None, max_examples=500)
def test_the_short_look_at_a_change_says_what_the_long_one_says(
    raw: bytes, bends: list[tuple[int, int]]
) -> None:
    body = bytearray(raw[11:] if raw[9] >= 0x80 else raw[10:])
    for place, value in bends[:2]:
        body[place] = value
    forged = lab.chunk(bytes(body))
    assert said_of(lambda: read_header(forged)) == said_of(
        lambda: change._read_body(forged, lab.hash_of(forged))
    )


def test_the_largest_save_passes_its_own_header_check() -> None:
    many = [Draft(slot="note", value={"text": ""})] * 470
    large = [Draft(slot="note", value={"text": "x" * 16_000})] * 4
    for drafts in (many, large):
        raw = LaneWriter(ACTOR).write([(draft, Stamp(1, 0)) for draft in drafts]).raw
        assert len(raw) > 32_000
        assert read_header(raw).seq == 1


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 127, 128, 470])
def test_any_number_of_statements_in_one_save_is_read(count: int) -> None:
    drafts = [(Draft(slot="note", value=None), Stamp(1, 0))] * count
    assert read_header(LaneWriter(ACTOR).write(drafts).raw).start_op == 1


def forged(**changed: object) -> bytes:
    """A change of one put whose header fields are given."""
    given_fields = {"actor": ACTOR, "seq": 1, "start_op": 1, "dependencies": ()} | changed
    return lab.forge(parts=lab.runs_of_puts(KEY, 1), **given_fields)  # type: ignore[arg-type]


def test_the_forge_makes_what_the_reader_takes() -> None:
    assert read_header(forged()).actor == ACTOR
    assert read_header(forged(dependencies=[bytes(32)], seq=2)).dependency == bytes(32)


def with_time_and_message(time: int, message: bytes, others: bytes = b"\0") -> bytes:
    head = b"\0" + lab.uleb(len(ACTOR)) + ACTOR + b"\x01\x01" + lab.sleb(time)
    tail = lab.uleb(len(message)) + message + others
    return lab.chunk(head + tail + lab.columns(lab.runs_of_puts(KEY, 1)))


def bare(parts: lab.Columns) -> bytes:
    return lab.forge(ACTOR, parts)


PUT = dict(lab.runs_of_puts(KEY, 1))


def columns_with(**changed: bytes) -> bytes:
    return bare(sorted((PUT | {int(name[1:], 16): data for name, data in changed.items()}).items()))


REFUSED = {
    "nothing": (b"", "not-a-change"),
    "a cut chunk": (LANE[0][:11], "not-a-change"),
    "other magic": (b"\0" + LANE[0][1:], "not-a-change"),
    "a saved document": (Document.load(b"".join(LANE)).save(), "not-a-change"),
    "a compressed change": (lab.chunk(LANE[0][11:], 2), "not-a-change"),
    "a chunk of no known kind": (lab.chunk(LANE[0][11:], 3), "not-a-change"),
    "two changes in one": (LANE[0] + LANE[1], "bad-checksum"),
    "a change and a byte": (LANE[0] + b"\0", "bad-checksum"),
    "too many bytes": (LANE[0] + bytes(limits.CHANGE_BYTES_MAX), "change-too-large"),
    "an empty change": (lab.chunk(b"\0" * 4), "truncated-change"),
    "two dependencies": (forged(dependencies=[bytes(32), b"\1" * 32]), "foreign-dependency"),
    "a dependency cut short": (lab.chunk(b"\x01" + bytes(9)), "truncated-change"),
    "an actor cut short": (lab.chunk(b"\0\x10" + bytes(9)), "truncated-change"),
    "a time": (with_time_and_message(1, b""), "extra-header"),
    "a time before 1970": (with_time_and_message(-1, b""), "extra-header"),
    "a message": (with_time_and_message(0, b"hello"), "extra-header"),
    "another actor": (
        with_time_and_message(0, b"", b"\x01\x10" + bytes(16)),
        "names-another-actor",
    ),
    "no first operation": (forged(start_op=0), "bad-start-op"),
    "the last operation": (forged(start_op=limits.START_OP_MAX), "bad-start-op"),
    "a number of too many bytes": (
        lab.chunk(b"\x80\0" + LANE[0][12:]),
        "bad-number",
    ),
    "a number beyond all bounds": (lab.chunk(b"\xff" * 7 + b"\x01"), "bad-number"),
    "a column for objects": (columns_with(x01=b"\x7f\x00"), "unknown-column"),
    "a column for predecessors": (columns_with(x71=b"\x7f\x00"), "unknown-column"),
    "a compressed column": (columns_with(x1d=b"\x7f\x00"), "unknown-column"),
    "a column of newer software": (columns_with(x94=b"\x7f\x00"), "unknown-column"),
    "columns out of order": (bare(list(reversed(PUT.items()))), "unknown-column"),
    "a column twice": (bare([*PUT.items(), (lab.PREDECESSORS, b"\x7f\0")]), "unknown-column"),
    "bytes after the columns": (
        lab.chunk(lab.header(ACTOR, 1, 1, ()) + lab.columns(list(PUT.items())) + b"\0"),
        "extra-bytes",
    ),
    "no column": (bare(()), "bad-operations"),
    "no operation": (columns_with(x42=b""), "bad-operations"),
    "a run of one": (columns_with(x42=b"\x01\x01"), "bad-operations"),
    "a run of two in three bytes": (columns_with(x42=b"\x82\x00\x01"), "bad-operations"),
    "two runs": (columns_with(x42=b"\x02\x01\x02\x01"), "bad-operations"),
    "null operations": (columns_with(x42=b"\x00\x05"), "bad-operations"),
    "a map made": (columns_with(x42=b"\x7f\x00"), "bad-operations"),
    "a deletion": (columns_with(x42=b"\x7f\x03"), "bad-operations"),
    "an increment": (columns_with(x42=b"\x7f\x05"), "bad-operations"),
    "an operation too many": (
        bare(lab.runs_of_puts(KEY, limits.CHANGE_OPS_MAX + 1)),
        "bad-operations",
    ),
    "a million operations": (bare(lab.runs_of_puts(KEY, 1 << 20)), "bad-operations"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_each_fault_has_its_code(what: str) -> None:
    raw, code = REFUSED[what]
    assert refusal(raw) == code


def test_a_change_has_no_more_operations_than_it_has_room_for_keys() -> None:
    """Run lengths name any number of puts in a few bytes; honest ones have a key of 37 bytes each."""
    text = b"x" * limits.OPERATION_BYTES_MIN
    most = limits.CHANGE_OPS_MAX - 10  # and a header
    assert read_header(bare(lab.runs_of_puts(KEY, most, value=text))).start_op == 1
    for count in (4, 60, 1000):
        assert refusal(bare(lab.runs_of_puts(KEY, count))) == "hollow-operations"
    assert refusal(bare(lab.runs_of_puts(KEY, 100, value=text[:-7]))) == "hollow-operations"


@pytest.mark.parametrize(
    ("edits", "code"),
    [
        ([lambda t: t.put_object(ROOT, KEY, ObjType.List)], "bad-operations"),
        ([lambda t: t.put_object(ROOT, KEY, ObjType.Map)], "bad-operations"),
        ([lambda t: t.put_object(ROOT, KEY, ObjType.Text)], "bad-operations"),
        (
            [lambda t: t.insert(t.put_object(ROOT, KEY, ObjType.List), 0, ScalarType.Int, 1)],
            "unknown-column",
        ),
    ],
)
def test_what_automerge_writes_for_anything_but_a_put_is_refused(edits: list, code: str) -> None:
    for raw in lab.automerge_changes(Document(actor_id=ACTOR), *edits):
        assert refusal(raw) == code


def test_deleting_and_overwriting_are_refused() -> None:
    document = Document.load(b"".join(LANE))
    document.set_actor(ACTOR)
    key = document.keys(ROOT)[0]
    raws = lab.automerge_changes(
        document,
        lambda t: t.put(ROOT, key, ScalarType.Str, lab.TEXT),
        lambda t: t.delete(ROOT, key),
    )
    assert [refusal(raw) for raw in raws] == ["unknown-column", "unknown-column"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("run of one", "bad-operations"),
        ("orphan in the victim's name, message", "not-a-change"),
        ("orphan in the victim's name, its change", "bad-operations"),
        ("cpu bomb", "bad-operations"),
        ("counter exhaustion", "bad-start-op"),
        ("bloom, zero bits", "not-a-change"),
        ("bloom, many probes", "not-a-change"),
        ("foreign counter", "bad-operations"),
    ],
)
def test_each_reproducer_is_refused_before_automerge_sees_it(name: str, code: str) -> None:
    assert refusal(lab.REPRODUCERS[name]) == code


def test_reproducers_with_canonical_columns_are_still_refused_or_bound_to_their_seq() -> None:
    assert refusal(lab.SEQ_ZERO) == "hollow-operations"
    assert read_header(forged(seq=0)).seq == 0  # refused with the lane: test_conflict_lane.py
    assert refusal(forged(start_op=(1 << 32) - 1)) == "bad-start-op"
    assert refusal(forged(start_op=(1 << 32) - 2)) == "bad-start-op"
