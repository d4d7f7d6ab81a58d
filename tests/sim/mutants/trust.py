"""What a node believes, or gives away, against the authority of its theatre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.bundles.exporting import Export
from node.enforcing import Enforcing
from node.grants import Grants
from node.peering import Peering
from node.quarantine import Quarantine
from storage import memory_audit
from sync.authority_exchange import AuthorityExchange
from sync.trust.theatre import Theatre
from tests.sim.mutants.mutant import SPLIT, Patch, mutant


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


@mutant("lost-laptop", "converged-after-healing", "liveness")
def revocation_not_passed_on() -> Sequence[Patch]:
    """The authority's log stays with whoever has it."""
    return [(AuthorityExchange, "_send", lambda _: iter(()))]


@mutant("two-units", "scopes-never-leak")
def bundles_for_anybody() -> Sequence[Patch]:
    """A stick carries all that is held, whoever is to read it."""
    begin = Export.__init__

    def generous(self: Export, engine: Any, parcel: Any) -> None:
        begin(self, engine, parcel._replace(view=None))

    return [(Export, "__init__", generous)]


@mutant(SPLIT, "books-in-order")
def audit_rows_left_out() -> Sequence[Patch]:
    """An entry of the audit log is thrown away after it was counted."""
    add = memory_audit._add

    def shorter(rows: Any, device: Any, added: Any, now_ms: int) -> None:
        add(rows, device, added, now_ms)
        for entry in added.entries[1::2]:
            del rows.audit[device, added.log.branch.branch, entry.number]

    return [(memory_audit, "_add", shorter)]


@mutant("silent-insertion", "silence-kept")
def silence_not_kept() -> Sequence[Patch]:
    """A node that was told to be silent goes on calling."""

    async def deaf(self: Peering, *, silent: bool) -> None:
        del self, silent

    return [(Peering, "silence", deaf)]
