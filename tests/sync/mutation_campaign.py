"""The campaign of mutated frames: many cases, what became of each, and how to make one again."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil

sys.path.insert(0, str(Path(__file__).parent))

from mutator import Mutant, mutant
from recorded_sessions import Heard, Recording, Victim, held, recordings

from conflict.signature import lane_message
from sync import codec
from sync.effects import Close
from sync.errors import PeerFault, SyncError
from sync.trust.errors import TrustError

HEARD_MAX = 16  # of a recording; what comes later repeats what came before
AFTERWARDS = 2  # honest frames after a mutant, if it did not end the session
UNDECODABLE_EVERY = (
    16  # of those the codec refuses, so many reach a session: its answer is one line
)
DEAR = {
    "many lanes",
    "a fetch",
    "a fetch in vain",
}  # to prepare: a mutant of the others costs a fifth
OFTEN = 6
PROCESSES = 2
WARM = 200  # cases before memory is measured
TYPED = {
    one.code
    for root in (PeerFault, SyncError, TrustError)
    for one in (root, *root.__subclasses__())
}


class Outcome(NamedTuple):
    """What became of the cases of a campaign; `grown`: bytes resident, the most of any process."""

    ended: Counter[str]
    in_sessions: int
    grown: int


def campaign(seed: str, count: int) -> Outcome:
    """`count` cases, side by side. Raises `AssertionError` with seed, number and bytes."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(PROCESSES, context) as pool:
        shards = [pool.submit(_shard, seed, one, count) for one in range(PROCESSES)]
        found = [one.result() for one in shards]
    ended = sum((one.ended for one in found), Counter[str]())
    grown = max(one.grown for one in found)
    return Outcome(ended, sum(one.in_sessions for one in found), grown)


def _shard(seed: str, first: int, count: int) -> Outcome:
    own = Campaign(seed)
    numbers = range(first, count, PROCESSES)
    own.run(numbers[:WARM])
    before = _resident()
    own.run(numbers[WARM:])
    return Outcome(own.ended, own.in_sessions, _resident() - before)


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


@cache
def sides() -> tuple[Recording, ...]:
    """Each side of each scene, those that are cheap to prepare more often."""
    every = recordings()
    return every + tuple(one for one in every if one.scene.name not in DEAR) * (OFTEN - 1)


def codes(victim: Victim) -> list[str]:
    """With which codes a victim's session ended: one, or none."""
    return [one.code for one in victim.end.notices if isinstance(one, Close)]


class Campaign:
    """Counts what became of each mutant; a failure says how to make it again."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.ended: Counter[str] = Counter()
        self.in_sessions = 0
        self._verified: set[tuple[bytes, bytes]] = set()

    def run(self, numbers: range) -> None:
        every = sides()
        for number in numbers:
            side = every[number % len(every)]
            told = [(at, one) for at, one in enumerate(side.heard[:HEARD_MAX]) if one.frame]
            at, heard = told[(number // len(every)) % len(told)]
            place = sum(one.frame is not None for one in side.heard[:at])
            made = mutant(self.seed, number, side.frames, place)
            try:
                self._one(number, side, at, heard, made)
            except BaseException as fault:
                hexed = " ".join(frame.hex() for frame in made.frames)[:2000]
                where = f"{side.scene.name!r}, side {side.which}, frame {place}, {made.kind}"
                raise AssertionError(f"seed {self.seed} case {number}: {where}: {hexed}") from fault

    def _one(self, number: int, side: Recording, at: int, heard: Heard, made: Mutant) -> None:
        if not _decodes(made) and number % UNDECODABLE_EVERY:
            self.ended["codec"] += 1
            return
        victim = side.victim()
        for one in side.heard[:at]:
            victim.hear(one)
        for frame in made.frames:
            victim.hear(Heard(heard.at, frame))
        for one in side.heard[at + 1 : at + 1 + AFTERWARDS]:
            victim.hear(one)
        self.in_sessions += 1
        found = codes(victim)
        assert len(found) <= 1
        assert all(code in TYPED or _said(made, code) for code in found), found
        code = found[0] if found else "stands"
        self.ended[code if code in TYPED or not found else "the peer's own fault"] += 1
        self._check(side, victim)

    def _check(self, side: Recording, victim: Victim) -> None:
        """Whatever is held was signed by its author, byte for byte."""
        for run in held(victim.node):
            assert side.honest >= set(run.changes)
            assert run.signature is not None
            if (run.head, run.signature) not in self._verified:
                own = victim.node.keys.get(run.author)
                assert own is None or own.verifies(lane_message(run), run.signature)
                self._verified.add((run.head, run.signature))


def _said(made: Mutant, code: str) -> bool:
    """A FAULT of the peer's own ends the session with whatever code it gives."""
    return any(code.encode() in frame for frame in made.frames) or code == "budget-spent"


def _decodes(made: Mutant) -> bool:
    """All of it passes the codec, which raises nothing but typed faults. PART hides what it holds."""
    try:
        for frame in made.frames:
            codec.decode(frame)
    except PeerFault:
        return False
    return True
