"""Whom this node talks to: devices of its theatre that are not revoked, as their certificates show.

Asked at every TLS handshake, before a byte of the peer's is read; `enforcing.py` ends links that stand.
Causes of refusals are kept for status, and logged once a minute at most: codes, no content.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from conflict.identity import NodeId, node_id
from conflict.signature import SigningKey
from discovery import Peer
from node.allowances import Allowances
from node.belonging import Belonging
from sync.errors import PeerUnknown
from sync.transport import tls
from sync.transport.channel import Called, Caller, Channel
from sync.transport.websocket import Dialer, Listener
from sync.trust.certificate import public_key
from sync.trust.errors import TrustError

LOG_EVERY_S = 60.0
Accept = Callable[[Channel], Awaitable[None]]

log = structlog.get_logger("admitting")


class Gate(NamedTuple):
    """What both ends of a network ask: who this node is, why a certificate (DER) is refused (a code;
    empty: it is not), whom to tell of a caller that was, how long a handshake may take."""

    credentials: Callable[[], tls.Credentials | None]
    judge: tls.Admit
    refused: Callable[[str, str], None]
    handshake_s_max: float


Network = Callable[[Accept, Gate], tuple[Caller, Called]]


def web(accept: Accept, gate: Gate) -> tuple[Caller, Called]:
    """WebSockets over mutual TLS."""
    guard = tls.Tls(gate.credentials, gate.judge)
    handshake_s_max = gate.handshake_s_max
    listener = Listener(accept, guard, refused=gate.refused, handshake_s_max=handshake_s_max)
    return Dialer(guard), listener


class Admitting:
    """Runs on the event loop. `bars`: why there may be no link with a node, as a code."""

    def __init__(
        self, belonging: Belonging, key: SigningKey, bars: Callable[[NodeId], str]
    ) -> None:
        self._belonging = belonging
        self._key = key
        self._bars = bars
        self._loop = asyncio.get_running_loop()
        self._failed: dict[NodeId, str] = {}
        self._refused: Counter[str] = Counter()
        self._log_at = self._loop.time()

    def ends(
        self, accept: Accept, allowances: Allowances, network: Network
    ) -> tuple[Caller, Called]:
        """What calls and what is called, under one guard."""
        handshake_s_max = allowances.slowest().handshake_s_max
        gate = Gate(self._credentials, self._judge, self._note_refused, handshake_s_max)
        return network(accept, gate)

    def _credentials(self) -> tls.Credentials | None:
        own = self._belonging.certificate
        return tls.Credentials(self._key, own.der, self._belonging.root) if own else None

    def _judge(self, der: bytes) -> str:
        try:
            return self._bars(self._belonging.meet(der))
        except TrustError as fault:
            return fault.code

    # What it says -----------------------------------------------------------------------------

    def bars_dial(self, peer: Peer) -> str:
        """Why a peer is not even dialled, as a code; empty: it may be."""
        if self._belonging.theatre is None:
            return tls.NOT_ENROLLED
        if peer.node is None or self._belonging.knows(peer.node):
            return ""
        if bar := self._bars(peer.node):
            return bar
        # somebody's advert is no reason to call, a configured address is: it may be newer than our log
        return "" if "static" in peer.sources else PeerUnknown.code

    def stopped(self, node: NodeId) -> str:
        """What keeps a peer from us that a person may want to change, as a code; empty: nothing."""
        return self._bars(node) or self._failed.get(node, "")

    # What is noticed --------------------------------------------------------------------------

    def dialled(self, node: NodeId | None, code: str) -> None:
        """A dial of that peer ended with this code."""
        if node is not None:
            self._failed.pop(node, None)
            if code in tls.WORDS:
                self._failed[node] = code

    def _note_refused(self, address: str, code: str) -> None:
        """A caller was not let in."""
        self._refused[code] += 1
        if self._loop.time() >= self._log_at:
            self._log_at = self._loop.time() + LOG_EVERY_S
            log.info("refused", last=address, callers=dict(self._refused))
            self._refused.clear()


def certified(channel: Channel) -> NodeId:
    """Whose certificate it showed; TLS has proved that it is its own."""
    assert channel.peer_certificate is not None  # noqa: S101  no handshake is done without
    return node_id(public_key(channel.peer_certificate))
