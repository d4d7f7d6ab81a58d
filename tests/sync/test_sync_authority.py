"""The authority's log in a session: who has more sends it, page by page, and content waits for it."""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document

from node.belonging import Belonging
from sync import authority_effects, effects, limits, messages
from sync.authority_exchange import AuthorityExchange
from sync.effects import Phase
from sync.errors import OutOfTurn
from sync.trust.authority import Time
from sync.trust.errors import AuthorityForked
from tests.theatre import Authority


def party(count: int, known: Sequence[int | None], more: int = 0) -> tuple[Authority, list[Node]]:
    """Nodes of one theatre; `known`: how many entries each has heard of; `more` entries after all."""
    authority = Authority()
    made = [Node(number, Keys()) for number in range(count)]
    for number, node in enumerate(made):
        authority.enrol(node.key, f"n{number}")
    for _ in range(more):
        authority.say(Time())
    for node, some in zip(made, known, strict=True):
        node.belonging = authority.admit(Belonging(node.store, node.key), node.key, some)
    return authority, made


def numbers(*nodes: Node) -> list[int]:
    return [node.belonging.head.number for node in nodes if node.belonging]


@pytest.mark.parametrize("behind", [0, 1])
def test_who_has_less_gets_the_rest(behind: int) -> None:
    known: list[int | None] = [None, None]
    known[behind] = 2
    authority, made = party(2, known, more=3 * limits.AUTHORITY_PAGE)
    Link(*made).settle()
    assert numbers(*made) == [len(authority.entries)] * 2
    assert made[behind].store.authority_entries(0, 10_000) == authority.entries


def test_the_same_log_costs_nothing() -> None:
    _, made = party(2, [None, None], more=5)
    link = Link(*made)
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert not {"Authority", "AuthorityHave"} & set(link.said)


def test_content_waits_until_it_is_known_whose_signatures_count() -> None:
    _, (ahead, behind, new) = party(3, [None, 2, None])
    run = new.run(document(1), 80)
    ahead.hold(run)
    behind.slow_log = deque()
    link = Link(ahead, behind)
    link.quiet()
    assert behind.store.lanes(document(1)) == behind.store.set_aside_items() == []
    assert len(behind.slow_log) == 1
    behind.slow_log.popleft()()
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert [one.author for one in behind.store.lanes(document(1))] == [new.key.node]
    assert behind.store.set_aside_items() == []


def test_news_of_the_log_goes_on_at_once_and_not_back() -> None:
    authority, (one, hub, other) = party(3, [None, None, None])
    first, second = Link(one, hub), Link(hub, other)
    first.settle()
    second.settle()
    authority.say(Time())
    assert one.belonging is not None
    one.belonging.add(authority.entries[-1:])
    for link, node in ((first, one), (second, hub)):
        (end,) = (end for end in link.ends if end.node is node)
        assert node.belonging is not None
        end.perform(end.session.authority_grown(node.belonging.log_head, link.now))
        link.settle()
    assert numbers(one, hub, other) == [4, 4, 4]
    (back,) = (end for end in first.ends if end.node is hub)
    assert back.said["Authority"] == 0


def test_another_log_of_the_same_length_is_told_and_ends_nothing() -> None:
    _, made = party(2, [None, None])
    for node, at_ms in zip(made, (1_900_000_000_000, 1_900_000_000_001), strict=True):
        twin = Authority()
        for one in made:
            twin.enrol(one.key, f"n{made.index(one)}")
        twin.say(Time(), at_ms)
        assert node.belonging is not None
        node.belonging.add(twin.entries[2:])
    link = Link(*made)
    made[0].save(document(1))
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    for end in link.ends:
        assert authority_effects.AuthorityDiffers(AuthorityForked.code) in end.notices


def test_a_longer_log_that_forks_is_refused_and_content_goes_on() -> None:
    _, made = party(2, [None, None])
    made[0].save(document(1))
    for node, count in zip(made, (2, 1), strict=True):
        twin = Authority()
        for one in made:
            twin.enrol(one.key, f"n{made.index(one)}")
        for number in range(count):
            twin.say(Time(), 1_900_000_000_000 + 10 * count + number)
        assert node.belonging is not None
        node.belonging.add(twin.entries[2:])
    link = Link(*made)
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert numbers(*made) == [4, 3]
    assert made[1].belonging is not None
    assert made[1].belonging.forked == AuthorityForked.code
    assert made[1].store.lanes(document(1))


def test_pages_are_one_at_a_time() -> None:
    exchange = AuthorityExchange(lambda: 1, lambda _: None, authority_effects.NO_LOG)
    page = messages.Authority(0, (b"entry",))
    assert [type(one) for one in exchange.entries(page)] == [authority_effects.SaveAuthority]
    with pytest.raises(OutOfTurn):
        list(exchange.entries(page))


def test_a_page_is_bounded_by_bytes() -> None:
    said: list[messages.Message] = []
    exchange = AuthorityExchange(lambda: 1, said.append, authority_effects.LogHead(64))
    (read,) = exchange.begin(authority_effects.NO_LOG)
    assert isinstance(read, authority_effects.ReadAuthority)
    entries = [random.Random(n).randbytes(10_000) for n in range(read.most)]
    exchange.read(authority_effects.AuthorityRead(0, tuple(entries)))
    (page,) = said
    assert isinstance(page, messages.Authority)
    assert 0 < sum(map(len, page.entries)) <= limits.AUTHORITY_PAGE_BYTES
    assert [type(one) for one in exchange.have(messages.AuthorityHave(4, bytes(8)))] == [
        authority_effects.ReadAuthority
    ]


def test_a_peer_that_claims_more_than_it_sends_holds_up_its_own_content_only() -> None:
    _, (honest, liar) = party(2, [None, None])

    class Boasting(Belonging):
        @property
        def log_head(self) -> authority_effects.LogHead:
            return authority_effects.LogHead(1_000_000, bytes(8))

    liar.belonging = Boasting(liar.store, liar.key)
    link = Link(honest, liar)
    link.quiet()
    liar.save(document(1))
    honest.save(document(2))
    link.quiet()
    assert liar.store.lanes(document(2))
    assert not honest.store.lanes(document(1))
    assert not any(isinstance(one, effects.Close) for end in link.ends for one in end.notices)
