"""Folding on from the last time shows what folding everything shows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.document import Entry
from conflict.slot import CATALOGUE
from node.presenting import KEPT_DOCUMENTS_MAX, Presenter, present
from tests.conflict.conflict_values import SLOTS, history, home, lanes_of
from tests.node.node_lab import document

UNREADABLE = Entry("vitals", 99, '{"rec":"x","value":1}')


@given(data=st.data(), name=st.sampled_from(SLOTS))
@settings(deadline=None, max_examples=150)
def test_a_document_that_grows_is_shown_as_if_folded_at_once(
    data: st.DataObject, name: str
) -> None:
    lanes = lanes_of(history(data.draw, name))
    at = home(CATALOGUE[name])
    if data.draw(st.booleans()):
        first = next(iter(lanes))
        lanes[first] = (*lanes[first], UNREADABLE)
    presenter = Presenter()
    grown = dict.fromkeys(lanes, 0)
    for _ in range(4):
        for actor in lanes:
            grown[actor] = data.draw(st.integers(grown[actor], len(lanes[actor])))
        entries = {actor: lanes[actor][:count] for actor, count in grown.items() if count}
        assert presenter.present(at, entries) == present(at, entries)
    shorter = {actor: lanes[actor][:1] for actor in lanes}  # a store that was rebuilt
    assert presenter.present(at, shorter) == present(at, shorter)


def test_what_is_kept_is_bounded() -> None:
    presenter = Presenter()
    for number in range(KEPT_DOCUMENTS_MAX + 5):
        presenter.present(document(number), {})
    assert len(presenter._kept) == KEPT_DOCUMENTS_MAX
