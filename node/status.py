"""What status may claim, in the closed vocabulary of DESIGN §5.8, from proofs, receipts and nothing else.

*Saved here · Also on X · At garrison as of T · Waiting: no link to X since T · Sending n ·
Stopped: cause → action · Review n*. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from node.acquaintance import Acquaintance
from node.standing_words import REVOKED_HERE, REVOKED_SAID, REVOKED_THERE
from sync.effects import Phase
from sync.ports import Summary
from sync.transport.tls import WORDS

_ACTIONS = {
    **WORDS,
    REVOKED_HERE: "this device is; what to do is said here too",
    REVOKED_THERE: "that device is, by the authority's log here: have nothing to do with it",
    REVOKED_SAID: "by a newer log than the one here this device is revoked, or that one: ask the "
    "authority (`enrol list`); recording goes on",
    "disk-full": "free space on this disk",
    "author-unknown": "add the author's key to the peer's configuration",
    "peer-unknown": "enrol it, or bring the newer log of the authority",
    "bad-signature": "ask the author's node for this record again",
    "equivocation": "two copies of one device write: stop one",
    "too-many-branches": "a device signed very many histories: have it revoked",
    "budget-spent": "goes on after 00:00Z, or now with `aidstation sync`",
    "silent": "`aidstation silent off`, or set another link here or on that node, then restart",
}


def zulu(ms: int) -> str:
    """`2026-11-23 14:02Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def state_words(
    peers: Iterable[Acquaintance],
    summary: Summary,
    waiting: Mapping[bytes, int],
    review: int,
    stopped: Mapping[bytes, str] | None = None,
    at_garrison_ms: int | None = None,
    fetching: Sequence[str] = (),
) -> list[str]:
    """The state line. `waiting`: items not yet sent, by peer that is linked.

    `stopped`: code of what keeps a peer from being called, by peer. `at_garrison_ms`: all that was
    saved before it is at a garrison, by its receipts (None: nothing is known to be). `fetching`: what
    is said of records to be fetched.
    """
    words = ["Saved here"]
    if at_garrison_ms is not None:
        words.append(f"At garrison as of {zulu(at_garrison_ms)}")
    for peer in peers:
        cause = (stopped or {}).get(peer.node, "")
        words.extend(_peer_words(peer, summary, waiting.get(peer.node, 0), cause))
    words.extend(fetching)
    if review:
        words.append(f"Review {review}")
    return words


def _peer_words(peer: Acquaintance, summary: Summary, waiting: int, stopped: str) -> Iterator[str]:
    name = peer.name or peer.node.hex()[:8]
    if peer.role != "garrison" and peer.holds_all(summary):
        yield f"Also on {name}"
    if stopped and not peer.linked:
        yield f"Stopped: {stopped} with {name} → {_ACTIONS.get(stopped, 'see `aidstation peers`')}"
    elif not peer.linked:
        since = f" since {zulu(peer.last_contact_ms)}" if peer.last_contact_ms else " yet"
        yield f"Waiting: no link to {name}{since}"
    elif peer.phase is Phase.DIFFERENT:
        codes = sorted(set(peer.refused.values()))
        different = peer.cause if "let go" in peer.cause else "contents differ"
        cause = codes[0] if codes else different
        yield f"Stopped: {cause} with {name} → {_ACTIONS.get(cause, 'repair is scheduled')}"
    elif waiting or peer.phase is not Phase.EQUAL:
        yield f"Sending {waiting} to {name}"
