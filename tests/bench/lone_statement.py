"""What one statement costs that is typed on one of two connected nodes, as their link carries it.

Two real nodes over a WebSocket. Each casualty has a dozen statements that both hold; then somebody who is
signed in types one more, at the node's own time. Counted: the CONTENT message, in bytes, without the
signature. The dictionary knows the people of generated care, not those of a theatre: a row has others.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from conflict.identity import DocumentId
from conflict.signature import SIGNATURE_BYTES
from conflict.statement import Draft
from node.desk import Save
from node.sim import Casualty, casualties, stream
from sync import codec
from sync.link_profile import LinkKind, LinkProfile
from sync.messages import Content
from tests.bench.figures import Row, row
from tests.bench.payload_runs import START, signed_in
from tests.system.node_lab import Node, equal, nodes, until

SEED = 51
CASUALTIES = 40
HELD = 12
GOAL_BYTES = 90
TYPED_AFTER_MS = 20_000
NOT_IN_DICTIONARY = ("SGT Okonkwo", "SPC Haraldsen", "CPL Whitfield", "PFC Nunez", "HM3 Castellano")
SATCOM = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9_600, rtt_s=0.6)


def lone_rows(count: int = CASUALTIES) -> list[Row]:
    """On a fast link and on a thin one, and by people whose names are not in the dictionary."""
    lan = LinkProfile.lan()
    return [
        row(
            f"lone statement typed on one of two connected nodes, {profile.kind}{what}",
            "its CONTENT message without the signature, B",
            asyncio.run(_typed(profile, count, people)),
            goal=GOAL_BYTES,
        )
        for profile, what, people in (
            (lan, "", ()),
            (SATCOM, "", ()),
            (lan, ", other names", NOT_IN_DICTIONARY),
        )
    ]


class _Clock:
    """Wall clock of both nodes, moved by hand."""

    def __init__(self, people: Sequence[str]) -> None:
        self._people = people
        self.ms = int(START.timestamp() * 1000)

    def __call__(self) -> int:
        return self.ms

    def says(self, draft: Draft) -> Draft:
        """The statement as somebody types it now, a moment after it was seen."""
        self.ms += 97_003
        seen = datetime.fromtimestamp((self.ms - TYPED_AFTER_MS) // 1000, UTC)
        said = signed_in(replace(draft, at=f"{seen:%Y-%m-%dT%H:%M:%S}Z"))
        if not self._people:
            return said
        return replace(said, by=self._people[sum(said.by.encode()) % len(self._people)])


async def _typed(profile: LinkProfile, count: int, people: Sequence[str]) -> list[int]:
    clock = _Clock(people)
    links = {(0, 1): profile, (1, 0): profile}
    with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root:
        async with nodes([Path(root) / "a.db", Path(root) / "b.db"], links=links, clock=clock) as (
            a,
            b,
        ):
            care = [(one.episode, _statements(one)) for one in casualties(SEED, count, START)]
            held = [
                Save(document, (clock.says(draft),))
                for document, drafts in care
                for draft in islice(drafts, HELD)
            ]
            await asyncio.to_thread(a.engine.save_all, held)
            await equal((a, b))
            sent = await _tap(a, b)
            found = []
            for document, drafts in care:
                await until(lambda: _quiet(a, b), "the one before is receipted")
                sent.clear()
                await _save(a, b, document, clock.says(next(drafts)))
                [content] = sent
                found.append(len(content) - SIGNATURE_BYTES)
            return found


def _statements(casualty: Casualty) -> Iterator[Draft]:
    for save in stream(SEED, casualty, casualty.last_at):
        yield from save.drafts


def _quiet(a: Node, b: Node) -> bool:
    link = a.peering.link(b.engine.key.node)
    return link is not None and not link.session.busy


async def _tap(a: Node, b: Node) -> list[bytes]:
    """CONTENT messages that leave one node for the other, from now on."""
    link = a.peering.link(b.engine.key.node)
    assert link is not None
    sent: list[bytes] = []
    send = link.channel.send

    async def tapped(frame: bytes) -> None:
        if isinstance(codec.decode(frame), Content):
            sent.append(frame)
        await send(frame)

    link.channel.send = tapped
    return sent


async def _save(a: Node, b: Node, document: DocumentId, draft: Draft) -> None:
    await a.save(document, draft)
    held = a.engine.store.vectors([document])
    await until(lambda: b.engine.store.vectors([document]) == held, "the statement is there")
