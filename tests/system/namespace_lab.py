"""Real nodes in Linux network namespaces, and a switch between them whose ports can be taken down."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cli_lab import SCRIPT, environment
from tests.discovery.discovery_lab import ip


class Switch:
    """Machines that share one Ethernet: `machines[name]` is the namespace of each."""

    def __init__(self, names: Sequence[str]) -> None:
        self._hub = f"aid{os.getpid()}hub"
        self.machines = {name: f"aid{os.getpid()}{name}" for name in names}

    def build(self) -> None:
        """The switch, then a cable to each machine, with an address."""
        ip("netns", "add", self._hub)
        ip("-n", self._hub, "link", "add", "switch", "type", "bridge")
        ip("-n", self._hub, "link", "set", "switch", "type", "bridge", "mcast_snooping", "0")
        ip("-n", self._hub, "link", "set", "switch", "up")
        for number, (name, machine) in enumerate(self.machines.items(), 1):
            ip("netns", "add", machine)
            ends = ("cable", "netns", machine, "type", "veth", "peer", "name", name)
            ip("link", "add", *ends, "netns", self._hub)
            ip("-n", self._hub, "link", "set", name, "master", "switch", "up")
            ip("-n", machine, "link", "set", "lo", "up")
            ip("-n", machine, "link", "set", "cable", "addrgenmode", "none")
            ip("-n", machine, "link", "set", "cable", "up")
            ip("-n", machine, "addr", "add", f"10.84.1.{number}/24", "dev", "cable")
            ip("-n", machine, "route", "add", "default", "dev", "cable")

    def port(self, name: str, state: str) -> None:
        """Take a machine's port `down`, or `up` again: its own end stays as it is."""
        ip("-n", self._hub, "link", "set", name, state)

    def remove(self) -> None:
        """All of it."""
        command = shutil.which("ip") or "/sbin/ip"
        for namespace in (*self.machines.values(), self._hub):
            subprocess.run([command, "netns", "del", namespace], check=False, capture_output=True)


def switch_or_skip(*names: str) -> Switch:
    """A built `Switch`, or a skip that says why there is none."""
    switch = Switch(names)
    try:
        switch.build()
    except (OSError, subprocess.SubprocessError) as refusal:
        switch.remove()
        pytest.skip(f"network namespaces are not permitted here: {refusal}")
    return switch


@contextmanager
def running_in(namespace: str, root: Path) -> Iterator[None]:
    """The node's process inside a network namespace; it has said that it is ready."""
    process = subprocess.Popen(
        ["ip", "netns", "exec", namespace, *SCRIPT, "--home", str(root), "run"],  # noqa: S607
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(root),
    )
    assert process.stderr is not None
    try:
        # a warning may come first, of multicast that is not permitted
        assert any(line.startswith("Running as process") for line in process.stderr)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(60)
        process.stderr.close()


def command_in(namespace: str, root: Path, *words: str) -> str:
    """One command beside that node; what it said."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, *SCRIPT[1:], "--home", root, *words],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        env=environment(root),
        timeout=120,
    )
    return done.stdout


def status_in(namespace: str, root: Path) -> dict[str, Any]:
    said = json.loads(command_in(namespace, root, "status", "--json"))
    assert "result" in said, said
    return said["result"]
