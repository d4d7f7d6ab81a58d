"""PouchDB and automerge-repo: a process for each side, told what to do in JSON lines.

PouchDB: LevelDB on both sides, the source behind express-pouchdb, replication with its defaults.
automerge-repo: one document a chart, files on both sides, the source behind its WebSocket server.
Neither forces its writes to the disk (fsync); ours does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers.counted_link import CountedLink
from tests.bench.peers.npm_packages import HERE, node
from tests.bench.peers.pairs import NothingKept, Pair
from tests.bench.peers.programs import Program
from tests.bench.peers.workload import Workload, plain_edits

CHARTS = "charts.jsonl"
DATA = "data"
FILL_S_MAX = 900.0


def _program(script: str, folder: Path, side: str) -> Program:
    return Program([node(), str(HERE / script)], folder=folder, log=folder / f"{side}.log")


def _prepare(script: str, folder: Path, work: Workload) -> None:
    program = node()  # before anything is written
    work.export(folder / CHARTS)
    with Program([program, str(HERE / script)], folder=folder, log=folder / "fill.log") as filling:
        (folder / DATA).mkdir()
        told = {"folder": str(folder / DATA), "file": str(folder / CHARTS)}
        filling.ask("fill", within_s=FILL_S_MAX, **told)


@contextmanager
def _sides(
    script: str, prepared: Path, folder: Path, link: CountedLink, **serving: bool
) -> Iterator[tuple[Program, Program]]:
    shutil.copytree(prepared / DATA, folder / "source")
    (folder / "sink").mkdir()
    with _program(script, folder, "source") as source, _program(script, folder, "sink") as sink:
        link.lead_to(source.ask("serve", folder=str(folder / "source"), **serving)["port"])
        sink.ask("open", folder=str(folder / "sink"))
        yield source, sink


@dataclass(frozen=True, slots=True)
class _Programs(NothingKept):
    """A pair of two such processes."""

    source: Program
    sink: Program
    link: CountedLink

    def change(self, work: Workload) -> None:
        self.source.ask("change", edits=plain_edits(work.edits.source))
        self.sink.ask("change", edits=plain_edits(work.edits.sink))

    def meet(self) -> None:
        self.sink.ask("sync", port=self.link.port)

    def peaks_mb(self) -> tuple[float, float]:
        return self.source.peak_mb(), self.sink.peak_mb()


@dataclass(frozen=True, slots=True)
class PouchDB:
    """See `System`. Its server compresses answers (gzip) unless told not to; requests it never does."""

    name: str = "PouchDB"
    charts_max: int | None = None
    gzip: bool = True

    def prepare(self, folder: Path, work: Workload) -> None:
        """See `System`."""
        _prepare("pouchdb.mjs", folder, work)

    @contextmanager
    def pair(self, prepared: Path, folder: Path, link: CountedLink) -> Iterator[Pair]:
        """See `System`."""
        with _sides("pouchdb.mjs", prepared, folder, link, gzip=self.gzip) as (source, sink):
            yield _PouchPair(source, sink, link)


@dataclass(frozen=True, slots=True)
class _PouchPair(_Programs):
    def receive(self) -> None:
        self.sink.ask("receive", port=self.link.port)

    def settle(self) -> None:
        self.meet()  # the way up goes once through all that came down, and remembers it

    def digests(self) -> tuple[object, object]:
        return self.source.ask("digest"), self.sink.ask("digest")


@dataclass(frozen=True, slots=True)
class AutomergeRepo:
    """See `System`."""

    name: str = "automerge-repo"
    charts_max: int | None = 1_000

    def prepare(self, folder: Path, work: Workload) -> None:
        """See `System`."""
        _prepare("automerge_repo.mjs", folder, work)

    @contextmanager
    def pair(self, prepared: Path, folder: Path, link: CountedLink) -> Iterator[Pair]:
        """See `System`."""
        ids = [line.split('"')[3] for line in (prepared / CHARTS).read_text().splitlines()]
        with _sides("automerge_repo.mjs", prepared, folder, link) as (source, sink):
            yield _AutomergePair(source, sink, link, ids)


@dataclass(frozen=True, slots=True)
class _AutomergePair(_Programs):
    ids: list[str]

    def receive(self) -> None:
        self.sink.ask("sync", port=self.link.port, ids=self.ids)

    def part(self) -> None:
        self.sink.ask("detach")

    def digests(self) -> tuple[object, object]:
        return self.source.ask("digest", ids=self.ids), self.sink.ask("digest", ids=self.ids)
