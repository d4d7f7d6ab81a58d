"""Our own node on the same work: two real `aidstation run` processes that know one address.

A side is done when both are proved equal and nothing of it waits to be shown: signatures verified,
documents admitted, charts projected, receipts given.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.app import open_desk
from node.config import load
from node.demo.founding import Member, found
from node.demo.stage import Actor, init_unattended
from node.desk import Save
from node.home import Home
from tests.bench.peers.counted_link import HOST, CountedLink
from tests.bench.peers.pairs import Pair
from tests.bench.peers.programs import ANSWER_S_MAX, PeerFailed, free_ports, peak_mb
from tests.bench.peers.workload import Workload

SOURCE, SINK = "source", "sink"
ROLES = {SOURCE: "garrison", SINK: "field"}
POLL_S = 0.1
PART_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class AidstationNodes:
    """See `System`."""

    name: str = "aidstation"
    charts_max: int | None = None

    def prepare(self, folder: Path, work: Workload) -> None:
        """See `System`."""
        homes = {name: _home(folder / name) for name in ROLES}
        nodes = {name: init_unattended(home).node.hex() for name, home in homes.items()}
        ports = dict(zip(ROLES, free_ports(len(ROLES)), strict=True))
        for name, home in homes.items():
            home.config.write_text(_config(name, nodes, ports[name]))
        found(Member(name, home) for name, home in homes.items())
        with open_desk(homes[SOURCE], load(homes[SOURCE]).settings) as desk:
            desk.import_saves(
                Save(document, drafts) for document, steps in work.charts for drafts in steps
            )

    @contextmanager
    def pair(self, prepared: Path, folder: Path, link: CountedLink) -> Iterator[Pair]:
        """See `System`."""
        with ExitStack() as stack:
            actors = {}
            for name in ROLES:
                shutil.copytree(prepared / name, folder / name)
                actors[name] = Actor(name, _home(folder / name))
                stack.callback(actors[name].stop)
                actors[name].start()
            settings = load(actors[SOURCE].home).settings
            link.lead_to(settings.sync.address.port)
            yield _NodePair(actors[SOURCE], actors[SINK], link)


@dataclass(frozen=True, slots=True)
class _NodePair:
    source: Actor
    sink: Actor
    link: CountedLink

    def receive(self) -> None:
        self._sync(self._address)
        self._shown()

    def settle(self) -> None:
        pass

    @property
    def checks_kept(self) -> bool:
        return True

    def check(self) -> None:
        self._sync(SOURCE)

    def part(self) -> None:
        self.link.cut()
        deadline = time.monotonic() + PART_S_MAX
        while any(peer["phase"] != "closed" for peer in self._peers()):
            if time.monotonic() > deadline:
                raise PeerFailed("the nodes did not notice that the link is down")
            time.sleep(POLL_S)  # the API has no call that waits for a link to end

    def change(self, work: Workload) -> None:
        self.source.desk.import_saves(work.edits.source)
        self.sink.desk.import_saves(work.edits.sink)

    def meet(self) -> None:
        self.link.heal()
        self._sync(self._address)
        self._shown()

    def digests(self) -> tuple[object, object]:
        told = [actor.desk.status() for actor in (self.source, self.sink)]
        source, sink = ((one["digest"], one["statements"], one["refused"]) for one in told)
        return source, sink

    def peaks_mb(self) -> tuple[float, float]:
        pids = [one.process.pid for one in (self.source, self.sink) if one.process is not None]
        source, sink = map(peak_mb, pids)
        return source, sink

    @property
    def _address(self) -> str:
        return f"{HOST}:{self.link.port}"

    def _sync(self, peer: str) -> None:
        told = self.sink.desk.sync(peer, ANSWER_S_MAX)
        if not told["equal"]:
            raise PeerFailed(f"not equal: {told}")

    def _shown(self) -> None:
        deadline = time.monotonic() + ANSWER_S_MAX
        for actor in (self.source, self.sink):
            while (status := actor.desk.status())["waiting"]:
                if status["refused"]:
                    raise PeerFailed(f"{status['refused']} documents of {actor.name} were refused")
                if time.monotonic() > deadline:
                    raise PeerFailed(f"{status['waiting']} documents were not shown in time")
                time.sleep(POLL_S)  # nor one that waits for the last chart to be shown

    def _peers(self) -> Iterator[dict[str, str]]:
        for actor in (self.source, self.sink):
            yield from actor.desk.peers()


def _home(root: Path) -> Home:
    return Home(root, root / "config.toml")


def _config(name: str, nodes: dict[str, str], port: int) -> str:
    [(other, node)] = [(other, node) for other, node in nodes.items() if other != name]
    lines = ["[node]", f'name = "{name}"', f'role = "{ROLES[name]}"']
    lines += ["[sync]", f'listen = "{HOST}:{port}"', "[api]", f'listen = "{HOST}:0"']
    lines += ["[discovery]", "mdns = false"]
    lines += ["[[peers]]", f'name = "{other}"', f'node = "{node}"']
    return "\n".join(lines) + "\n"
