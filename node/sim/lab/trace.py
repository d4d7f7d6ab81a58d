"""What happened in a run, as typed records in the order of virtual time.

The digest covers every record, also those that are not kept, so that two runs are the same run exactly
when their digests are equal.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from node.sim.lab.wires import Fate

KEPT_MAX = 200_000


class Event(NamedTuple):
    """`node` (empty: the world) saw something of a `kind`; `detail` depends on the kind."""

    at_s: float
    node: str
    kind: str
    detail: str


class Message(NamedTuple):
    """A frame: who to whom, how large, what became of it, and when it arrived or was lost."""

    at_s: float
    sender: str
    receiver: str
    size: int
    fate: Fate
    due_s: float


@dataclass(slots=True)
class Trace:
    """`now`: virtual seconds. `messages`: kept one by one, else counted."""

    now: Callable[[], float]
    keeps_messages: bool = True
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    dropped_records: int = 0
    bin_s: float = 1.0
    bins: Counter[tuple[int, Fate]] = field(default_factory=Counter)
    """All frames by the time in which they went off, in bins of `bin_s`, and what became of them."""
    _hash: Any = field(default_factory=hashlib.sha256)

    def note(self, node: str, kind: str, detail: str = "") -> None:
        """Something happened."""
        event = Event(round(self.now(), 6), node, kind, detail)
        self._hash.update(repr(event).encode())
        if len(self.events) < KEPT_MAX:
            self.events.append(event)
        else:
            self.dropped_records += 1

    def message(self, sender: str, receiver: str, size: int, fate: Fate, due: float) -> None:
        """A frame went off."""
        one = Message(round(self.now(), 6), sender, receiver, size, fate, round(due, 6))
        self._hash.update(repr(one).encode())
        self.fates[fate] += 1
        self.bins[int(one.at_s / self.bin_s), fate] += 1
        if not self.keeps_messages:
            return
        if len(self.messages) < KEPT_MAX:
            self.messages.append(one)
        else:
            self.dropped_records += 1

    @property
    def digest(self) -> str:
        """Of all records so far."""
        return str(self._hash.hexdigest())[:32]
