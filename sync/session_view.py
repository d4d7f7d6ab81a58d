"""What status asks of a session: where it stands and why. It decides nothing."""

from __future__ import annotations

from sync.effects import Phase
from sync.exchange import Exchange
from sync.flow import Flow
from sync.link_profile import LinkProfile
from sync.ports import Known, Terms
from sync.rounds import Rounds, Standing


class SessionView:
    """The reading half of `Session`."""

    _at: Standing
    _agreed: Terms
    _rounds: Rounds | None
    _exchange: Exchange | None
    _flow: Flow

    @property
    def phase(self) -> Phase:
        """Where the session stands."""
        return self._at.phase

    @property
    def cause(self) -> str:
        """Why it is not equal, where it is not."""
        return self._at.cause

    @property
    def profile(self) -> LinkProfile:
        """Of the link to the peer, once that has said who it is."""
        return self._agreed.profile

    @property
    def proofs(self) -> int:
        """How often equality was proved."""
        return self._rounds.proofs if self._rounds else 0

    @property
    def proved(self) -> Known | None:
        """What both sides held when equality was last proved, while that is the latest verdict."""
        return self._rounds.proved if self._rounds else None

    @property
    def waits_turn(self) -> bool:
        """It differs from the peer, and will repair once no other session of this node does."""
        return self._rounds is not None and self._rounds.waits_turn

    @property
    def busy(self) -> bool:
        """Something is queued, on the way, or not yet durable."""
        return self._exchange is not None and self._exchange.busy

    @property
    def unsent_bytes(self) -> int:
        """Said and not yet on the wire."""
        return sum(self._flow.waiting_bytes.values())

    @property
    def kept_bytes(self) -> int:
        """In memory for the peer: what was said and is not on the wire, what came and is not durable."""
        coming = self._exchange.inbound.bytes if self._exchange else 0
        return self.unsent_bytes + coming

    @property
    def waiting(self) -> int:
        """Documents and lanes not yet sent."""
        return self._exchange.outbox.waiting if self._exchange else 0
