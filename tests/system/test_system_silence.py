"""A silent node as a process: no socket to anybody, and not one packet, whatever it is asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from conflict.signature import SigningKey
from node.errors import EXIT_NO_PEER
from tests.cli.cli_lab import SCRIPT, aidstation, environment, running
from tests.discovery.discovery_lab import Network, Station, ip, network_or_skip

ANYWHERE = "0.0.0.0"  # noqa: S104  a node is to listen there, were it not silent
KEY = SigningKey.from_entropy(bytes(range(40)))
A, B = "10.84.0.1", "10.84.0.2"
MARKER = b"after"
ETH_P_ALL = 0x0003


def home(root: Path, sync: str, peers: str = "", host: str = ANYWHERE) -> Path:
    """A node that would listen everywhere, advertise, and dial a peer, were it not silent."""
    assert (
        aidstation(root, "init", "--plain", "--name", "a", "--api-listen", "127.0.0.1:0").code == 0
    )
    text = (root / "config.toml").read_text()
    (root / "config.toml").write_text(f'{text}\n[sync]\nlisten = "{host}:0"\n{sync}\n{peers}')
    return root


def peer(address: str, extra: str = "") -> str:
    return f'[[peers]]\nname = "b"\nnode = "{KEY.node.hex()}"\naddress = "{address}"\n{extra}'


def sockets(pid: int) -> set[tuple[str, str]]:
    """Every internet socket of a process and its children, as (kind, local host)."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return {
        ("tcp" if one.type == socket.SOCK_STREAM else "udp", one.laddr.ip)
        for process in family
        for one in process.net_connections("inet")
        if one.laddr
    }


def test_a_silent_node_has_no_socket_but_its_own_machines_api(tmp_path: Path) -> None:
    silent = home(tmp_path / "silent", 'link = "silent"', peer("127.0.0.1:9"))
    with running(silent) as process:
        aidstation(silent, "record", "triage", "--new", "episode", "category=immediate")
        refused = aidstation(silent, "sync", "b", "--timeout", "5")
        assert refused.code == EXIT_NO_PEER
        assert "(silent)" in refused.err
        assert sockets(process.pid) == {("tcp", "127.0.0.1")}
        listening = [
            one
            for one in psutil.Process(process.pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        ]
        assert len(listening) == 1
        assert json.loads((silent / "running.json").read_text())["sync"] == "silent"


def test_the_same_node_on_a_lan_has_sockets_to_its_peers(tmp_path: Path) -> None:
    with running(home(tmp_path / "loud", 'link = "lan"')) as process:
        assert ("tcp", ANYWHERE) in sockets(process.pid)


def test_silence_is_said_with_what_would_end_it(tmp_path: Path) -> None:
    silent = home(tmp_path / "silent", 'link = "silent"', peer("127.0.0.1:9"))
    with running(silent):
        status = aidstation(silent, "status", "--json").result
        text = aidstation(silent, "status").out
    assert status["link"]["kind"] == "silent"
    assert [one["link"]["kind"] for one in status["peers"]] == ["silent"]
    (said,) = [words for words in status["state"] if words.startswith("Stopped")]
    assert said.startswith("Stopped: silent with b → ")
    assert said in text


# --- on the wire ----------------------------------------------------------------------------------


@pytest.fixture
def network() -> Iterator[Network]:
    built = network_or_skip()
    for namespace, address in ((built.a, A), (built.b, B)):
        built.address(namespace, f"{address}/24")
        ip("-n", namespace, "link", "set", "lo", "up")
    yield built
    built.remove()


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
        assert process.stderr.readline().startswith("Running as process")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(60)
        process.stderr.close()


def command_in(namespace: str, root: Path, *words: str) -> None:
    """One command beside that node."""
    subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, *SCRIPT[1:], "--home", root, *words],  # noqa: S607
        check=False,
        capture_output=True,
        env=environment(root),
        timeout=60,
    )


def heard(network: Network, root: Path) -> list[bytes]:
    """Every frame at the far end of the cable from before the node's start to after its end."""
    witness, speaker = Station(network.b), Station(network.a)
    try:
        ear = witness.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL)
        ear.bind(("cable", ETH_P_ALL))
        ear.settimeout(20)
        with running_in(network.a, root):
            command_in(network.a, root, "record", "note", "--new", "episode", "text=x")
            command_in(network.a, root, "sync", "b", "--timeout", "2")
        # what names no peer of ours, so that the kernel need not ask for anybody's address
        mouth = speaker.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL)
        mouth.bind(("cable", ETH_P_ALL))
        mouth.send(b"\xff" * 6 + os.urandom(6) + b"\x88\xb5" + MARKER.ljust(46, b"\0"))
        mouth.close()
        frames = []
        while True:
            frame = ear.recv(65_535)
            if MARKER in frame:
                ear.close()
                return frames
            if ear.getsockname()[0] == "cable":
                frames.append(frame)
    finally:
        witness.stop()
        speaker.stop()


def test_a_silent_node_puts_not_one_frame_on_the_cable(network: Network, tmp_path: Path) -> None:
    quiet = home(tmp_path / "quiet", 'link = "silent"', peer(f"{B}:8470"), host=A)
    assert heard(network, quiet) == []


def test_the_cable_carries_what_a_lan_node_says(network: Network, tmp_path: Path) -> None:
    loud = home(tmp_path / "loud", 'link = "lan"', peer(f"{B}:8470"), host=A)
    assert heard(network, loud)


def test_a_peer_that_is_silent_alone_is_not_dialled(network: Network, tmp_path: Path) -> None:
    quiet = home(
        tmp_path / "one",
        'link = "lan"',
        peer(f"{B}:8470", 'link = "silent"\n') + "[discovery]\nmdns = false\n",
        host=A,
    )
    assert heard(network, quiet) == []
