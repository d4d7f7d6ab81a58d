"""What a scope was given of what others wrote, and who wrote first, of every store."""

from __future__ import annotations

from conflict.identity import DocumentId, DocumentKind
from conflict.scope import scope_id
from storage import Given, ProjectionRow, Store
from tests.contracts.store_samples import document, hold, sample_lane

X, Y = scope_id("BAS-2"), scope_id("ROLE2-A")
OURS, THEIRS, NOBODYS, NAMES = (document(one) for one in range(4))
PERSON, OTHER = (document(one, DocumentKind.PERSON) for one in (7, 8))
INSIDE, OUTSIDE = (sample_lane(seed, OURS, 1).key.node for seed in (1, 2))


def shown(
    store: Store, at: DocumentId, members: tuple[DocumentId, ...] = (), *links: DocumentId
) -> None:
    with store.write() as transaction:
        transaction.save_projection(ProjectionRow(at, "", 0, b"{}", links, (), members))


def filled(store: Store) -> Store:
    """X holds its own record, another's, and an episode of its own that names two persons."""
    for at, seeds in ((OURS, (1,)), (THEIRS, (2, 1)), (NOBODYS, (2,)), (NAMES, (1,))):
        for seed in seeds:
            hold(store, sample_lane(seed, at, 2).whole())
    hold(store, sample_lane(2, PERSON, 1).whole(), sample_lane(1, OTHER, 1).whole())
    hold(store, sample_lane(3, X, 1).whole(), sample_lane(3, Y, 1).whole())
    shown(store, NAMES, (), PERSON, OTHER, NOBODYS)
    shown(store, X, (OURS, THEIRS, NAMES))
    shown(store, Y, (NOBODYS,))
    return store


def test_what_others_wrote_is_named_with_what_gave_it_page_by_page(store: Store) -> None:
    filled(store)
    expected = sorted([Given(THEIRS, THEIRS), Given(NAMES, PERSON)])
    assert store.given(X, [INSIDE], None, 10) == expected
    first = store.given(X, [INSIDE], None, 1)
    rest = store.given(X, [INSIDE], first[0], 1)
    assert first + rest == expected
    assert store.given(X, [INSIDE], expected[-1], 10) == []
    assert store.given(X, [INSIDE, OUTSIDE], None, 10) == []
    everything = store.given(X, [], None, 10)
    assert [one for one in everything if one.document == NOBODYS] == []
    assert len(everything) == 5
    paged: list[Given] = []
    while one := store.given(X, [], paged[-1] if paged else None, 1):
        paged += one
    assert paged == everything == sorted(everything)


def test_writers_are_named_in_the_order_in_which_their_words_came(store: Store) -> None:
    filled(store)
    late = sample_lane(2, OURS, 2)
    hold(store, late.whole())
    assert store.writers([OURS, THEIRS, document(99)]) == {
        OURS: [INSIDE, OUTSIDE],
        THEIRS: [OUTSIDE, INSIDE],
    }
