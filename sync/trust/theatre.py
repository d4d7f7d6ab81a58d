"""The theatre as the authority's log says it is now: devices, what each may do, who is out.

Also the keyring: a signature is checked with the key that the authority certified. A certificate that
is newer than the log held here counts as well, since the authority signed it. Time is the authority's:
the latest that it signed; no clock of a laptop expires anybody.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from conflict.identity import NodeId
from conflict.scope import Scopes
from conflict.signature import VerifyingKey
from sync.trust.authority import AuthorityEntry, Enrol, Head, Judge, Revoke, check
from sync.trust.certificate import Certificate, DeviceRole, theatre_id
from sync.trust.certificate import check as check_certificate
from sync.trust.errors import BadCertificate, BadEntry

NOTHING: Scopes = frozenset()


class Standing(StrEnum):
    """Where a device stands with the authority."""

    ENROLLED = "enrolled"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the theatre. `revoked`: the entry that did it, with what was decided since."""

    certificate: Certificate
    name: str = ""
    codes: tuple[str, ...] = ()
    revoked: Revoke | None = None
    judged: tuple[Judge, ...] = ()

    @property
    def node(self) -> NodeId:
        """Its id."""
        return self.certificate.grant.node

    @property
    def key(self) -> VerifyingKey:
        """What it signs with."""
        return VerifyingKey(self.certificate.grant.public)


class Theatre:
    """State of one theatre's log. One thread takes entries; others may read and meet meanwhile."""

    def __init__(self, root_public: bytes) -> None:
        self.id = theatre_id(root_public)
        self.root_public = root_public
        self.head = Head()
        self.changes = 0
        """Counts up when anything that is said below may have changed."""
        self._root = VerifyingKey(root_public)
        self._devices: dict[NodeId, Device] = {}
        self._keys: dict[NodeId, VerifyingKey] = {}
        self._links: list[bytes] = []
        self._issued_ms = 0
        self._changing = threading.Lock()

    def __iter__(self) -> Iterator[Device]:
        """All devices, ascending by node."""
        return iter([self._devices[node] for node in sorted(self._devices)])

    # Growing ----------------------------------------------------------------------------------

    def take(self, entry: AuthorityEntry) -> None:
        """The next entry. Raises `BadEntry`, `AuthorityForked`, and then nothing has changed."""
        check(entry, self._root, self.head)
        self.trusted(entry)

    def trusted(self, entry: AuthorityEntry) -> None:
        """The next entry of our own store, which was checked when it came."""
        with self._changing:
            self._apply(entry)
            self.head = entry.head
            self._links.append(entry.link)
            self.changes += 1

    def copy(self) -> Theatre:
        """Another one that says the same, to try entries on."""
        made = Theatre(self.root_public)
        with self._changing:
            made.head, made.changes, made._issued_ms = self.head, self.changes, self._issued_ms
            made._devices, made._keys = dict(self._devices), dict(self._keys)
            made._links = list(self._links)
        return made

    def same(self, number: int, link: bytes) -> bool | None:
        """Whether entry `number` here begins with this link; None: it is not here."""
        if not 1 <= number <= len(self._links):
            return None if number else True
        return self._links[number - 1].startswith(link)

    def _apply(self, entry: AuthorityEntry) -> None:
        match entry.act:
            case Enrol(der, name, codes):
                self._enrol(entry.number, der, name, codes)
            case Revoke(node) as revoke:
                device = self._known(node)
                self._put(replace(device, revoked=device.revoked or revoke))
            case Judge(node) as judge:
                device = self._known(node)
                self._put(replace(device, judged=(*device.judged, judge)))

    def _enrol(self, number: int, der: bytes, name: str, codes: tuple[str, ...]) -> None:
        try:
            certificate = check_certificate(der, self.root_public)
        except BadCertificate as fault:
            raise BadEntry(f"enrols with a certificate that cannot be used: {fault}") from fault
        if certificate.grant.number != number:
            raise BadEntry("enrols with a certificate of another entry")
        before = self._devices.get(certificate.grant.node)
        if before is not None and before.revoked is not None:
            raise BadEntry("enrols a key that was revoked: the device needs a new one")
        self._put(Device(certificate, name, codes))

    def _known(self, node: NodeId) -> Device:
        device = self._devices.get(node)
        if device is None:
            raise BadEntry("speaks of a device that was never enrolled")
        return device

    def _put(self, device: Device) -> None:
        node = device.certificate.grant.node
        self._devices[node] = device
        self._keys.setdefault(node, device.key)
        self._issued_ms = max(self._issued_ms, device.certificate.grant.issued_ms)

    def meet(self, der: bytes) -> Certificate:
        """A certificate that a device shows: newer than the log here, it is believed until the log
        says more. Raises `BadCertificate`, `OtherTheatre`."""
        certificate = check_certificate(der, self.root_public)
        grant = certificate.grant
        with self._changing:  # a revocation that comes meanwhile is not undone
            before = self._devices.get(grant.node)
            if grant.number <= self.head.number and before is None:
                raise BadCertificate("the authority's log enrols no such device")
            if before is None or before.certificate.grant.number < grant.number:
                known = before or Device(certificate)
                self._put(replace(known, certificate=certificate))
                self.changes += 1
        return certificate

    # What it says -----------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """The latest time that the authority signed and this node knows of."""
        return max(self.head.at_ms, self._issued_ms)

    def device(self, node: NodeId) -> Device | None:
        """What is known of a device."""
        return self._devices.get(node)

    def standing(self, node: NodeId) -> Standing:
        """Whether it belongs, by the authority's time."""
        device = self._devices.get(node)
        if device is None:
            return Standing.UNKNOWN
        if device.revoked is not None:
            return Standing.REVOKED
        expired = device.certificate.grant.expires_ms <= self.now_ms
        return Standing.EXPIRED if expired else Standing.ENROLLED

    def scopes(self, node: NodeId) -> Scopes | None:
        """What it may hold: None everything; who does not belong, or no more, nothing new."""
        if self.standing(node) is not Standing.ENROLLED:
            return NOTHING
        return self._devices[node].certificate.grant.scopes

    def garrisons(self) -> frozenset[NodeId]:
        """Whose receipts count: enrolled as garrisons and not revoked. An expired one's still do."""
        return frozenset(
            node
            for node, device in list(self._devices.items())
            if device.certificate.grant.role is DeviceRole.GARRISON and device.revoked is None
        )

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        """See `sync.ports.Keyring`: of whoever was enrolled, also of the expired and the revoked, whose
        words are held; what of them is shown is judged later."""
        key = self._keys.get(node)
        return None if key is None else key.verifies(message, signature)
