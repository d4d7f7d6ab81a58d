"""Nodes that hold the same lanes are equal, however, whenever and in whatever pieces they came."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from automerge.core import ROOT, Document
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.clock import Stamp
from conflict.document import merge
from conflict.identity import DocumentId, DocumentKind, StatementId, statement_id
from conflict.lane import LaneRun, check_run
from conflict.signature import VerifyingKey, lane_message
from conflict.statement import Draft, root_key
from node.workers import open_document
from storage.memory import MemoryStore
from tests.conflict.conflict_lab import LabAuthor
from tests.conflict.conflict_values import SLOTS, Draw, values
from tests.node.node_lab import assert_shown_is_the_fold, document

_SLOTS = st.sampled_from(("triage", "allergy", "blood_type", "vitals", *SLOTS))
_PLACES = st.lists(st.integers(0, 15), max_size=2)
_FEW = st.integers(0, 14)
DOCUMENTS = (document(1), document(2, DocumentKind.PERSON), document(3))


@st.composite
def fleets(draw: st.DrawFn) -> list[LabAuthor]:
    """Two to five authors who wrote in a few documents, each naming some of what was there."""
    authors = [LabAuthor(number) for number in range(draw(st.integers(2, 5)))]
    ids: dict[DocumentId, list[StatementId]] = {one: [] for one in DOCUMENTS}
    for step in range(draw(st.integers(2, 16))):
        author = authors[draw(_FEW) % len(authors)]
        at = DOCUMENTS[draw(_FEW) % len(DOCUMENTS)]
        drafts = [_draft(draw, ids[at]) for _ in range(1 + step % 2)]
        written = author.write(at, *drafts, rec=Stamp(draw(_FEW), step))
        ids[at] += [statement_id(author.actor, entry.number) for entry in written.entries]
    return authors


def _draft(draw: Draw, known: Sequence[StatementId]) -> Draft:
    name = draw(_SLOTS)
    places = draw(_PLACES) if known else []
    supersedes = tuple(dict.fromkeys(known[place % len(known)] for place in places))
    void = "wrong casualty" if supersedes and not places[0] % 4 else None
    value = None if void else draw(values(name))
    return Draft(slot=name, value=value, by="T", supersedes=supersedes, void=void)


def pieces(authors: Sequence[LabAuthor], rng: random.Random) -> list[LaneRun]:
    """Every lane cut at random, with overlaps, some twice, some not signed; in random order."""
    found: list[LaneRun] = []
    for author in authors:
        for at, written in author.written.items():
            length, start = len(written), 1
            while start <= length:
                last = rng.randint(start, length)
                run = author.run(at, rng.randint(1, start), last)
                found += [run] * rng.choice((1, 1, 2))
                found += [replace(run, signature=None)] * rng.choice((0, 0, 1))
                start = last + 1
    rng.shuffle(found)
    return found


def whole(authors: Sequence[LabAuthor], rng: random.Random) -> list[LaneRun]:
    """Every lane in one run: what repair sends at the end."""
    found = [author.run(at) for author in authors for at in author.written]
    rng.shuffle(found)
    return found


def deliver(store: MemoryStore, runs: Sequence[LaneRun], rng: random.Random) -> None:
    """Hold runs in transactions of any size, opening documents at any time in between."""
    todo = list(runs)
    while todo:
        size = rng.randint(1, 4)
        now, todo = todo[:size], todo[size:]
        for run in now:
            check_run(run)
        with store.write() as transaction:
            applied = transaction.hold(now, None, 1)
        assert not applied.set_aside
        if rng.random() < 0.5:
            show(store, rng.randint(1, 3))


def show(store: MemoryStore, limit: int) -> None:
    """What the projector does with one batch of work, inline."""
    for work in store.work(limit):
        opened = open_document(work)
        with store.write() as transaction:
            for lane in opened.lanes:
                assert not lane.code, lane.detail
                transaction.save_admission(work.document, lane.actor, lane.length, lane.entries)
            assert opened.row is not None
            transaction.save_projection(opened.row)
            transaction.mark_clean(work.document)


@given(fleets(), st.integers(2, 5), st.integers(0, 1 << 32))
@settings(deadline=None, max_examples=60)
def test_any_order_grouping_and_duplication_over_2_to_5_nodes_gives_equal_digests_and_equal_projections(
    authors: list[LabAuthor], nodes: int, seed: int
) -> None:
    rng = random.Random(seed)
    stores = [MemoryStore(rng.randbytes(16)) for _ in range(nodes)]
    for store in stores:
        deliver(store, pieces(authors, rng), rng)
        deliver(store, whole(authors, rng), rng)
        while store.dirty_documents():
            show(store, 10)
    first, *rest = stores
    written = sorted({at for author in authors for at in author.written})
    assert [one.document for one in first.listing(None, 10)] == written
    for store in rest:
        assert store.summary() == first.summary()
        assert store.listing(None, 10) == first.listing(None, 10)
        assert store.vectors(written) == first.vectors(written)
        for at in written:
            assert store.projection(at) == first.projection(at)
            assert store.entries(at) == first.entries(at)
    assert_shown_is_the_fold(first, *written)
    for at in written:
        assert_no_key_has_two_writers(first, authors, at)


def assert_no_key_has_two_writers(
    store: MemoryStore, authors: Sequence[LabAuthor], at: DocumentId
) -> None:
    """The Automerge document of all lanes has one put for each statement, by its own actor."""
    runs, _ = store.runs(at, {}, 1 << 24)
    keys = {VerifyingKey(author.key.public).node: author.key for author in authors}
    for run in runs:
        assert run.signature is not None
        assert VerifyingKey(keys[run.author].public).verifies(lane_message(run), run.signature)
    lanes = [author.raws(at) for author in authors if at in author.written]
    assert sorted(chunk for run in runs for chunk in run.changes) == sorted(chain(*lanes))
    merged = Document.load(merge(lanes))
    shown = zip(merged.keys(ROOT), merged.values(ROOT), strict=True)
    entries = {
        root_key(entry.slot, actor, entry.number): entry.text
        for actor, found in store.entries(at).items()
        for entry in found
    }
    assert {key: value[1] for key, (value, _) in shown} == entries
    changes = merged.get_changes([])
    assert sum(map(len, changes)) == len(entries)
    assert all(not change.other_actor_ids and len(change.deps) < 2 for change in changes)
    for key in entries:
        assert key.partition("/")[2].partition(".")[0] in {one.actor.hex() for one in authors}
