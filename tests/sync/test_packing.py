"""Packing loses nothing, whatever a run holds, and is as small as promised."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import islice

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.identity import DocumentKind
from conflict.lane import check_run
from conflict.rebuilding import Said, build, dependency
from conflict.signature import SIGNATURE_BYTES
from conflict.slot import CATALOGUE
from conflict.statement import Draft
from sync import columns, content_dictionary, limits
from sync.errors import FrameTooLarge
from sync.leb128 import Reader
from sync.packing import lay_out, pack
from sync.payload import LAYOUT, read_payload
from tests.bench import payload_runs, training
from tests.conflict.conflict_values import any_json, values
from tests.sync.packing_samples import (
    ACTOR,
    VECTORS,
    Case,
    base_of,
    cases,
    cut,
    document,
    lane_of,
    odd_run,
    resealed,
    run_of,
    unpack,
    vector,
    vitals,
    written,
)

CASES = list(cases())
NAMES = [case.name for case in CASES]
HERE = document(9)


def test_generated_care_comes_back_exactly() -> None:
    made = (
        *payload_runs.care(5, 8, first=1, changes=12),
        *payload_runs.care(6, 8, first=9, changes=4, live=False),
        *payload_runs.casualty_documents(7, 8),
        *payload_runs.new_charts(8, 8),
    )
    assert unpack(pack(made)) == made
    assert all(unpack(pack([run])) == (run,) for run in made)


@settings(max_examples=15)
@given(st.data())
@pytest.mark.parametrize("slot", CATALOGUE)
def test_statements_of_every_slot_come_back_exactly(slot: str, data: st.DataObject) -> None:
    at = st.sampled_from((None, "2026-11-23T13:58:07Z", "2026-11-23", "2026-11-23T24:61:07Z"))
    drafts = st.builds(
        Draft,
        slot=st.just(slot),
        value=values(slot),
        by=st.text(max_size=5),
        at=at,
        void=st.none() | st.text(min_size=1, max_size=9),
        supersedes=st.lists(st.just(f"{ACTOR.hex()}.1"), max_size=1).map(tuple),
    )
    saves = data.draw(st.lists(st.lists(drafts, min_size=1, max_size=3), min_size=1, max_size=4))
    run = run_of(written(saves), at=HERE)
    check_run(run)
    parts, _ = lay_out([run])
    assert parts[-1] == b"", "not sent whole"
    assert unpack(pack([run])) == (run,)


TELLING = st.sampled_from(
    (
        *("2026-11-23T13:58:07Z", "2026-02-30T13:58:07Z", "2026-W01-1T13:58:07Z", "00", "007"),
        *("2026-11-23T24:00:00Z", "2026-11-23T23:59:60Z", "1900-02-29T00:00:00Z"),
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "13:58:07Z", "T13:58:07Z", "239", "255"),
        *("ab" * 16, "ab" * 32, "0" * 32, "1795401431123.0", "01.0", "1.00", '"rec":"1.2"'),
        *("person-" + "a" * 24, "kind9-" + "a" * 24, "-" + "a" * 24, "episode-" + "a" * 24 + "/x"),
        *("\x00", "\x05", "\n", "/", "\\", "é", "٣", "²", "痛み", "99999999999999999999"),
    )
)


@settings(max_examples=150)
@given(
    st.lists(
        st.lists(
            st.dictionaries(
                TELLING | st.just("rec") | st.text(max_size=3),
                TELLING | any_json | st.lists(TELLING, max_size=4).map("".join),
                max_size=4,
            ),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_texts_that_look_like_what_is_taken_out_come_back_exactly(
    saves: list[list[object]],
) -> None:
    drafts = [[Draft(slot="note", value=value, by="x") for value in save] for save in saves]
    run = run_of(written(drafts), at=HERE)
    assert unpack(pack([run])) == (run,)


@given(
    st.lists(
        st.text(st.characters(codec="latin-1", exclude_characters="".join(map(chr, range(32))))),
        max_size=5,
    )
)
def test_lines_that_are_no_statements_come_back_exactly(texts: list[str]) -> None:
    lines = ["slot/" + text for text in texts]
    parts, new = columns.write(columns.take_out(lines), ())
    assert columns.read(Reader(b"".join(parts)), Reader(new), (), len(lines)) == lines


def test_unsigned_beginnings_stay_unsigned() -> None:
    lane = lane_of(4, at=HERE)
    sent = (cut(lane, 1, 2, None), cut(lane, 3, 4))
    assert unpack(pack(sent)) == sent


def test_a_change_that_is_valid_but_odd_is_sent_whole_and_the_others_are_not() -> None:
    odd, plain = odd_run(HERE), lane_of(4, at=document(10))
    check_run(odd)
    parts, _ = lay_out([plain, odd])
    assert parts[-1] == odd.changes[0]
    assert unpack(pack([plain, odd])) == (plain, odd)


TEXT = b'{"by":"x","rec":"1.0","value":{"pulse":60}}'
FOREIGN = {
    "control characters": [Said(1, [b"note"], [b'{"a":"\x00\n\x05"}'])],
    "line end alone": [Said(1, [b"note"], [b'{"a":"\n"}'])],
    "own mark": [Said(1, [b"note"], [b'{"a":"\x05"}'])],
    "an early number": [Said(1, [b"note"], [TEXT])],
    "numbers with a gap": [Said(1, [b"note"], [TEXT]), Said(5, [b"note"], [TEXT])],
    "a number twice": [Said(1, [b"note"], [TEXT]), Said(1, [b"note"], [TEXT])],
    "a slot like text": [Said(9, [b'"rec":"1.2"'], [TEXT])],
    "slots like text": [Said(9, [b'"rec":"1.2"', b'"rec":"1.2'], [TEXT, TEXT])],
    "a slot like a number": [Said(9, [b"2026-11-23T13:58:07Z"], [TEXT])],
    "a slot with a slash": [Said(9, [b"a/b"], [TEXT])],
    "slots with a slash": [Said(9, [b"a/b", b"/"], [TEXT, TEXT])],
    "no slot": [Said(9, [b""], [TEXT])],
    "no slots": [Said(9, [b"", b""], [TEXT, b"{}"])],
    "a slot with a line end": [Said(9, [b"a\nb"], [TEXT])],
    "a long slot": [Said(9, [b"s" * 300], [TEXT])],
    "no text": [Said(9, [b"note"], [b""])],
    "no stamp": [Said(9, [b"note", b"note"], [b"{}", b'{"rec":1}'])],
    "a long text": [Said(9, [b"note"], [b'{"a":"' + b"7" * 5000 + b'"}'])],
    "not UTF-8": [Said(9, [b"note"], [b'{"a":"\xff\x80\x85"}'])],
    "many alike": [Said(9, [b"note"] * 200, [TEXT] * 200)],
    "some alike": [Said(9, [b"note"] * 140, ([TEXT] * 3 + [b"{}", b"{ }"]) * 28)],
    "a far number": [Said(1 << 22, [b"note"], [TEXT])],
}


@pytest.mark.parametrize("first_seq", [1, 4])
@pytest.mark.parametrize("name", FOREIGN)
def test_changes_of_another_writer_come_back_exactly(name: str, first_seq: int) -> None:
    before = b"" if first_seq == 1 else b"d" * 32
    changes = []
    for seq, said in enumerate(FOREIGN[name], first_seq):
        chunk, before = build(before, ACTOR, seq, said)
        changes.append(chunk)
    foreign, ours = run_of(changes, at=HERE, first_seq=first_seq), lane_of(2, at=document(10))
    assert unpack(pack([ours, foreign, ours])) == (ours, foreign, ours)


@pytest.mark.parametrize("number", [b".-99999", b". 99999", b".+99999", b".9_9999", b".999.99"])
def test_a_statement_number_that_is_none_is_sent_as_it_is(number: bytes) -> None:
    said = Said(999_999, [b"note", b"note"], [TEXT, TEXT])
    chunk, _ = build(b"", ACTOR, 1, said)
    run = run_of([resealed(chunk, b".999999", number)], at=HERE)
    check_run(run)
    assert unpack(pack([run])) == (run,)


@pytest.mark.parametrize("damage", ["actor", "sequence", "chain", "rubbish"])
def test_even_a_run_that_breaks_the_rules_comes_back_exactly(damage: str) -> None:
    """Judging it is not packing's work; the receiver refuses it by the rules of lanes."""
    lane = lane_of(4, at=HERE)
    match damage:
        case "actor":
            changes = written([[vitals(1)]], b"x" * 16)
        case "sequence":
            changes = [lane.changes[0], lane.changes[2]]
        case "chain":
            changes = [lane.changes[0], written([[vitals(7)], [vitals(8)]])[1]]
        case _:
            changes = [b"\x00" * 40, b"", b"\x85oJ\x83"]
    for first_seq in (1, 3):
        run = run_of(changes, at=HERE, first_seq=first_seq)
        assert unpack(pack([run])) == (run,) if all(changes) else True


def test_what_the_receiver_can_rebuild_is_not_sent() -> None:
    lane = cut(lane_of(6, at=HERE), 3, 6)
    parts, plain = lay_out([lane])
    data = b"".join((*parts, plain))
    assert lane.lane.actor not in data
    assert lane.lane.actor.hex().encode() not in data
    assert lane.head not in data
    assert lane.changes[1][4:8] not in data
    assert data.count(dependency(lane.changes[0])) == 1


def test_ids_that_runs_share_are_sent_once() -> None:
    lanes = [lane_of(2, at=document(number)) for number in range(20)]
    _, plain = lay_out(lanes)
    assert len(plain) == 16 + 16 + 20 * (16 + SIGNATURE_BYTES)


def test_a_run_that_goes_on_is_filled_in_by_its_receiver() -> None:
    lane = lane_of(6, at=HERE)
    end, other = cut(lane, 4, 6), lane_of(2, at=document(10))
    read = read_payload(pack([end, other], {lane.lane}))
    (place,) = read.continued
    assert (place.document, place.length) == (HERE, 3)
    assert read.runs(base_of(end)) == (end, other)
    assert unpack(pack([end], {lane.lane})) == (None,)


def test_only_the_first_run_of_a_lane_goes_on_from_what_is_held() -> None:
    lane = lane_of(6, at=HERE)
    middle, end = cut(lane, 3, 4), cut(lane, 5, 6)
    read = read_payload(pack([middle, end], {lane.lane}))
    assert [place.length for place in read.continued] == [2]
    assert read.runs(base_of(middle)) == (middle, end)


def test_without_a_fitting_base_a_run_is_left_out_and_the_others_are_not() -> None:
    lane = lane_of(6, at=HERE)
    end, other = cut(lane, 4, 6), lane_of(2, at=document(10))
    read = read_payload(pack([end, other], {lane.lane}))
    ((place, base),) = base_of(end).items()
    for wrong in (
        {},
        {place: base._replace(head=bytes(32))},
        {place: base._replace(nonce=bytes(16))},
    ):
        assert read.runs(wrong) == (None, other)


def test_a_wrong_base_that_fits_shows_in_the_head() -> None:
    end = cut(lane_of(6, at=HERE), 4, 6)
    ((place, base),) = base_of(end).items()
    forged = base._replace(head=base.head[:4] + bytes(28))
    (run,) = read_payload(pack([end], {end.lane})).runs({place: forged})
    assert run is not None
    assert run.head != end.head


def test_a_sender_is_told_what_one_frame_does_not_hold() -> None:
    big = "x" * 16_000
    drafts = [[Draft(slot="note", value={"text": big + str(number)})] for number in range(70)]
    with pytest.raises(FrameTooLarge, match="CONTENT_TEXT_BYTES_MAX"):
        pack([run_of(written(drafts), at=HERE)])


def test_what_is_no_run_is_not_packed() -> None:
    run = lane_of(2, at=HERE)
    for wrong in (
        replace(run, head=bytes(32)),
        replace(run, changes=()),
        replace(run, signature=b"\x01"),
    ):
        with pytest.raises(ValueError, match=r"run|signature"):
            pack([wrong])


def test_it_is_as_small_as_promised() -> None:
    """Issue 4: 45 B a statement in runs of 20; 90 B and a signature alone; 7 MB for 10,000 charts."""
    ones = list(payload_runs.care(31, 40, first=13, changes=1))
    alone = [len(pack([run], {run.lane})) for run in ones]
    assert max(alone) <= 90 + SIGNATURE_BYTES
    firsts = [len(pack([run])) for run in payload_runs.care(32, 40, first=1, changes=1)]
    assert sum(firsts) / len(firsts) <= 90 + SIGNATURE_BYTES
    twenties = list(payload_runs.care(33, 20, first=1, changes=20))
    assert max(len(pack([run])) for run in twenties) <= 20 * 45
    charts = list(payload_runs.frames(payload_runs.new_charts(34, 100), limits.CONTENT_RAW_BYTES))
    assert sum(map(len, map(pack, charts))) * 100 <= 7_000_000 / 2


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_checked_in_vectors_are_read(case: Case) -> None:
    (given_,) = [one for one in json.loads(VECTORS.read_text()) if one["name"] == case.name]
    made = vector(case)
    assert {**given_, "payload": made["payload"]} == made, "another zstd may squeeze otherwise"
    bases = {place: base for run in case.runs for place, base in base_of(run).items()}
    assert read_payload(bytes.fromhex(given_["payload"])).runs(bases) == case.runs


def test_the_vectors_are_all_there_is() -> None:
    assert [one["name"] for one in json.loads(VECTORS.read_text())] == NAMES


def test_the_dictionary_is_the_one_that_the_protocol_names() -> None:
    digest = hashlib.sha256(content_dictionary.DICTIONARY).hexdigest()
    assert digest == content_dictionary.SHA256
    text = (training.MODULE.parent / "PROTOCOL.md").read_text()
    assert f"Dictionary {LAYOUT}: SHA-256 `{digest}`" in text


def test_training_twice_gives_the_same_bytes() -> None:
    some = [list(islice(training.samples(3), 400)) for _ in range(2)]
    assert some[0] == some[1]
    first, second = (zstd.train_dict(samples, 4096).dict_content for samples in some)
    assert first == second
    assert training.module(first) == training.module(second)


def test_person_documents_are_named_once_a_frame() -> None:
    """A link names another document of the frame by its place, not by 24 letters."""
    entangled = next(case for case in CASES if case.name.startswith("many"))
    _, plain = lay_out(entangled.runs)
    assert plain.count(document(2, DocumentKind.PERSON)) == 1
    assert plain.count(bytes.fromhex("9e" * 16)) == 1
