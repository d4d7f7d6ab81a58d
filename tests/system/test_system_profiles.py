"""What a link's profile means between whole nodes: manual, silent, and a budget that is spent."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from conflict.identity import DocumentId, DocumentKind, NodeId, new_document
from conflict.statement import Draft
from discovery import PeerState
from node.allowances import BUDGET_SPENT, MANUAL, SILENT, day_of
from node.app import now_ms
from node.errors import Silent
from node.metering import FINISHED
from node.proving import prove
from sync.link_profile import LinkKind, LinkProfile
from tests.system.node_lab import Node, equal, nodes, until

BY_HAND = LinkProfile(kind=LinkKind.MANUAL)
SHUT = LinkProfile(kind=LinkKind.SILENT)
METERED = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=1_000_000, rtt_s=0.0, daily_bytes=10_000)
TIMEOUT_S = 60.0


async def save(node: Node, letters: int = 20) -> DocumentId:
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    text = secrets.token_hex(letters // 2)
    await node.save(document, Draft(slot="note", value={"text": text}, by="Ruiz"))
    return document


def key(node: Node) -> NodeId:
    return node.engine.key.node


def holds(node: Node) -> int:
    return node.engine.store.summary().documents


async def not_dialled(node: Node, cause: str) -> None:
    """Until the table has let a dial pass for this cause."""

    def deferred() -> bool:
        (peer,) = node.peering.table.peers()
        return (peer.state, peer.cause) == (PeerState.WAITING, cause)

    await until(deferred, f"a dial deferred: {cause}")


async def ended(node: Node, other: Node) -> None:
    await until(lambda: node.peering.link(key(other)) is None, "the end of the link")


async def test_a_manual_peer_is_dialled_when_asked_and_let_go_when_equal(tmp_path: Path) -> None:
    links = {(1, 0): BY_HAND}
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], links=links) as (a, b):
        await save(a)
        await save(b)
        await not_dialled(b, MANUAL)
        assert (holds(a), holds(b)) == (1, 1)
        assert a.peering.acquaintances[key(b)].last_contact_ms is None, "not even greeted"
        await prove(b.peering, key(a), None, TIMEOUT_S)
        assert (holds(a), holds(b)) == (2, 2)
        await ended(b, a)
        assert b.peering.acquaintances[key(a)].cause == FINISHED
        await save(b)
        await not_dialled(b, MANUAL)
        assert holds(a) == 2


async def test_a_manual_peer_that_calls_is_answered(tmp_path: Path) -> None:
    links = {(0, 1): BY_HAND}
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], links=links) as (a, b):
        await save(a)
        await save(b)
        await equal([a, b])
        assert a.desk.peers()[0]["link"]["kind"] == "manual"


async def test_a_silent_peer_is_neither_answered_nor_dialled_nor_asked(tmp_path: Path) -> None:
    links = {(0, 1): SHUT}
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], links=links) as (a, b):
        await save(a)
        await until(
            lambda: any(peer.cause for peer in b.peering.table.peers()),
            "a call that came to nothing",
        )
        assert (holds(a), holds(b)) == (1, 0)
        assert a.peering.link(key(b)) is None
        with pytest.raises(Silent):
            await prove(a.peering, key(b), None, TIMEOUT_S)
        assert any(
            words.startswith("Stopped: silent with n1") for words in a.desk.status()["state"]
        )


async def test_a_refused_caller_learns_the_code_and_waits(tmp_path: Path) -> None:
    links = {(0, 1): SHUT}
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], links=links) as (a, b):
        await save(a)
        await not_dialled(b, SILENT)
        assert b.peering.acquaintances[key(a)].halted_code == SILENT


async def test_a_spent_budget_ends_the_link_and_a_person_may_go_on(tmp_path: Path) -> None:
    links = {(1, 0): METERED}
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], links=links) as (a, b):
        for _ in range(30):
            await save(b, 2_000)
        await not_dialled(b, BUDGET_SPENT)
        (listed,) = b.desk.peers()
        assert listed["link"] == {
            "kind": "satcom",
            "rate_bits_s": 1_000_000,
            "rtt_s": 0.0,
            "daily_bytes": 10_000,
            "left_bytes": 0,
        }
        state = (await b.status())["state"]
        assert isinstance(state, list)
        assert any(words.startswith("Stopped: budget-spent with n0 → ") for words in state)
        late = await save(b)
        assert (
            late not in a.engine.store.vectors([late]) or not a.engine.store.vectors([late])[late]
        )
        await prove(b.peering, key(a), None, TIMEOUT_S)
        assert holds(a) == holds(b) == 31
        await ended(b, a)
        await not_dialled(b, BUDGET_SPENT)


async def test_the_days_account_outlasts_the_process_and_ends_with_the_day(tmp_path: Path) -> None:
    urls = [tmp_path / "a.db", tmp_path / "b.db"]
    async with nodes(urls, links={(1, 0): METERED}) as (a, b):
        for _ in range(30):
            await save(b, 2_000)
        await not_dialled(b, BUDGET_SPENT)
        peer, allowances = key(a), b.peering.allowances
        assert allowances.bars_dial(peer, now_ms() + 86_400_000) == ""
        await until(lambda: _remembered(b, peer), "what is remembered of the day")


def _remembered(node: Node, peer: NodeId) -> bool:
    kept = node.engine.store.setting(f"peer/{peer.hex()}") or b""
    return day_of(now_ms()).encode() in kept and b'"spent_bytes":0' not in kept
