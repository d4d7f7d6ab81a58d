"""Stations with a thread, an event loop and, if wanted, a Linux network namespace of their own.

Sockets opened in a thread that entered a namespace belong to it, so several machines fit in one
test process. Every wait is for an event and bounded.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import queue
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from conflict.identity import NodeId
from discovery import Advert, DiscoveryError, Mdns, Recognition

WAIT_S_MAX = 20.0
_CLONE_NEWNET = 0x40000000
_MDNS_GROUP = "224.0.0.251"
_IP = shutil.which("ip") or "/sbin/ip"
Outcome = TypeVar("Outcome")
KNOWN: set[NodeId] = set()
"""Nodes of the one theatre that all stations belong to."""
THEATRE = Recognition(lambda: b"a theatre secret", lambda: sorted(KNOWN))


class Station:
    """One node's mDNS, in `namespace` or in the namespace of the test."""

    def __init__(self, namespace: str | None = None, **mdns: Any) -> None:
        self.node = NodeId(os.urandom(16))  # other runs may share the loopback
        KNOWN.add(self.node)
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, args=(namespace,), daemon=True)
        self.thread.start()
        self.mdns = Mdns(**{"recognition": THEATRE, **mdns})

    def _run(self, namespace: str | None) -> None:
        if namespace is not None:
            _enter(namespace)
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def do(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S_MAX)

    def call(self, work: Callable[..., Outcome], *given: Any) -> Outcome:
        async def wrapped() -> Outcome:
            return work(*given)

        return self.do(wrapped())

    def start(self, *, port: int = 8470, **callbacks: Callable[[Any], None]) -> Station:
        def put(kind: str) -> Callable[[Any], None]:
            return lambda what: self.events.put((kind, what))

        told = {kind: callbacks.get(kind, put(kind)) for kind in ("on_seen", "on_lost", "on_fault")}
        self.do(self.mdns.start(Advert(node=self.node, port=port, protocol=1), **told))
        return self

    def rescan(self) -> None:
        self.do(self.mdns.rescan())

    def close(self, **how: bool) -> None:
        self.do(self.mdns.close(**how))

    def stop(self) -> None:
        """Close, then end the thread."""
        self.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(WAIT_S_MAX)

    def until(
        self, kind: str, fits: Callable[[Any], bool], nudge: Callable[[], None] | None = None
    ) -> Any:
        """The next event of that kind that fits; what does not is dropped.

        `nudge` makes the other side speak again after each second of silence: zeroconf takes a
        packet that repeats another within 0.8 s for an echo.
        """
        silences = 0
        while True:
            try:
                found, what = self.events.get(timeout=1.0)
            except queue.Empty:
                silences += 1
                if silences >= WAIT_S_MAX:
                    raise
                if nudge is not None:
                    nudge()
            else:
                if found == kind and fits(what):
                    return what

    def until_seen(self, other: Station, fits: Callable[[Advert], bool] = bool) -> Advert:
        return self.until(
            "on_seen", lambda advert: advert.node == other.node and fits(advert), other.rescan
        )

    def until_lost(self, other: Station) -> None:
        self.until("on_lost", lambda node: node == other.node)

    def until_fault(self, code: str, about: str = "") -> DiscoveryError:
        return self.until("on_fault", lambda fault: fault.code == code and about in str(fault))


def multicast_on_loopback() -> bool:
    """Whether a multicast datagram sent on 127.0.0.1 comes back."""
    group, mine = "239.255.84.70", socket.inet_aton("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.settimeout(2)
        ear.bind(("", 0))
        try:
            ear.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + mine
            )
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mine)
            ear.sendto(b"echo", (group, ear.getsockname()[1]))
            return ear.recv(16) == b"echo"
        except OSError:
            return False


class Network:
    """Namespaces `a` and `b` with a cable between them, interfaces `cable` at both ends."""

    def __init__(self) -> None:
        self.a, self.b = (f"aid{os.getpid()}{end}" for end in "ab")

    def build(self) -> None:
        for namespace in (self.a, self.b):
            ip("netns", "add", namespace)
        self.plug()

    def plug(self) -> None:
        ends = ("cable", "netns", self.a, "type", "veth", "peer", "name", "cable", "netns", self.b)
        ip("link", "add", *ends)
        for namespace in (self.a, self.b):
            ip("-n", namespace, "link", "set", "cable", "addrgenmode", "none")
            ip("-n", namespace, "link", "set", "cable", "up")

    def unplug(self) -> None:
        ip("-n", self.a, "link", "del", "cable")

    def address(self, namespace: str, address: str, verb: str = "add") -> None:
        no_wait = ("nodad",) if ":" in address and verb == "add" else ()
        ip("-n", namespace, "addr", verb, address, "dev", "cable", *no_wait)

    def remove(self) -> None:
        if not Path(_IP).exists():
            return
        for namespace in (self.a, self.b):
            subprocess.run([_IP, "netns", "del", namespace], check=False, capture_output=True)


def ip(*words: str) -> None:
    subprocess.run([_IP, *words], check=True, capture_output=True, timeout=WAIT_S_MAX)


def _enter(namespace: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns exists from Python 3.12 on
    handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)


def mdns_ear(address: str) -> socket.socket:
    """A plain socket that receives what mDNS sends at the interface of `address`."""
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    ear.bind(("", 5353))
    membership = socket.inet_aton(_MDNS_GROUP) + socket.inet_aton(address)
    ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    ear.settimeout(WAIT_S_MAX)
    return ear


def send_marker(address: str, marker: bytes) -> None:
    """Say `marker` where mDNS is spoken, from the interface of `address`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", 1))
        mouth.sendto(marker, (_MDNS_GROUP, 5353))


def network_or_skip() -> Network:
    """A built `Network`, or a skip that says why there is none."""
    network = Network()
    try:
        network.build()
    except (OSError, subprocess.SubprocessError) as refusal:
        network.remove()
        pytest.skip(f"network namespaces are not permitted here: {refusal}")
    return network
