"""Tamper fuzz: whatever is done to a device's audit log, its own check or the next contact tells.

Each trial first shows that the untouched log passes both, so it can fail; then that what was done
changed something; then that it is found. What never left the node and is cut off together with its
bookkeeping cannot be found by anybody, so only heads that left it are cut behind.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import delete, insert, update

sys.path.insert(0, str(Path(__file__).parents[1] / "sync"))

from session_lab import Keys, Link, Node

from conflict.identity import NodeId
from node.audit_check import verify
from storage import MemoryStore, SqlStore
from storage.audit_tables import audit_ack, audit_branch, audit_entry
from storage.database import writing
from sync import audit, audit_effects
from sync.audit import AuditEntry, AuditHead, AuditRow, StoredAudit

TRIALS, NIGHTLY = 2_000, 100_000
SQL_TRIALS = 60
FOUND_BEFORE = [
    3003
]  # by a nightly run: the last entry unreadable, the books as if there were none
_WORDS = ("", "ruiz", "chen", "medic", "chart", "mass casualty", "ok", "not-found")


class Log(NamedTuple):
    """What is stored of a device's own log."""

    key: Node
    entries: list[StoredAudit]
    left: int  # entries that a garrison holds

    def signed_as(self, entries: list[AuditEntry], *, forged: bool) -> list[StoredAudit]:
        """Entries chained anew; signed again where the device's key is at hand, else as they were."""
        rows = []
        for at, one in enumerate(entries):
            old = self.entries[min(at, len(self.entries) - 1)].signature
            head = audit.entry_head(one)
            new = audit.sign_head(one.device, head, self.key.key) if old else b""
            rows.append(StoredAudit(audit.to_bytes(one), new if forged else old))
        return rows


def _read(log: Log) -> list[AuditEntry]:
    return [audit.from_bytes(one.entry) for one in log.entries]


def _rechained(entries: list[AuditEntry]) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    link = audit.NO_LINK
    for number, one in enumerate(entries, 1):
        found.append(one._replace(number=number, previous=link))
        link = found[-1].link
    return found


def _changed(entry: AuditEntry, dice: random.Random) -> AuditEntry:
    """One field of it is another."""
    row = entry.row
    fields = {
        "at_ms": row.at_ms + dice.randrange(1, 10_000),
        "action": row.action % 20 + 1,
        "person": row.person + "x",
        "role": row.role + "x",
        "subject": row.subject[1:] + bytes([row.subject[0] ^ 1]),
        "purpose": row.purpose + "x",
        "outcome": row.outcome + "x",
    }
    name = dice.choice(sorted(fields))
    return entry._replace(row=row._replace(**{name: fields[name]}))


Stored = dict[int, StoredAudit]


def placed(entries: list[StoredAudit]) -> Stored:
    """One after the other, from number 1."""
    return dict(enumerate(entries, 1))


# Each returns what is stored afterwards -------------------------------------------------------


def flip(log: Log, dice: random.Random) -> Stored:
    """A bit of an entry."""
    at = dice.randrange(len(log.entries))
    raw = bytearray(log.entries[at].entry)
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    entries = list(log.entries)
    entries[at] = entries[at]._replace(entry=bytes(raw))
    return placed(entries)


def edit(log: Log, dice: random.Random) -> Stored:
    """A field of an entry, well encoded."""
    at = dice.randrange(len(log.entries))
    entries = list(log.entries)
    changed = _changed(_read(log)[at], dice)
    entries[at] = entries[at]._replace(entry=audit.to_bytes(changed))
    return placed(entries)


def edit_and_chain_anew(log: Log, dice: random.Random) -> Stored:
    """The same, and every later link made to fit; the key is not at hand."""
    entries = _read(log)
    at = dice.randrange(len(entries))
    entries[at] = _changed(entries[at], dice)
    return placed(log.signed_as(_rechained(entries), forged=False))


def edit_and_sign_anew(log: Log, dice: random.Random) -> Stored:
    """The same by somebody who has the key: of what left the node."""
    entries = _read(log)
    at = dice.randrange(log.left)
    entries[at] = _changed(entries[at], dice)
    return placed(log.signed_as(_rechained(entries), forged=True))


def drop(log: Log, dice: random.Random) -> Stored:
    """An entry, not the last one (that is `cut`)."""
    entries = placed(log.entries)
    del entries[dice.randrange(1, len(entries))]
    return entries


def drop_and_chain_anew(log: Log, dice: random.Random) -> Stored:
    """The same, numbers and links made to fit."""
    entries = _read(log)
    del entries[dice.randrange(len(entries) - 1)]
    return placed(log.signed_as(_rechained(entries), forged=False))


def swap(log: Log, dice: random.Random) -> Stored:
    """Two entries change places."""
    entries = list(log.entries)
    one, other = dice.sample(range(len(entries)), 2)
    entries[one], entries[other] = entries[other], entries[one]
    return placed(entries)


def swap_and_chain_anew(log: Log, dice: random.Random) -> Stored:
    """The same, numbers and links made to fit."""
    entries = _read(log)
    one, other = dice.sample(range(len(entries)), 2)
    entries[one], entries[other] = entries[other], entries[one]
    return placed(log.signed_as(_rechained(entries), forged=False))


def insert_one(log: Log, dice: random.Random) -> Stored:
    """An entry that nobody wrote, links made to fit."""
    entries = _read(log)
    at = dice.randrange(len(entries))
    entries.insert(at, _changed(entries[at], dice))
    return placed(log.signed_as(_rechained(entries), forged=False))


def cut(log: Log, dice: random.Random) -> Stored:
    """The end, behind a head that has left the node."""
    return placed(log.entries[: dice.randrange(log.left)])


def unsign(log: Log, dice: random.Random) -> Stored:
    """The last signature is another, or none."""
    other = bytes([1]) + dice.randbytes(64)
    last = log.entries[-1]._replace(signature=dice.choice([b"", other]))
    return placed([*log.entries[:-1], last])


TAMPERINGS: tuple[Callable[[Log, random.Random], Stored], ...] = (
    *(flip, edit, edit_and_chain_anew, edit_and_sign_anew, drop, drop_and_chain_anew),
    *(swap, swap_and_chain_anew, insert_one, cut, unsign),
)


# The stores that are tampered with -------------------------------------------------------------


def put(store: MemoryStore | SqlStore, device: NodeId, stored: Stored) -> None:
    """This instead of what is stored."""
    if isinstance(store, MemoryStore):
        for key in [key for key in store._rows.audit if key[0] == device]:
            store._rows.audit.drop(key)
        for number, one in stored.items():
            store._rows.audit[device, 0, number] = one
        store._rows.commit()
        return
    rows = [
        {"device": device, "branch": 0, "number": number, **one._asdict()}
        for number, one in stored.items()
    ]
    with writing(store.engine) as connection:
        connection.execute(delete(audit_entry).where(audit_entry.c.device == device))
        if rows:
            connection.execute(insert(audit_entry), rows)


def keep_books(store: MemoryStore | SqlStore, device: NodeId, stored: Stored) -> None:
    """What the store has noted of the log is made to fit too: its head, what garrisons said."""
    last = audit.readable(stored[max(stored)].entry) if stored else None
    head = audit.entry_head(last) if last else AuditHead()
    if isinstance(store, MemoryStore):
        log, grown_ms = store._rows.audit_logs[device, 0]
        log = log._replace(branch=log.branch._replace(head=head))
        store._rows.audit_logs[device, 0] = (log, grown_ms)
        store._rows.audit_acks.clear()
        store._rows.commit()
        return
    with writing(store.engine) as connection:
        connection.execute(update(audit_branch).values(**head._asdict()))
        connection.execute(delete(audit_ack))


# A trial ---------------------------------------------------------------------------------------


def _row(dice: random.Random) -> AuditRow:
    words = (dice.choice(_WORDS) for _ in range(4))
    person, role, purpose, outcome = words
    at_ms, action = 1_795_401_431_123 + dice.randrange(10**9), dice.randrange(1, 30)
    return AuditRow(at_ms, action, person, role, dice.randbytes(16), purpose, outcome)


def _grow(device: Node, dice: random.Random, transactions: int) -> None:
    node, epoch = device.key.node, device.store.epoch()
    sign = partial(audit.sign_head, node, signer=device.key)
    for _ in range(transactions):
        rows = [_row(dice) for _ in range(dice.randrange(1, 6))]
        with device.store.write() as transaction:
            transaction.append_audit(node, epoch, rows, sign)


def visit(device: Node, garrison: Node) -> bool:
    """A session; whether it told of anything."""
    link = Link(device, garrison)
    link.settle()
    link.cut()
    kinds = (audit_effects.AuditRefused, audit_effects.AuditSurpassed)
    return any(isinstance(one, kinds) for end in link.ends for one in end.notices)


def found_by_itself(device: Node) -> bool:
    return bool(verify(device.store, device.key.node, device.keys).broken)


def found_on_contact(device: Node, garrison: Node) -> bool:
    """The device is told, or the garrison refuses, or shows a second branch."""
    told = visit(device, garrison)
    return told or bool(verify(garrison.store, garrison.key.node, garrison.keys).broken)


def made(seed: int, store: MemoryStore | SqlStore | None = None) -> tuple[Node, Node, Log]:
    """A device and a garrison that holds some of its log, both without fault."""
    dice = random.Random(f"made {seed}")
    keys = Keys()
    device, garrison = Node(2 * seed + 1, keys), Node(2 * seed + 2, keys)
    if store is not None:
        device.store = store  # type: ignore[assignment]  # a store is a store
    for one in (device, garrison):
        one.store.trust([garrison.key.node])
    _grow(device, dice, dice.randrange(1, 5))
    assert not found_on_contact(device, garrison)
    left = device.store.audit_branches(device.key.node)[0].head.number
    _grow(device, dice, dice.randrange(1 if left < 2 else 0, 4))
    assert not found_by_itself(device)
    entries = device.store.audit_entries(device.key.node, 0, 0, 1_000)
    return device, garrison, Log(device, entries, left)


def tamper(seed: int, store: MemoryStore | SqlStore | None = None) -> None:
    """Something is done to a log, with the books made to fit every other time; it is found."""
    device, garrison, log = made(seed, store)
    dice = random.Random(f"tampered {seed}")
    how = TAMPERINGS[seed % len(TAMPERINGS)]
    entries = how(log, dice)
    assert entries != placed(log.entries), how.__name__
    put(device.store, device.key.node, entries)
    if dice.random() < 0.5:
        keep_books(device.store, device.key.node, entries)
    found = found_by_itself(device) or found_on_contact(device, garrison)
    assert found, (seed, how.__name__)


def roll_back(seed: int) -> None:
    """The whole store is an earlier one; perhaps it writes on, more or less than was lost."""
    device, garrison, _ = made(seed)
    dice = random.Random(f"rolled back {seed}")
    backup = device.store.clone()
    _grow(device, dice, dice.randrange(1, 4))
    assert not found_on_contact(device, garrison)
    device.store = backup
    _grow(device, dice, dice.randrange(4))
    assert not found_by_itself(device)  # nothing in it is wrong
    assert found_on_contact(device, garrison), seed


def trial(seed: int) -> None:
    """One in five is a rollback."""
    if seed % 5:
        tamper(seed)
    else:
        roll_back(seed)


def test_whatever_is_done_to_a_log_is_found() -> None:
    for seed in [*range(TRIALS), *FOUND_BEFORE]:
        trial(seed)


@pytest.mark.nightly
def test_whatever_is_done_to_a_log_is_found_in_many_trials() -> None:
    for seed in range(TRIALS, TRIALS + NIGHTLY):
        trial(seed)


def test_the_same_on_a_database_file(tmp_path: Path) -> None:
    for seed in range(SQL_TRIALS):
        store = SqlStore.open(tmp_path / f"{seed % 6}.db", entropy=bytes(16))
        with writing(store.engine) as connection:
            for table in (audit_ack, audit_branch, audit_entry):
                connection.execute(delete(table))
        tamper(seed, store)
        store.close()


def test_what_never_left_the_node_may_be_cut_off_together_with_its_books() -> None:
    """The limit of all this: so rows go up soon."""
    device, garrison, log = made(7)
    entries = placed(log.entries[: log.left])
    put(device.store, device.key.node, entries)
    keep_books(device.store, device.key.node, entries)
    assert not found_by_itself(device)
    assert not found_on_contact(device, garrison)
