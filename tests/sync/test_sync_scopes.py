"""Scopes: what a peer may not hold is never sent, own lanes always go up, views are proved equal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Endpoint, Keys, Link, Node, document, runs_of

from conflict.identity import DocumentId, DocumentKind, document_text, new_document
from conflict.membership import joining
from conflict.scope import scope_id
from conflict.statement import Draft, StatementId
from node.workers import InlineWorkers
from sync import codec, custody, limits, messages
from sync.aliases import document_alias
from sync.effects import Phase
from sync.flow import Intake
from sync.messages import Message
from sync.payload import read_payload

X, Y = scope_id("BAS-2"), scope_id("ROLE2-A")
PERSON = new_document(DocumentKind.PERSON, bytes(14) + b"p")


class Held(Node):
    """A node that admits and folds what it holds, as a projector does."""

    def held(self) -> None:
        while batch := self.store.work(64):
            with self.store.write() as transaction:
                for one in InlineWorkers().open(batch):
                    for lane in one.lanes:
                        assert not lane.code
                        transaction.save_admission(
                            one.document, lane.actor, lane.length, lane.entries, lane.urgency
                        )
                    assert one.row is not None
                    transaction.save_projection(one.row)
                    transaction.mark_clean(one.document)

    def documents(self) -> set[DocumentId]:
        return {one.document for one in self.store.listing(None, 1000)}

    def joins(self, scope: DocumentId, *documents: DocumentId) -> None:
        self.hold(self.saying(scope, [joining(one) for one in documents]))


def theatre() -> tuple[Held, Held, Held]:
    """A garrison that may hold everything, and two field nodes of one unit each."""
    keys = Keys()
    garrison, one, other = Held(1, keys), Held(2, keys), Held(3, keys)
    one.scopes, other.scopes = frozenset((X,)), frozenset((Y,))
    for node in (one, other):
        node.garrisons = {garrison.key.node}
        node.store.trust([garrison.key.node])
    return garrison, one, other


def meet(one: Node, other: Node) -> Link:
    """A session until both say equal, then the end of it."""
    link = Link(one, other)
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    link.cut()
    return link


def heard_from(end: Endpoint) -> Iterator[tuple[bytes, Message]]:
    """Every message that an end sent, put together and read again."""
    intake = Intake(frame_bytes_max=limits.FRAME_BYTES_MAX, credit_bytes=1 << 40)
    for frame in end.frames:
        if whole := intake.take(frame):
            yield whole, codec.decode(whole)


def tells_of(end: Endpoint, hidden: DocumentId) -> list[str]:
    """Names of messages that speak of a document, in clear or compressed."""
    found = []
    for whole, message in heard_from(end):
        runs = runs_of(message, end.node) if isinstance(message, messages.Content) else ()
        if hidden in whole or any(run.lane.document == hidden for run in runs):
            found.append(type(message).__name__)
    return found


def test_a_document_of_another_scope_is_never_sent_and_both_are_proved_equal() -> None:
    garrison, one, _ = theatre()
    ours, theirs, nobodys = document(1), document(2), document(3)
    for each in (ours, theirs, nobodys):
        garrison.save(each)
    garrison.joins(X, ours)
    garrison.joins(Y, theirs)
    link = meet(one, garrison)
    assert one.documents() == {X, ours}
    for hidden in (theirs, nobodys, Y):
        assert not tells_of(link.ends[1], hidden)
    garrison.save(theirs, 99)
    garrison.save(ours, 99)
    live = Link(one, garrison)
    live.settle()
    garrison.save(nobodys, 98)  # while they are connected
    live.settle()
    assert one.documents() == {X, ours}
    for hidden in (theirs, nobodys):
        assert not tells_of(live.ends[1], hidden)


def test_a_person_may_be_held_where_an_episode_that_names_it_may() -> None:
    garrison, one, _ = theatre()
    episode = document(1)
    garrison.save(episode)
    told = {"document": document_text(PERSON), "relation": "casualty"}
    garrison.hold(garrison.saying(PERSON, [Draft(slot="name", value={"family": "DOE"})]))
    link = Draft(slot="link", value=told)
    garrison.hold(garrison.saying(episode, [link]))
    meet(one, garrison)
    assert one.documents() == set()
    garrison.joins(X, episode)
    meet(one, garrison)
    assert one.documents() == {X, episode, PERSON}


def test_what_left_a_scope_is_sent_no_more_and_what_was_written_of_it_still_goes_up() -> None:
    garrison, one, _ = theatre()
    episode = document(1)
    one.save(episode)
    one.joins(X, episode)
    meet(one, garrison)
    belongs = StatementId(f"{one.actor.hex()}.1")
    left = {"document": document_text(episode), "status": "left"}
    gone = Draft(slot="member_document", value=left, supersedes=(belongs,))
    garrison.hold(garrison.saying(X, [gone]))
    meet(one, garrison)
    garrison.save(episode, 120)
    one.save(episode, 60)
    link = meet(one, garrison)
    assert not tells_of(link.ends[1], episode)  # receipts are of frames, not of documents
    assert all(garrison.holds(*each) for each in one.acknowledged)


def test_own_lanes_outside_every_grant_go_up_once() -> None:
    garrison, one, other = theatre()
    stray = document(7)
    one.save(stray)
    meet(one, garrison)
    assert all(garrison.holds(*each) for each in one.acknowledged)
    garrison.store.trust([garrison.key.node])
    garrison.write_custody()
    meet(one, garrison)
    again = meet(one, garrison)
    assert not [name for name in tells_of(again.ends[0], stray) if name == "Content"]
    meet(other, one)
    meet(other, garrison)
    assert stray not in other.documents()


def test_two_sides_that_were_granted_different_things_share_what_both_name() -> None:
    garrison, one, _ = theatre()
    both, mine = document(1), document(2)
    for each in (both, mine):
        garrison.save(each)
    garrison.joins(X, both)
    garrison.joins(Y, mine)
    garrison.scopes = frozenset((X,))
    one.scopes = frozenset((X, Y))
    meet(one, garrison)
    assert one.documents() == {X, both}


@settings(max_examples=25)
@given(st.data())
def test_after_any_exchange_everybody_holds_what_it_may_and_nothing_else(
    data: st.DataObject,
) -> None:
    nodes = theatre()
    garrison, one, other = nodes
    scopes = {one: X, other: Y}
    belongs: dict[DocumentId, set[DocumentId]] = {}
    links: list[tuple[Node, Link]] = []
    for _ in range(data.draw(st.integers(1, 12))):
        act = data.draw(st.sampled_from(("write", "join", "meet")))
        node = data.draw(st.sampled_from(nodes))
        if act == "write":
            each = document(data.draw(st.integers(1, 4)))
            node.save(each, data.draw(st.integers(40, 180)))
            belongs.setdefault(each, set())
        elif act == "join" and belongs:
            each = data.draw(st.sampled_from(sorted(belongs)))
            scope = scopes.get(node) or data.draw(st.sampled_from((X, Y)))
            node.joins(scope, each)
            belongs[each].add(scope)
        elif act == "meet" and node is not garrison:
            links.append((node, meet(node, garrison)))
    for _ in range(2):
        links += [(node, meet(node, garrison)) for node in (one, other)]
    assert garrison.documents() >= set(belongs)
    for node, scope in scopes.items():
        wrote = {each for each, _ in node.acknowledged}
        assert node.documents() - {scope} == {
            each for each, some in belongs.items() if scope in some
        } | (wrote - {scope})
        assert all(garrison.holds(*each) for each in node.acknowledged)
    for node, link in links:
        for each, some in belongs.items():
            if scopes[node] not in some:
                assert not tells_of(link.ends[1], each)


def test_an_own_lane_goes_on_at_the_garrison_in_a_document_of_which_the_two_may_not_speak() -> None:
    garrison, one, _ = theatre()
    one.save(document(7))
    live = Link(one, garrison)
    live.settle()
    assert garrison.holds(*one.acknowledged[-1])
    before = live.said["Vectors"]
    one.save(document(7), 99)
    [content] = [codec.decode(frame) for frame in live.ends[0].outgoing]
    assert isinstance(content, messages.Content)
    assert None not in read_payload(content.payload).places
    live.settle()
    assert garrison.holds(*one.acknowledged[-1])
    assert live.said["Vectors"] == before


def test_custody_logs_name_no_record_to_who_may_not_hold_it() -> None:
    """What an insider reads there it cannot ask for; its own it recognises."""
    garrison, one, _ = theatre()
    ours, theirs = document(1), document(2)
    for each in (ours, theirs):
        garrison.save(each)
    garrison.joins(X, ours)
    garrison.joins(Y, theirs)
    garrison.store.trust([garrison.key.node])
    garrison.write_custody()
    link = meet(one, garrison)
    assert "Custody" in link.said
    for hidden in (theirs, Y):
        assert not tells_of(link.ends[1], hidden)
    assert one.store.custody(9).documents == 0
    position = one.store.custody_positions()[garrison.key.node]
    entries = one.store.custody_entries(garrison.key.node, position.epoch, 0, 99)
    seen = {claim.document for raw in entries for claim in custody.from_bytes(raw).lanes}
    assert document_alias(theirs) in seen
    episode = bytes((DocumentKind.EPISODE,))
    one.joins(X, *(DocumentId(episode + alias[1:]) for alias in seen))
    meet(one, garrison)
    meet(one, garrison)
    assert one.documents() == {X, ours}


def test_who_names_a_record_of_another_unit_is_given_it_and_has_signed_for_it() -> None:
    """By the number on a wristband: care, or an insider's look (THREATS)."""
    garrison, one, _ = theatre()
    theirs = document(2)
    garrison.save(theirs)
    garrison.joins(Y, theirs)
    one.joins(X, theirs)
    meet(one, garrison)
    meet(one, garrison)
    assert theirs in one.documents()
    assert one.key.node in {lane.author for lane in garrison.store.lanes(X)}
