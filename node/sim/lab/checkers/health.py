"""That a theatre comes to rest in time, keeps within bounds, and that its own books are in order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from node.audit_check import verify
from node.sim.lab.checkers.checker import Checker
from node.sim.lab.checkers.convergence import members
from sync.limits import WAITING_BYTES_MAX

if TYPE_CHECKING:
    from node.link import Link
    from node.sim.lab.machine import Machine

FRAMES_AT_REST_MAX = 100
"""Of one way in the quiet after convergence: checks, receipts and audit rows of links that came late."""
KEPT_BYTES = 64 << 10
KEPT_TIMES = 2
"""A session keeps in memory at most so many bytes and so many times all that its node holds."""
LINK_BYTES = 16 << 10
SENT_TIMES = 6
"""To a node come, until all is equal, so many bytes a link and a connection, and so many times what it
lacked when everything was repaired: several peers may bring it the same."""


class Liveness(Checker):
    """All is equal within the scenario's healing time."""

    name = "liveness"
    code = 17

    def end(self) -> None:
        """See `Checker`."""
        if self.world.equal_at is None:
            bound = self.world.scenario.healing_s
            self.violated("", f"not equal {bound:,.0f} s after everything was repaired")


class Bounded(Checker):
    """No session makes a node keep more than it may, healing takes few times the bytes that were missing,
    and equal nodes fall silent."""

    name = "bounded"
    code = 18

    def step(self) -> None:
        """See `Checker`."""
        for machine in self.world.running:
            peering = machine.process.peering
            for link in filter(None, map(peering.link, peering.acquaintances)):
                self._keeps(machine, link)

    def _keeps(self, machine: Machine, link: Link) -> None:
        kept = link.session.kept_bytes
        if kept > WAITING_BYTES_MAX or (
            kept > KEPT_BYTES
            and kept > KEPT_BYTES + KEPT_TIMES * machine.process.engine.store.used_bytes()
        ):
            self.violated(machine.name, f"keeps {kept:,} bytes for one peer")

    def end(self) -> None:
        """See `Checker`."""
        self._sent()
        for (sender, receiver), frames in self.world.at_rest.items():
            if frames > FRAMES_AT_REST_MAX:
                text = f"sent {frames:,} frames to {receiver} after all was equal"
                self.violated(sender, text)

    def _sent(self) -> None:
        healing = self.world.healing
        came: Counter[str] = Counter()
        links: Counter[str] = Counter()
        for (_, receiver), size in healing.sent.items():
            came[receiver] += size
            links[receiver] += size > 0
        for name, missing in healing.missing.items():
            ends = links[name] + healing.connections[name]
            if came[name] > (most := ends * LINK_BYTES + SENT_TIMES * missing):
                text = f"lacked {missing:,} bytes and was sent {came[name]:,}; {most:,} may be"
                self.violated(name, text)


class BooksInOrder(Checker):
    """Digests, sketches and chains of every surviving disk say what is on it; audit logs are whole."""

    name = "books-in-order"
    code = 19

    def end(self) -> None:
        """See `Checker`."""
        for machine in self.world.surviving:
            for problem in machine.disk.store.check():
                self.violated(machine.name, f"{problem.code}: {problem.subject}")
        for machine in members(self.world):
            engine = machine.process.engine
            for broken in verify(engine.store, machine.node, engine.belonging).broken:
                if broken.at.code not in _TOLD:
                    self.violated(machine.name, f"audit log: {broken.at.code}")


_TOLD = {"forked", "rolled-back"}
"""Proof that something was done to a device, which the log is there to keep."""


class NoFault(Checker):
    """Nothing in a node breaks: no error that nobody caught, no projector that stopped."""

    name = "no-fault"
    code = 20

    def step(self) -> None:
        """See `Checker`."""
        for fault in self.world.faults:
            self.violated("", fault)
        for machine in self.world.running:
            if (failed := machine.process.engine.projector.failed) is not None:
                self.violated(machine.name, f"projector: {type(failed).__name__}: {failed}")

    end = step
