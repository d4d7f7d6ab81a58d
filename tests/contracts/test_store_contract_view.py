"""Views: a reader of scopes knows the documents that both nodes may hold, and no other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conflict.identity import DocumentId, DocumentKind, new_document
from conflict.lane import ShortState, set_item
from conflict.scope import scope_id
from storage import ProjectionRow, Store
from sync.limits import SKETCH_CELLS_KEPT
from sync.ports import Listed, Summary, View
from sync.sketch import SECRET_BYTES, Sketch, SketchKey
from tests.contracts.conftest import MakePlace, Place
from tests.contracts.store_samples import HOLDER, NOW_MS, document, hold, receipt, sample_lane

X, Y = scope_id("bas-2"), scope_id("ROLE2-A")
SALT = bytes(range(50, 66))
EPISODE, PERSON = DocumentKind.EPISODE, DocumentKind.PERSON
ALERTS = new_document(DocumentKind.THEATRE, b"alerts of today")


def shown(
    document: DocumentId,
    *,
    members: Sequence[DocumentId] = (),
    links: Sequence[DocumentId] = (),
    blobs: Sequence[tuple[bytes, int]] = (),
) -> ProjectionRow:
    return ProjectionRow(document, "", 0, b"{}", tuple(links), tuple(blobs), tuple(members))


def show(store: Store, *rows: ProjectionRow) -> None:
    with store.write() as transaction:
        for row in rows:
            transaction.save_projection(row)


def summary_of(listed: Sequence[Listed]) -> Summary:
    total = sum(set_item(*one) for one in listed) % (1 << 64)
    return Summary(len(listed), total.to_bytes(8, "big"))


def assert_view_is(store: Store, scopes: frozenset[DocumentId], expected: set[DocumentId]) -> None:
    """Everything that is counted or listed for these scopes is of these documents."""
    reader = store.shared(View(scopes))
    listed = [one for one in store.listing(None, 1000) if one.document in expected]
    assert {one.document for one in listed} == expected
    assert reader.listing(None, 1000) == listed
    assert reader.listing_between(None, None) == listed
    assert reader.summary() == summary_of(listed)
    for size in (8, SKETCH_CELLS_KEPT, SKETCH_CELLS_KEPT + 8):
        key = SketchKey(bytes(SECRET_BYTES))
        anew = Sketch(key, size)
        for one in listed:
            anew.add(key.symbol(*one))
        assert reader.sketch(size).cells() == anew.cells()
    symbols = [store.sketch(1).key.symbol(*one) for one in store.listing(None, 1000)]
    assert set(reader.named(symbols).values()) == expected
    assert set(reader.salted_sketch(SALT, 8)[1].values()) == expected
    assert {lane.document for lane, _ in reader.news(0, 1000) or ()} == expected


def test_a_view_counts_what_units_say_belongs_and_nothing_else(place: Place) -> None:
    store = place.store
    here, there, nobodys = document(1), document(2), document(3)
    for seed, each in enumerate((here, there, nobodys, X, Y, ALERTS)):
        hold(store, sample_lane(seed, each, 2).whole())
    show(store, shown(X, members=[here]), shown(Y, members=[there, here]))
    assert_view_is(store, frozenset((X,)), {here, X, ALERTS})
    assert_view_is(store, frozenset((Y,)), {here, there, Y, ALERTS})
    assert_view_is(store, frozenset((X, Y)), {here, there, X, Y, ALERTS})
    assert_view_is(store, frozenset(), {ALERTS})
    assert store.shared(None).summary() == store.summary()
    assert store.scopes([here, nobodys, X]) == {here: {X, Y}, X: {X}}
    assert store.check() == []
    store = place.reopen()
    assert_view_is(store, frozenset((Y,)), {here, there, Y, ALERTS})


def test_a_document_that_comes_after_it_was_named_is_counted_at_once(store: Store) -> None:
    late = document(4)
    hold(store, sample_lane(1, X, 1).whole())
    show(store, shown(X, members=[late]))
    hold(store, sample_lane(2, late, 3).cut(1, 1))
    assert_view_is(store, frozenset((X,)), {X, late})
    hold(store, sample_lane(2, late, 3).cut(2, 3))
    assert_view_is(store, frozenset((X,)), {X, late})
    assert store.check() == []


def test_leaving_moves_a_document_out_of_the_view(store: Store) -> None:
    one = document(5)
    hold(store, sample_lane(1, X, 1).whole(), sample_lane(2, one, 1).whole())
    show(store, shown(X, members=[one]))
    show(store, shown(X))
    assert_view_is(store, frozenset((X,)), {X})
    assert store.check() == []


def test_persons_follow_the_episodes_that_name_them(store: Store) -> None:
    episode, person = document(6), document(7, PERSON)
    other = document(8, PERSON)
    for seed, each in enumerate((X, episode, person, other)):
        hold(store, sample_lane(seed, each, 1).whole())
    show(store, shown(episode, links=[person]), shown(person, links=[other]))
    show(store, shown(X, members=[episode]))
    assert_view_is(store, frozenset((X,)), {X, episode, person})
    show(store, shown(episode, links=[other]))
    assert_view_is(store, frozenset((X,)), {X, episode, other})
    show(store, shown(X))
    assert_view_is(store, frozenset((X,)), {X})
    assert store.check() == []


def test_a_view_gives_no_content_of_another_document_but_its_own_nodes_lanes(store: Store) -> None:
    seen, hidden = document(9), document(10)
    mine, theirs = sample_lane(1, hidden, 2), sample_lane(2, hidden, 2)
    shared = sample_lane(3, seen, 2)
    hold(store, sample_lane(4, X, 1).whole(), mine.whole(), theirs.whole(), shared.whole())
    show(store, shown(X, members=[seen]))
    asked = [(one.lane, ShortState(0, b"")) for one in (mine, theirs, shared)]
    outside = store.shared(View(frozenset((X,))))
    assert outside.reach(asked, 1 << 20).runs == (shared.whole(),)
    assert outside.lacking([(hidden, {}), (seen, {})], 0)[0][0].lane == shared.lane
    assert len(outside.lacking([(hidden, {}), (seen, {})], 0)[0]) == 1
    assert outside.runs(hidden, {}, 1 << 20) == ([], False)
    assert outside.runs_from(theirs.lane, 1, 1 << 20) == []
    assert outside.owed(10) == []
    upward = store.shared(View(frozenset((X,)), mine.key.node))
    assert upward.reach(asked, 1 << 20).runs == (mine.whole(), shared.whole())
    assert upward.owed(10) == [mine.lane]
    assert upward.runs_from(mine.lane, 1, 1 << 20) == [mine.whole()]


def test_of_a_document_of_another_scope_not_even_the_vector_is_told(store: Store) -> None:
    hidden, unclaimed = document(11), document(12)
    for seed, each in enumerate((X, Y, hidden, unclaimed)):
        hold(store, sample_lane(seed, each, 1).whole())
    show(store, shown(X), shown(Y, members=[hidden]))
    vectors = store.shared(View(frozenset((X,)))).vectors([hidden, unclaimed])
    assert vectors[hidden] == {}
    assert vectors[unclaimed]  # a unit that claims it may only not have been read yet


def test_a_blob_is_wanted_and_given_only_for_a_document_of_the_view(store: Store) -> None:
    seen, hidden = document(13), document(14)
    hold(store, *(sample_lane(n, one, 1).whole() for n, one in enumerate((X, seen, hidden))))
    public, secret = b"a scan", b"another"
    names = {data: hashlib.sha256(data).digest() for data in (public, secret)}
    show(
        store,
        shown(X, members=[seen]),
        shown(seen, blobs=[(names[public], 6)]),
        shown(hidden, blobs=[(names[secret], 7)]),
    )
    reader = store.shared(View(frozenset((X,))))
    assert [one.hash for one in reader.blobs_wanted(10)] == [names[public]]
    with store.write() as transaction:
        for data in names:
            transaction.put_blob(data)
    assert reader.blob_part(names[public], 0, 100) == (public, 6)
    assert reader.blob_part(names[secret], 0, 100) is None
    assert store.blobs_named([seen, hidden]) == sorted(names.values())
    assert reader.blobs_named([seen, hidden]) == [names[public]]


def test_lanes_that_no_garrison_is_known_to_hold_are_owed_until_one_does(store: Store) -> None:
    lane = sample_lane(1, document(15), 2)
    hold(store, lane.whole())
    store.trust([HOLDER])
    reader = store.shared(View(frozenset((X,)), lane.key.node))
    assert reader.owed(10) == [lane.lane]
    with store.write() as transaction:
        transaction.save_receipts(HOLDER, bytes(range(16)), [receipt(lane, 2)], NOW_MS)
    assert reader.owed(10) == []


def test_a_rebuild_counts_members_when_their_units_are_shown_again(store: Store) -> None:
    one = document(16)
    hold(store, sample_lane(1, X, 1).whole(), sample_lane(2, one, 1).whole())
    show(store, shown(X, members=[one]))
    store.rebuild()
    assert_view_is(store, frozenset((X,)), {X})
    show(store, shown(X, members=[one]))
    assert_view_is(store, frozenset((X,)), {X, one})
    store.sketch_with(bytes(range(SECRET_BYTES)))
    assert store.shared(View(frozenset((X,)))).summary() == summary_of(
        store.shared(View(frozenset((X,)))).listing(None, 10)
    )
    assert store.check() == []


Act = tuple[str, int, int]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(("hold", "unit", "link")), st.integers(0, 5), st.integers(0, 63)),
        max_size=25,
    )
)
def test_whatever_comes_first_a_view_counts_what_is_said_now(
    new_place: MakePlace, acts: list[Act]
) -> None:
    """Against a model: which documents are held, what each unit says, what each episode names."""
    store = new_place().store
    episodes = [document(n) for n in range(3)]
    persons = [document(n, PERSON) for n in range(3)]
    every = [*episodes, *persons]
    lengths = dict.fromkeys(every, 0)
    said: dict[DocumentId, set[DocumentId]] = {X: set(), Y: set()}
    named: dict[DocumentId, set[DocumentId]] = {one: set() for one in episodes}
    hold(store, sample_lane(90, X, 1).whole(), sample_lane(91, Y, 1).whole())
    for what, which, mask in acts:
        if what == "hold":
            lengths[every[which]] += 1
            lane = sample_lane(which, every[which], 25)
            hold(store, lane.cut(lengths[every[which]], lengths[every[which]]))
        elif what == "unit":
            unit = (X, Y)[which % 2]
            said[unit] = {one for n, one in enumerate(every) if mask >> n & 1}
            show(store, shown(unit, members=sorted(said[unit])))
        else:
            episode = episodes[which % 3]
            named[episode] = {one for n, one in enumerate(persons) if mask >> n & 1}
            show(store, shown(episode, links=sorted(named[episode])))
    held = {one for one in every if lengths[one]}
    for scopes in ({X}, {Y}, {X, Y}):
        direct = set[DocumentId]().union(*(said[unit] for unit in scopes))
        follow = {person for one in direct if one in named for person in named[one]}
        assert_view_is(store, frozenset(scopes), ((direct | follow) & held) | scopes)
    assert store.check() == []
