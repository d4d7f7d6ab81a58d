"""Audit logs between whole nodes: they reach a garrison, and a rollback ends in a new epoch."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

from conflict.signature import SigningKey
from node.audit_check import verify
from node.audited_desk import AuditedDesk
from node.desk import Save
from storage import SqlStore
from sync import audit
from sync.audit import Action, AuditRow
from tests.node.node_lab import document, note
from tests.system.node_lab import Node, nodes, until

KEYS = [SigningKey.from_entropy(hashlib.sha512(b"audit %d" % n).digest()) for n in range(2)]
DEVICE = KEYS[1].node


def rows(store: SqlStore, branch: int = 0) -> list[AuditRow]:
    found = store.audit_entries(DEVICE, branch, 0, 10_000)
    return [audit.from_bytes(one.entry).row for one in found]


def head(node: Node) -> int:
    heads = {one.branch: one.head.number for one in node.engine.store.audit_branches(DEVICE)}
    return heads.get(0, 0)


async def test_what_was_done_reaches_the_garrison_and_it_says_so(tmp_path: Path) -> None:
    urls = [tmp_path / "garrison.db", tmp_path / "field.db"]
    async with nodes(urls, garrisons=(0,), keys=KEYS) as (garrison, field):
        desk = AuditedDesk(field.desk, field.engine.audit)
        await asyncio.to_thread(desk.save, [Save(document(1), (note("a"),))])
        await asyncio.to_thread(desk.chart, document(1))
        store = garrison.engine.store
        await until(
            lambda: len(rows(store)) >= 3 and not field.engine.audit_sync.unheld(), "audit rows"
        )
        kinds = [(one.action, one.subject) for one in rows(store)]
        assert (Action.WRITE, document(1)) in kinds
        assert (Action.READ, document(1)) in kinds
        assert (Action.SYNC, KEYS[0].node) in kinds
        assert not verify(store, KEYS[0].node, garrison.engine.belonging).broken


async def test_a_restored_device_begins_a_new_epoch_and_the_garrison_keeps_both(
    tmp_path: Path,
) -> None:
    urls = [tmp_path / "garrison.db", tmp_path / "field.db"]
    async with nodes(urls, garrisons=(0,), keys=KEYS) as (garrison, field):
        await until(lambda: head(garrison) > 0, "audit rows")
    shutil.copy(urls[1], tmp_path / "backup.db")
    async with nodes(urls, garrisons=(0,), keys=KEYS) as (garrison, field):
        epoch = field.engine.store.epoch()
        for _ in range(9):
            field.engine.audit.note(Action.READ, subject=document(1))
        await until(
            lambda: head(garrison) > 0 and not field.engine.audit_sync.unheld(), "audit rows"
        )
    shutil.copy(tmp_path / "backup.db", urls[1])
    async with nodes(urls, garrisons=(0,), keys=KEYS) as (garrison, field):
        await until(lambda: field.engine.store.epoch() != epoch, "audit rows")
        store = garrison.engine.store
        await until(lambda: len(store.audit_branches(DEVICE)) == 2, "audit rows")
        await until(
            lambda: any(one.action == Action.ROLLBACK for one in rows(store, 1)), "audit rows"
        )
        found = verify(store, KEYS[0].node, garrison.engine.belonging).broken
        assert {(one.device, one.at.code) for one in found} == {(DEVICE, "forked")}
