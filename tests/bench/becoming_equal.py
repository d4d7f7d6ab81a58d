"""What two nodes must say to become equal: bytes and round trips, each against its goal.

Sessions over real stores on SQLite in virtual time (`far_link.py`), so bytes and round trips are the
same on any machine; then two real node processes (`two_nodes.py`). There is no TLS yet. A round trip
is counted from the end of the greeting, itself one (HELLO there; HELLO and PROOF back).
`python -m tests.bench --only becoming_equal`; `left` in the JSON says which messages cost what.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from conflict.statement import Draft
from node.sim import bench_charts, casualties, stream
from sync.effects import Phase
from sync.link_profile import LinkKind, LinkProfile
from tests.bench.far_link import ROUND_TRIP_S, FarLink
from tests.bench.figures import Row, row
from tests.bench.lab_stores import LabNode, counted_steps, sql_pair
from tests.bench.many_lanes import BESIDES, many_lanes_rows
from tests.bench.payload_runs import START
from tests.bench.two_nodes import two_nodes_rows
from tests.sync.session_lab import LAN

LARGE, MIDDLE, SMALL = 100_000, 2_000, 1_000
SEEDS = 20
FEW_SEEDS = 5
CHANGED = 10
DOCUMENTS_OF_TWENTY, STATEMENTS = 50, 1_000
SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9_600, rtt_s=0.6)
UNPROVEN = {Phase.GREETING, Phase.PROVING}
METADATA = "besides content and signatures, B"
TRIPS = "round trips until the data is there"


def measure(large: int = LARGE, nodes: int = 10_000) -> list[Row]:
    """All rows; `large` documents in the sessions, `nodes` charts in the processes."""
    with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root:
        folder = Path(root)
        rows: list[Row] = []
        with sql_pair(folder, large) as pair, sql_pair(folder, SMALL) as small:
            rows += idle_rows(pair, small, large)
            rows += changed_rows(pair, large)
        with sql_pair(folder, MIDDLE) as pair:
            rows += statements_rows(pair)
        with sql_pair(folder, BESIDES) as pair:
            rows += many_lanes_rows(pair, meet)
    return rows + two_nodes_rows(nodes)


# Idle checks -------------------------------------------------------------------------------------

Pair = tuple[LabNode, LabNode]


def idle_rows(pair: Pair, small: Pair, large: int) -> list[Row]:
    """Nothing differs; and what the database does for that does not grow with what it holds."""
    kept, cold = f"idle check, {large:,}, kept connection", f"idle check, {large:,}, cold"
    forget(*pair)
    unknown, _ = idle_check(pair)
    known, trips = idle_check(pair)
    said, kept_trips = kept_check(pair)
    steps, fewer = steps_of_check(pair), steps_of_check(small)
    two_more = "round trips from HELLO on (TCP and upgrade: 2 more)"
    return [
        row(kept, "bytes each way", said, goal=64),
        row(kept, "round trips", [kept_trips], goal=1),
        row(kept, "steps of both databases", [steps], goal=fewer),
        row(kept, f"steps of both databases with {SMALL:,} documents", [fewer]),
        row(cold, "bytes both ways with greeting, no TLS; remembered", [known], goal=4_000),
        row(
            cold, "bytes both ways with greeting, no TLS; nothing remembered", [unknown], goal=4_000
        ),
        row(cold, two_more, [trips], goal=2),
    ]


def idle_check(pair: Pair) -> tuple[int, float]:
    """A new session between equals: bytes, and round trips until the leader knows."""
    link = FarLink(*pair)
    trips = link.until(lambda: link.ends[0].session.phase is Phase.EQUAL)
    link.rest()
    assert link.equal
    part(*pair)
    return link.talk.total, trips


def kept_check(pair: Pair) -> tuple[list[int], float]:
    """A check in a session: bytes each way, round trips until the leader knows."""
    link = FarLink(*pair)
    link.rest()
    before, began, leader = link.bytes_each_way, link.now, link.ends[0]
    leader.perform(leader.session.check(link.now))
    assert leader.session.phase is Phase.CHECKING
    link.until(lambda: leader.session.phase is Phase.EQUAL)
    part(*pair)
    said = [after - was for after, was in zip(link.bytes_each_way, before, strict=True)]
    return said, (link.now - began) / ROUND_TRIP_S


def steps_of_check(pair: Pair) -> int:
    """Steps of both databases for one check on a kept connection."""
    link = FarLink(*pair)
    link.rest()
    leader = link.ends[0]
    with counted_steps(pair) as steps:
        leader.perform(leader.session.check(link.now))
        link.rest()
    assert link.equal
    part(*pair)
    return steps.count


# Changed documents -------------------------------------------------------------------------------


@dataclass
class Rounds:
    """What several sessions that found differences cost, a value each."""

    metadata: list[int] = field(default_factory=list)
    signatures: list[int] = field(default_factory=list)
    total: list[int] = field(default_factory=list)
    trips: list[float] = field(default_factory=list)
    by_name: Counter[str] = field(default_factory=Counter)

    def take(self, link: FarLink, trips: float) -> None:
        """One session."""
        self.metadata.append(link.talk.metadata)
        self.signatures.append(link.talk.signatures)
        self.total.append(link.talk.total)
        self.trips.append(trips)
        self.by_name += link.talk.by_name

    @property
    def left(self) -> dict[str, float]:
        """Mean bytes by name of message."""
        return {name: round(size / len(self.total), 1) for name, size in self.by_name.items()}


def changed_rows(pair: Pair, large: int) -> list[Row]:
    """Ten changed documents here, there, and on both sides; with a peer remembered and not."""
    sides = {"the caller's": (CHANGED, 0), "the called's": (0, CHANGED), "both": (CHANGED, CHANGED)}
    rows: list[Row] = []
    for known in (False, True):
        for whose, (ours, theirs) in sides.items():
            what = "remembered" if known else "nothing remembered"
            work = f"10 changed of {large:,}, {whose}, {what}"
            both = ours and theirs
            found = repeated(pair, large, (ours, theirs), known=known)
            rows += _rows(work, found, goal=None if both else 1_000, trips=2 if both else 1.5)
            if both:
                rows.append(row(work, "bytes in all", found.total, goal=6_000))
    thin = repeated(pair, large, (CHANGED, 0), known=False, profile=SATCOM)
    work = f"10 changed of {large:,}, the caller's, nothing remembered, satcom frames"
    return [*rows, row(work, METADATA, thin.metadata, left=thin.left)]


def _rows(
    work: str, found: Rounds, *, goal: float | None = None, trips: float | None = None
) -> list[Row]:
    return [
        row(work, METADATA, found.metadata, goal=goal, left=found.left),
        row(work, "signatures, B", found.signatures),
        row(work, TRIPS, found.trips, goal=trips),
    ]


def repeated(
    pair: Pair,
    large: int,
    changed: tuple[int, int],
    *,
    known: bool,
    profile: LinkProfile = LAN,
    seeds: int = SEEDS,
) -> Rounds:
    """So many documents changed on each side while apart, other ones for every seed."""
    found = Rounds()
    for seed in range(seeds):
        rng = random.Random(f"{seed} {changed} {known} {profile.kind}")
        numbers = rng.sample(range(large), sum(changed))
        saves = events(rng.randrange(1 << 30))
        for place, number in enumerate(numbers):
            pair[0 if place < changed[0] else 1].care(number, next(saves))
        found.take(*meet(pair, known=known, profile=profile))
    return found


def meet(pair: Pair, *, known: bool, profile: LinkProfile = LAN) -> tuple[FarLink, float]:
    """A session until both are equal, and when the last data was there after the greeting."""
    if not known:
        forget(*pair)
    for node in pair:
        node.received_s = 0.0
    link = FarLink(*pair, profile=profile)
    link.until(lambda: link.ends[0].session.phase not in UNPROVEN)
    greeted = link.now
    link.until(lambda: link.equal)
    link.rest()
    assert pair[0].store.summary() == pair[1].store.summary()
    part(*pair)
    return link, (max(node.received_s for node in pair) - greeted) / ROUND_TRIP_S


# Statements --------------------------------------------------------------------------------------


def statements_rows(pair: Pair) -> list[Row]:
    """1,000 statements of generated care in 50 documents, in lanes that go on and in new ones."""
    rows: list[Row] = []
    for known in (False, True):
        what = "remembered" if known else "nothing remembered"
        rows += _statements_rows(pair, f"1,000 statements in 50 of 2,000, {what}", known=known)
    return rows


def _statements_rows(pair: Pair, work: str, *, known: bool) -> list[Row]:
    goal = 4 * STATEMENTS + 64 * DOCUMENTS_OF_TWENTY
    metadata, with_ids, payload, squeezed, trips, by_name = [], [], [], [], [], Counter[str]()
    for seed in range(FEW_SEEDS):
        write_care(pair[0], seed + (100 if known else 0))
        link, one = meet(pair, known=known)
        talk = link.talk
        trips.append(one)
        metadata.append(talk.metadata)
        with_ids.append(talk.metadata + talk.names)
        payload.append(talk.payload / STATEMENTS)
        squeezed.append((talk.payload - talk.content_signatures - talk.names) / STATEMENTS)
        by_name += talk.by_name
    left = {name: round(size / FEW_SEEDS) for name, size in by_name.items()}
    return [
        row(work, METADATA + ": 4 a statement, 64 a lane", metadata, goal=goal, left=left),
        row(work, "the same with ids and hashes in content, B", with_ids, goal=goal),
        row(work, "content a statement, all of it, B", payload, goal=45),
        row(work, "content a statement without signatures, ids, hashes, B", squeezed),
        row(work, TRIPS, trips),
    ]


def write_care(node: LabNode, seed: int) -> None:
    """Twenty statements of ongoing care in each of 50 documents."""
    numbers = random.Random(f"care {seed}").sample(range(MIDDLE), DOCUMENTS_OF_TWENTY)
    found = casualties(seed, DOCUMENTS_OF_TWENTY, START)
    for number, casualty in zip(numbers, found, strict=True):
        left = STATEMENTS // DOCUMENTS_OF_TWENTY
        for save in stream(seed, casualty, casualty.last_at):
            node.care(number, save.drafts[:left])
            left -= len(save.drafts[:left])
            if not left:
                break


# -------------------------------------------------------------------------------------------------


def events(seed: int) -> Iterator[tuple[Draft, ...]]:
    """Saves of one statement each."""
    return chain.from_iterable(islice(saves, 1, None) for _, saves in bench_charts(seed, 1 << 20))


def forget(*nodes: LabNode) -> None:
    """Nothing is remembered of any peer."""
    for node in nodes:
        node.known.clear()


def part(*nodes: LabNode) -> None:
    """Links are gone."""
    for node in nodes:
        node.part()
