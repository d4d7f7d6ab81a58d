"""Content that was let go, over sessions: nothing is sent again, news flows, a fetch brings it back."""

from __future__ import annotations

import contextlib
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Keys, Link, Node, document

from conflict.change import read_header
from conflict.identity import DocumentId
from storage import NotShed
from sync import codec, custody, limits, messages, shed_effects
from sync.effects import Close, Phase
from sync.link_profile import LinkKind, LinkProfile
from tests.contracts.store_samples import admit_all

ONE, TWO = document(1), document(2)
EPOCH = custody.new_epoch(1, bytes(16))
THIN = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)


def party(count: int) -> list[Node]:
    """The last one is the garrison; all others know it."""
    keys = Keys()
    found = [Node(number, keys) for number in range(count)]
    found[-1].store.renew_epoch(EPOCH)
    for one in found:
        one.store.trust([found[-1].key.node])
    return found


def meet(one: Node, other: Node, profile: LinkProfile | None = None) -> Link:
    link = Link(one, other, profile=profile or LinkProfile.lan())
    link.settle()
    return link


def visit(one: Node, other: Node) -> Link:
    """A session from its start to its end."""
    link = meet(one, other)
    link.cut()
    return link


def shed(node: Node, *documents: DocumentId) -> None:
    admit_all(node.store)
    with node.store.write() as transaction:
        for one in documents:
            transaction.shed(one, 2)


def want(node: Node, *documents: DocumentId) -> None:
    with node.store.write() as transaction:
        transaction.want(documents, 3)


def refill(link: Link, which: int = 0) -> None:
    """End `which` asks the other one."""
    end = link.ends[which]
    end.perform(end.session.refill(link.now))
    link.quiet()


def content(node: Node, one: DocumentId) -> int:
    """Changes of a document that are here."""
    return sum(len(run.changes) for run in node.store.runs(one, {}, 1 << 24)[0])


def has(node: Node, one: DocumentId, head: bytes) -> bool:
    """Whether a change is here, be it behind others that were let go."""
    lanes = [status.lane for status in node.store.lanes(one)]
    runs = [run for lane in lanes for run in node.store.runs_from(lane, 1, 1 << 24)]
    return any(read_header(chunk).hash == head for run in runs for chunk in run.changes)


def faults(link: Link) -> list[str]:
    return [one.code for end in link.ends for one in end.notices if isinstance(one, Close)]


@pytest.fixture
def pair() -> list[Node]:
    """Medic and garrison, equal over two documents that both wrote in; the medic has let go of one."""
    medic, garrison = party(2)
    for one in (ONE, TWO):
        medic.save(one, saves=10)
        garrison.save(one, saves=10)
    visit(medic, garrison)
    write_all(garrison)
    visit(medic, garrison)
    shed(medic, ONE)
    return [medic, garrison]


# --- nothing is sent again -------------------------------------------------------------------------


def test_who_let_go_is_told_to_once_and_is_never_refilled(pair: list[Node]) -> None:
    medic, garrison = pair
    assert list(garrison.store.receipts(ONE)) == [medic.key.node]
    link = visit(medic, garrison)
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert link.said["Content"] == link.said["Vectors"] == link.said["Sketch"] == 0
    assert 0 < link.said["Released"] <= 24
    assert garrison.store.receipts(ONE) == {}
    assert list(garrison.store.receipts(TWO)) == [medic.key.node]
    assert medic.store.custody(9).documents == 0  # that the garrison has it is as true as before
    again = visit(medic, garrison)
    assert again.said["Released"] == again.said["Heard"] == again.said["Content"] == 0
    assert content(medic, ONE) == 0


def test_a_live_session_hears_of_it_at_once(pair: list[Node]) -> None:
    medic, garrison = pair
    link = meet(medic, garrison)
    shed(medic, TWO)
    link.ends[0].perform(link.ends[0].session.released(link.now))
    link.quiet()
    assert garrison.store.receipts(TWO) == {}
    released = [
        one.total for one in link.ends[1].notices if isinstance(one, shed_effects.PeerReleased)
    ]
    assert released == [1, 2]


def test_many_are_told_in_messages_of_bounded_size() -> None:
    medic, garrison = party(2)
    many = [document(number) for number in range(limits.RELEASED_DOCUMENTS_MAX + 5)]
    for one in many:
        medic.save(one)
    visit(medic, garrison)
    shed(medic, *many)
    visit(medic, garrison)
    assert all(garrison.store.receipts(one) == {} for one in many)


def test_news_of_a_shed_document_is_all_that_comes(pair: list[Node]) -> None:
    medic, garrison = pair
    visit(medic, garrison)
    author = Node(40, medic.keys)
    author.save(ONE)
    visit(author, garrison)
    link = visit(garrison, medic)
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert content(medic, ONE) == 1
    assert link.said["Content"] < 250
    admit_all(medic.store)
    assert list(medic.store.entries(ONE)) == [author.actor]


def test_the_next_change_of_a_lane_that_was_let_go_comes_alone(pair: list[Node]) -> None:
    medic, garrison = pair
    link = meet(medic, garrison)
    medic.save(ONE)  # in the very lane: a tail without its beginning
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert content(garrison, ONE) == 21
    assert content(medic, ONE) == 0  # not to be sent without its beginning
    assert link.said["Content"] < 250
    assert medic.store.check() == []


def test_what_is_written_while_it_is_away_is_held_and_sent(pair: list[Node]) -> None:
    medic, garrison = pair
    medic.actor, medic.nonce, medic.lanes = fresh_actor(medic)
    medic.save(ONE, saves=2)
    visit(medic, garrison)
    assert content(garrison, ONE) == 22
    assert content(medic, ONE) == 2
    assert medic.store.check() == []


def fresh_actor(node: Node) -> tuple[object, ...]:
    from conflict.identity import actor_id

    nonce = node.random.randbytes(16)
    return actor_id(node.key.node, nonce), nonce, {}


# --- a fetch ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [LinkProfile.lan(), THIN], ids=["lan", "thin"])
def test_a_fetch_brings_it_back(pair: list[Node], profile: LinkProfile) -> None:
    medic, garrison = pair
    visit(medic, garrison)
    before = medic.store.summary()
    want(medic, ONE)
    link = meet(medic, garrison, profile)
    refill(link)
    link.settle()
    assert content(medic, ONE) == 20
    assert medic.store.summary() == before
    assert medic.store.shed_documents([ONE]) == {}
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert faults(link) == []
    admit_all(medic.store)
    assert sum(map(len, medic.store.entries(ONE).values())) == 20
    # the garrison sent it, so it knows again that it is here; and hears that nothing is away
    assert list(garrison.store.receipts(ONE)) == [medic.key.node]
    link.ends[0].perform(link.ends[0].session.released(link.now))
    link.quiet()
    assert link.ends[1].notices[-1] == shed_effects.PeerReleased(0)
    assert medic.store.check() == []


@pytest.mark.parametrize("seed", range(8))
def test_a_fetch_goes_on_where_a_cut_left_it(seed: int) -> None:
    dice = random.Random(seed)
    medic, garrison = party(2)
    medic.save(ONE, saves=400)
    visit(medic, garrison)
    shed(medic, ONE)
    visit(medic, garrison)
    want(medic, ONE)
    sent = cuts = 0
    while medic.store.shed_documents([ONE]):
        link = Link(medic, garrison, profile=THIN)
        link.quiet()
        end = link.ends[0]
        end.perform(end.session.refill(link.now))
        for _ in range(dice.randint(1, 12)):
            link.step()
        link.cut()
        sent += link.said["Content"]
        cuts += 1
    whole = Link(garrison, Node(77, garrison.keys), profile=THIN)
    whole.settle()
    assert cuts > 1
    assert content(medic, ONE) == 400
    assert sent <= whole.said["Content"] + cuts * (THIN.credit_bytes + 1200)
    assert medic.store.check() == []


def test_a_peer_without_it_says_so_and_another_one_brings_it() -> None:
    medic, other, garrison = party(3)
    medic.save(ONE, saves=5)
    for one in (medic, other):
        visit(one, garrison)
    write_all(garrison)
    for one in (medic, other):
        visit(one, garrison)
    for one in (medic, other):
        shed(one, ONE)
    want(medic, ONE)
    link = meet(medic, other)
    refill(link)
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert shed_effects.PeerWithholds((ONE,)) in link.ends[0].notices
    assert link.said["Content"] == 0
    assert faults(link) == []
    second = meet(medic, garrison)
    refill(second)
    assert content(medic, ONE) == 5
    link.settle()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert content(other, ONE) == 0  # a third node is not refilled by it


def write_all(garrison: Node) -> None:
    while garrison.write_custody() is not None:
        pass


# --- a peer that lacks it --------------------------------------------------------------------------


def test_who_lacks_it_gets_the_rest_and_both_say_why_they_differ(pair: list[Node]) -> None:
    medic, garrison = pair
    new = Node(50, medic.keys)
    link = Link(medic, new)
    link.quiet()
    for _ in range(12):  # several rounds, ever further apart
        link.tick()
    assert content(new, TWO) == 20
    assert content(new, ONE) == 0
    assert link.phases == (Phase.DIFFERENT, Phase.DIFFERENT)
    causes = {end.session.cause for end in link.ends}
    assert causes == {
        "we have let go of 1 document that the peer lacks",
        "the peer has let go of 1 document that we lack",
    }
    assert faults(link) == []
    due = link.ends[0].session.next_deadline()
    assert due is not None
    assert due - link.now >= limits.REPAIR_DELAY_S_MAX / 2
    before = link.ends[0].bytes_out + link.ends[1].bytes_out
    link.tick()
    link.tick()
    assert link.ends[0].bytes_out + link.ends[1].bytes_out - before < 1100  # two rounds
    asked = link.said["Withheld"]
    for _ in range(5):  # what is new flows, and asks for nothing again
        medic.save(TWO)
        link.quiet()
        link.tick()
    assert content(new, TWO) == 25
    assert link.said["Withheld"] == asked
    visit(new, garrison)
    visit(medic, garrison)
    for _ in range(3):
        link.tick()
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert (content(new, ONE), content(medic, ONE)) == (20, 0)


def test_who_has_the_beginning_gets_the_tail() -> None:
    medic, other, garrison = party(3)
    medic.save(ONE, saves=5)
    visit(medic, other)
    visit(medic, garrison)
    shed(medic, ONE)
    author = Node(60, medic.keys)
    author.save(ONE, saves=3)
    with medic.store.write() as transaction:
        transaction.hold(author.store.runs(ONE, {}, 1 << 20)[0], author.key.node, 1)
    link = visit(medic, other)
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert content(other, ONE) == 8
    assert content(medic, ONE) == 3


# --- a peer that misbehaves ------------------------------------------------------------------------


def test_two_releases_at_once_end_the_session(pair: list[Node]) -> None:
    medic, garrison = pair
    visit(medic, garrison)
    link = meet(medic, garrison)
    end = link.ends[1]
    end.busy = True  # the store is slow
    for _ in range(2):
        frame = codec.encode(messages.Released(9, 1, (TWO,)))
        end.perform(end.session.receive(frame, link.now))
    end.busy = False
    end.perform([])
    assert end.session.phase is Phase.CLOSED
    assert faults(link) == ["out-of-turn"]


def test_heard_of_nothing_ends_the_session(pair: list[Node]) -> None:
    link = meet(*pair)
    end = link.ends[1]
    end.perform(end.session.receive(codec.encode(messages.Heard(1, 1)), link.now))
    assert faults(link) == ["out-of-turn"]


# --- any interleaving ------------------------------------------------------------------------------


def do(what: str, node: Node, other: Node, number: int) -> None:
    """One step of an interleaving."""
    one = document(number)
    match what:
        case "write":
            node.save(one, saves=1 + number)
        case "meet" if node is not other:
            link = meet(node, other)
            refill(link, 0)
            refill(link, 1)
            link.settle()
            link.cut()
            assert faults(link) == []
        case "cut" if node is not other:
            cut_short(Link(node, other, profile=THIN), 4 + 3 * number)
        case "want":
            want(node, one)
        case "shed":
            with contextlib.suppress(NotShed):
                shed(node, one)


def cut_short(link: Link, steps: int) -> None:
    """A session with a fetch that ends anywhere."""
    for _ in range(steps):
        link.step()
    for end in link.ends:
        end.perform(end.session.refill(link.now))
    for _ in range(steps):
        link.step()
    link.cut()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "meet", "meet", "shed", "want", "cut", "claim"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_no_interleaving_loses_a_statement_that_is_not_at_the_garrison(
    steps: list[tuple[str, int, int, int]],
) -> None:
    nodes = party(3)
    garrison = nodes[-1]
    for what, first, second, number in steps:
        do(what, nodes[first], nodes[second], number)
        if what == "claim":
            write_all(garrison)
    for node in nodes:
        for one, head in node.acknowledged:
            assert has(node, one, head) or has(garrison, one, head)
    for _ in range(2):
        for node in nodes[:2]:
            want(node, *map(document, range(3)))
            link = meet(node, garrison)
            refill(link)
            link.settle()
            link.cut()
    for node in nodes:
        assert node.store.summary() == garrison.store.summary()
        assert node.store.check() == []
        for author in nodes:
            assert all(node.holds(one, head) for one, head in author.acknowledged)
