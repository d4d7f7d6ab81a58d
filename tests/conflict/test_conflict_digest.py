"""State digests: equal for equal lane heads, in any order; different for anything else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.identity import ActorId
from conflict.lane import set_item, state_digest
from tests.conflict.conflict_lab import EPISODE, PERSON

heads = st.dictionaries(
    st.binary(min_size=16, max_size=16).map(ActorId),
    st.binary(min_size=32, max_size=32),
    max_size=5,
)


@given(heads, st.randoms())
@settings(deadline=None)
def test_a_state_digest_knows_no_order(lanes: dict[ActorId, bytes], random: object) -> None:
    items = list(lanes.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    digest = state_digest(EPISODE, items)
    assert digest == state_digest(EPISODE, sorted(items))
    assert digest != state_digest(PERSON, items)
    assert len(digest) == 16


@given(heads.filter(len), st.data())
@settings(deadline=None)
def test_any_other_head_or_lane_gives_another_digest(
    lanes: dict[ActorId, bytes], data: st.DataObject
) -> None:
    actor = data.draw(st.sampled_from(sorted(lanes)))
    less = {one: head for one, head in lanes.items() if one != actor}
    other = lanes | {actor: lanes[actor][::-1]}
    digest = state_digest(EPISODE, lanes.items())
    assert digest != state_digest(EPISODE, less.items())
    assert (digest == state_digest(EPISODE, other.items())) == (other == lanes)
    assert set_item(EPISODE, digest) != set_item(PERSON, digest)
