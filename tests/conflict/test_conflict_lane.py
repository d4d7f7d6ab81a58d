"""Lanes: every rule has its code, at the header check or behind the glass, and honest lanes pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from automerge.core import ROOT, Document, ScalarType, Transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict import limits
from conflict.clock import Stamp
from conflict.document import LaneWriter, admit, merge, opened, retold
from conflict.errors import BadStatement, LaneFull, LaneRefused
from conflict.identity import ActorId, Lane, StatementId
from conflict.lane import LaneRun, check_run
from conflict.statement import Draft, check_text
from tests.conflict import conflict_lab as lab
from tests.conflict.conflict_lab import EPISODE, TEXT, LabAuthor, vitals_lane
from tests.conflict.conflict_values import any_json
from tests.conflict.glass import admit_behind_glass, same_with_automerge

ME, OTHER = LabAuthor(1), LabAuthor(2)
LANE = vitals_lane(ME, 5)
OTHERS_LANE = vitals_lane(OTHER, 3)
RUN = ME.run(EPISODE)


def refused_run(run: LaneRun) -> str:
    with pytest.raises(LaneRefused) as caught:
        check_run(run)
    return caught.value.code


def refused(raws: Sequence[bytes], actor: ActorId = ME.actor, known: int = 0) -> str:
    with pytest.raises(LaneRefused) as caught:
        admit_behind_glass(actor, raws, known)
    return caught.value.code


def run_of(raws: Sequence[bytes], first: int = 1) -> LaneRun:
    return ME.signed(EPISODE, first, raws, lab.hash_of(raws[-1]))


# Honest lanes -------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 5))
@settings(deadline=None)
def test_every_cut_of_an_honest_lane_passes(one: int, two: int) -> None:
    first, last = min(one, two), max(one, two)
    checked = check_run(ME.run(EPISODE, first, last))
    assert checked.hashes == tuple(map(lab.hash_of, LANE[first - 1 : last]))
    assert checked.dependency == (lab.hash_of(LANE[first - 2]) if first > 1 else None)


def test_an_honest_lane_is_admitted_with_all_its_statements_in_order() -> None:
    admitted = admit(ME.actor, LANE)
    assert admitted.head == RUN.head
    assert [entry.number for entry in admitted.entries] == [1, 2, 3, 4, 5]
    assert [check_text(entry.text)["value"]["pulse"] for entry in admitted.entries] == [
        60,
        61,
        62,
        63,
        64,
    ]
    assert admitted.entries == tuple(one for w in ME.written[EPISODE] for one in w.entries)


@pytest.mark.parametrize("sizes", [[1], [3], [2, 9, 1], [64, 64], [130]])
def test_saves_of_any_size_count_on(sizes: list[int]) -> None:
    writer = LaneWriter(ME.actor)
    raws = [
        writer.write(
            [(Draft(slot="note", value={"text": f"{n}"}), Stamp(1, n)) for n in range(size)]
        )
        for size in sizes
    ]
    admitted = admit(ME.actor, [one.raw for one in raws])
    assert [one.number for one in admitted.entries] == list(range(1, sum(sizes) + 1))


def test_a_lane_resumed_from_its_changes_goes_on_where_it_was() -> None:
    writer = LaneWriter(ME.actor, LANE)
    more = writer.write([(Draft(slot="vitals", value={"pulse": 99}), Stamp(2, 0))])
    assert [entry.number for entry in more.entries] == [6]
    assert len(admit(ME.actor, [*LANE, more.raw]).entries) == 6


def test_512_changes_are_the_most_of_a_lane() -> None:
    writer = LaneWriter(ME.actor)
    save = [(Draft(slot="note"), Stamp(1, 0))]
    raws = [writer.write(save).raw for _ in range(limits.LANE_CHANGES_MAX)]
    with pytest.raises(LaneFull):
        writer.write(save)
    check_run(run_of(raws))
    assert len(admit(ME.actor, raws).entries) == limits.LANE_CHANGES_MAX
    assert refused([*raws, raws[-1]]) == "lane-too-long"
    assert refused_run(run_of([*raws, raws[-1]])) == "lane-too-long"
    assert refused_run(replace(RUN, first_seq=510)) == "lane-too-long"


@pytest.mark.parametrize(
    ("drafts", "words"),
    [
        ([], "at least one"),
        ([Draft(slot="note", value="x" * 16_384)], "over 16384"),
        ([Draft(slot="note", value="x" * 16_000)] * 5, "65536"),
    ],
)
def test_a_save_that_cannot_be_written_leaves_the_lane_as_it_was(
    drafts: list[Draft], words: str
) -> None:
    writer = LaneWriter(ME.actor, LANE)
    with pytest.raises(BadStatement, match=words):
        writer.write([(draft, Stamp(1, 0)) for draft in drafts])
    good = writer.write([(Draft(slot="note"), Stamp(1, 0))])
    assert admit(ME.actor, [*LANE, good.raw]).entries[-1].number == 6


# The header check of a run ------------------------------------------------------------------

FOREIGN_DEPENDENCY = lab.automerge_changes(
    Document.load(b"".join([*LANE, *OTHERS_LANE])),
    lambda t: t.put(ROOT, lab.key_of(ME.actor, 6), ScalarType.Str, TEXT),
)[0]


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (replace(RUN, author=OTHER.node), "actor-not-authors"),
        (replace(RUN, nonce=OTHER.nonce), "actor-not-authors"),
        (replace(RUN, nonce=b"short"), "actor-not-authors"),
        (replace(RUN, lane=Lane(EPISODE, OTHER.actor)), "actor-not-authors"),
        (replace(RUN, changes=()), "empty-run"),
        (replace(RUN, first_seq=0), "empty-run"),
        (replace(RUN, head=bytes(32)), "wrong-head"),
        (run_of(OTHERS_LANE), "wrong-actor"),
        (run_of([*LANE[:2], OTHERS_LANE[2]]), "wrong-actor"),
        (run_of(LANE, first=2), "sequence-gap"),
        (run_of([LANE[0], LANE[2]]), "sequence-gap"),
        (run_of(LANE[::-1]), "sequence-gap"),
        (run_of([LANE[0], LANE[0]]), "sequence-gap"),
        (run_of([lab.SEQ_ZERO]), "hollow-operations"),
        (run_of([lab.forge(ME.actor, lab.runs_of_puts("a", 1), seq=0)]), "sequence-gap"),
        (
            run_of([lab.forge(ME.actor, lab.runs_of_puts("a", 1), dependencies=[bytes(32)])]),
            "broken-chain",
        ),
        (run_of([lab.forge(ME.actor, lab.runs_of_puts("a", 1), seq=2)], first=2), "broken-chain"),
        (
            run_of(
                [LANE[0], lab.forge(ME.actor, lab.runs_of_puts("a", 1), 2, 2, [bytes(32)])],
            ),
            "broken-chain",
        ),
        (run_of([*LANE, FOREIGN_DEPENDENCY]), "foreign-dependency"),
    ],
)
def test_a_run_that_breaks_a_rule_is_refused_with_its_code(run: LaneRun, code: str) -> None:
    assert refused_run(run) == code


def test_a_change_that_automerge_made_over_two_lanes_is_refused() -> None:
    """Real multi-actor history: the merged document of both lanes, written on by each author."""
    merged = Document.load(b"".join([*LANE, *OTHERS_LANE]))
    merged.set_actor(ME.actor)
    theirs = lab.key_of(OTHER.actor, 1, "vitals")
    two_heads, overwrite = lab.automerge_changes(
        merged,
        lambda t: t.put(ROOT, lab.key_of(ME.actor, 6), ScalarType.Str, TEXT),
        lambda t: t.put(ROOT, theirs, ScalarType.Str, TEXT),
    )
    assert refused_run(run_of([*LANE, two_heads])) == "foreign-dependency"
    assert refused([*LANE, two_heads]) == "foreign-dependency"
    assert refused_run(run_of([overwrite], first=7)) == "names-another-actor"
    assert refused([*LANE, two_heads, overwrite]) == "foreign-dependency"


def test_a_lane_that_stands_on_anothers_lane_is_refused() -> None:
    document = Document.load(b"".join(OTHERS_LANE))
    document.set_actor(ME.actor)
    (raw,) = lab.automerge_changes(
        document, lambda t: t.put(ROOT, lab.key_of(ME.actor, 1), ScalarType.Str, TEXT)
    )
    assert refused_run(run_of([raw])) == "broken-chain"
    assert refused([raw]) == "broken-chain"


# Behind the glass ---------------------------------------------------------------------------

Edit = Callable[[Transaction], object]


def put(key: str, value: object = TEXT, kind: ScalarType = ScalarType.Str) -> Edit:
    return lambda transaction: transaction.put(ROOT, key, kind, value)  # type: ignore[arg-type]


MINE = lab.key_of(ME.actor, 1)


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (put(lab.key_of(OTHER.actor, 1)), "another-actors-key"),
        (put(f"note/{ME.actor.hex()}.01"), "another-actors-key"),
        (put(f"note/{ME.actor.hex().upper()}.1"), "another-actors-key"),
        (put(f"note/x/{ME.actor.hex()}.1"), "another-actors-key"),
        (put("note"), "bad-key"),
        (put(f"{ME.actor.hex()}.1"), "bad-key"),
        (put(f"/{ME.actor.hex()}.1"), "bad-key"),
        (put(f"note/{ME.actor.hex()}"), "bad-key"),
        (put(f"note/{ME.actor.hex()}.-1"), "bad-key"),
        (put(f"note/{ME.actor.hex()}.١"), "bad-key"),
        (put(f"note/{ME.actor.hex()}.{'1' * 10}"), "bad-key"),
        (put(lab.key_of(ME.actor, 1, "x" * 65)), "bad-key"),
        (put(lab.key_of(ME.actor, 1, "é" * 33)), "bad-key"),
        (put(lab.key_of(ME.actor, 2)), "bad-number"),
        (put(lab.key_of(ME.actor, 0)), "bad-number"),
        (put(MINE, 1, ScalarType.Int), "not-a-string"),
        (put(MINE, 1, ScalarType.Uint), "not-a-string"),
        (put(MINE, 1.5, ScalarType.F64), "not-a-string"),
        (put(MINE, True, ScalarType.Boolean), "not-a-string"),
        (put(MINE, None, ScalarType.Null), "not-a-string"),
        (put(MINE, b"{}", ScalarType.Bytes), "not-a-string"),
        (put(MINE, "{"), "bad-statement"),
        (put(MINE, '{"value":1.5}'), "bad-statement"),
        (put(MINE, '{ "value":1}'), "bad-statement"),
        (put(MINE, '{"value":"' + "x" * 16_384 + '"}'), "bad-statement"),
    ],
)
def test_a_root_key_or_value_outside_the_record_is_refused(edit: Edit, code: str) -> None:
    raws = lab.automerge_changes(Document(actor_id=ME.actor), edit)
    check_run(run_of(raws))
    assert refused(raws) == code


def test_two_statements_of_one_number_are_refused() -> None:
    raws = lab.automerge_changes(
        Document(actor_id=ME.actor),
        lambda t: (put(MINE)(t), put(lab.key_of(ME.actor, 1, "vitals"))(t)),
    )
    assert refused(raws) == "bad-number"


def value_column(kind: int, data: bytes) -> lab.Columns:
    meta = (lab.VALUE_META, lab.sleb(-1) + lab.uleb(len(data) << 4 | kind))
    parts = dict(lab.runs_of_puts(MINE, 1)) | dict([meta, (lab.VALUE, data)])
    return sorted(parts.items())


@pytest.mark.parametrize("kind", range(16))
@pytest.mark.parametrize("data", [b"", b"\x05", b"\x80\x00", b"\xff" * 9])
def test_a_value_of_any_other_type_is_refused(kind: int, data: bytes) -> None:
    """Counters and types that Automerge itself cannot read yet are among them."""
    raw = lab.forge(ME.actor, value_column(kind, data))
    code = refused([raw])
    assert code in {"unreadable", "not-a-string", "head-changed", "bad-statement"}


def test_a_forged_put_of_a_statement_is_what_automerge_would_write() -> None:
    honest = lab.automerge_changes(Document(actor_id=ME.actor), put(MINE))
    assert lab.forge(ME.actor, value_column(6, TEXT.encode())) == honest[0]
    assert admit(ME.actor, honest).entries[0].text == TEXT


@pytest.mark.parametrize("count", [2, 7])
def test_a_key_put_again_in_one_change_is_refused(count: int) -> None:
    meta = (lab.VALUE_META, lab.sleb(count) + lab.uleb(len(TEXT) << 4 | 6))
    again = dict(lab.runs_of_puts(MINE, count)) | dict([meta, (lab.VALUE, TEXT.encode() * count)])
    assert refused([lab.forge(ME.actor, sorted(again.items()))]) == "rewrites-a-key"


def test_a_key_put_again_without_naming_the_first_put_is_refused() -> None:
    first = lab.forge(ME.actor, value_column(6, TEXT.encode()))
    again = lab.forge(ME.actor, value_column(6, TEXT.encode()), 2, 2, [lab.hash_of(first)])
    assert refused([first, again]) == "rewrites-a-key"


OTHER_FORMS = [
    (lab.KEY, lambda data: b"\x01" + data[1:]),
    (lab.INSERT, lambda data: b"\x00\x00" + data),
    (lab.INSERT, lambda data: data + b"\x00"),
    (lab.INSERT, lambda _: b""),
    (lab.VALUE_META, lambda data: b"\x01" + data[1:]),
    (lab.VALUE_META, lambda data: data[:-1] + bytes([data[-1] | 0x80, 0])),
    (lab.VALUE, lambda data: data + b"\x00"),
    (lab.PREDECESSORS, lambda _: b"\x01\x00"),
    (lab.PREDECESSORS, lambda _: b"\x00\x01"),
    (lab.PREDECESSORS, lambda _: b""),
]


@pytest.mark.parametrize("place", range(len(OTHER_FORMS)))
def test_one_content_has_one_encoding(place: int) -> None:
    """What loads but would be saved in other bytes has another hash then: it is refused."""
    column, bend = OTHER_FORMS[place]
    parts = dict(value_column(6, TEXT.encode()))
    assert admit(ME.actor, [lab.forge(ME.actor, sorted(parts.items()))])
    parts[column] = bend(parts[column])
    assert refused([lab.forge(ME.actor, sorted(parts.items()))]) in {"unreadable", "head-changed"}


def test_insertions_are_refused() -> None:
    raw = lab.forge(ME.actor, lab.runs_of_puts(MINE, 1, insert=True))
    assert refused([raw]) == "bad-key"  # Automerge takes it for a list element of the root


@pytest.mark.parametrize(
    ("raws", "code"),
    [
        ([], "empty-run"),
        ([LANE[1]], "broken-chain"),
        ([LANE[0], LANE[2]], "broken-chain"),
        ([LANE[0], LANE[0]], "broken-chain"),
        (LANE[::-1], "broken-chain"),
        (OTHERS_LANE, "wrong-actor"),
        ([*LANE, OTHERS_LANE[0]], "wrong-actor"),
        ([lab.forge(ME.actor, value_column(6, TEXT.encode()), seq=0)], "broken-chain"),
        (
            [LANE[0], lab.forge(ME.actor, value_column(6, b""), 2, 1, [lab.hash_of(LANE[0])])],
            "bad-start-op",
        ),
    ],
)
def test_a_chain_is_checked_again_behind_the_glass(raws: list[bytes], code: str) -> None:
    assert refused(raws) == code


def test_statements_admitted_before_must_still_be_there() -> None:
    assert admit(ME.actor, LANE, known=5)
    assert refused(LANE, known=6) == "earlier-changed"


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_a_mended_lane_opens_whole_or_not_at_all(data: st.DataObject) -> None:
    """Bytes of statements changed and chained again: other content, or a refusal with a code."""
    body = bytearray(LANE[0][11:])
    text = bytes(body).index(b'{"by"')
    place = data.draw(st.integers(text, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))
    raw = lab.chunk(bytes(body))
    assert same_with_automerge(ME.actor, [raw])
    try:
        admitted = admit_behind_glass(ME.actor, [raw])
    except LaneRefused:
        return
    assert admitted.head == lab.hash_of(raw)
    assert [entry.number for entry in admitted.entries] == [1]
    assert check_text(admitted.entries[0].text)


# Lanes that need no opening -----------------------------------------------------------------

SAYS = st.builds(
    Draft,
    slot=st.sampled_from(["vitals", "note", "x", "é" * 32, "a b", "mechanism-of-" + "i" * 30]),
    value=any_json,
    by=st.text(max_size=900),
)


@given(st.lists(st.lists(SAYS, min_size=1, max_size=70), min_size=1, max_size=6))
@settings(deadline=None, max_examples=120)
def test_what_our_writer_makes_is_read_without_automerge_as_automerge_reads_it(
    saves: list[list[Draft]],
) -> None:
    writer = LaneWriter(ME.actor)
    raws = [writer.write([(one, Stamp(7, 3)) for one in save]).raw for save in saves]
    assert retold(ME.actor, raws) == opened(ME.actor, raws)


def test_texts_of_every_length_are_read_as_automerge_reads_them() -> None:
    """The lengths at which a number takes one byte more, alone and beside others."""
    sizes = [*range(1, 40), *range(90, 140), *range(950, 1050), 2000, 8100, 8200, 16_300]
    for beside in (0, 1):
        writer = LaneWriter(ME.actor)
        drafts = [[Draft(slot="note", value="x" * size)] * (1 + beside) for size in sizes]
        raws = [writer.write([(one, Stamp(1, 0)) for one in save]).raw for save in drafts]
        assert retold(ME.actor, raws) == opened(ME.actor, raws)


@pytest.mark.parametrize(
    "raws",
    [
        [],
        LANE[1:],
        OTHERS_LANE,
        [LANE[0], LANE[0]],
        [LANE[0], LANE[2]],
        [LANE[0][:-1]],
        lab.automerge_changes(Document(actor_id=ME.actor), put(MINE, '{"value":1.5}')),
        lab.automerge_changes(Document(actor_id=ME.actor), put(lab.key_of(ME.actor, 2))),
        lab.automerge_changes(Document(actor_id=ME.actor), put(f"/{ME.actor.hex()}.1")),
        lab.automerge_changes(Document(actor_id=ME.actor), put(lab.key_of(ME.actor, 1, "x" * 65))),
        *([raw] for raw in lab.REPRODUCERS.values()),
    ],
)
def test_what_no_writer_of_ours_makes_is_left_to_automerge(raws: list[bytes]) -> None:
    assert retold(ME.actor, raws) is None
    assert same_with_automerge(ME.actor, raws)


# The document of its lanes -------------------------------------------------------------------


def test_the_document_of_lanes_opens_with_automerge_and_no_key_has_two_writers() -> None:
    document = Document.load(merge([LANE, OTHERS_LANE]))
    entries = [
        (f"{one.slot}/{author.actor.hex()}.{one.number}", one.text)
        for author in (ME, OTHER)
        for written in author.written[EPISODE]
        for one in written.entries
    ]
    shown = zip(document.keys(ROOT), document.values(ROOT), strict=True)
    assert sorted((key, value[1]) for key, (value, _) in shown) == sorted(entries)
    assert sorted(document.get_heads()) == sorted([RUN.head, OTHER.run(EPISODE).head])
    other_way = Document.load(merge([OTHERS_LANE, LANE]))
    assert other_way.keys(ROOT) == document.keys(ROOT)
    assert sorted(other_way.get_heads()) == sorted(document.get_heads())


def test_a_statements_id_says_which_lane_holds_it() -> None:
    entry = admit(ME.actor, LANE).entries[2]
    assert StatementId(f"{ME.actor.hex()}.{entry.number}").startswith(RUN.lane.actor.hex())
