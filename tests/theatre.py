"""An invented theatre: an authority, and nodes enrolled with it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from conflict.identity import NodeId
from conflict.signature import SigningKey
from node.belonging import Belonging
from storage.ports import Store
from sync.trust import authority
from sync.trust.authority import Act, AuthorityEntry, Terms, enrolment
from sync.trust.certificate import DeviceRole, receive_key, root_certificate
from sync.trust.theatre import Theatre

NOW_MS = 1_800_000_000_000
YEAR_MS = 366 * 86_400_000
SECRET = hashlib.sha256(b"an invented theatre").digest()[:16]
ROLES = {"field": DeviceRole.FIELD, "garrison": DeviceRole.GARRISON}


class Authority:
    """Signs entries, one after the other, and keeps them."""

    def __init__(self, name: str = "authority") -> None:
        self.root = SigningKey.from_entropy(hashlib.sha512(name.encode()).digest())
        self.certificate = root_certificate(self.root, NOW_MS, NOW_MS + 10 * YEAR_MS)
        self.theatre = Theatre(self.root.public)
        self.entries: list[bytes] = []
        self.codes: dict[NodeId, tuple[str, ...] | None] = {}

    def enrol(
        self,
        key: SigningKey,
        name: str = "",
        role: str = "field",
        codes: Sequence[str] | None = None,
        lifetime_ms: int = YEAR_MS,
    ) -> AuthorityEntry:
        """A device, also once more on other terms. `codes` None: everything."""
        self.codes[key.node] = None if codes is None else tuple(codes)
        terms = Terms(
            public=key.public,
            receive=receive_key(key).public,
            name=name,
            role=ROLES[role],
            codes=self.codes[key.node],
            lifetime_ms=lifetime_ms,
        )
        return self._keep(enrolment(self.root, self.theatre.head, terms, NOW_MS)[1])

    def say(self, act: Act, now_ms: int = NOW_MS) -> AuthorityEntry:
        """Any other entry."""
        return self._keep(authority.next_entry(self.root, self.theatre.head, act, now_ms))

    def _keep(self, entry: AuthorityEntry) -> AuthorityEntry:
        self.theatre.take(entry)
        self.entries.append(authority.to_bytes(entry))
        return entry

    def admit(self, belonging: Belonging, key: SigningKey, known: int | None = None) -> Belonging:
        """An enrolled device joins, with the first `known` entries of the log (None: all)."""
        device = self.theatre.device(key.node)
        assert device is not None
        entries = self.entries[:known]
        belonging.join(self.certificate, device.certificate.der, SECRET, entries, device.codes)
        return belonging

    def belonging(self, store: Store, key: SigningKey) -> Belonging:
        """What an enrolled device has of it."""
        return self.admit(Belonging(store, key), key)
