"""What the comparison asks of every system: to make two sides, and to bring them together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tests.bench.peers.counted_link import CountedLink
from tests.bench.peers.workload import Workload


class Unavailable(Exception):
    """This machine cannot run the system; the text says why."""


class Pair(Protocol):
    """A source that holds every chart and a sink that holds none, both up, apart, one link between."""

    def receive(self) -> None:
        """The sink takes everything; returns once it is on its disk and can be read."""

    def settle(self) -> None:
        """What a first meeting leaves for the second, so that it is not charged to the idle check."""

    @property
    def checks_kept(self) -> bool:
        """Whether it can prove equality on a kept connection."""

    def check(self) -> None:
        """Prove equality without parting first, if it can."""

    def part(self) -> None:
        """End the connection, if the system keeps one."""

    def change(self, work: Workload) -> None:
        """Write the edits of both sides, while apart."""

    def meet(self) -> None:
        """Connect again and exchange what is missing; returns once equality is known."""

    def digests(self) -> tuple[object, object]:
        """What source and sink hold, each in short."""

    def peaks_mb(self) -> tuple[float, float]:
        """Most resident memory of source and sink so far, in MB, all processes of a side added."""


class NothingKept:
    """Of a `Pair` that connects for each exchange: there is nothing to keep, to part or to settle."""

    @property
    def checks_kept(self) -> bool:
        """See `Pair`."""
        return False

    def check(self) -> None:
        """See `Pair`."""

    def part(self) -> None:
        """See `Pair`."""

    def settle(self) -> None:
        """See `Pair`."""


class System(Protocol):
    """Something that a user could pick."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    @property
    def charts_max(self) -> int | None:
        """More are not asked of it: it is known not to finish."""

    def prepare(self, folder: Path, work: Workload) -> None:
        """Write the charts once, as the source will hold them. Raises `Unavailable`."""

    def pair(self, prepared: Path, folder: Path, link: CountedLink) -> AbstractContextManager[Pair]:
        """A new pair over copies of what was prepared; `folder` is empty and its own."""


def systems() -> Sequence[System]:
    """All of them, ours first."""
    from tests.bench.peers.aidstation_nodes import AidstationNodes
    from tests.bench.peers.node_systems import AutomergeRepo, PouchDB
    from tests.bench.peers.rsync_files import RsyncFiles

    plain = PouchDB("PouchDB, no gzip", gzip=False)
    return (AidstationNodes(), PouchDB(), plain, AutomergeRepo(), RsyncFiles())
