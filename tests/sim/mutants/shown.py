"""Contradictions and states that a person would not see as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from conflict.fold import Folded
from conflict.policies.single import Single
from node import workers
from node.acquaintance import Acquaintance
from node.engine import Engine
from node.projecting import Projector
from tests.sim.mutants.mutant import SPLIT, Patch, mutant


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


@mutant(SPLIT, "converged-after-healing")
def order_of_arrival_shows() -> Sequence[Patch]:
    """What is shown depends on what came first."""
    save = Projector._save

    def dated(self: Projector, opened: Any, serials: Any) -> None:
        marked = [
            one._replace(
                row=one.row._replace(body=one.row.body + str(self._store.arrival()).encode())
            )
            if one.row
            else one
            for one in opened
        ]
        save(self, marked, serials)

    return [(Projector, "_save", dated)]


@mutant("version-skew", "nothing-acknowledged-lost", "converged-after-healing", "liveness")
def unknown_slots_left_out() -> Sequence[Patch]:
    """Older software drops what it does not know instead of keeping it."""
    verdict = workers._verdict

    def narrow(lane: Any, actor: Any, catalogue: Any) -> Any:
        found = verdict(lane, actor, catalogue)
        kept = tuple(one for one in found.entries if one.slot in catalogue)
        return found._replace(entries=kept)

    return [(workers, "_verdict", narrow)]
