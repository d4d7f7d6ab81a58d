"""A victim for the tests of hostile peers: an honest node, and the test says what its peer says."""

from __future__ import annotations

from session_lab import Endpoint, Keys, Link, Node, document, said

from conflict.lane import LaneRun
from sync import codec, effects, messages
from sync.effects import Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.messages import Message
from sync.ports import Summary

SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6)
HELD = 5
DIGEST = b"another!"


class Victim:
    """An honest node with one session that is equal; the test speaks for the peer."""

    def __init__(
        self,
        *,
        leads: bool = False,
        profile: LinkProfile | None = None,
        documents: int = HELD,
        party: tuple[Node, Node] | None = None,
    ) -> None:
        keys = Keys()
        self.node, self.liar = party or (Node(1, keys), Node(2, keys))
        for number in range(0 if party else documents):
            self.node.save(document(number))
        pair = (self.node, self.liar) if leads else (self.liar, self.node)
        self.link = Link(*pair, profile=profile or LinkProfile.lan())
        self.link.settle()
        assert self.link.phases == (Phase.EQUAL, Phase.EQUAL)
        self.end: Endpoint = self.link.ends[0 if leads else 1]
        other = self.link.ends[1 if leads else 0]
        other.deaf = True
        self.liar.sessions.clear()
        self.round = self.end.session._compared.round.number
        self.end.outgoing.clear()

    def hear(self, *said: Message | bytes) -> str:
        """The code of the fault that this ends the session with; empty: it stands."""
        for one in said:
            frame = one if isinstance(one, bytes) else codec.encode(one)
            self.end.perform(self.end.session.receive(frame, self.link.now))
        closed = [one for one in self.end.notices if isinstance(one, effects.Close)]
        return closed[0].code if closed else ""

    def cause(self) -> str:
        return next(one.text for one in self.end.notices if isinstance(one, effects.Close))

    def check(self, documents: int, *, sketched: bool = False) -> messages.Check:
        """The leader's next check, claiming so many documents."""
        self.round += 1
        return messages.Check(
            self.round, Summary(documents, DIGEST), repair=True, sketched=sketched
        )

    def repairing(self, documents: int) -> None:
        """A round, in which the victim lists if the peer claims more documents."""
        assert self.hear(self.check(documents)) == ""
        assert self.end.session.phase is Phase.REPAIRING

    def said(self, kind: type) -> int:
        """How many messages of a type the victim has sent."""
        return sum(isinstance(codec.decode(frame), kind) for frame in self.end.outgoing)


def content(*runs: LaneRun, frame: int = 1) -> messages.Content:
    return said(frame, *runs)


def never_answers(end: Endpoint, kind: type) -> list[effects.Effect]:
    """A store so slow that it answers no read of this type; those that it was asked."""
    usual, reads = end._one, []

    def slow(effect: effects.Effect) -> None:
        (reads.append if isinstance(effect, kind) else usual)(effect)

    end._one = slow  # type: ignore[method-assign]
    return reads
