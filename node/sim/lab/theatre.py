"""The authority of a simulated theatre: real keys, certificates and log entries, all from one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conflict.identity import NodeId
from conflict.signature import SigningKey
from node.belonging import Belonging
from node.sim.dice import dice
from sync.ports import Position
from sync.trust import authority
from sync.trust.authority import Act, Revoke, Terms, enrolment
from sync.trust.certificate import DeviceRole, receive_key, root_certificate
from sync.trust.theatre import Theatre

LIFETIME_MS = 2 * 366 * 86_400_000
ROLES = {"field": DeviceRole.FIELD, "garrison": DeviceRole.GARRISON}


def key_of(seed: int, name: str, kind: type[SigningKey] = SigningKey) -> SigningKey:
    """The key of a device of this name."""
    return kind.from_entropy(dice(seed, "key", name).randbytes(48))


class Authority:
    """Signs entries, one after the other, and keeps them. `now_ms`: its own clock, which is right."""

    def __init__(self, seed: int, now_ms: int) -> None:
        self._root = key_of(seed, "authority")
        self._secret = dice(seed, "secret").randbytes(16)
        self._certificate = root_certificate(self._root, now_ms, now_ms + 5 * LIFETIME_MS)
        self.theatre = Theatre(self._root.public)
        self.entries: list[bytes] = []

    def enrol(
        self, key: SigningKey, name: str, role: str, codes: Sequence[str] | None, now_ms: int
    ) -> None:
        """A device, also once more on other terms. `codes` None: everything."""
        terms = Terms(
            public=key.public,
            receive=receive_key(key).public,
            name=name,
            role=ROLES[role],
            codes=None if codes is None else tuple(codes),
            lifetime_ms=LIFETIME_MS,
        )
        _, entry = enrolment(self._root, self.theatre.head, terms, now_ms)
        self.theatre.take(entry)
        self.entries.append(authority.to_bytes(entry))

    def revoke(self, node: NodeId, published: Mapping[NodeId, Position], now_ms: int) -> None:
        """A device belongs no more. What garrisons had published by these positions stays shown."""
        self._say(Revoke(node, "lost in the simulation", tuple(published.items())), now_ms)

    def _say(self, act: Act, now_ms: int) -> None:
        entry = authority.next_entry(self._root, self.theatre.head, act, now_ms)
        self.theatre.take(entry)
        self.entries.append(authority.to_bytes(entry))

    def admit(self, belonging: Belonging, key: SigningKey) -> None:
        """An enrolled device joins, with the log as it is now."""
        device = self.theatre.device(key.node)
        assert device is not None  # noqa: S101  enrolled before
        certificate = device.certificate.der
        belonging.join(self._certificate, certificate, self._secret, self.entries, device.codes)
