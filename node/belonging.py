"""This node's place in its theatre: what it was given when it was enrolled, and the authority's log.

Durable in the store, before anybody is told. Without it the node records and shows, and talks to nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from conflict.identity import NodeId, document_text
from conflict.signature import SigningKey, VerifyingKey
from conflict.statement import Json
from node.grants import Grants, granted
from node.listeners import Listeners
from storage.ports import Store, Transaction
from sync.authority_effects import LINK_SHORT_BYTES, AuthoritySaved, LogHead
from sync.errors import PeerFault
from sync.trust import authority, certificate
from sync.trust.authority import AuthorityEntry, Head, Revoke
from sync.trust.certificate import Certificate
from sync.trust.errors import AuthorityForked, BadEnrolment, OtherTheatre, TrustError
from sync.trust.theatre import NOTHING, Device, Standing, Theatre

NO_SECRET = bytes(16)
ROOT, CERTIFICATE, CODES, SECRET = (
    f"theatre.{name}" for name in ("root", "certificate", "codes", "secret")
)
_PAGE = 1000


class Belonging:
    """Who this node is to the others. `theatre` None: it was not enrolled."""

    def __init__(self, store: Store, key: SigningKey) -> None:
        self.theatre: Theatre | None = None
        self.root = b""
        self.secret = NO_SECRET
        self.forked = ""
        """Code of why a peer's log is not this one's; empty: nobody had another."""
        self._store = store
        self._key = key
        self._verifying = VerifyingKey(key.public)
        self._own: Device | None = None
        self._granted: tuple[tuple[Theatre, int], Grants] | None = None
        self._lock = threading.Lock()
        self._changed: Listeners[None] = Listeners()
        self._load()

    def _load(self) -> None:
        root = self._store.setting(ROOT)
        if root is None:
            return
        self.root = root
        self.secret = self._store.setting(SECRET) or NO_SECRET
        self.theatre = Theatre(certificate.root_public(root))
        for entry in _stored(self._store):
            self.theatre.trusted(entry)
        der, codes = self._store.setting(CERTIFICATE), self._store.setting(CODES) or b""
        if der is not None:
            self._own = Device(self.theatre.meet(der), codes=tuple(codes.decode().splitlines()))

    def on_change(self, listener: Callable[[None], None]) -> Callable[[], None]:
        """Tell `listener`, on the thread that changed it; undo by calling."""
        return self._changed.add(listener)

    # What it says -----------------------------------------------------------------------------

    @property
    def head(self) -> Head:
        """Where the log stands here."""
        return self.theatre.head if self.theatre else Head()

    @property
    def device(self) -> Device | None:
        """This node as the log has it, or, until the log is here, as it was approved."""
        known = self.theatre.device(self._key.node) if self.theatre else None
        return known if known and (known.codes or not self._own) else self._own

    @property
    def certificate(self) -> Certificate | None:
        """This node's own, in force."""
        known = self.theatre.device(self._key.node) if self.theatre else None
        return known.certificate if known else None

    @property
    def standing(self) -> Standing:
        """Where this node stands."""
        return self.theatre.standing(self._key.node) if self.theatre else Standing.UNKNOWN

    @property
    def names(self) -> dict[NodeId, str]:
        """What the theatre calls its devices."""
        return {one.node: one.name for one in self.theatre or ()}

    def knows(self, node: NodeId) -> bool:
        """Whether it belongs to the theatre, or did until its certificate expired."""
        here = self.theatre
        return here is not None and here.standing(node) in {Standing.ENROLLED, Standing.EXPIRED}

    def described(self) -> dict[str, Json]:
        """For status: `{"theatre", "standing", "role", "log", "now_ms", "issued_ms", "expires_ms",
        "scopes", "revoked", "forked"}`; `role`: as certified; `log`: number of the last entry here;
        `now_ms`: the latest time that the authority signed; `scopes`: documents, None: everything;
        `revoked`: number and reason of the entry that put this node out."""
        own = self.certificate
        scopes = self.grants.own
        return {
            "theatre": self.theatre.id.hex() if self.theatre else "",
            "standing": str(self.standing),
            "role": own.grant.role.name.lower() if own else "",
            "log": self.head.number,
            "now_ms": self.theatre.now_ms if self.theatre else 0,
            "issued_ms": own.grant.issued_ms if own else None,
            "expires_ms": own.grant.expires_ms if own else None,
            "scopes": None if scopes is None else [document_text(one) for one in sorted(scopes)],
            "revoked": self._revoked(),
            "forked": self.forked,
        }

    def _revoked(self) -> list[Json] | None:
        """Number of the entry that put this node out, and why."""
        if self.standing is not Standing.REVOKED:
            return None
        for entry in _stored(self._store):
            if isinstance(entry.act, Revoke) and entry.act.node == self._key.node:
                return [entry.number, entry.act.reason]
        return None

    @property
    def grants(self) -> Grants:
        """What this node and its peers may hold, also by certificates that are newer than the log here."""
        theatre = self.theatre
        if theatre is None:
            return Grants(others=NOTHING)
        state = theatre, theatre.changes  # first: what changes meanwhile is looked at again
        if self._granted is None or self._granted[0] != state:
            codes = self.device.codes if self.device else ()
            self._granted = state, granted(theatre, self._key.node, codes)
        return self._granted[1]

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        """See `sync.ports.Keyring`. One's own words are one's own before anybody was enrolled."""
        if node == self._key.node:
            return self._verifying.verifies(message, signature)
        return self.theatre.verifies(node, message, signature) if self.theatre else None

    def meet(self, der: bytes) -> NodeId:
        """Whose certificate (DER) this is. Raises `BadCertificate`, `OtherTheatre`; in no theatre, too."""
        if self.theatre is None:
            raise OtherTheatre("this node is in no theatre yet")
        return self.theatre.meet(der).grant.node

    # Growing ----------------------------------------------------------------------------------

    def join(
        self,
        root: bytes,
        own: bytes,
        secret: bytes,
        entries: Sequence[bytes],
        codes: Sequence[str] = (),
    ) -> None:
        """Enter the theatre of this root certificate (DER) with this certificate of one's own (DER).

        `entries`: the log so far, or nothing. `codes`: scopes as people write them, one's unit first.
        Doing it again does nothing. Raises `TrustError` leaves, and then nothing has changed.
        """
        with self._lock:
            public = certificate.root_public(root)
            if self.theatre is not None and public != self.theatre.root_public:
                raise OtherTheatre(
                    "this node belongs to another theatre already, and stays there. Nothing was changed"
                )
            theatre = Theatre(public)
            for entry in _stored(self._store):
                theatre.trusted(entry)
            new, fault = _taken(theatre, entries)
            if fault is not None:
                raise fault
            if theatre.meet(own).grant.public != self._key.public:
                raise BadEnrolment("the certificate is another device's. Nothing was changed")
            with self._store.write() as transaction:
                for name, value in ((ROOT, root), (SECRET, secret), (CERTIFICATE, own)):
                    transaction.set_setting(name, value)
                transaction.set_setting(CODES, "\n".join(codes).encode())
                _keep(transaction, theatre.head.number, new)
            self._own = Device(theatre.meet(own), codes=tuple(codes))
            self.root, self.secret, self.theatre = root, secret, theatre
        self._changed.tell(None)

    def add(self, entries: Sequence[bytes]) -> int:
        """The next entries of the log, durable when it returns; how many were new.

        Those held already are passed over. Raises `TrustError` and `PeerFault` leaves at the first that
        does not belong; those before it are kept.
        """
        theatre = self.theatre
        if theatre is None:
            raise BadEnrolment("this node is in no theatre yet: `aidstation enrol request`")
        with self._lock:
            new, fault = _taken(theatre.copy(), entries)
            if new:
                with self._store.write() as transaction:
                    _keep(transaction, theatre.head.number + len(new), new)
                for data in new:  # nobody reads of them before they are durable
                    theatre.trusted(authority.from_bytes(data))
        if new:
            self._changed.tell(None)
        if isinstance(fault, AuthorityForked):
            self.differs(fault.code)
        if fault is not None:
            raise fault
        return len(new)

    def differs(self, code: str) -> None:
        """A peer has another log of the same authority."""
        self.forked = self.forked or code

    def heard(self, entries: Sequence[bytes]) -> AuthoritySaved:
        """The same, from a peer: how far the log is here now, and why it is no further."""
        refused = ""
        try:
            self.add(entries)
        except (TrustError, PeerFault) as fault:
            refused = fault.code
        return AuthoritySaved(self.log_head, refused)

    @property
    def log_head(self) -> LogHead:
        """Where the log stands here, as sessions say it."""
        head = self.head
        return LogHead(head.number, head.link[:LINK_SHORT_BYTES])


def _stored(store: Store) -> Iterator[AuthorityEntry]:
    after = 0
    while page := store.authority_entries(after, _PAGE):
        yield from map(authority.from_bytes, page)
        after += len(page)


def _taken(
    theatre: Theatre, entries: Sequence[bytes]
) -> tuple[list[bytes], TrustError | PeerFault | None]:
    """Those that were new, up to the first that does not belong, and why it does not."""
    new: list[bytes] = []
    try:
        for data in entries:
            entry = authority.from_bytes(data)
            if theatre.same(entry.number, entry.link) is not True:
                theatre.take(entry)
                new.append(data)
    except (TrustError, PeerFault) as fault:
        return new, fault
    return new, None


def _keep(transaction: Transaction, number: int, new: Sequence[bytes]) -> None:
    transaction.save_authority(number - len(new), new)
