"""The story the demo tells: record, share, part, contradict, lose a node, heal, count.

`lost` is counted from each writer's own list of acknowledged statement ids, kept here from the
answers to its saves, and compared with what the garrison can show. No store is asked what it wrote.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from conflict.identity import DocumentId
from conflict.statement import Json
from node.demo.stage import Actor, stage
from node.desk import Save
from node.errors import NodeError
from node.sim import Casualty, Contradiction, casualties, contradictions, stream

FIELD = ("alpha", "bravo", "charlie")
START = datetime(2026, 3, 14, 5, 0, tzinfo=UTC)
HEAL_S_MAX = 120.0
POLL_S = 0.2
PART_SAVES = 4  # ongoing saves a casualty while the links are cut


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one contradiction: the finding's words, and on how many nodes it stands."""

    kind: str
    by: tuple[str, str]
    text: str
    nodes: int


@dataclass(slots=True)
class Outcome:
    """The demo's figures. `body` is what `--json` prints."""

    seed: int
    converged: bool = False
    documents: int = 0
    written: int = 0
    at_garrison: int = 0
    lost: int = 0
    findings: int = 0
    bytes_on_wire: int = 0
    seconds: float = 0.0
    told: list[Told] = field(default_factory=list)

    @property
    def everywhere(self) -> int:
        """Contradictions whose finding stands on every node."""
        return sum(one.nodes == len(FIELD) + 1 for one in self.told)

    @property
    def good(self) -> bool:
        """Converged, nothing lost, no contradiction hidden anywhere."""
        return self.converged and not self.lost and self.everywhere == len(self.told)

    def body(self) -> dict[str, Json]:
        """One JSON object."""
        return {
            "nodes": len(FIELD) + 1,
            "converged": self.converged,
            "documents": self.documents,
            "statements_written": self.written,
            "statements_at_garrison": self.at_garrison,
            "lost": self.lost,
            "findings": self.findings,
            "bytes_on_wire": self.bytes_on_wire,
            "seconds": round(self.seconds, 1),
            "seed": self.seed,
            "contradictions": len(self.told),
            "contradictions_shown_everywhere": self.everywhere,
        }


View = Callable[[str, list[dict[str, Json]]], None]
"""Told at every step: what happens now, and one status per node ({"name", "down": True} if none)."""


def tell(
    *,
    seed: int,
    count: int,
    imported: Sequence[Save] = (),
    blobs: Sequence[bytes] = (),
    view: View,
    keep: Path | None = None,
) -> Outcome:
    """Play the whole story. `imported`: saves of `--input` bundles, written at the first node."""
    began = time.monotonic()
    with _folder(keep) as root, stage(root) as actors:
        for actor in actors.values():
            actor.launch()
        for actor in actors.values():
            actor.ready()
        play = _Play(actors, seed, view)
        play.share(list(casualties(seed, count, START)), imported, blobs)
        play.part()
        play.contradict()
        play.heal_with_a_death()
        play.count()
        play.outcome.seconds = time.monotonic() - began
        return play.outcome


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="aidstation-demo-") as root:
            yield Path(root)


class _Play:
    """State of one telling."""

    def __init__(self, actors: dict[str, Actor], seed: int, view: View) -> None:
        self.actors = actors
        self.seed = seed
        self.view = view
        self.outcome = Outcome(seed)
        self.casualties: list[Casualty] = []
        self.contradictions: list[Contradiction] = []
        self.acknowledged: dict[str, dict[DocumentId, set[str]]] = {name: {} for name in FIELD}
        self.bytes_of_the_dead = 0

    # The story ------------------------------------------------------------------------------

    def share(
        self, people: list[Casualty], imported: Sequence[Save], blobs: Sequence[bytes]
    ) -> None:
        """Each medic records their own casualties; discovery and sync make all nodes equal."""
        self.casualties = people
        self._show("three medics record their casualties")
        for place, name in enumerate(FIELD):
            mine = [save for one in people[place :: len(FIELD)] for save in _saves(one)]
            self._write(name, mine)
        if imported:
            self._show("importing FHIR bundles at alpha")
            self._write(FIELD[0], imported, blobs)
        self._until_equal("records travel to the garrison and the other medics")

    def part(self) -> None:
        """All links are cut."""
        for actor in self.actors.values():
            actor.desk.pause(paused=True)
        self._show("all links are cut")

    def contradict(self) -> None:
        """Everybody goes on writing about the same casualties, and they contradict one another."""
        self._show("every medic writes on, alone")
        for place, name in enumerate(FIELD):
            mine = self.casualties[place :: len(FIELD)]
            self._write(name, [save for one in mine for save in self._ongoing(one)])
        for place, one in enumerate(self.casualties):
            pairs = contradictions(self.seed, one)
            chosen = pairs[place % len(pairs)]
            left, right = FIELD[place % 3], FIELD[(place + 1) % 3]
            self._write(left, [Save(chosen.document, (chosen.left,))])
            self._write(right, [Save(chosen.document, (chosen.right,))])
            self.contradictions.append(chosen)

    def _ongoing(self, one: Casualty) -> list[Save]:
        return list(islice(stream(self.seed, one, one.last_at), PART_SAVES))

    def heal_with_a_death(self) -> None:
        """Links come back; one node is killed in the middle of its sync and started again."""
        victim = self.actors["charlie"]
        before = {name: self._digest(name) for name in self.actors}
        for actor in self.actors.values():
            actor.desk.pause(paused=False)
        self._show("links are back")
        deadline = time.monotonic() + HEAL_S_MAX
        while self._digest("charlie") == before["charlie"] and time.monotonic() < deadline:
            time.sleep(POLL_S / 10)  # another process: asking is the only way to know
        self.bytes_of_the_dead = _bytes_out(victim.desk.status())
        victim.kill()
        self._show("charlie was killed in the middle of its sync (SIGKILL)")
        victim.start()
        self._show("charlie is started again")
        self.outcome.converged = self._until_equal("healing")

    def count(self) -> None:
        """Compare what was acknowledged with what the garrison shows."""
        garrison = self.actors["garrison"].desk
        shown: dict[DocumentId, set[str]] = {}
        for lists in self.acknowledged.values():
            for document, ids in lists.items():
                if document not in shown:
                    shown[document] = set(garrison.statements(document))
                self.outcome.lost += len(ids - shown[document])
                self.outcome.written += len(ids)
        statuses = self._statuses()
        status = garrison.status()
        self.outcome.documents = status["documents"]
        self.outcome.at_garrison = status["statements"]
        self.outcome.bytes_on_wire = self.bytes_of_the_dead + sum(map(_bytes_out, statuses))
        found = {name: actor.desk.findings() for name, actor in self.actors.items()}
        still = (
            one for one in found["garrison"] if not one.get("timed")
        )  # the story is of one day
        self.outcome.findings = sum(1 for _ in still)
        self.outcome.told = [self._became(one, found) for one in self.contradictions]

    # Its parts ------------------------------------------------------------------------------

    def _write(self, name: str, saves: Sequence[Save], blobs: Sequence[bytes] = ()) -> None:
        ids = self.actors[name].desk.import_saves(saves, blobs)
        for save, given in zip(saves, ids, strict=True):
            self.acknowledged[name].setdefault(save.document, set()).update(given)

    def _until_equal(self, what: str) -> bool:
        deadline = time.monotonic() + HEAL_S_MAX
        while time.monotonic() < deadline:
            statuses = self._show(what)
            digests = {one.get("digest") for one in statuses}
            settled = not any(one.get("waiting", 1) or one.get("blobs_wanted") for one in statuses)
            if len(digests) == 1 and None not in digests and settled:
                return True
            time.sleep(POLL_S)  # each look is shown: the pace of the table
        return False

    def _became(self, one: Contradiction, found: dict[str, list[Json]]) -> Told:
        names = {one.left.by, one.right.by}

        def fits(finding: Json) -> bool:
            slots = finding["slot"] == one.kind and all(by in finding["text"] for by in names)
            return slots and any(self._about(text, one) for text in finding["documents"])

        matches = {name: [f for f in listed if fits(f)] for name, listed in found.items()}
        here = matches["garrison"]
        ids = {finding["id"] for finding in here}
        nodes = sum(bool(ids & {f["id"] for f in listed}) for listed in matches.values())
        return Told(one.kind, one.by, here[0]["text"] if here else "not found", nodes)

    def _about(self, text: str, one: Contradiction) -> bool:
        from conflict.identity import parse_document

        document = parse_document(text)
        pair = next(
            (c for c in self.casualties if one.document in {c.person, c.episode}),
            None,
        )
        return pair is not None and document in {pair.person, pair.episode}

    def _digest(self, name: str) -> str | None:
        digest: str | None = self.actors[name].desk.status()["digest"]
        return digest

    def _show(self, what: str) -> list[dict[str, Json]]:
        statuses = self._statuses()
        self.view(what, statuses)
        return statuses

    def _statuses(self) -> list[dict[str, Json]]:
        return [_status(actor) for actor in self.actors.values()]


def _status(actor: Actor) -> dict[str, Json]:
    try:
        status: dict[str, Json] = actor.desk.status()
    except NodeError:
        return {"name": actor.name, "down": True}
    return status


def _saves(one: Casualty) -> list[Save]:
    return list(one.saves)


def _bytes_out(status: dict[str, Json]) -> int:
    return int(status.get("bytes_out", 0))
