"""The desk's half about the theatre. Shapes: `membership.py`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conflict.statement import Json
from node.errors import BadRequest
from node.membership import KEY_ACTS, LOG_PAGE_MAX
from node.standing_words import stopped, told_revoked
from node.twins import twin_words
from sync import custody
from sync.errors import BadFrame, FrameTooLarge
from sync.ports import Position
from sync.trust.theatre import Standing

if TYPE_CHECKING:
    from conflict.identity import NodeId
    from node.acquaintance import Acquaintance
    from node.engine import Engine
    from sync.trust.theatre import Device, Theatre

_PAGE = 512


class MembershipDesk(ABC):
    """For `LocalDesk`."""

    _engine: Engine

    def membership(self) -> Json:
        """See `Membership`."""
        here = self._engine.belonging
        own = here.certificate
        return {
            **here.described(),
            "node": self._engine.key.node.hex(),
            "root": here.root.hex(),
            "certificate": own.der.hex() if own else "",
            "devices": [described(here.theatre, one) for one in here.theatre or ()],
        }

    def _standing_words(self, peers: Sequence[Acquaintance]) -> list[str]:
        """What keeps this node from the others, and who exists twice, for the words of state."""
        engine = self._engine
        twins = twin_words(engine.store, peers, engine.now_ms())
        return [*stopped(engine.belonging.described()), *twins]

    def _whose_revocation(self, peer: NodeId) -> str:
        """Why a peer ends links with `revoked`, as a code for the words of state."""
        here = self._engine.belonging
        standing = here.theatre.standing(peer) if here.theatre else Standing.UNKNOWN
        return told_revoked(here.standing, standing)

    def authority_log(self, after: int = 0, limit: int = LOG_PAGE_MAX) -> list[bytes]:
        """See `Membership`."""
        return self._engine.store.authority_entries(after, min(limit, LOG_PAGE_MAX))

    def add_authority(self, entries: Sequence[bytes]) -> int:
        """See `Membership`."""
        try:
            return self._engine.belonging.add(entries)
        except (BadFrame, FrameTooLarge) as fault:
            raise BadRequest(f"not an entry of an authority's log: {fault}") from fault

    def join(
        self,
        root: bytes,
        own: bytes,
        secret: bytes,
        entries: Sequence[bytes],
        codes: Sequence[str] = (),
    ) -> Json:
        """See `Membership`."""
        try:
            self._engine.belonging.join(root, own, secret, entries, codes)
        except (BadFrame, FrameTooLarge) as fault:
            raise BadRequest(f"not an entry of an authority's log: {fault}") from fault
        return self.membership()

    def key_handled(self, act: str) -> None:
        """See `Membership`."""
        if act not in KEY_ACTS:
            raise BadRequest(f"act: one of {', '.join(KEY_ACTS)} expected")

    def custody_positions(self, until_ms: int | None = None) -> list[Json]:
        """See `Membership`."""
        found = self._engine.store.custody_positions()
        return [
            {"node": node.hex(), "epoch": upto.epoch.hex(), "number": upto.number}
            for node, position in sorted(found.items())
            if (upto := self._until(node, position, until_ms)).number
        ]

    def _until(self, node: NodeId, position: Position, until_ms: int | None) -> Position:
        """As far as the entries are not dated later. A log whose dates go back ends at the first later
        one."""
        if until_ms is None:
            return position
        number = 0
        while entries := self._engine.store.custody_entries(node, position.epoch, number, _PAGE):
            for raw in entries:
                entry = custody.from_bytes(raw)
                if entry.at_ms > until_ms:
                    return Position(position.epoch, number)
                number = entry.number
        return Position(position.epoch, number)


def described(theatre: Theatre | None, device: Device) -> dict[str, Json]:
    """One device, as `Membership.membership` lists it."""
    grant = device.certificate.grant
    return {
        "node": device.node.hex(),
        "name": device.name,
        "role": grant.role.name.lower(),
        "scopes": None if grant.scopes is None else list(device.codes),
        "number": grant.number,
        "issued_ms": grant.issued_ms,
        "expires_ms": grant.expires_ms,
        "standing": str(theatre.standing(device.node)) if theatre else "",
        "reason": device.revoked.reason if device.revoked else "",
    }
