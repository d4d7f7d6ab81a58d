"""Whole nodes that may not talk, or no more: both sides say why, and what was equal stays."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from conflict.identity import DocumentId, DocumentKind, new_document
from conflict.membership import naming
from conflict.scope import scope_id
from conflict.signature import SigningKey
from conflict.statement import Draft
from discovery import Address
from sync.trust.authority import Revoke, Time
from sync.trust.theatre import Standing
from tests.system.node_lab import LOOPBACK, Node, equal, nodes, until
from tests.theatre import NOW_MS, YEAR_MS, Authority


async def save(node: Node, text: str) -> DocumentId:
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    await node.save(document, Draft(slot="note", value={"text": text}, by="Ruiz"))
    return document


def node_of(node: Node) -> str:
    return node.engine.key.node.hex()


def state(node: Node) -> str:
    return " · ".join(node.desk.status()["state"])


def cause_at(node: Node, peer: Node) -> str:
    """What `peers` says of that one."""
    found = {one["node"]: one for one in node.desk.peers()}
    return str(found.get(node_of(peer), {}).get("cause"))


def proofs(node: Node, peer: Node) -> int:
    """Of the link that stands now; it is made anew when the log has changed what is shared."""
    link = node.peering.link(peer.engine.key.node)
    return link.session.proofs if link else 0


async def revoke(authority: Authority, gone: Node, tell: Node) -> None:
    authority.say(Revoke(gone.engine.key.node, "lost"))
    tell.engine.belonging.add(authority.entries)


async def test_nodes_of_two_theatres_do_not_talk_and_the_dialler_says_why(tmp_path: Path) -> None:
    async with (
        nodes([tmp_path / "a.db"], authority=Authority("one")) as (a,),
        nodes([tmp_path / "b.db"], authority=Authority("two")) as (b,),
    ):
        await save(a, "not yours")
        b.peering.table.static(Address(LOOPBACK, a.peering.port), a.engine.key.node)
        await b.peering.pause(paused=True)
        await b.peering.pause(paused=False)
        await until(lambda: cause_at(b, a) == "other-theatre", "it says so")
        assert b.engine.store.summary().documents == 0
        assert a.peering.traffic == (0, 0)


async def test_a_revocation_ends_the_link_and_both_sides_say_so(tmp_path: Path) -> None:
    authority = Authority()
    async with nodes(
        [tmp_path / "a.db", tmp_path / "b.db", tmp_path / "c.db"], authority=authority
    ) as (a, b, c):
        await save(a, "before")
        await equal([a, b, c])
        await revoke(authority, b, tell=a)
        await until(lambda: a.peering.link(b.engine.key.node) is None, "the link has ended")
        await until(lambda: "Stopped: peer-revoked with n1" in state(a), "a says so")
        await until(lambda: "Stopped: says-revoked with n0" in state(b), "b is told as it dials")
        await save(a, "after")
        await equal([a, c])
        assert b.engine.store.summary().documents == 1


async def test_an_expired_device_stays_linked_and_gets_nothing_new(tmp_path: Path) -> None:
    authority = Authority()
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], authority=authority, static=False) as (
        a,
        b,
    ):
        authority.say(Time(), NOW_MS + 5 * YEAR_MS)
        a.engine.belonging.add(authority.entries)
        await save(a, "new")
        b.peering.table.static(Address(LOOPBACK, a.peering.port), a.engine.key.node)
        await b.peering.pause(paused=True)
        await b.peering.pause(paused=False)
        await until(lambda: proofs(b, a) > 0, "linked, and equal over what both may hold")
        assert b.engine.store.summary().documents == 0


def knows(node: Node, number: int) -> bool:
    return node.engine.belonging.head.number == number


async def test_an_expired_device_hands_its_own_upward_gets_nothing_new_and_says_so(
    tmp_path: Path,
) -> None:
    authority = Authority()
    urls = [tmp_path / f"{one}.db" for one in range(3)]
    async with nodes(urls, garrisons=[0], authority=authority) as (garrison, old, field):
        await save(garrison, "before")
        await equal([garrison, old, field])
        authority.enrol(old.engine.key, "n1", lifetime_ms=1000)
        authority.say(Time(), NOW_MS + 2000)
        await asyncio.to_thread(garrison.engine.belonging.add, authority.entries)
        for node in (old, field):
            await until(partial(knows, node, 5), "the log")
        assert old.engine.belonging.standing is Standing.EXPIRED
        assert field.engine.belonging.standing is Standing.ENROLLED
        field.peering.table.static(Address(LOOPBACK, old.peering.port), old.engine.key.node)
        await field.peering.pause(paused=True)
        await field.peering.pause(paused=False)
        known = {one.document for one in old.engine.store.listing(None, 9)}
        mine = await save(old, "care goes on")
        await save(garrison, "new at the garrison")
        await save(field, "new in the field")
        summary = garrison.engine.store.summary
        await until(lambda: bool(garrison.engine.store.lanes(mine)), "its own, at the garrison")
        await until(lambda: summary().documents == 4, "all at the garrison")
        await until(lambda: field.engine.store.summary().documents == 4, "and at the field peer")
        await until(lambda: proofs(old, garrison) > 0 and proofs(old, field) > 0, "equal again")
        held = {one.document for one in old.engine.store.listing(None, 9)}
        assert held == known | {mine}
        assert "Stopped: certificate expired" in state(old)
        assert old.engine.store.lanes(mine)


@pytest.mark.parametrize("wall_ms", [0, 4_070_908_800_000], ids=["1970", "2099"])
async def test_a_clock_that_is_years_off_keeps_nobody_out(tmp_path: Path, wall_ms: int) -> None:
    authority = Authority()
    async with (
        nodes([tmp_path / "a.db"], authority=authority) as (right,),
        nodes([tmp_path / "b.db"], authority=authority, clock=lambda: wall_ms) as (wrong,),
    ):
        mine, theirs = await save(wrong, "its clock is off"), await save(right, "care")
        wrong.peering.table.static(Address(LOOPBACK, right.peering.port), right.engine.key.node)
        await wrong.peering.pause(paused=True)
        await wrong.peering.pause(paused=False)
        await equal([right, wrong])
        for node in (right, wrong):
            theatre = node.engine.belonging.theatre
            assert theatre is not None
            assert {theatre.standing(one.node) for one in theatre} == {Standing.ENROLLED}
            assert theatre.now_ms == NOW_MS
            assert node.engine.store.lanes(mine)
            assert node.engine.store.lanes(theirs)


class Waiting:
    """A key that has something happen before it proves itself for the first time."""

    def __init__(self, key: SigningKey, happen: Callable[[], object]) -> None:
        self.node, self.public, self.private = key.node, key.public, key.private
        self._key, self._happen = key, happen

    def sign(self, message: bytes) -> bytes:
        happen, self._happen = self._happen, lambda: None
        happen()
        return self._key.sign(message)


async def test_who_loses_a_scope_between_its_hello_and_its_proof_gets_nothing_of_it(
    tmp_path: Path,
) -> None:
    authority, unit = Authority(), scope_id("BAS-2")
    async with nodes(
        [tmp_path / "a.db", tmp_path / "b.db"],
        authority=authority,
        static=False,
        scopes={1: ["BAS-2"]},
    ) as (a, b):
        await a.save(unit, naming("BAS-2"))

        def regrant() -> None:
            authority.enrol(b.engine.key, "n1", codes=["ROLE2"])
            a.engine.belonging.add(authority.entries)

        b.engine.key = cast(SigningKey, Waiting(b.engine.key, regrant))
        b.peering.table.static(Address(LOOPBACK, a.peering.port), a.engine.key.node)
        await b.peering.pause(paused=True)
        await b.peering.pause(paused=False)
        await until(lambda: b.engine.belonging.head.number == 3, "the log")
        await until(lambda: proofs(b, a) > 0, "equal over what both may hold")
        assert b.engine.store.summary().documents == 0
