"""Are the audit logs held here whole? This device's own, and those that devices sent.

Each chain is held to its hashes and signatures, each branch to the entry that it goes on from, and
our own log to what garrisons said to hold of it. A second branch of a device is no damage here but
proof that something happened there, so it is told as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from conflict.identity import NodeId
from storage import Store
from storage.audit_chain import OWN_BRANCH
from sync import audit
from sync.audit import AuditBranch, AuditHead
from sync.audit_check import AuditBreak, ChainCheck
from sync.ports import Keyring

PAGE_ROWS = 1000
FORKED = "forked"
ROLLED_BACK = "rolled-back"


class Broken(NamedTuple):
    """A break, and in which log."""

    device: NodeId
    branch: int
    at: AuditBreak


class Verified(NamedTuple):
    """Logs and entries that were looked at, what is wrong, and devices whose key is not known here: of
    their signatures nothing can be said."""

    logs: int
    entries: int
    broken: tuple[Broken, ...]
    keyless: tuple[NodeId, ...]


def verify(store: Store, own: NodeId, keyring: Keyring) -> Verified:
    """Look at every log. Reads in pages; rows that are written meanwhile are not looked at."""
    logs = entries = 0
    broken: list[Broken] = []
    keyless = []
    for device in store.audit_devices():
        if audit.verifies(device, AuditHead(), bytes(65), keyring) is None:
            keyless.append(device)
        for branch in sorted(store.audit_branches(device)):
            logs += 1
            entries += branch.head.number - branch.first + 1
            found = _branch(store, device, branch, keyring)
            broken += (Broken(device, branch.branch, one) for one in found)
    broken += (Broken(own, OWN_BRANCH, one) for one in _acknowledged(store, own))
    return Verified(logs, entries, tuple(broken), tuple(keyless))


def _branch(
    store: Store, device: NodeId, branch: AuditBranch, keyring: Keyring
) -> Iterator[AuditBreak]:
    if branch.branch != OWN_BRANCH:
        words = (
            f"the device went on from entry {branch.first - 1} a second time: a rollback, or a copy"
        )
        yield AuditBreak(branch.first, FORKED, words)
    checking = ChainCheck(device, keyring, _before(store, device, branch))
    while (left := branch.head.number - checking.head.number) > 0:
        page = store.audit_entries(device, branch.branch, checking.head.number, PAGE_ROWS)
        if not page:
            break
        for stored in page[:left]:
            if (found := checking.take(stored)) is not None:
                yield found
                return
    found = checking.ended(branch.head) or _beyond(store, device, branch)
    if found is not None:
        yield found


def _beyond(store: Store, device: NodeId, branch: AuditBranch) -> AuditBreak | None:
    """An entry behind the noted last one, which no writing meanwhile explains: head and entries are
    written together."""
    due = branch.head.number + 1
    if branch.branch not in {one for one, _ in store.audit_at(device, [due])}:
        return None
    noted = {one.branch: one.head.number for one in store.audit_branches(device)}
    if noted.get(branch.branch, 0) >= due:
        return None
    words = f"there is an entry {due}, and entry {due - 1} is noted as the last one"
    return AuditBreak(due, "changed", words)


def _before(store: Store, device: NodeId, branch: AuditBranch) -> AuditHead:
    """The entry that a branch goes on from: the one of that number which its first entry names."""
    if branch.first == 1:
        return AuditHead()
    first = store.audit_entries(device, branch.branch, branch.first - 1, 1)
    named = audit.readable(first[0].entry) if first else None
    heads = [audit.entry_head(one) for _, one in store.audit_at(device, [branch.first - 1])]
    fitting = (one for one in heads if named is not None and one.link == named.previous)
    return next(fitting, AuditHead(number=branch.first - 1))


def _acknowledged(store: Store, own: NodeId) -> Iterator[AuditBreak]:
    """What a garrison said to hold of ours must be here."""
    heads = {one.branch: one.head for one in store.audit_branches(own)}
    last = heads.get(OWN_BRANCH, AuditHead()).number
    for garrison, ack in store.audit_acks().items():
        name = garrison.hex()[:8]
        if ack.number > last:
            words = f"garrison {name} holds entries up to {ack.number}, here are {last}"
            yield AuditBreak(last + 1, ROLLED_BACK, words)
        elif ack.number:
            held = [
                entry.link[: len(ack.short)]
                for branch, entry in store.audit_at(own, [ack.number])
                if branch == OWN_BRANCH
            ]
            if held != [ack.short]:
                words = f"garrison {name} holds another entry {ack.number}"
                yield AuditBreak(ack.number, ROLLED_BACK, words)
