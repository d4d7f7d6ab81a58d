"""The stage: homes, configuration and processes of the demo's nodes, all on loopback.

Each node is a real `aidstation run` with its own home, store and key. Field nodes know the
garrison's address; everything else they find by discovery.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from node.demo.founding import Member, found
from node.errors import NodeError, NotInitialised
from node.home import Home, init, read_running, read_token
from node.remote_desk import RemoteDesk
from node.unlocking import by_key_file, fresh_vault

if TYPE_CHECKING:
    from conflict.signature import SigningKey

NAMES = ("garrison", "alpha", "bravo", "charlie")
START_S_MAX = 60.0
POLL_S = 0.05
_LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Actor:
    """One node on stage."""

    name: str
    home: Home
    process: subprocess.Popen[bytes] | None = None

    @property
    def desk(self) -> RemoteDesk:
        """Its desk, over the local API as any program would."""
        running = read_running(self.home)
        if running is None:
            raise NotInitialised(f"the node {self.name} is not running")
        return RemoteDesk(running.api, read_token(running))

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.launch()
        self.ready()

    def launch(self) -> None:
        """Start the process."""
        log = (self.home.root / "demo.log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603  our own console script
            [*aidstation(), "--home", str(self.home.root), "run"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()

    def ready(self) -> None:
        """Wait until the process answers. Raises `NodeError` with its last words if it does not."""
        deadline = time.monotonic() + START_S_MAX
        while not self._answers():
            if (
                self.process is None
                or self.process.poll() is not None
                or time.monotonic() > deadline
            ):
                tail = (self.home.root / "demo.log").read_text(errors="replace")[-600:]
                raise NodeError(f"the demo's node {self.name} did not start: {tail}")
            time.sleep(POLL_S)  # until it listens there is nothing to wait on

    def _answers(self) -> bool:
        try:
            return bool(self.desk.status())
        except NodeError:
            return False

    def kill(self) -> None:
        """SIGKILL: nothing is said, nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL if it will not go."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def aidstation() -> list[str]:
    """How to start this same installation."""
    script = Path(sys.executable).parent / "aidstation"
    return (
        [str(script)]
        if os.access(script, os.X_OK)
        else [sys.executable, "-P", "-m", "node.cli.main"]
    )


@contextmanager
def stage(root: Path, names: Sequence[str] = NAMES) -> Iterator[dict[str, Actor]]:
    """Nodes that know one another; what is still running is stopped when the block ends."""
    actors = {name: Actor(name, Home(root / name, root / name / "config.toml")) for name in names}
    nodes = {name: init_unattended(actor.home).node.hex() for name, actor in actors.items()}
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    for name, actor in actors.items():
        actor.home.config.write_text(_config(name, nodes, ports))
    found(Member(name, actor.home) for name, actor in actors.items())
    with ExitStack() as stack:
        for actor in actors.values():
            stack.callback(actor.stop)
        yield actors


def init_unattended(home: Home) -> SigningKey:
    """An encrypted node whose key file lies beside it: nobody is there to type."""
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return init(home, None, fresh_vault([by_key_file(home, None)]))


def _config(name: str, nodes: dict[str, str], ports: dict[str, int]) -> str:
    lines = [
        "[node]",
        f'name = "{name}"',
        f'role = "{_role(name)}"',
        "[sync]",
        f'listen = "{_LOOPBACK}:{ports[name]}"',
        "[api]",
        f'listen = "{_LOOPBACK}:0"',
        "[discovery]",
        f'interfaces = ["{_LOOPBACK}"]',
    ]
    for other, node in nodes.items():
        if other != name:
            lines += ["[[peers]]", f'name = "{other}"', f'node = "{node}"']
            if other == "garrison":
                lines += [f'address = "{_LOOPBACK}:{ports[other]}"']
    return "\n".join(lines) + "\n"


def _role(name: str) -> str:
    return "garrison" if name == "garrison" else "field"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((_LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]
