"""The first two messages: HELLO says who, PROOF shows that it is true.

Each side signs both nonces with its role, so a proof cannot be replayed or reflected. Where the
transport has certificates, HELLO must name the node of the peer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conflict.identity import DocumentId, NodeId
from conflict.scope import Scopes, both
from sync import messages
from sync.authority_effects import NO_LOG, LogHead
from sync.effects import Proven
from sync.errors import (
    DeviceTwice,
    OutOfTurn,
    PeerUnknown,
    ProofFailed,
    SamePeer,
    VersionMismatch,
    WrongCertificate,
)
from sync.link_profile import LinkProfile
from sync.ports import Keyring, Signer

_PROOF_DOMAIN = b"aidstation/session/3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What this node says of itself: store epoch, a fresh nonce, catalogue version, wall clock, and
    the name of the key of its sketches, and how far it has the authority's log."""

    epoch: bytes
    nonce: bytes
    catalogue: int
    clock_ms: int
    sketch_key: bytes
    log: LogHead = NO_LOG


class Handshake:
    """One side's greeting. Raises `PeerFault` leaves."""

    def __init__(
        self,
        *,
        signer: Signer,
        keyring: Keyring,
        certified: NodeId | None,
        greeting: Greeting,
        leader: bool,
    ) -> None:
        self.greeting = greeting
        self.peer: messages.Hello | None = None
        self._signer = signer
        self._keyring = keyring
        self._certified = certified
        self._leader = leader
        self._scopes: Scopes | None = None
        self._proven = False

    def hello(self, profile: LinkProfile) -> messages.Hello:
        """Our HELLO, with what we take on such a link."""
        mine = self.greeting
        return messages.Hello(
            messages.VERSION_MIN,
            messages.VERSION_MAX,
            self._signer.node,
            mine.epoch,
            mine.nonce,
            mine.catalogue,
            mine.clock_ms,
            mine.sketch_key,
            profile.frame_bytes_max,
            profile.credit_bytes,
        )

    def on_hello(self, hello: messages.Hello) -> None:
        """The peer's HELLO."""
        if self.peer is not None:
            raise OutOfTurn("HELLO comes once")
        if hello.version_min > messages.VERSION_MAX or hello.version_max < messages.VERSION_MIN:
            raise VersionMismatch(
                f"this node speaks protocol {messages.VERSION_MIN} to {messages.VERSION_MAX}, "
                f"the peer {hello.version_min} to {hello.version_max}: update the older one"
            )
        if hello.node == self._signer.node and hello.epoch == self.greeting.epoch:
            raise SamePeer("the peer carries this node's own id")
        if self._certified not in {None, hello.node}:
            raise WrongCertificate(
                "the peer says that it is another node than the one its certificate names"
            )
        self.peer = hello

    def proof(self, scopes: Scopes | None) -> messages.Proof:
        """Our PROOF, once the peer's HELLO is here; `scopes`: what we would share with it."""
        assert self.peer is not None  # noqa: S101  a proof answers a HELLO
        self._scopes = scopes
        told = None if scopes is None else tuple(sorted(scopes))
        signed = self._message(self.peer, told, self.greeting.log, ours=True)
        return messages.Proof(self._signer.sign(signed), told, self.greeting.log)

    def on_proof(self, proof: messages.Proof) -> Proven:
        """The peer's PROOF: from here on it is the node that it names."""
        hello = self.peer
        if hello is None or self._proven:
            raise OutOfTurn("PROOF follows HELLO, once")
        signed = self._message(hello, proof.scopes, proof.log, ours=False)
        verdict = self._keyring.verifies(hello.node, signed, proof.signature)
        if verdict is None:
            raise PeerUnknown(
                f"node {hello.node.hex()} is not enrolled in this theatre, as far as is known here"
            )
        if not verdict:
            raise ProofFailed("the peer does not hold the key of the node it names")
        if hello.node == self._signer.node:
            raise DeviceTwice("a copy of this device is live: it has the key, and another store")
        self._proven = True
        ahead_ms = hello.clock_ms - self.greeting.clock_ms
        told = None if proof.scopes is None else frozenset(proof.scopes)
        return Proven(hello.node, hello.epoch, ahead_ms, both(self._scopes, told))

    @property
    def secret(self) -> bytes:
        """Both nonces, the lower first: the same bytes on both sides, new with each session."""
        assert self.peer is not None  # noqa: S101  asked for once the peer is known
        return b"".join(sorted((self.greeting.nonce, self.peer.nonce)))

    def _message(
        self,
        hello: messages.Hello,
        scopes: Sequence[DocumentId] | None,
        log: LogHead,
        *,
        ours: bool,
    ) -> bytes:
        mine = self._signer.node + self.greeting.nonce
        theirs = hello.node + hello.nonce
        role = b"leader" if self._leader == ours else b"follower"
        shared = b"\0" if scopes is None else b"\1" + b"".join(scopes)
        both_ways = mine + theirs if ours else theirs + mine
        return _PROOF_DOMAIN + role + both_ways + log.number.to_bytes(8, "big") + log.link + shared
