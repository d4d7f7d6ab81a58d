"""Signs that a device exists twice, or that its store was rolled back: kept, and said to a person.

Three are looked for: records of this very device that come from peers although this store has not got
them; a peer that comes back in an earlier store epoch than it was met in; two signed histories of one
actor. Nothing is refused: what both copies wrote is kept, each under its own actors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson
import structlog

from conflict.identity import NodeId
from node.acquaintance import SETTING_PREFIX, Acquaintance
from node.status import zulu
from storage.ports import Store
from sync.effects import Hold
from sync.ports import Applied

SETTING = "twins.own"
SHOWN_MS = 7 * 24 * 3_600_000
"""After the last sign."""

log = structlog.get_logger("twins")


class Own(NamedTuple):
    """That records of this device came from elsewhere: first, last (ms), how many lanes."""

    first_ms: int
    last_ms: int
    lanes: int


class Twins:
    """Watches what sessions hold for records that this device wrote elsewhere, or has lost."""

    def __init__(self, node: NodeId, store: Store, now_ms: Callable[[], int]) -> None:
        self._node, self._store, self._now_ms = node, store, now_ms

    def came(self, effect: Hold, applied: Applied) -> bool:
        """Note what came of our own from a peer; True if any did. On the writer thread."""
        own = {run.lane for run in effect.runs if run.author == self._node}
        forked = [lane for lane in applied.forked if lane in own]
        grown = [lane for lane, _ in applied.grown if lane in own]
        if not own or not (forked or grown):
            return False
        before, now = own_of(self._store), self._now_ms()
        after = Own(before.first_ms or now, now, before.lanes + len({*forked, *grown}))
        with self._store.write() as transaction:
            transaction.set_setting(SETTING, orjson.dumps([*after]))
        if not before.lanes:
            log.warning("records of this device came from a peer", lanes=after.lanes)
        return True


def own_of(store: Store) -> Own:
    """What is known of records of this device that came from elsewhere."""
    kept = store.setting(SETTING)
    return Own(*orjson.loads(kept)) if kept else Own(0, 0, 0)


def twin_words(store: Store, peers: Iterable[Acquaintance], now_ms: int) -> Iterator[str]:
    """Of the state line: which devices exist twice, as far as there are signs of late."""
    for one in _signs(store, list(peers), now_ms):
        yield f"Stopped: {one} → keep one copy, see `aidstation doctor`"


def signs(store: Store, names: Mapping[NodeId, str]) -> Iterator[str]:
    """All signs that are kept, for the doctor; `names`: of the devices of the theatre."""
    known = [Acquaintance(node, name) for node, name in names.items()]
    for one in known:
        one.recall(store.setting(SETTING_PREFIX + one.node.hex()) or b"{}")
    yield from _signs(store, known, 0)


def _signs(store: Store, peers: Sequence[Acquaintance], now_ms: int) -> Iterator[str]:
    names = {peer.node: peer.name or peer.node.hex()[:8] for peer in peers}
    own = own_of(store)
    if own.lanes and now_ms - own.last_ms < SHOWN_MS:
        yield (
            "records of this device came from peers: a copy of it writes, or this store was rolled"
            f" back ({zulu(own.last_ms)})"
        )
    for peer in peers:
        if peer.twice_ms is not None and now_ms - peer.twice_ms < SHOWN_MS:
            yield f"{names[peer.node]} exists twice, or was rolled back ({zulu(peer.twice_ms)})"
    for author in sorted({one.author for one in store.forked()}):
        yield f"{names.get(author, author.hex()[:8])} exists twice and signed two histories"
