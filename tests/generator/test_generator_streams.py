"""Benchmark charts have one exact size; ongoing care goes on without end."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from conflict.clinical_time import instants
from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.fold import fold
from conflict.identity import ActorId, DocumentKind, document_kind
from conflict.slot import CATALOGUE
from node.sim import bench_charts, casualties, stream

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ACTOR = ActorId(bytes(16))


def test_a_bench_chart_is_25_fields_in_10_statements_then_10_events() -> None:
    for document, (create, *events) in bench_charts(3, 300):
        assert document_kind(document) is DocumentKind.EPISODE
        assert len(create) == 10
        assert sum(len(draft.value) for draft in create) == 25
        assert [len(event) for event in events] == [1] * 10
        kinds = Counter(event[0].slot for event in events)
        assert set(kinds) == {"vitals", "medication_given", "fluid", "note"}


def test_bench_drafts_pass_the_check_and_fold_without_finding() -> None:
    for document, saves in bench_charts(3, 50):
        writer, entries = LaneWriter(ACTOR), []
        for save in saves:
            for draft in save:
                CATALOGUE[draft.slot].check(draft)
            entries += writer.write([(draft, Stamp(1, 0)) for draft in save]).entries
        folded = fold(document, {ACTOR: entries})
        assert (len(entries), folded.findings, folded.unknown) == (20, (), ())


def test_bench_charts_vary_and_do_not_depend_on_their_count() -> None:
    charts = list(bench_charts(3, 100))
    assert list(bench_charts(3, 4)) == charts[:4]
    assert len({document for document, _ in charts}) == 100
    events = {repr([draft.value for (draft,) in saves[1:]]) for _, saves in charts}
    assert len(events) == 100


def test_a_stream_goes_on_in_order_after_its_start() -> None:
    for one in casualties(4, 30, START):
        saves = list(islice(stream(9, one, EVENING), 200))
        assert len(saves) == 200
        moments = [instants(save.drafts[0].at or "").earliest for save in saves]
        assert all(early < late for early, late in pairwise((EVENING, *moments)))
        assert {save.document for save in saves} == {one.episode}
        for save in saves:
            for draft in save.drafts:
                CATALOGUE[draft.slot].check(draft)


def test_a_stream_holds_vitals_doses_reassessments_and_changes_of_shift() -> None:
    for one in casualties(4, 30, START):
        drafts = [draft for save in islice(stream(9, one, EVENING), 60) for draft in save.drafts]
        assert {draft.slot for draft in drafts} >= {"vitals", "medication_given", "note"}
        assert len({draft.by for draft in drafts}) > 3


def test_doses_of_a_stream_do_not_look_like_duplicates() -> None:
    for one in casualties(4, 30, START):
        drafts = [draft for save in islice(stream(9, one, EVENING), 99) for draft in save.drafts]
        doses = [
            instants(one.at or "").earliest for one in drafts if one.slot == "medication_given"
        ]
        assert all(late - early >= timedelta(minutes=24) for early, late in pairwise(doses))


def test_a_stream_is_the_same_again_and_another_with_another_seed() -> None:
    one = next(casualties(4, 1, START))
    first = list(islice(stream(9, one, EVENING), 20))
    assert list(islice(stream(9, one, EVENING), 20)) == first
    assert list(islice(stream(10, one, EVENING), 20)) != first
