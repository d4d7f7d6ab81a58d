"""What mutual TLS costs: bytes, time and round trips of a handshake, full and resumed, and of an idle
check from a cold socket.

Handshakes in this process without a socket; then real sockets over the user-space shaper
(`aidstation link`) with 9.6 kbit/s and 600 ms, and over a link of 50 ms that counts how often who
dialled spoke first or after having been answered; TCP's own round trip is added. Two nodes: from the
dial to EQUAL, everything that passes the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from discovery import Address
from node.config import Listen
from node.sim.link_proxy import LinkProxy, Report
from node.sim.link_shape import LinkShape
from sync.effects import Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.transport.tls import Connection, Context
from sync.transport.websocket import Dialer, WebSocketChannel
from tests.bench.figures import Row, print_rows, row
from tests.bench.peers.counted_link import CountedLink, Traffic
from tests.sync import tls_lab
from tests.system.node_lab import LOOPBACK, Node, nodes, until
from tests.theatre import Authority

TIMES = 200
DIALS = 5
TRIP_S = 0.05
SATCOM = LinkShape(rate_bits_s=9_600, rtt_s=0.6)
PROFILE = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9_600, rtt_s=0.6)
KNOWN = {True: "resumed", False: "full"}


def measure() -> list[Row]:
    """All rows."""
    return [*in_memory(), *asyncio.run(_over_links()), *asyncio.run(_cold_checks())]


# Handshakes --------------------------------------------------------------------------------------


def in_memory() -> list[Row]:
    """Bytes that each side says, and milliseconds of one core for both sides together."""
    authority = Authority()
    one, other = (tls_lab.guard(authority, tls_lab.enrolled(authority)) for _ in range(2))
    rows = []
    for resumes in (False, True):
        out, back, spent_ms = [], [], []
        for _ in range(TIMES):
            began = time.process_time()
            client, said = _handshake(one.client(), other.server(), "there" if resumes else None)
            spent_ms.append((time.process_time() - began) * 1000)
            assert bool(client.session_reused) == resumes or not spent_ms[1:]
            out.append(said[0])
            back.append(said[1])
        if resumes:  # the first one had nothing to resume
            out, back, spent_ms = out[1:], back[1:], spent_ms[1:]
        work = f"TLS handshake, {KNOWN[resumes]}"
        rows += [
            row(work, "bytes from who dials", out),
            row(work, "bytes back, ticket included", back),
            row(work, "ms of one core, both sides", spent_ms),
        ]
    return rows


def _handshake(
    client: Context, server: Context, name: str | None
) -> tuple[Connection, tuple[int, int]]:
    bios = [ssl.MemoryBIO() for _ in range(4)]
    near = client.wrap_bio(bios[0], bios[1], server_hostname=name)
    far = server.wrap_bio(bios[2], bios[3], server_side=True)
    said, open_ends = [0, 0], [near, far]
    while open_ends:
        for place, (end, out, into) in enumerate(
            ((near, bios[1], bios[2]), (far, bios[3], bios[0]))
        ):
            if end in open_ends:
                try:
                    end.do_handshake()
                    open_ends.remove(end)
                except ssl.SSLWantReadError:
                    pass
            flight = out.read()
            said[place] += len(flight)
            into.write(flight)
    with contextlib.suppress(ssl.SSLWantReadError):
        near.read(1)  # takes the ticket
    if name is not None:
        client.remember(name, _Shown(near))
    far.bury()
    return near, (said[0], said[1])


class _Shown:
    def __init__(self, connection: Connection) -> None:
        self.get_extra_info = lambda _name, _default=None: connection


# Over links --------------------------------------------------------------------------------------


class Shaped:
    """The shaper, as `CountedLink` tells of itself. It does not count round trips."""

    def __init__(self) -> None:
        self._proxy: LinkProxy | None = None
        self.port = 0

    async def lead_to(self, port: int) -> None:
        """Where connections go."""
        target = Listen(LOOPBACK, port)
        self._proxy = LinkProxy(SATCOM, target, seed=1, notice=print)
        self.port = (await self._proxy.start(Listen(LOOPBACK, 0))).port

    def passed(self) -> Traffic:
        """What was given to the link so far."""
        report = self._report()
        return Traffic(report["out"]["bytes_in"], report["back"]["bytes_in"])

    def free(self) -> bool:
        """No connection stands."""
        return not self._report()["open"]

    async def close(self) -> None:
        """No more."""
        assert self._proxy is not None
        await self._proxy.close()

    def _report(self) -> Report:
        assert self._proxy is not None
        return self._proxy.report()


class Near:
    """50 ms there and back, round trips counted."""

    def __init__(self) -> None:
        self._link = CountedLink(round_trip_s=TRIP_S)
        self.passed = self._link.passed
        self.port = 0

    async def lead_to(self, port: int) -> None:
        """Where connections go."""
        self._link.__enter__()
        self._link.lead_to(port)
        self.port = self._link.port

    def free(self) -> bool:
        """No connection stands."""
        return not self._link._writers

    async def close(self) -> None:
        """No more."""
        await asyncio.to_thread(self._link.__exit__, None, None, None)


class Opening(NamedTuple):
    """A channel or a check. `out`: bytes from who dialled."""

    seconds: float
    out: int
    back: int
    round_trips: int
    resumed: bool


Link = Shaped | Near
LINKS: dict[str, Callable[[], Link]] = {"9,600 bit/s, 600 ms": Shaped, "50 ms": Near}


async def _opening(link: Link, work: Callable[[], Awaitable[bool]]) -> Opening:
    """`work` says whether it resumed a session."""
    await until(link.free, "the link is free again")
    before, began = link.passed(), time.perf_counter()
    resumed = await work()
    seconds, after = time.perf_counter() - began, link.passed()
    return Opening(
        seconds,
        after.bytes_out - before.bytes_out,
        after.bytes_back - before.bytes_back,
        1 + after.round_trips - before.round_trips,
        resumed,
    )


def _rows(work: str, some: list[Opening], link: Link, **goals: float) -> list[Row]:
    trips = [one.round_trips for one in some]
    return [
        row(work, "bytes from who dials", [one.out for one in some]),
        row(work, "bytes back", [one.back for one in some]),
        row(work, "bytes both ways", [one.out + one.back for one in some], goal=goals.get("bytes")),
        row(work, "seconds", [one.seconds for one in some]),
        *(
            [row(work, "round trips, TCP's included", trips, goal=goals.get("trips"))]
            if isinstance(link, Near)
            else []
        ),
    ]


async def _over_links() -> list[Row]:
    rows = []
    for name, made in LINKS.items():
        link, authority = made(), Authority()
        listener = tls_lab.listener(authority, _until_it_ends)
        await listener.listen(LOOPBACK, 0)
        await link.lead_to(listener.port)
        own = tls_lab.enrolled(authority)
        full = [await _dial(Dialer(tls_lab.guard(authority, own)), link) for _ in range(DIALS)]
        rows += _rows(f"channel (TCP, TLS, upgrade) over {name}, full", full, link)
        one = Dialer(tls_lab.guard(authority, own))
        _, *resumed = [await _dial(one, link) for _ in range(1 + DIALS)]
        assert all(dial.resumed for dial in resumed)
        rows += _rows(f"channel (TCP, TLS, upgrade) over {name}, resumed", resumed, link)
        await link.close()
        await listener.close()
    return rows


async def _until_it_ends(channel: WebSocketChannel) -> None:
    await channel.receive()


async def _dial(dialer: Dialer, link: Link) -> Opening:
    channels = []

    async def dial() -> bool:
        channel = await dialer.dial(f"{LOOPBACK}:{link.port}", connect_s_max=PROFILE.connect_s_max)
        channels.append(channel)
        assert channel._secured is not None
        return bool(channel._secured.session_reused)

    found = await _opening(link, dial)
    await channels[0].close()
    return found


# Idle checks from a cold socket ------------------------------------------------------------------


async def _cold_checks() -> list[Row]:
    rows = []
    for name, made in LINKS.items():
        link = made()
        profile = {(0, 1): PROFILE, (1, 0): PROFILE} if isinstance(link, Shaped) else {}
        with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root:
            urls = [Path(root) / "a.db", Path(root) / "b.db"]
            async with nodes(urls, static=False, links=profile) as (a, b):
                await link.lead_to(a.peering.port)
                await b.peering.pause(paused=True)
                checks = [await _check(a, b, link) for _ in range(1 + DIALS)]
                await link.close()
        work = f"idle check from a cold socket over {name}"
        goals = {"bytes": 4_000.0, "trips": 4.0}
        rows += _rows(f"{work}, full", checks[:1], link, **goals)
        rows += _rows(f"{work}, resumed", checks[1:], link, **goals)
    return rows


async def _check(a: Node, b: Node, link: Link) -> Opening:
    links = []

    async def check() -> bool:
        one = await b.peering.dial_by_hand(Address(LOOPBACK, link.port), a.engine.key.node)
        links.append(one)
        while one.session.phase is not Phase.EQUAL:
            one.changed.clear()
            await one.changed.wait()
        return True

    found = await _opening(link, check)
    links[0].end("")
    await links[0].done.wait()
    return found


if __name__ == "__main__":
    print_rows(measure())
