"""One simulated theatre: machines and the air between them on one clock, made from a scenario and a seed.

It does nothing by itself but let time pass; verbs (`verbs.py`) and people (`workload.py`) act on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from node.sim.lab.clock import Livelock, VirtualLoop
from node.sim.lab.disk import DELAY_S, DiskStore
from node.sim.lab.machine import START_MS, Machine
from node.sim.lab.missing import Healing
from node.sim.lab.network import Air
from node.sim.lab.people import People
from node.sim.lab.sql_disk import SqlDisks, SqlDiskStore
from node.sim.lab.theatre import Authority
from node.sim.lab.trace import Trace

if TYPE_CHECKING:
    from conflict.identity import DocumentId, NodeId
    from node.sim.lab.people import Acknowledged
    from node.sim.lab.scenario import Scenario


BINS = 480
"""Frames of a run are counted in so many stretches of time."""


class World:
    """`machines` by name, in the scenario's order."""

    def __init__(self, scenario: Scenario, seed: int, *, keeps_messages: bool = True) -> None:
        self.scenario, self.seed = scenario, seed
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._broke)
        self.equal_at: float | None = None
        """When all was equal after healing."""
        self.at_rest: dict[tuple[str, str], int] = {}
        """Frames that went in a while of rest after that, by way."""
        self.healing = Healing()
        self.let_go: dict[str, dict[DocumentId, float]] = {}
        """What nodes let go and did not ask for since, and when."""
        self.revoked_at: dict[NodeId, float] = {}
        self.backups: dict[str, DiskStore | SqlDiskStore] = {}
        self.trace = Trace(self.loop.time, keeps_messages)
        self.trace.bin_s = max(1.0, (scenario.faults_s + scenario.healing_s) / BINS)
        self.people = People(scenario, seed)
        self.faults: list[str] = []
        """Errors that nobody caught: each is a bug."""
        names = list(scenario.nodes)
        self.air = Air(self.loop, names, scenario.shapes, seed, self.trace)
        self.authority = Authority(seed, START_MS)
        self._disks = SqlDisks() if scenario.sqlite else None
        self.machines = {name: self._machine(name) for name in names}

    def _machine(self, name: str) -> Machine:
        scenario = self.scenario
        spec = scenario.nodes[name]
        profiles = {peer: scenario.profile(name, peer) for peer in scenario.nodes if peer != name}
        return Machine(
            name,
            spec,
            seed=self.seed,
            loop=self.loop,
            air=self.air,
            authority=self.authority,
            profiles=profiles,
            stub=scenario.stub,
            disks=self._disks,
        )

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.loop.time()

    @property
    def right_ms(self) -> int:
        """The wall clock of who has a right one."""
        return START_MS + int(self.now * 1000)

    @property
    def running(self) -> list[Machine]:
        """Machines whose process runs."""
        return [one for one in self.machines.values() if one.life is not None]

    @property
    def awake(self) -> list[Machine]:
        """Those of them that do not sleep."""
        return [one for one in self.running if not one.asleep]

    @property
    def surviving(self) -> list[Machine]:
        """Machines that are not lost, running or not."""
        return [one for one in self.machines.values() if not one.lost]

    @property
    def revoked(self) -> frozenset[NodeId]:
        """Whom the authority has revoked, whether or not anybody has heard of it."""
        return frozenset(one.node for one in self.authority.theatre if one.revoked is not None)

    def machine_of(self, node: NodeId) -> Machine | None:
        """Whose id this is; None: of several copies, or of nobody."""
        found = [one for one in self.machines.values() if one.node == node]
        return found[0] if len(found) == 1 else None

    def may_hold(self, machine: Machine, one: Acknowledged) -> bool:
        """Whether a machine's grants cover what another node saved: that belongs to its author's unit."""
        own = self.scenario.nodes[machine.name].codes
        home = self.scenario.nodes[one.node].codes
        return own is None or (home is not None and home[0] in own)

    def shows(self, machine: Machine, one: Acknowledged) -> bool:
        """Whether it is to show that in the end: of revoked devices perhaps a part only."""
        return self.machines[one.node].node not in self.revoked and self.may_hold(machine, one)

    # Life -----------------------------------------------------------------------------------------

    @contextmanager
    def begun(self) -> Iterator[World]:
        """With all processes running at second 0, until the block ends."""
        self.do(self._begin)
        try:
            yield self
        finally:
            self._end()

    def _begin(self) -> None:
        for name in self.scenario.starters:
            self.enrol(name)
        for name in self.scenario.starters:
            self.machines[name].enrol()
            self.start(self.machines[name])

    def enrol(self, name: str) -> None:
        """The authority enrols it, now."""
        one = self.scenario.nodes[name]
        key = self.machines[name].key
        self.authority.enrol(key, name, one.role, one.codes, self.right_ms)

    def do(self, work: object) -> None:
        """On the loop, now: whoever needs a running loop finds one."""
        assert callable(work)  # noqa: S101
        self.loop.call_soon(work)
        self.loop.run_until(self.now)

    def pass_until(self, at: float) -> None:
        """Let time pass."""
        self.loop.run_until(at)

    def _end(self) -> None:
        with suppress(Livelock):  # it was told already
            self._let_go()
        self.loop.close()
        if self._disks is not None:
            self._disks.close()

    def _let_go(self) -> None:
        for machine in self.machines.values():
            if machine.life is not None:
                self.do(machine.crash)
        self.pass_until(self.now + 30)
        for task in sorted(asyncio.all_tasks(self.loop), key=lambda one: one.get_name()):
            task.cancel()
        self.pass_until(self.now + 1)

    # What is done to machines ---------------------------------------------------------------------

    def start(self, machine: Machine) -> None:
        """A process for it, unless one runs, or it is lost or not there yet."""
        if machine.life is None and machine.present and not machine.lost:
            machine.start(list(self.machines.values()))
            self.trace.note(machine.name, "started", str(machine.lives))

    def heal(self) -> None:
        """Everything that can be repaired is; who is not lost runs."""
        self.air.heal()
        for machine in self.surviving:
            machine.disk.fill(full=False)
            machine.disk.tear(None)
            machine.disk.delay_s = DELAY_S
            machine.wake()
            self.start(machine)

    def _broke(self, _loop: object, context: Mapping[str, object]) -> None:
        error = context.get("exception")
        text = f"{type(error).__name__}: {error}" if error else str(context.get("message"))
        self.faults.append(text)
        self.trace.note("", "fault", text)
