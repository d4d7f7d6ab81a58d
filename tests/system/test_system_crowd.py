"""Who joins a crowd is brought up to date once, and what is saved there crosses each link about once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from conflict.statement import Draft
from discovery import Address
from node.desk import Save
from node.sim import bench_charts
from tests.system.node_lab import LOOPBACK, Node, equal, nodes, until

DOCUMENTS = 300
SAVES = 40
SEED = 11


async def meet(newcomer: Node, others: Sequence[Node]) -> None:
    """Let one node know where others are, all at the same moment."""
    await newcomer.peering.pause(paused=True)
    for other in others:
        address = Address(LOOPBACK, other.peering.port)
        newcomer.peering.table.static(address, other.engine.key.node)
    await newcomer.peering.pause(paused=False)
    await until(
        lambda: all(newcomer.peering.link(one.engine.key.node) for one in others), "all links"
    )


async def quiet(party: Sequence[Node]) -> None:
    """Until all are equal, and every link says so."""
    await equal(party)

    def settled() -> bool:
        links = [
            link
            for one in party
            for other in party
            if (link := one.peering.link(other.engine.key.node)) is not None
        ]
        return all(link.session.phase == "equal" and not link.session.busy for link in links)

    await until(settled, "every link equal")


async def test_a_newcomer_with_three_links_is_sent_what_one_would_have_sent_it(
    tmp_path: Path,
) -> None:
    async with nodes([tmp_path / f"{n}.db" for n in range(5)], static=False) as party:
        *crowd, lonely, newcomer = party
        charts = bench_charts(3, DOCUMENTS)
        saves = [Save(document, drafts) for document, changes in charts for drafts in changes]
        crowd[0].engine.save_all(saves)
        await meet(crowd[1], crowd[:1])
        await meet(crowd[2], crowd[:1])
        await quiet(crowd)
        await meet(lonely, crowd[:1])
        await quiet([*crowd, lonely])
        await meet(newcomer, crowd)
        await quiet(party)
        alone, sent_alone = lonely.peering.traffic
        received, sent = newcomer.peering.traffic
        print(f"{received} B came over three links, {alone} B over one: {received / alone:.2f}")
        print(f"{sent} B were sent over three links, {sent_alone} B over one")
        assert received <= 1.1 * alone
        assert sent <= 3 * sent_alone


async def test_saves_in_a_crowd_cross_each_link_about_once(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    async with nodes([tmp_path / f"{n}.db" for n in range(4)], static=False) as party:
        for number in range(1, 4):
            await meet(party[number], party[:number])
        charts = list(bench_charts(3, 10))
        saves = [Save(document, drafts) for document, changes in charts for drafts in changes]
        party[0].engine.save_all(saves)
        await quiet(party)
        before = sum(one.peering.traffic[1] for one in party)
        for number in range(SAVES):
            draft = Draft(slot="note", value={"text": f"note {number}"}, by="Ruiz")
            await dice.choice(party).save(dice.choice(charts)[0], draft)
        await quiet(party)
        each = (sum(one.peering.traffic[1] for one in party) - before) / SAVES / 6
        print(f"{SAVES} saves among 4 nodes with 6 links: {each:.0f} B a save and link")
        assert each <= 600
