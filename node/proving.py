"""Proving equality with a peer because somebody asks: over the link there is, or one made for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conflict.identity import NodeId
from discovery import Address
from node.errors import NoPeer, Silent
from node.link import Link
from sync.effects import Phase
from sync.transport.channel import LinkFailed

if TYPE_CHECKING:
    from node.peering import Peering


async def prove(
    peering: Peering, node: NodeId | None, address: Address | None, timeout_s: float
) -> NodeId:
    """Equality with a peer, proved now or by what flows meanwhile. Raises `NoPeer`, `Silent`.

    Opens a link where there is none, also to a manual peer and over a spent budget.
    """
    if not peering.allowances.profile_of(node).answered:
        raise Silent(
            "this node is silent to that peer, as configured or by `aidstation silent on`; "
            "nothing was sent"
        )
    try:
        async with asyncio.timeout(timeout_s):
            link = peering.link(node) if node is not None else None
            if link is None:
                link = await _fresh(peering, node, address)
            with peering.asking(link):
                proofs = link.session.proofs + 1
                link.check()
                await _equal(peering, link, proofs)
            assert link.peer is not None  # noqa: S101  equal means proven
            return link.peer
    except TimeoutError:
        raise NoPeer(
            f"no equality within {timeout_s:.0f} s; everything is saved here. "
            "See 'aidstation peers' for the cause"
        ) from None


async def _fresh(peering: Peering, node: NodeId | None, address: Address | None) -> Link:
    addresses = [address] if address else _addresses_of(peering, node)
    if not addresses:
        raise NoPeer("this peer has no known address: give one, or wait until it is found")
    fault: LinkFailed | None = None
    for one in addresses:
        try:
            return await peering.dial_by_hand(one, node)
        except LinkFailed as failed:
            fault = failed
    raise NoPeer(f"{fault}; everything is saved here, try again when there is a link")


def _addresses_of(peering: Peering, node: NodeId | None) -> list[Address]:
    return [one for peer in peering.table.peers() if peer.node == node for one in peer.addresses]


async def _equal(peering: Peering, link: Link, proofs: int) -> None:
    """Until this link, or the one that replaced it, is equal with nothing waiting."""
    while True:
        current = (peering.link(link.peer) or link) if link.peer else link
        if current.session.phase is Phase.CLOSED:
            raise NoPeer(f"the link ended: {current.session.cause}")
        enough = current.session.proofs >= (proofs if current is link else 1)
        if current.session.phase is Phase.EQUAL and enough and not current.session.busy:
            return
        current.changed.clear()
        await current.changed.wait()
