"""An urgent statement behind a backlog, between two real nodes over 9.6 kbit/s and 600 ms.

The link is the user-space shaper (`aidstation link`), in front of one node's listener. A backlog of
about 1 MB is on its way; then a MEDEVAC request of about 400 bytes is saved at the sender. Measured:
from its save to its being durable at the other end, several times, at different moments of a frame.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from pathlib import Path
from typing import Any

from conflict.identity import DocumentId, DocumentKind, new_document
from conflict.statement import Draft
from discovery import Address
from node.config import Listen
from node.desk import Save
from node.engine import Growth
from node.sim import bench_charts
from node.sim.link_proxy import LinkProxy
from node.sim.link_shape import LinkShape
from sync.link_profile import LinkKind, LinkProfile
from tests.system.node_lab import LOOPBACK, Node, nodes

RATE_BITS_S = 9_600
RTT_S = 0.6
BACKLOG_CHARTS = 1_600
WAIT_S_MAX = 120.0
PHASE_S = 0.137
PROFILE = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=RATE_BITS_S, rtt_s=RTT_S)
MEDEVAC = {
    "setting": "wartime",
    "frequency": "38.90",
    "call_sign": "DUSTOFF",
    "urgent": 2,
    "litter": 2,
    "terrain": "two litter on the north side, smoke on request, wires to the east; " * 3,
}


def measure(times: int = 10) -> dict[str, Any]:
    """Seconds from save to durable at the peer."""
    with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root:
        return asyncio.run(_measure(Path(root), times))


async def _measure(root: Path, times: int) -> dict[str, Any]:
    links = {(0, 1): PROFILE, (1, 0): PROFILE}
    async with nodes([root / "a.db", root / "b.db"], static=False, links=links) as (a, b):
        saves = (
            Save(document, drafts)
            for document, changes in bench_charts(1, BACKLOG_CHARTS)
            for drafts in changes
        )
        await asyncio.to_thread(a.engine.save_all, saves)
        shape = LinkShape(rate_bits_s=RATE_BITS_S, rtt_s=RTT_S)
        proxy = LinkProxy(shape, Listen(LOOPBACK, a.peering.port), seed=1, notice=print)
        at = await proxy.start(Listen(LOOPBACK, 0))
        try:
            b.peering.table.static(Address(*at), a.engine.key.node)
            await b.peering.pause(paused=True)
            await b.peering.pause(paused=False)
            await _grows(b, None)
            seconds = []
            for number in range(times):
                await asyncio.sleep(2 + number * PHASE_S)  # at every phase of a frame
                seconds.append(await _urgent(a, b))
            return _figures(seconds, proxy, b)
        finally:
            await proxy.close()


async def _urgent(a: Node, b: Node) -> float:
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    loop = asyncio.get_running_loop()
    heard = asyncio.ensure_future(_grows(b, document))
    await asyncio.sleep(0)
    began = loop.time()
    await a.save(document, Draft(slot="medevac", value=dict(MEDEVAC), by="Ruiz"))
    await heard
    return loop.time() - began


async def _grows(node: Node, document: DocumentId | None) -> None:
    """Until something (None) or this document is durable there."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def hear(growth: Growth) -> None:
        if document is None or any(lane.document == document for lane, _ in growth.lanes):
            loop.call_soon_threadsafe(done.set)

    stop = node.engine.on_grown(hear)
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            await done.wait()
    finally:
        stop()


def _figures(seconds: list[float], proxy: LinkProxy, b: Node) -> dict[str, Any]:
    ordered = sorted(seconds)
    back = proxy.report()["back"]
    return {
        "urgent_s_min": round(ordered[0], 2),
        "urgent_s_median": round(ordered[len(ordered) // 2], 2),
        "urgent_s_max": round(ordered[-1], 2),
        "times": len(ordered),
        "backlog_documents_meanwhile": b.engine.store.summary().documents,
        "link_bytes": back["bytes_out"],
        "link_used": round(back["bytes_out"] * 8 / RATE_BITS_S / proxy.report()["seconds"], 2),
    }


if __name__ == "__main__":
    print(measure())
