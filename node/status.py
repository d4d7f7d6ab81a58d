"""What status may claim, in the closed vocabulary of DESIGN §5.8, from proofs and nothing else.

*Saved here · Also on X · At garrison as of T · Waiting: no link to X since T · Sending n ·
Stopped: cause → action · Review n*. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from node.acquaintance import Acquaintance
from sync.effects import Phase
from sync.ports import Summary

_ACTIONS = {
    "disk-full": "free space on this disk",
    "author-unknown": "add the author's key to the peer's configuration",
    "peer-unknown": "add this node's key to the peer's configuration",
    "bad-signature": "ask the author's node for this record again",
    "equivocation": "two copies of one device write: stop one",
}


def zulu(ms: int) -> str:
    """`2026-11-23 14:02Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def state_words(
    peers: Iterable[Acquaintance], summary: Summary, waiting: dict[bytes, int], review: int
) -> list[str]:
    """The state line. `waiting`: items not yet sent, by peer that is linked."""
    words = ["Saved here"]
    for peer in peers:
        words.extend(_peer_words(peer, summary, waiting.get(peer.node, 0)))
    if review:
        words.append(f"Review {review}")
    return words


def _peer_words(peer: Acquaintance, summary: Summary, waiting: int) -> Iterator[str]:
    name = peer.name or peer.node.hex()[:8]
    if peer.equal_at_ms is not None:
        if peer.role == "garrison":
            yield f"At garrison as of {zulu(peer.equal_at_ms)}"
        elif peer.holds_all(summary):
            yield f"Also on {name}"
    if not peer.linked:
        since = f" since {zulu(peer.last_contact_ms)}" if peer.last_contact_ms else " yet"
        yield f"Waiting: no link to {name}{since}"
    elif peer.phase is Phase.DIFFERENT:
        codes = sorted(set(peer.refused.values()))
        cause = codes[0] if codes else "contents differ"
        yield f"Stopped: {cause} with {name} → {_ACTIONS.get(cause, 'repair is scheduled')}"
    elif waiting or peer.phase is not Phase.EQUAL:
        yield f"Sending {waiting} to {name}"
