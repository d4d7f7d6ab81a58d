"""A silent node as a process: no socket to anybody, and not one packet, whatever it is asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from conflict.signature import SigningKey
from node.errors import EXIT_LOCKED, EXIT_NO_PEER
from tests.cli.cli_lab import SCRIPT, aidstation, environment, made, running
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


def listening(pid: int) -> list[Any]:
    """Where a process is called."""
    found = psutil.Process(pid).net_connections("inet")
    return [one for one in found if one.status == psutil.CONN_LISTEN]


def test_a_silent_node_has_no_socket_but_its_own_machines_api(tmp_path: Path) -> None:
    silent = home(tmp_path / "silent", 'link = "silent"', peer("127.0.0.1:9"))
    with running(silent) as process:
        aidstation(silent, "record", "triage", "--new", "episode", "category=immediate")
        refused = aidstation(silent, "sync", "b", "--timeout", "5")
        assert refused.code == EXIT_NO_PEER
        assert "(silent)" in refused.err
        assert sockets(process.pid) == {("tcp", "127.0.0.1")}
        assert len(listening(process.pid)) == 1
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


def test_a_locked_node_is_silenced_by_anybody_and_speaks_again_only_when_unlocked(
    tmp_path: Path,
) -> None:
    node = made(tmp_path / "node")
    with running(node) as process:
        assert len(listening(process.pid)) == 2
        assert aidstation(node, "lock").code == 0
        silenced = aidstation(node, "silent", "on", "--json")
        assert silenced.result["silent"]
        assert len(listening(process.pid)) == 1
        refused = aidstation(node, "silent", "off")
        assert (refused.code, "locked, and silent" in refused.err) == (EXIT_LOCKED, True)
        assert len(listening(process.pid)) == 1
        assert aidstation(node, "unlock").code == 0
        assert not aidstation(node, "silent", "off", "--json").result["silent"]
        assert len(listening(process.pid)) == 2


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


class Witness:
    """Sees every frame at the far end of the cable, from its making on."""

    def __init__(self, network: Network) -> None:
        self._far, self._near = Station(network.b), Station(network.a)
        self._ear = self._far.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL)
        self._ear.bind(("cable", ETH_P_ALL))
        self._ear.settimeout(20)

    def frames(self) -> list[bytes]:
        """Those since the last time, until now: a marker follows them, which no rule of IP stops."""
        # what names no peer of ours, so that the kernel need not ask for anybody's address
        mouth = self._near.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL)
        mouth.bind(("cable", ETH_P_ALL))
        mouth.send(b"\xff" * 6 + os.urandom(6) + b"\x88\xb5" + MARKER.ljust(46, b"\0"))
        mouth.close()
        found = []
        while MARKER not in (frame := self._ear.recv(65_535)):
            if self._ear.getsockname()[0] == "cable":
                found.append(frame)
        return found

    def close(self) -> None:
        self._ear.close()
        self._far.stop()
        self._near.stop()


@pytest.fixture
def witness(network: Network) -> Iterator[Witness]:
    one = Witness(network)
    yield one
    one.close()


def is_leaving(frame: bytes) -> bool:
    """The kernel says a second time within a second that it left a multicast group (IGMP, RFC 3376 5.1)."""
    return frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_IGMP


def work(network: Network, root: Path) -> None:
    """What a medic does beside a running node."""
    command_in(network.a, root, "record", "note", "--new", "episode", "text=x")
    command_in(network.a, root, "sync", "b", "--timeout", "2")


def heard(network: Network, witness: Witness, root: Path) -> list[bytes]:
    """Every frame from before the node's start to after its end."""
    with running_in(network.a, root):
        work(network, root)
    return witness.frames()


def test_a_silent_node_puts_not_one_frame_on_the_cable(
    network: Network, witness: Witness, tmp_path: Path
) -> None:
    quiet = home(tmp_path / "quiet", 'link = "silent"', peer(f"{B}:8470"), host=A)
    assert heard(network, witness, quiet) == []


def test_the_cable_carries_what_a_lan_node_says(
    network: Network, witness: Witness, tmp_path: Path
) -> None:
    loud = home(tmp_path / "loud", 'link = "lan"', peer(f"{B}:8470"), host=A)
    assert heard(network, witness, loud)


def test_a_peer_that_is_silent_alone_is_not_dialled(
    network: Network, witness: Witness, tmp_path: Path
) -> None:
    quiet = home(
        tmp_path / "one",
        'link = "lan"',
        peer(f"{B}:8470", 'link = "silent"\n') + "[discovery]\nmdns = false\n",
        host=A,
    )
    assert heard(network, witness, quiet) == []


def test_silence_at_a_persons_word_is_silence_also_after_a_restart_until_it_is_ended(
    network: Network, witness: Witness, tmp_path: Path
) -> None:
    node = home(tmp_path / "node", 'link = "lan"', peer(f"{B}:8470"), host=A)
    with running_in(network.a, node):
        work(network, node)
        assert witness.frames()
        command_in(network.a, node, "silent", "on")
        witness.frames()  # what was under way
        work(network, node)
        assert status_in(network.a, node)["silent"]
        assert [one for one in witness.frames() if not is_leaving(one)] == []
    with running_in(network.a, node):
        work(network, node)
        assert witness.frames() == []
        command_in(network.a, node, "silent", "off")
        work(network, node)
        assert witness.frames()
        assert status_in(network.a, node)["statements"] == 4


RULE = Path(__file__).parents[2] / "deploy" / "silent" / "aidstation-silent.nft"


def test_with_the_drop_rule_no_frame_leaves_though_the_node_is_not_silent(
    network: Network, witness: Witness, tmp_path: Path
) -> None:
    if (nft := shutil.which("nft")) is None:
        pytest.skip("nft is not installed here")
    loud = home(tmp_path / "loud", 'link = "lan"', peer(f"{B}:8470"), host=A)
    ruled = subprocess.run(
        ["ip", "netns", "exec", network.a, nft, "-f", str(RULE)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if "not supported" in ruled.stderr or "not permitted" in ruled.stderr:
        pytest.skip(f"nft cannot be used here: {ruled.stderr.splitlines()[0]}")
    assert ruled.returncode == 0, ruled.stderr
    assert heard(network, witness, loud) == []


NAMES = ("Okafor", "W-4711", "BAS-NORTH-7", "ROLE2-A", "SGT Ruiz", "field", "medic")


def test_what_a_node_says_of_itself_on_the_cable_names_nobody_and_no_unit(
    network: Network, witness: Witness, tmp_path: Path
) -> None:
    loud = home(tmp_path / "loud", 'link = "lan"', peer(f"{B}:8470"), host=A)
    text = (loud / "config.toml").read_text()
    (loud / "config.toml").write_text(text.replace('name = "a"', 'name = "BAS-NORTH-7"'))
    shown = json.loads(aidstation(loud, "config", "show", "--json").out)
    assert "BAS-NORTH-7" in json.dumps(shown)
    with running_in(network.a, loud):
        words = ("family=Okafor", "given=Ada", "evidence=tag", "--by", "SGT Ruiz")
        command_in(network.a, loud, "record", "name", "--new", "person", *words)
        command_in(network.a, loud, "casualty", "--wristband", "W-4711", "--by", "SGT Ruiz")
        work(network, loud)
        own = status_in(network.a, loud)["node"]
    said = b"".join(witness.frames())
    assert b"_aidstation" in said, "it does advertise"
    machine = socket.gethostname()
    for name in (*NAMES, own, own[:16], machine):
        for form in (name.encode(), name.lower().encode(), name.encode("utf-16-le")):
            assert form not in said, name
    assert bytes.fromhex(own) not in said
