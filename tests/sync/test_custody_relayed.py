"""Custody logs over sessions: an author two hops away learns that the garrison holds its record."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document

from storage.memory import MemoryStore
from sync import codec, custody, custody_effects, limits, messages
from sync.custody import CustodyEntry, Verdict
from sync.effects import Phase
from sync.ports import Position

EPOCHS = [custody.new_epoch(at, bytes(16)) for at in range(1, 40)]


def nodes(count: int) -> list[Node]:
    """The last one is the garrison; all others know it."""
    keys = Keys()
    party = [Node(number, keys) for number in range(count)]
    garrison = party[-1]
    garrison.store.renew_epoch(EPOCHS[0])
    for one in party:
        one.store.trust([garrison.key.node])
    return party


def lacking(node: Node) -> int:
    """Changes that are at no garrison as far as this node knows."""
    return node.store.custody(1).changes


def position(node: Node, of: Node) -> Position:
    return node.store.custody_positions()[of.key.node]


def meet(one: Node, other: Node) -> Link:
    link = Link(one, other)
    link.settle()
    return link


def visit(one: Node, other: Node) -> None:
    """A session from its start to its end."""
    meet(one, other).cut()


def write_all(garrison: Node) -> None:
    while garrison.write_custody() is not None:
        pass


def test_an_author_that_never_meets_the_garrison_learns_at_garrison_through_a_relay() -> None:
    author, relay, garrison = nodes(3)
    for number in range(50):
        author.save(document(number), saves=2)
    visit(author, relay)
    assert lacking(author) == 100
    visit(relay, garrison)
    write_all(garrison)
    assert lacking(author) == 100
    visit(relay, garrison)
    visit(author, relay)
    assert lacking(author) == 0
    found = {one.holder: one for one in author.store.holders(document(7))}
    assert found[garrison.key.node].entry > 0
    assert found[relay.key.node].entry == 0


def test_an_entry_crosses_two_hops_while_live() -> None:
    author, relay, garrison = nodes(3)
    near, far = meet(author, relay), meet(relay, garrison)
    author.save(document(1))
    for _ in range(4):
        near.settle()
        far.settle()
        garrison.write_custody()
    assert near.phases == far.phases == (Phase.EQUAL, Phase.EQUAL)
    assert lacking(author) == 0
    author.save(document(1))
    assert lacking(author) == 1  # at once


def test_logs_are_reconciled_when_documents_are_equal() -> None:
    author, relay, garrison = nodes(3)
    visit(author, garrison)
    visit(relay, garrison)
    garrison.write_custody()
    visit(author, garrison)
    assert position(relay, garrison).number == 0
    link = meet(relay, author)
    assert position(relay, garrison) == position(author, garrison)
    assert "Content" not in link.said


def test_equal_logs_cost_one_short_message_each() -> None:
    author, relay, garrison = nodes(3)
    author.save(document(1))
    visit(author, garrison)
    write_all(garrison)
    visit(author, garrison)
    visit(author, relay)
    link = meet(author, relay)
    assert link.said["Custody"] == 0
    assert 0 < link.said["CustodyHave"] <= 2 * 48


def test_a_long_log_comes_in_order_a_window_at_a_time() -> None:
    author, relay, garrison = nodes(3)
    for number in range(40):
        author.save(document(number))
        visit(author, garrison)
        garrison.write_custody()
    assert position(garrison, garrison).number > 3 * limits.CUSTODY_WINDOW
    link = meet(relay, garrison)
    assert position(relay, garrison) == position(garrison, garrison)
    assert all(not isinstance(one, custody_effects.CustodyRefused) for one in _notices(link))


def test_in_a_ring_each_entry_comes_once_to_each_node() -> None:
    a, b, garrison = nodes(3)
    links = [meet(a, b), meet(b, garrison), meet(a, garrison)]
    for number in range(5):
        a.save(document(number))
        for _ in range(3):
            for link in links:
                link.settle()
        garrison.write_custody()
        for _ in range(3):
            for link in links:
                link.settle()
    assert lacking(a) == lacking(b) == 0
    sizes = sum(map(len, garrison.store.custody_entries(garrison.key.node, EPOCHS[0], 0, 99)))
    crossed = sum(link.said["Custody"] for link in links)
    assert sizes < crossed / 2 <= sizes + 5 * 8  # once to each of the two, heads of messages beside


def test_a_garrison_restored_with_a_new_epoch_is_refilled_and_not_believed() -> None:
    author, relay, garrison = nodes(3)
    author.save(document(1))
    visit(author, garrison)
    write_all(garrison)
    backup = garrison.store.clone()
    author.save(document(1))
    author.save(document(2))
    visit(author, relay)
    visit(relay, garrison)
    write_all(garrison)
    visit(relay, garrison)
    visit(author, relay)
    assert lacking(author) == 0
    garrison.store = backup
    garrison.store.renew_epoch(EPOCHS[1])
    garrison.known.clear()
    write_all(garrison)
    visit(relay, garrison)  # the relay fills it again and brings home what the new epoch says
    visit(author, relay)
    assert position(author, garrison).epoch == EPOCHS[1]
    assert lacking(author) > 0
    assert garrison.store.summary() == author.store.summary()
    write_all(garrison)
    visit(relay, garrison)
    visit(author, relay)
    assert lacking(author) == 0


def test_a_direct_receipt_of_the_garrison_counts_before_any_entry() -> None:
    author, garrison = nodes(2)
    author.save(document(1))
    visit(author, garrison)
    assert lacking(author) == 0
    garrison.store.renew_epoch(EPOCHS[3])
    visit(author, garrison)  # its HELLO alone tells
    assert lacking(author) == 1


# Bad input ----------------------------------------------------------------------------------------


def _notices(link: Link) -> list[object]:
    return [one for end in link.ends for one in end.notices]


def _refusals(link: Link) -> list[str]:
    return [one.code for one in _notices(link) if isinstance(one, custody_effects.CustodyRefused)]


def _given(link: Link, *entries: bytes) -> None:
    """The second end says these."""
    speaker, hearer = link.ends[1], link.ends[0]
    for raw in entries:
        speaker.session._say(messages.Custody(raw))
    speaker.perform([])
    speaker.transmit()
    link.quiet()
    assert hearer.session.phase is Phase.EQUAL


def _log(garrison: Node, author: Node, count: int) -> list[CustodyEntry]:
    entries = []
    for number in range(count):
        author.save(document(number))
        visit(author, garrison)
        entry = garrison.write_custody()
        assert entry is not None
        entries.append(entry)
    return entries


def test_forged_cut_and_reordered_entries_are_refused_and_block_nothing() -> None:
    author, hearer, liar, garrison = nodes(4)
    one, two, three = _log(garrison, author, 3)
    link = meet(hearer, liar)
    forged = replace(two, lanes=three.lanes)  # signed for something else
    _given(link, custody.to_bytes(forged))
    assert _refusals(link) == [Verdict.BAD_SIGNATURE]
    by_liar = custody.signed(replace(one, garrison=liar.key.node, signature=b""), liar.key)
    _given(link, custody.to_bytes(by_liar))
    assert _refusals(link)[1:] == [Verdict.NO_GARRISON]
    branch = custody.signed(replace(two, previous=bytes(16), signature=b""), garrison.key)
    raws = [custody.to_bytes(each) for each in (three, one, branch, two)]
    _given(link, *raws)
    assert _refusals(link)[2:] == [Verdict.FORKED]
    assert position(hearer, garrison).number == 2
    hearer.save(document(90))
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)


def test_a_stranger_s_entry_is_refused_by_code() -> None:
    hearer, liar, garrison = nodes(3)
    author, other_garrison = nodes(2)
    other_garrison.key = Node(77, Keys()).key
    stranger = CustodyEntry(
        garrison=other_garrison.key.node,
        epoch=EPOCHS[0],
        number=1,
        previous=custody.NO_ENTRY,
        at_ms=1,
        lanes=(),
        blobs=(),
    )
    link = meet(hearer, liar)
    _given(link, custody.to_bytes(custody.signed(stranger, other_garrison.key)))
    assert _refusals(link) == [Verdict.NO_GARRISON]
    del author, garrison


def test_a_peer_that_sends_entries_without_end_is_ended() -> None:
    author, hearer, liar, garrison = nodes(4)
    (one,) = _log(garrison, author, 1)
    link = meet(hearer, liar)
    ear = link.ends[0]
    ear.busy = True  # its store answers nothing
    for _ in range(2 * limits.CUSTODY_WINDOW + 1):
        frame = codec.encode(messages.Custody(custody.to_bytes(one)))
        ear.perform(ear.session.receive(frame, 0.0))
    assert ear.session.phase is Phase.CLOSED
    assert "CUSTODY_WINDOW" in ear.session.cause


def test_a_gap_is_asked_for_once() -> None:
    author, hearer, liar, garrison = nodes(4)
    one, two, three = _log(garrison, author, 3)
    link = meet(hearer, liar)
    before = link.ends[0].said["CustodyHave"]
    for _ in range(3):
        _given(link, custody.to_bytes(three))
    said = link.ends[0].said["CustodyHave"] - before
    assert 0 < said <= 48
    _given(link, custody.to_bytes(one), custody.to_bytes(two), custody.to_bytes(three))
    assert position(hearer, garrison).number == 3


@pytest.mark.parametrize("at", range(0, 300, 7))
def test_a_cut_at_any_frame_loses_nothing(at: int) -> None:
    author, relay, garrison = nodes(3)
    for number in range(6):
        author.save(document(number))
        visit(author, garrison)
        garrison.write_custody()
    link = Link(relay, garrison)
    for turn in range(at):
        link.step(turn % 2)
    link.cut()
    visit(relay, garrison)
    assert position(relay, garrison) == position(garrison, garrison)


# The claim ----------------------------------------------------------------------------------------

MOVES = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 3), st.integers(0, 200)),
    max_size=40,
)


@settings(max_examples=120, deadline=None)
@given(MOVES)
def test_whatever_happens_covered_means_that_the_garrison_holds_it(
    moves: list[tuple[int, int, int, int]],
) -> None:
    party = nodes(4)
    garrison = party[-1]
    epochs = iter(EPOCHS[1:])
    backups: list[MemoryStore] = []
    for kind, one, other, number in moves:
        if kind <= 1:
            party[one].save(document(number % 5))
        elif kind <= 4 and one != other:
            link = Link(party[one], party[other])
            for turn in range(number):
                link.step(turn % 2)
            if number > 150:
                link.settle()
            link.cut()
        elif kind == 5:
            garrison.write_custody()
        elif kind == 6 and number < 30:
            backups.append(garrison.store.clone())
        elif kind == 7 and backups and number < 60:
            _restore(garrison, backups[-1].clone(), next(epochs))
        _assert_true(party, garrison)
    _heal(party, garrison)
    assert all(lacking(one) == 0 for one in party[:-1])


def _restore(garrison: Node, backup: MemoryStore, epoch: bytes) -> None:
    """An old backup goes into service, and its operator says so: what is there now was announced."""
    garrison.store = backup
    garrison.store.renew_epoch(epoch)
    garrison.lanes.clear()
    garrison.actor = custody_actor(garrison)
    garrison.known.clear()


def custody_actor(node: Node) -> object:
    from conflict.identity import actor_id

    node.nonce = random.Random(node.store.epoch()).randbytes(16)
    return actor_id(node.key.node, node.nonce)


def _assert_true(party: list[Node], garrison: Node) -> None:
    """A node that has heard of the garrison's present epoch claims nothing that is not there."""
    for one in party[:-1]:
        held = one.store.custody_positions()[garrison.key.node]
        if held.epoch != garrison.store.epoch():
            continue
        for listed in one.store.listing(None, 100):
            lacks = {each.document for each in one.store.custody(100).uncovered}
            if listed.document in lacks:
                continue
            mine = one.store.vectors([listed.document])[listed.document]
            there = garrison.store.vectors([listed.document])[listed.document]
            for actor, state in mine.items():
                assert there[actor].length >= state.length
                runs, ahead = garrison.store.runs(listed.document, mine, 1 << 24)
                assert not ahead, "the garrison lacks or contradicts what is called covered"
                del runs


def _heal(party: list[Node], garrison: Node) -> None:
    for _ in range(3):
        for one in party[:-1]:
            visit(one, garrison)
        write_all(garrison)
    for one in party[:-1]:
        visit(one, garrison)
