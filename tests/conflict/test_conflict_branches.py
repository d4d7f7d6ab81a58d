"""Names of branches are functions of the set of chains; their statements are shown once, and all."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from conflict.branches import Chain, branch_id, longest, named, spread
from conflict.document import Entry
from conflict.fold import fold
from conflict.identity import ActorId, DocumentId, DocumentKind, new_document


def of(*some: str) -> tuple[bytes, ...]:
    """A chain: each hash says all that came before it."""
    return tuple("".join(some[: at + 1]).encode() for at in range(len(some)))


ACTOR, OTHER = ActorId(b"a" * 16), ActorId(b"b" * 16)
ONE, TWO, THREE = (ActorId(bytes([n]) * 16) for n in (1, 2, 3))
HERE: DocumentId = new_document(DocumentKind.EPISODE, bytes(15))
letters = st.lists(st.sampled_from("xyz"), min_size=1, max_size=5)
chains = st.lists(letters.map(lambda some: of(*some)), min_size=1)


@given(chains=chains, order=st.randoms())
def test_names_depend_on_the_set_alone(chains: list[Chain], order: random.Random) -> None:
    found = named(ACTOR, chains)
    shuffled = [*chains, *chains[:2]]
    order.shuffle(shuffled)
    assert named(ACTOR, shuffled) == found
    assert set(found.values()) == set(longest(chains))
    assert len(found) == len(longest(chains))
    for one in longest(chains):
        assert not any(other != one and other[: len(one)] == one for other in chains)


@given(chains=chains, more=letters.map(lambda some: of(*some)))
def test_a_name_never_comes_to_mean_another_chain(chains: list[Chain], more: Chain) -> None:
    """What is under a name before and after a chain came: the same chain, or one that goes on."""
    before, after = named(ACTOR, chains), named(ACTOR, [*chains, more])
    for name in (before.keys() & after.keys()) - {ACTOR}:
        assert after[name][: len(before[name])] == before[name]


def test_a_branch_is_named_by_the_first_change_that_only_it_has() -> None:
    found = named(ACTOR, [of("p", "q", "r"), of("p", "q", "s", "t"), of("p", "u")])
    assert found == {
        branch_id(ACTOR, b"pqr"): of("p", "q", "r"),
        branch_id(ACTOR, b"pqs"): of("p", "q", "s", "t"),
        branch_id(ACTOR, b"pu"): of("p", "u"),
    }
    assert named(ACTOR, [of("p"), of("p", "q")]) == {ACTOR: of("p", "q")}


def entries(*texts: str) -> tuple[Entry, ...]:
    return tuple(Entry("note", number, text) for number, text in enumerate(texts, 1))


def said(text: str, *supersedes: str) -> str:
    more = ",".join(f'"{one}"' for one in supersedes)
    ends = f'"rec":"1.0","supersedes":[{more}],' if more else '"rec":"1.0",'
    return f'{{"by":"R",{ends}"value":{{"text":"{text}"}}}}'


def test_what_is_common_is_told_once_and_what_follows_by_branch() -> None:
    lanes = {
        ONE: entries(said("a"), said("b"), said("c")),
        TWO: entries(said("a"), said("b"), said("d")),
        THREE: entries(said("x")),
    }
    found = spread(lanes, {ONE: ACTOR, TWO: ACTOR})
    assert found[ACTOR] == lanes[ONE][:2]
    assert found[THREE] == lanes[THREE]
    rest = [some for name, some in found.items() if name not in {ACTOR, THREE}]
    assert sorted(rest) == sorted([lanes[ONE][2:], lanes[TWO][2:]])
    assert spread(dict(reversed(lanes.items())), {TWO: ACTOR, ONE: ACTOR}) == found


def test_a_branch_that_is_not_further_than_the_fork_adds_nothing() -> None:
    lanes = {ONE: entries(said("a"), said("b")), TWO: entries(said("a"))}
    assert spread(lanes, {ONE: ACTOR, TWO: ACTOR}) == {ACTOR: lanes[ONE]}
    assert spread({ONE: ()}, {ONE: ACTOR, TWO: ACTOR}) == {}


def test_a_branch_replaces_its_own_statements_and_nobody_elses() -> None:
    own = f"{ACTOR.hex()}."
    lanes = {
        ONE: entries(said("a"), said("b"), said("c", own + "2"), said("c2", own + "1")),
        TWO: entries(said("a"), said("d"), said("e", own + "2")),
        OTHER: entries(said("of whom?", own + "3")),
    }
    told = spread(lanes, {ONE: ACTOR, TWO: ACTOR})
    folded = fold(HERE, told)
    shown = {
        reading.value["text"]
        for reading in folded.readings("note")
        if reading.state == "stands" and isinstance(reading.value, dict)
    }
    assert shown == {"c", "c2", "e", "of whom?"}


def test_nested_forks_have_names_of_their_own() -> None:
    lanes = {
        ONE: entries(said("a"), said("b"), said("c")),
        TWO: entries(said("a"), said("b"), said("d")),
        THREE: entries(said("a"), said("x"), said("c")),
    }
    found = spread(lanes, dict.fromkeys(lanes, ACTOR))
    assert len(found) == 5
    assert sum(map(len, found.values())) == 6
    assert len({(name, one.number) for name, some in found.items() for one in some}) == 6
