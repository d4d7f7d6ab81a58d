"""Bugs to plant, one at a time: a referee that cannot fail is worth nothing.

Each mutant names the scenario in which it is looked for and the checkers of which one must find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from conflict.fold import Folded
from conflict.policies.single import Single
from node.acquaintance import Acquaintance
from node.authoring import Author
from node.enforcing import Enforcing
from node.engine import Engine
from node.grants import Grants
from node.projecting import Projector
from node.quarantine import Quarantine
from node.receiving import Receiver
from node.sim.lab.disk import Disk, DiskStore
from storage import memory
from storage.errors import StorageError
from storage.memory_writes import MemoryTransaction
from sync.effects import HoldDone
from sync.rounds import Rounds
from sync.trust.theatre import Theatre

Patch = tuple[object, str, Any]


@dataclass(frozen=True)
class Mutant:
    """`patches`: what is put in the place of what."""

    name: str
    scenario: str
    found_by: frozenset[str]
    patches: Callable[[], Sequence[Patch]]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is in the code until the block ends."""
        before = [(owner, name, vars(owner)[name]) for owner, name, _ in self.patches()]
        try:
            for owner, name, new in self.patches():
                setattr(owner, name, new)
            yield
        finally:
            for owner, name, old in before:
                setattr(owner, name, old)


MUTANTS: dict[str, Mutant] = {}


def mutant(scenario: str, *found_by: str) -> Callable[[Callable[[], Sequence[Patch]]], Mutant]:
    """A function that gives patches becomes a mutant of its name."""

    def made(patches: Callable[[], Sequence[Patch]]) -> Mutant:
        name = patches.__name__.replace("_", "-")
        MUTANTS[name] = Mutant(name, scenario, frozenset(found_by), patches)
        return MUTANTS[name]

    return made


SPLIT = "three-way-split"


# Durability --------------------------------------------------------------------------------------


@mutant(SPLIT, "no-receipt-before-durable", "nothing-acknowledged-lost", "status-true")
def acknowledged_before_the_commit() -> Sequence[Patch]:
    """A peer's content is receipted at once, and written when there is time."""
    hold = Receiver.hold

    def early(self: Receiver, effect: Any) -> Future[HoldDone]:
        scratch = self._store.clone()  # type: ignore[attr-defined]
        scratch.full = False
        with scratch.write() as transaction:
            applied = transaction.hold(effect.runs, effect.source, 1)
        hold(self, effect)
        done: Future[HoldDone] = Future()
        done.set_result(HoldDone(applied))
        return done

    return [(Receiver, "hold", early)]


@mutant(SPLIT, "nothing-acknowledged-lost", "no-receipt-before-durable")
def flush_skipped() -> Sequence[Patch]:
    """A commit returns before the disk has it: a power cut takes the last one back."""
    write = DiskStore.write

    @contextmanager
    def lazy(self: Any) -> Iterator[MemoryTransaction]:
        before = self.clone() if self._rows.settings else self
        with write(self) as transaction:
            yield transaction
        self.flushed = before

    def crash(self: Disk) -> None:
        self.replace(getattr(self.store, "flushed", self.store).clone())

    return [(DiskStore, "write", lazy), (Disk, "crash", crash)]


@mutant(SPLIT, "nothing-acknowledged-lost")
def full_disk_hidden() -> Sequence[Patch]:
    """A save that the disk refused is acknowledged all the same."""
    save = Engine._save_with

    def hidden(self: Engine, saves: Any, *rest: Any) -> list[list[str]]:
        try:
            return save(self, saves, *rest)
        except StorageError:
            return [[f"{'00' * 16}.{n}" for n, _ in enumerate(one.drafts)] for one in saves]

    return [(Engine, "_save_with", hidden)]


@mutant(SPLIT, "no-receipt-before-durable")
def receipt_for_more_than_was_sent() -> Sequence[Patch]:
    """What a receipt covers is read one change too far."""
    save = MemoryTransaction.save_receipts

    def generous(
        self: MemoryTransaction, holder: Any, epoch: bytes, receipts: Any, now_ms: int
    ) -> None:
        more = [
            one._replace(state=one.state._replace(length=one.state.length + 1)) for one in receipts
        ]
        save(self, holder, epoch, more, now_ms)

    return [(MemoryTransaction, "save_receipts", generous)]


# Becoming equal ----------------------------------------------------------------------------------


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


# What is shown -----------------------------------------------------------------------------------


@mutant(SPLIT, "findings-everywhere")
def last_writer_wins() -> Sequence[Patch]:
    """Of several heads the latest is shown, and nobody is told."""
    view = Single.view

    def latest(self: Single, *args: Any) -> Any:
        return view(replace(self, latest=True), *args)

    return [(Single, "view", latest)]


@mutant(SPLIT, "findings-everywhere")
def findings_suppressed() -> Sequence[Patch]:
    """Of several findings of a document only the first is kept."""
    projection = Folded.projection

    def shorter(self: Folded) -> bytes:
        return projection(replace(self, findings=self.findings[:1]))

    return [(Folded, "projection", shorter)]


@mutant("flapping-lan", "findings-everywhere")
def supersedes_taken_at_save_time() -> Sequence[Patch]:
    """A statement replaces whatever has arrived, instead of what its author was shown."""
    from conflict.identity import StatementId, statement_id

    save = Engine.save

    def sweeping(self: Engine, saves: Any, *rest: Any, **named: Any) -> list[list[str]]:
        swept = []
        for one in saves:
            here = self.store.entries(one.document).items()
            drafts = [
                replace(
                    draft,
                    supersedes=tuple(
                        StatementId(statement_id(actor, entry.number))
                        for actor, entries in here
                        for entry in entries
                        if entry.slot == draft.slot
                    ),
                )
                for draft in one.drafts
            ]
            swept.append(one._replace(drafts=tuple(drafts)))
        return save(self, swept, *rest, **named)

    return [(Engine, "save", sweeping)]


@mutant(SPLIT, "no-fault")
def projector_that_dies() -> Sequence[Patch]:
    """An error in folding ends it for good."""

    @wraps(Projector._save)
    def failing(self: Projector, opened: Any, serials: Any) -> None:
        raise RuntimeError("planted")

    return [(Projector, "_save", failing)]


@mutant(SPLIT, "status-true")
def status_that_flatters() -> Sequence[Patch]:
    """Whoever was met is said to have everything."""
    return [(Acquaintance, "holds_all", lambda self, _: self.equal_at_ms is not None)]


@mutant("lost-laptop", "status-true")
def field_receipts_let_wipe() -> Sequence[Patch]:
    """What any peer holds counts as being at a garrison."""

    def trusting(self: Engine) -> None:
        self.store.sketch_with(self.belonging.secret)
        self.store.trust(frozenset(self.grants.peers))

    return [(Engine, "_grant", trusting)]


# Trust -------------------------------------------------------------------------------------------


@mutant("two-units", "scopes-never-leak")
def scope_check_skipped() -> Sequence[Patch]:
    """Sessions read from all that is held, whatever was agreed on."""
    return [(Grants, "view", lambda *_: None)]


@mutant("lost-laptop", "nothing-from-revoked")
def revocation_hides_nothing() -> Sequence[Patch]:
    """What a revoked device writes is shown like any other's."""
    return [(Quarantine, "_revoked", lambda _: [])]


@mutant("two-units", "scopes-never-leak")
def grants_not_looked_up() -> Sequence[Patch]:
    """Every enrolled device may hold everything."""
    return [(Theatre, "scopes", lambda *_: None)]


@mutant("lost-laptop", "nothing-from-revoked")
def revoked_devices_let_in() -> Sequence[Patch]:
    """Links do not ask who was revoked."""
    return [(Enforcing, "bars", lambda *_: "")]
