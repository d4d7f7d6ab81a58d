"""Nodes that do not become equal, or never rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.authoring import Author
from node.projecting import Projector
from storage import memory
from storage.memory_writes import _Lookup
from sync.inbound import Inbound
from sync.ports import Precedence
from sync.rounds import Rounds
from tests.sim.mutants.mutant import SPLIT, Patch, mutant


@mutant(SPLIT, "status-true", "converged-after-healing", "liveness")
def equality_taken_for_granted() -> Sequence[Patch]:
    """A peer's digest is not compared: what was sent must have come."""
    judge = Rounds._judge

    def trusting(self: Rounds) -> Any:
        self._theirs = self._mine
        return judge(self)

    return [(Rounds, "_judge", trusting)]


@mutant(SPLIT, "books-in-order")
def sketch_not_updated() -> Sequence[Patch]:
    """Documents change and the kept cells do not."""
    return [(memory, "pour", lambda *_: None)]


@mutant(SPLIT, "converged-after-healing", "liveness")
def peers_content_never_folded() -> Sequence[Patch]:
    """What came from a peer is marked as shown, and is not."""
    save = Projector._save

    def skipping(self: Projector, opened: Any, serials: Any) -> None:
        save(self, [one._replace(row=None) for one in opened], serials)

    return [(Projector, "_save", skipping)]


@mutant(SPLIT, "liveness", "converged-after-healing")
def given_up_after_one_dial() -> Sequence[Patch]:
    """A peer that did not answer is never called again."""
    from discovery.peer import PeerRecord

    fail = PeerRecord.fail

    def final(self: PeerRecord, *args: Any) -> None:
        fail(self, *args)
        self.dial_at = float("inf")

    return [(PeerRecord, "fail", final)]


@mutant(SPLIT, "bounded")
def checks_without_end() -> Sequence[Patch]:
    """Equal nodes compare again, and again."""
    judge = Rounds._judge

    def restless(self: Rounds) -> Any:
        yield from judge(self)
        self.check_soon()

    return [(Rounds, "_judge", restless)]


@mutant(SPLIT, "no-fault", "nothing-acknowledged-lost", "converged-after-healing", "liveness")
def actor_used_again_after_a_restart() -> Sequence[Patch]:
    """A process goes on in the name of the one before it."""

    def same(self: Author) -> None:
        from conflict.identity import NONCE_BYTES, actor_id

        self._nonce = self._key.node[:NONCE_BYTES].ljust(NONCE_BYTES, b"\0")
        self._actor = actor_id(self._key.node, self._nonce)

    return [(Author, "_new_actor", same)]


@mutant(SPLIT, "books-in-order", "converged-after-healing", "no-fault")
def a_frame_applied_twice() -> Sequence[Patch]:
    """What is held already is appended again."""
    return [(_Lookup, "states", lambda *_: {})]


@mutant(SPLIT, "books-in-order", "converged-after-healing", "liveness")
def digest_over_what_is_admitted() -> Sequence[Patch]:
    """A document counts as far as it has been opened, not as far as it is held."""
    states = _Lookup.states

    def admitted(self: Any, documents: Any) -> Any:
        found = states(self, documents)
        lanes = self._rows.lanes
        return {
            document: {a: one for a, one in actors.items() if lanes[document][a].admitted}
            for document, actors in found.items()
        }

    return [(_Lookup, "states", admitted)]


@mutant(SPLIT, "converged-after-healing", "liveness", "status-true")
def compared_once_and_believed_for_ever() -> Sequence[Patch]:
    """After the first equality a link counts as equal: a cursor is trusted over the digest."""
    judge = Rounds._judge

    def trusting(self: Rounds) -> Any:
        if getattr(self, "once_equal", False):
            self._theirs = self._mine
        elif self._theirs == self._mine:
            self.once_equal = True  # type: ignore[attr-defined]
        return judge(self)

    return [(Rounds, "_judge", trusting)]


@mutant("casualty-through-roles-of-care", "liveness", "converged-after-healing")
def receipts_starved_by_urgent_content() -> Sequence[Patch]:
    """As long as urgent content is coming in, nothing is receipted."""
    put, receipt = Inbound.put, Inbound.receipt

    def seen(self: Inbound, content: Any) -> None:
        self.urgent = content.precedence is Precedence.URGENT  # type: ignore[attr-defined]
        put(self, content)

    def starved(self: Inbound, now: float) -> Any:
        return None if getattr(self, "urgent", False) else receipt(self, now)

    return [(Inbound, "put", seen), (Inbound, "receipt", starved)]
