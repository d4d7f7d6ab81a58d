"""One document that 3,600 processes have written in, as a scope's roster comes to be: what one more costs.

Every process start is a new actor, so a new lane. Both nodes hold all lanes but those written while they
were apart. Sessions over SQLite in virtual time, as in `becoming_equal.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Protocol

from tests.bench.far_link import FarLink
from tests.bench.figures import Row, row
from tests.bench.lab_stores import FIRST, HELD_AT_ONCE, LabNode, SignedWriter, document

LANES = 3_600
BESIDES = 200  # other documents, so that there is something to sketch
ROSTER = 7  # the document's number
TIMES = 10
GOAL_BYTES = 1_000
"""As for ten ordinary documents that differ."""

Pair = tuple[LabNode, LabNode]


class Meet(Protocol):
    """Becomes `becoming_equal.meet`."""

    def __call__(self, pair: Pair, *, known: bool) -> tuple[FarLink, float]:
        """A session, and round trips until the data was there."""
        ...


def begun(node: LabNode, names: Iterator[str], lanes: int) -> list[SignedWriter]:
    """So many processes of a node have each begun a lane in the roster."""
    writers = [SignedWriter(name, node.key) for name in islice(names, lanes)]
    for at in range(0, lanes, HELD_AT_ONCE):
        node.hold([one.begin(document(ROSTER)) for one in writers[at : at + HELD_AT_ONCE]])
    return writers


def many_lanes_rows(pair: Pair, meet: Meet) -> list[Row]:
    """New lanes and grown ones here, there and on both sides; `pair` holds the same so far.

    `meet` makes them equal again and says how long the data took.
    """
    names = (f"process {number}" for number in count())
    old = begun(pair[0], names, LANES)
    meet(pair, known=False)
    cases: dict[str, tuple[int, int, int, int]] = {  # new lanes here, there; grown here, there
        "1 new lane, the caller's": (1, 0, 0, 0),
        "1 new lane, the called's": (0, 1, 0, 0),
        "1 lane grown, the caller's": (0, 0, 1, 0),
        "1 lane grown, the called's": (0, 0, 0, 1),
        "20 new lanes on each side": (20, 20, 0, 0),
    }
    rows: list[Row] = []
    for what, differing in cases.items():
        work = f"{what}, in a document of {LANES:,}"
        metadata, trips, names_said = [], [], []
        for _ in range(TIMES):
            _differ(pair, names, old, differing)
            link, data_trips = meet(pair, known=False)
            metadata.append(link.talk.metadata)
            trips.append(data_trips)
            names_said.append(link.talk.by_name)
        left = {name: names_said[-1][name] for name in sorted(names_said[-1])}
        goal = GOAL_BYTES if sum(differing) == 1 else None
        rows.append(row(work, "besides content and signatures, B", metadata, goal=goal, left=left))
        rows.append(row(work, "round trips until the data is there", trips, goal=2.5))
    return rows


def _differ(
    pair: Pair,
    names: Iterator[str],
    old: list[SignedWriter],
    differing: tuple[int, int, int, int],
) -> None:
    for node, new, grown in zip(pair, differing[:2], differing[2:], strict=True):
        if new:
            begun(node, names, new)
        for writer in (old.pop() for _ in range(grown)):
            writer.go_on(document(ROSTER))
            node.hold([writer.write(document(ROSTER), [FIRST])])
