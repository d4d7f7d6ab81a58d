"""One simulated node: a key, a disk and a clock that outlast its processes, and the process of now.

A process is the node's own engine and peering, on virtual time. Nothing here knows why it is started or
killed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

from conflict.catalogue import with_more, without
from conflict.identity import NodeId
from conflict.signature import SigningKey
from conflict.slot import CATALOGUE
from discovery import Address
from node.acquaintance import introduced
from node.belonging import Belonging
from node.engine import Engine
from node.herald import Air as Shown
from node.lineage import lately_lost
from node.peering import Peering
from node.sim.dice import dice
from node.sim.lab.clock import OWNER, VirtualLoop
from node.sim.lab.disk import Disk
from node.sim.lab.hands import VirtualHands
from node.sim.lab.network import PORT, Air
from node.sim.lab.signatures import StubBelonging, StubKey
from node.sim.lab.theatre import Authority, key_of
from node.workers import InlineWorkers
from sync.custody import new_epoch
from sync.link_profile import LinkProfile

if TYPE_CHECKING:
    from node.sim.lab.scenario import NodeSpec
    from node.sim.lab.sql_disk import SqlDisks

START_MS = 1_795_401_431_123
"""Wall clock at second 0 of every run, where it is right: 2026-11-23."""


class Clock:
    """A wall clock that may be wrong. `drift`: seconds gained in a second."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._set_at = 0.0
        self._set_ms = float(START_MS)
        self.drift = 0.0

    def __call__(self) -> int:
        """Milliseconds since 1970, as it shows them."""
        passed_s = self._time() - self._set_at
        return max(0, int(self._set_ms + passed_s * 1000 * (1 + self.drift)))

    def jump(self, seconds: float) -> None:
        """It shows another time from now on."""
        shown_ms = self() + seconds * 1000
        self._set_at, self._set_ms = self._time(), shown_ms

    def run_at(self, drift: float) -> None:
        """It gains so much from now on."""
        self.jump(0)
        self.drift = drift


class Process:
    """One life of a node: an engine, its links, and who works for it."""

    def __init__(self, engine: Engine, peering: Peering, hands: VirtualHands) -> None:
        self.engine = engine
        self.peering = peering
        self.hands = hands
        self.context = copy_context()


class Machine:
    """`life`: the process that runs; None: none does. `profiles`: what it was told of its links."""

    def __init__(
        self,
        name: str,
        spec: NodeSpec,
        *,
        seed: int,
        loop: VirtualLoop,
        air: Air,
        authority: Authority,
        profiles: dict[str, LinkProfile],
        stub: bool,
        disks: SqlDisks | None = None,
    ) -> None:
        self.name, self.role = name, spec.role
        self.key = key_of(seed, spec.copy_of or name, StubKey if stub else SigningKey)
        self._belonging = StubBelonging if stub else Belonging
        self.lacks = spec.lacks
        """Slots and fields (`vitals.spo2`) that its software does not know."""
        self.adds = spec.adds
        """Those that only its newer software knows."""
        self.asleep = False
        self.silent = False
        self.clock = Clock(loop.time)
        self.life: Process | None = None
        self.lives = 0
        self.present = not spec.late
        """It is in the theatre, or was."""
        self.lost = False
        """It will never be seen again."""
        self.set_back_to = b""
        """The epoch of a disk that was put back without anybody noticing."""
        self.set_back_s = float("-inf")
        """When it was last set back, noticed or not."""
        self._seed, self._loop, self._air, self.authority = seed, loop, air, authority
        self._profiles = profiles
        epoch, chance = self.epoch(), dice(seed, "disk", name)
        self.disk = Disk(epoch, chance, disks.new(epoch) if disks else None)

    @property
    def node(self) -> NodeId:
        """Its id."""
        return self.key.node

    @property
    def rolled_back(self) -> bool:
        """Its disk was set back, and its store does not know yet."""
        return self.disk.store.epoch() == self.set_back_to

    @property
    def process(self) -> Process:
        """The one that runs."""
        assert self.life is not None, f"{self.name} is not running"  # noqa: S101  asked where it is
        return self.life

    @property
    def awake(self) -> Process | None:
        """The one that runs, unless it sleeps: who sits before it can do nothing with it then."""
        return None if self.asleep else self.life

    @property
    def software(self) -> tuple[tuple[str, ...], ...]:
        """Equal for machines that show the same of the same."""
        return self.lacks, self.adds

    def epoch(self) -> bytes:
        """A new one for its store."""
        return new_epoch(self.clock(), self.entropy())

    def entropy(self) -> bytes:
        """16 bytes for it."""
        return dice(self._seed, "epoch", self.name, self.lives).randbytes(16)

    # Processes ------------------------------------------------------------------------------------

    def enrol(self) -> None:
        """Join the theatre: what its store says of it from now on."""
        self.authority.admit(self._belonging(self.disk.store, self.key), self.key)

    def start(self, peers: list[Machine]) -> None:
        """A new process over what is on the disk."""
        context = copy_context()
        context.run(OWNER.set, self.name)
        context.run(self._start, peers)

    def _start(self, peers: list[Machine]) -> None:
        self.lives += 1
        chance = dice(self._seed, "process", self.name, self.lives)
        store = self.disk.store
        hands = VirtualHands(self._loop, self.disk.taken_s)
        older = without(CATALOGUE, *self.lacks) if self.lacks else CATALOGUE
        catalogue = with_more(older, *self.adds) if self.adds else older
        engine = Engine(
            key=self.key,
            store=store,
            workers=InlineWorkers(catalogue),
            catalogue=catalogue,
            now_ms=self.clock,
            entropy=chance.randbytes,
            belonging=self._belonging(store, self.key),
            epoch_began=lately_lost(store, self.clock()),
            hands=hands,
        )
        others = [one for one in peers if one is not self]
        peering = Peering(
            engine=engine,
            keyring=engine.belonging,
            introduce=partial(introduced, engine.belonging, {}),
            known=[one.node for one in others],
            static=[(Address(one.name, PORT), one.node) for one in others],
            entropy=chance.randbytes,
            now_ms=self.clock,
            profiles={one.node: self._profiles[one.name] for one in others},
            network=self._air.ends(self.name),
        )
        if self.role == "garrison":
            engine.custody.begin()
        peering.allowances.silenced = self.silent
        self.life = Process(engine, peering, hands)
        shown = Shown(host="127.0.0.1", port=PORT, mdns=False)
        self._loop.create_task(peering.start(shown))

    def sleep(self) -> None:
        """The process stops where it is, if one runs, and clocks go on."""
        if self.awake is not None:
            self.asleep = True
            self._loop.suspend(self.name)
            self._air.doze(self.name)

    def wake(self) -> None:
        """It goes on, if it slept."""
        if self.asleep:
            self.asleep = False
            self._air.rouse(self.name)
            self._loop.resume(self.name)

    def crash(self) -> None:
        """The power is gone: the disk keeps what was committed, nobody hears a goodbye."""
        self._air.vanish(self.name)
        self.disk.crash()
        self._end()

    def stop(self) -> None:
        """An orderly end."""
        self._end()
        self.disk.crash()  # nothing of the old process writes any more

    def _end(self) -> None:
        self.wake()  # what it would still do goes nowhere
        life, self.life = self.life, None
        if life is not None:
            self._loop.create_task(_close(life), context=life.context)


async def _close(life: Process) -> None:
    await life.peering.close()
    life.engine.close()
