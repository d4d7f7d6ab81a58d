"""Nodes that meet by sticks only: what travels, to whom, and what both know afterwards."""

from __future__ import annotations

import hashlib
import random
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from conflict.scope import scope_id
from conflict.statement import Draft
from node.bundles import files
from node.bundles.exporting import Export
from node.custody import at_garrison_ms
from node.desk import BundleOrder, Save
from node.errors import BadRequest, NotFound
from sync import bundle
from sync.ports import Position
from sync.trust.authority import Revoke
from sync.trust.errors import NotForThisNode
from tests.node.bundle_lab import Authority, Member, attach, fill, idle, key_of, member
from tests.node.node_lab import PATIENCE_S, document

GARRISON = "garrison"
NOWHERE = Position()


def long_notes(node: Member, count: int) -> None:
    """That nothing squeezes: some 4 kB in a bundle each."""
    dice = random.Random(7)
    for at in range(count):
        node.write(document(at), dice.randbytes(4000).hex())


def test_two_nodes_become_equal_by_sticks_only(pair: tuple[Member, Member]) -> None:
    one, other = pair
    fill(one, 0, 20)
    fill(other, 10, 20)
    first = other.take(one.seal_to(other))
    assert first["whole"]
    assert first["equal"] is False
    assert (first["documents"], first["statements"], first["changes"]) == (10, 20, 20)
    second = one.take(other.seal_to(one, since=one.name))
    assert second["whole"]
    assert second["equal"]
    assert second["changes"] == 20
    assert one.digest == other.digest
    idle(one.engine)
    assert one.engine.store.check() == other.engine.store.check() == []


def test_the_answer_leaves_out_what_the_sender_has(pair: tuple[Member, Member]) -> None:
    one, other = pair
    for at in range(60):
        one.write(document(at), hashlib.sha512(b"%d" % at).hexdigest())
    other.take(one.seal_to(other))
    fill(other, 60, 1)
    answer = other.seal_to(one, since=one.name)
    assert len(answer) < len(other.seal_to(one)) / 2
    assert one.take(answer)["equal"]
    # The answer said by HELD what the other has: so the next one back is small as well.
    assert one.engine.store.receipts(document(3))[other.node]
    fill(one, 61, 1)
    assert other.take(one.seal_to(other, since=other.name))["changes"] == 1
    assert one.digest == other.digest


def test_the_same_bundle_a_hundred_times_changes_nothing(pair: tuple[Member, Member]) -> None:
    one, other = pair
    fill(one, 0, 5)
    data = one.seal_to(other)
    other.take(data)
    store = other.engine.store
    held, arrival, counts = other.digest, store.arrival(), store.counts()
    for _ in range(100):
        again = other.take(data)
        assert again["whole"]
        assert again["equal"]
        assert again["changes"] == again["statements"] == again["set_aside"] == 0
    assert (other.digest, store.arrival(), store.counts()) == (held, arrival, counts)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.99])
def test_what_a_pulled_stick_kept_is_taken_and_the_rest_later(
    pair: tuple[Member, Member], share: float
) -> None:
    one, other = pair
    long_notes(one, 60)
    data = one.seal_to(other)
    cut = other.take(data[: int(len(data) * share)])
    assert not cut["whole"]
    assert cut["stopped"]["code"] == "bundle-cut"
    assert 0 <= cut["changes"] < 60
    rest = other.take(data)
    assert rest["whole"]
    assert rest["changes"] == 60 - cut["changes"]
    assert rest["equal"]


def test_what_is_urgent_comes_first(pair: tuple[Member, Member]) -> None:
    one, other = pair
    long_notes(one, 60)
    one.engine.save([Save(document(99), (tourniquet(),))])
    idle(one.engine)
    data = one.seal_to(other)
    found = other.take(data[: len(data) // 3])
    assert found["urgent_changes"] == 1
    assert found["changes"] < 61
    assert other.engine.store.lanes(document(99))


def tourniquet() -> Draft:
    value = {"action": "applied", "limb": "left-leg"}
    return Draft(slot="tourniquet", value=value, by="Ruiz", at="2026-11-21T10:00:00Z")


def test_attachments_travel_and_only_those_that_are_named_here(
    pair: tuple[Member, Member],
) -> None:
    one, other = pair
    photo = hashlib.sha512(b"photo").digest() * 3000
    attach(one, document(1), photo)
    idle(one.engine)
    data = one.seal_to(other)
    found = other.take(data)
    assert found["attachments"] == 1
    assert found["attachments_missing"] == 0
    assert other.engine.store.blob(hashlib.sha256(photo).digest()) == photo
    assert other.take(data)["attachments"] == 0


def test_a_bundle_of_one_casualty_holds_nothing_else(
    pair: tuple[Member, Member], tmp_path: Path
) -> None:
    one, other = pair
    fill(one, 0, 3)
    idle(one.engine)
    out = tmp_path / "one.bundle"
    order = BundleOrder(nodes=(other.name,), casualty=document(1))
    assert one.desk.bundle_export(order, str(out))["changes"] == 1
    found = other.desk.bundle_import(str(out))
    assert found["documents"] == 1
    assert not found["complete"]
    assert found["equal"] is None
    assert other.engine.store.lanes(document(1))


# Scopes and recipients ----------------------------------------------------------------------------


def test_a_scope_goes_to_all_who_may_hold_it_and_nothing_of_another(
    tmp_path: Path, authority: Authority, stack: ExitStack
) -> None:
    names = {"both": ("A", "B"), "a": ("A",), "b": ("B",), "all": None, "sender": ("A", "B")}
    nodes = {
        name: stack.enter_context(member(tmp_path, authority, name, codes))
        for name, codes in names.items()
    }
    sender = nodes["sender"]
    sender.engine.belonging.add(authority.entries)
    fill(sender, 0, 2)  # belongs to A, the sender's first scope
    idle(sender.engine)
    stranger = stack.enter_context(member(tmp_path, authority, "hidden", ("B",)))
    stranger.engine.belonging.add(authority.entries)
    sender.engine.belonging.add(authority.entries)
    order = BundleOrder(scopes=("a",))
    parcel = sender.parcel(order)
    got = {one.node for one in parcel.recipients}
    assert got == {nodes[name].node for name in ("both", "a", "all")}
    assert parcel.scopes == {scope_id("A")}
    data = sender.seal(parcel)
    for name in ("both", "a", "all"):
        assert nodes[name].take(data)["documents"] == 3  # two and their unit
    for name in ("b",):
        with pytest.raises(NotForThisNode):
            nodes[name].take(data)
    with pytest.raises(NotForThisNode):
        stranger.take(data)
    assert sender.parcel(BundleOrder(nodes=(stranger.name,))).scopes == {scope_id("B")}
    fine = stranger.take(sender.seal_to(stranger))
    assert document(0) not in [one.document for one in stranger.engine.store.listing(None, 9)]
    assert fine["whole"]


def test_own_lanes_go_up_to_a_garrison_outside_its_scopes(
    tmp_path: Path, authority: Authority, stack: ExitStack
) -> None:
    field = stack.enter_context(member(tmp_path, authority, "field", ("A",)))
    up = stack.enter_context(member(tmp_path, authority, "up", ("B",), role=GARRISON))
    field.engine.belonging.add(authority.entries)
    fill(field, 0, 2)
    idle(field.engine)
    up.take(field.seal_to(up))
    assert up.engine.store.lanes(document(1))


def test_who_does_not_belong_gets_none(
    pair: tuple[Member, Member], authority: Authority, tmp_path: Path
) -> None:
    one, other = pair
    authority.say(Revoke(other.node, "lost"))
    one.engine.belonging.add(authority.entries)
    with pytest.raises(BadRequest, match="revoked"):
        one.seal_to(other)
    with pytest.raises(BadRequest, match="this node"):
        one.seal_to(one)
    with pytest.raises(NotFound):
        one.parcel(BundleOrder(nodes=("nobody",)))
    with pytest.raises(NotFound):
        one.parcel(BundleOrder(scopes=("A",)))  # nobody else is left
    with pytest.raises(BadRequest, match="either"):
        one.parcel(BundleOrder())
    with pytest.raises(BadRequest, match="either"):
        one.parcel(BundleOrder(scopes=("A",), nodes=(other.name,)))


# What is known afterwards -------------------------------------------------------------------------


def test_at_garrison_travels_on_a_stick_through_another_node(
    tmp_path: Path, authority: Authority, stack: ExitStack
) -> None:
    author, courier = (stack.enter_context(member(tmp_path, authority, n)) for n in ("a", "c"))
    garrison = stack.enter_context(member(tmp_path, authority, "g", role=GARRISON))
    for one in (author, courier, garrison):
        one.engine.belonging.add(authority.entries)
    fill(author, 0, 3)
    garrison.take(author.seal_to(garrison))
    garrison.engine.custody.begin(0.01)
    wait_for_log(garrison)
    courier.take(garrison.seal_to(courier))
    found = author.take(courier.seal_to(author))
    assert found["custody_entries"] >= 1
    assert at_garrison_ms(author.engine.store.custody(1)) is not None
    assert author.engine.store.custody(1).documents == 0


def wait_for_log(garrison: Member) -> None:
    ready = threading.Event()
    undo = garrison.engine.custody.on_news(lambda _: ready.set())
    while garrison.engine.store.custody_positions().get(garrison.node, NOWHERE).number < 1:
        assert ready.wait(PATIENCE_S)
        ready.clear()
    undo()


def test_a_garrisons_own_stick_says_that_records_are_there(
    tmp_path: Path, authority: Authority, stack: ExitStack
) -> None:
    author = stack.enter_context(member(tmp_path, authority, "a"))
    garrison = stack.enter_context(member(tmp_path, authority, "g", role=GARRISON))
    for one in (author, garrison):
        one.engine.belonging.add(authority.entries)
    fill(author, 0, 3)
    garrison.take(author.seal_to(garrison))
    assert author.engine.store.custody(1).documents == 3
    author.take(
        garrison.seal_to(author, since=author.name)
    )  # brings no content, says what it holds
    assert author.engine.store.custody(1).documents == 0


def test_an_old_stick_does_not_take_back_what_a_renewed_store_said(
    tmp_path: Path, authority: Authority, stack: ExitStack
) -> None:
    author = stack.enter_context(member(tmp_path, authority, "a"))
    garrison = stack.enter_context(member(tmp_path, authority, "g", role=GARRISON))
    for one in (author, garrison):
        one.engine.belonging.add(authority.entries)
    fill(author, 0, 1)
    garrison.take(author.seal_to(garrison))
    old = garrison.seal_to(author)
    garrison.engine.store.renew_epoch(b"\xff" * 16)
    author.take(garrison.seal_to(author))
    assert author.engine.store.epoch_told(garrison.node) == b"\xff" * 16
    assert author.engine.store.custody(1).documents == 0
    author.take(old)
    assert author.engine.store.epoch_told(garrison.node) == b"\xff" * 16
    assert author.engine.store.custody(1).documents == 0


def test_the_log_of_the_theatre_comes_first_and_alone_makes_authors_known(
    tmp_path: Path, authority: Authority, stack: ExitStack
) -> None:
    old = stack.enter_context(member(tmp_path, authority, "old"))
    author = stack.enter_context(member(tmp_path, authority, "author"))
    sender = stack.enter_context(member(tmp_path, authority, "sender"))
    for one in (author, sender):
        one.engine.belonging.add(authority.entries)
    fill(author, 0, 2)
    sender.take(author.seal_to(sender))
    assert old.engine.belonging.head.number == 1
    found = old.take(sender.seal_to(old))  # from and by nodes that it had never heard of
    assert found["authority_entries"] == 2
    assert found["set_aside"] == 0
    assert found["changes"] == 2
    assert logs(sender, old) == 3
    sender.take(old.seal_to(sender))  # now it is known how far the other has the log
    assert logs(sender, old) == 0
    authority.enrol(key_of("newest"))
    sender.engine.belonging.add(authority.entries)
    assert logs(sender, old) == 1


def logs(sender: Member, to: Member) -> int:
    """Entries of the authority's log in what it would seal."""
    parcel = sender.parcel(BundleOrder(since=to.name))
    records = Export(sender.engine, parcel).records(b"")
    return sum(len(one.entries) for one in records if isinstance(one, bundle.Authority))


def test_a_revoked_senders_bundle_is_taken_and_judged_as_always(
    pair: tuple[Member, Member], authority: Authority
) -> None:
    one, other = pair
    fill(one, 0, 1)
    data = one.seal_to(other)
    authority.say(Revoke(one.node, "captured"))
    other.engine.belonging.add(authority.entries)
    found = other.take(data)
    assert found["standing"] == "revoked"
    assert found["whole"]
    assert other.engine.store.lanes(document(0))
    assert one.node not in other.engine.store.receipts(document(0))  # its claims count for nothing


def test_reading_a_file_again_gives_its_sender(pair: tuple[Member, Member], tmp_path: Path) -> None:
    one, other = pair
    fill(one, 0, 3)
    stick = tmp_path / "stick.bundle"
    assert files.write_whole(stick, [one.seal_to(other)]) == stick.stat().st_size
    answer = tmp_path / "answer.bundle"
    found = other.desk.bundle_import(str(stick), str(answer))
    assert found["answer"]["changes"] == 0
    assert found["answer"]["recipients"] == [{"node": one.name, "name": "one"}]
    assert one.desk.bundle_import(str(answer))["equal"]
    order = BundleOrder(since=str(stick))
    again = other.desk.bundle_export(order, str(tmp_path / "again.bundle"))
    assert again["changes"] == 0
    inside = other.desk.bundle_inspect(str(stick))
    assert inside["whole"]
    assert (inside["changes"], inside["runs"]) == (3, 3)
