"""What every store keeps of audit logs: one path of our own, and all that devices ever sent."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest

from conflict.identity import NodeId
from conflict.signature import SigningKey, VerifyingKey
from storage import AuditAck, Store
from storage.audit_chain import OWN_BRANCH
from sync import audit, limits
from sync.audit import (
    Action,
    AuditBranch,
    AuditHead,
    AuditRow,
    AuditSegment,
    AuditVerdict,
    StoredAudit,
)
from sync.audit_check import ChainCheck
from tests.contracts.conftest import Place
from tests.contracts.store_samples import HOLDER, NOW_MS

KEY = SigningKey.from_entropy(hashlib.sha512(b"device").digest())
DEVICE = KEY.node
FIRST, LATER = b"epoch one".ljust(16), b"epoch two".ljust(16)
KEPT, KNOWN, FORKED, GAP = (
    AuditVerdict.KEPT,
    AuditVerdict.KNOWN,
    AuditVerdict.FORKED,
    AuditVerdict.GAP,
)


class Keys:
    """Knows the one device."""

    def verifies(self, node: NodeId, message: bytes, signature: bytes) -> bool | None:
        if node != DEVICE:
            return None
        return VerifyingKey(KEY.public).verifies(message, signature)


def rows(count: int, text: str = "") -> list[AuditRow]:
    """Somebody reads so many records."""
    return [
        AuditRow(NOW_MS + at, Action.READ, "ruiz", "medic", bytes([2] * 16), text)
        for at in range(count)
    ]


def append(store: Store, count: int = 1, *, epoch: bytes = FIRST, text: str = "") -> AuditHead:
    """Our own next rows, in a transaction of their own."""
    with store.write() as transaction:
        return transaction.append_audit(
            DEVICE, epoch, rows(count, text), lambda head: audit.sign_head(DEVICE, head, KEY)
        )


def segment(after: AuditHead, count: int, *, epoch: bytes = FIRST, text: str = "") -> AuditSegment:
    """What a device sends next."""
    plain = AuditSegment(DEVICE, epoch, after.number + 1, after.link, tuple(rows(count, text)))
    return plain._replace(signature=audit.sign_head(DEVICE, plain.head, KEY))


def hold(store: Store, given: AuditSegment) -> tuple[AuditVerdict, AuditHead]:
    with store.write() as transaction:
        return transaction.hold_audit(given, NOW_MS)


def all_of(store: Store, branch: int = OWN_BRANCH) -> list[StoredAudit]:
    return store.audit_entries(DEVICE, branch, 0, 10_000)


def check(store: Store, branch: AuditBranch, before: AuditHead | None = None) -> object:
    """The first break of a branch; None: it holds."""
    checking = ChainCheck(DEVICE, Keys(), before or AuditHead())
    broken = (checking.take(one) for one in all_of(store, branch.branch))
    return next((one for one in broken if one), None) or checking.ended(branch.head)


def test_rows_are_numbered_without_a_gap_chained_and_signed(place: Place) -> None:
    store = place.store
    assert store.audit_branches(DEVICE) == []
    append(store, 3)
    head = append(store, 2)
    store = place.reopen()
    entries = [audit.from_bytes(one.entry) for one in all_of(store)]
    assert [one.number for one in entries] == [1, 2, 3, 4, 5]
    assert [one.row for one in entries] == rows(3) + rows(2)
    assert [bool(one.signature) for one in all_of(store)] == [False, False, True, False, True]
    (branch,) = store.audit_branches(DEVICE)
    assert branch == AuditBranch(OWN_BRANCH, 1, head)
    assert check(store, branch) is None


def test_a_new_epoch_goes_on_with_the_same_chain(store: Store) -> None:
    append(store, 2)
    head = append(store, 2, epoch=LATER)
    (branch,) = store.audit_branches(DEVICE)
    assert (branch.head, head.number, head.epoch) == (head, 4, LATER)
    assert check(store, branch) is None


def test_rows_are_there_with_the_transaction_that_they_are_in_or_not_at_all(store: Store) -> None:
    append(store, 2)
    with pytest.raises(RuntimeError):
        _append_and_fail(store)
    assert len(all_of(store)) == store.audit_branches(DEVICE)[0].head.number == 2


def _append_and_fail(store: Store) -> None:
    with store.write() as transaction:
        transaction.append_audit(DEVICE, FIRST, rows(1), lambda _: b"")
        raise RuntimeError


def test_a_long_transaction_has_signed_entries_in_between(store: Store) -> None:
    append(store, 200, text="x" * 190)
    entries = all_of(store)
    signed = [at for at, one in enumerate(entries) if one.signature]
    assert signed[-1] == 199
    sizes = [len(one.entry) for one in entries]
    parts = pairwise([0, *(at + 1 for at in signed)])
    assert max(sum(sizes[a:b]) for a, b in parts) <= limits.AUDIT_FRAME_BYTES_MAX
    assert len(signed) < 10
    (branch,) = store.audit_branches(DEVICE)
    assert check(store, branch) is None


def test_entries_are_read_a_page_at_a_time_and_by_number(store: Store) -> None:
    append(store, 5)
    page = store.audit_entries(DEVICE, OWN_BRANCH, 2, 2)
    assert [audit.from_bytes(one.entry).number for one in page] == [3, 4]
    found = store.audit_at(DEVICE, [9, 4, 1])
    assert [(branch, one.number) for branch, one in found] == [(0, 1), (0, 4)]
    assert store.audit_at(HOLDER, [1]) == []
    assert store.audit_entries(HOLDER, OWN_BRANCH, 0, 5) == []


def test_what_a_device_sends_is_kept_once_whatever_comes_twice(store: Store) -> None:
    first = segment(AuditHead(), 4)
    second = segment(first.head, 3)
    assert hold(store, second) == (GAP, AuditHead())
    assert hold(store, first) == (KEPT, first.head)
    assert hold(store, first) == (KNOWN, first.head)
    assert hold(store, second) == (KEPT, second.head)
    longer = AuditSegment(DEVICE, FIRST, 3, audit.chained(first)[1].link, ())
    entries = [*audit.chained(first)[2:], *audit.chained(second)]
    fresh = audit.follows(second.head, DEVICE, FIRST, rows(1, "new"))
    longer = longer._replace(rows=tuple(one.row for one in [*entries, *fresh]))
    longer = longer._replace(signature=audit.sign_head(DEVICE, longer.head, KEY))
    assert hold(store, longer) == (KEPT, longer.head)
    (branch,) = store.audit_branches(DEVICE)
    assert branch == AuditBranch(0, 1, longer.head)
    assert check(store, branch) is None
    assert store.audit_devices() == [DEVICE]


def test_a_fork_is_kept_beside_what_was_held_and_goes_on(store: Store) -> None:
    first = segment(AuditHead(), 6)
    hold(store, first)
    before = all_of(store)
    at_three = audit.entry_head(audit.chained(first)[2])
    other = segment(at_three, 2, epoch=LATER, text="after a rollback")
    assert hold(store, other) == (FORKED, other.head)
    assert all_of(store) == before
    branch, held = store.audit_branches(DEVICE)
    assert (held, branch) == (AuditBranch(0, 1, first.head), AuditBranch(1, 4, other.head))
    more = segment(other.head, 2, epoch=LATER)
    assert hold(store, more) == (KEPT, more.head)
    late = segment(first.head, 1)  # the other copy of the device writes on as well
    assert hold(store, late) == (KEPT, late.head)
    branches = {one.branch: one for one in store.audit_branches(DEVICE)}
    assert branches[0].head == late.head
    assert branches[1].head == more.head
    assert check(store, branches[0]) is None
    assert check(store, branches[1], at_three) is None


def test_another_beginning_is_a_branch_too(store: Store) -> None:
    hold(store, segment(AuditHead(), 2))
    anew = segment(AuditHead(), 2, text="made anew")
    assert hold(store, anew)[0] is FORKED
    assert [one.first for one in store.audit_branches(DEVICE)] == [1, 1]
    assert hold(store, anew) == (KNOWN, anew.head)


def test_branches_and_bytes_of_a_device_are_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIT_BRANCHES_MAX", 3)
    verdicts = [hold(store, segment(AuditHead(), 1, text=f"{n}"))[0] for n in range(4)]
    assert verdicts == [KEPT, FORKED, FORKED, AuditVerdict.FULL]
    monkeypatch.setattr(limits, "AUDIT_LOG_BYTES_MAX", 600)
    latest = store.audit_branches(DEVICE)[0].head
    assert hold(store, segment(latest, 5)) == (AuditVerdict.FULL, latest)


def test_what_a_garrison_says_to_hold_replaces_what_it_said_before(place: Place) -> None:
    for number in (9, 4):  # restored from a backup, it holds less
        with place.store.write() as transaction:
            ack = AuditAck(LATER, number, b"link1234", NOW_MS)
            transaction.save_audit_ack(HOLDER, ack)
    assert place.reopen().audit_acks() == {HOLDER: ack}


@pytest.mark.parametrize("tampered", ["edit", "drop", "swap", "cut"])
def test_what_was_tampered_with_is_found(store: Store, tampered: str) -> None:
    append(store, 4)
    append(store, 4)
    (branch,) = store.audit_branches(DEVICE)
    entries = all_of(store)
    _tamper(entries, tampered)
    checking = ChainCheck(DEVICE, Keys())
    broken = (checking.take(one) for one in entries)
    found = next((one for one in broken if one), None) or checking.ended(branch.head)
    assert found is not None
    expected = {"edit": (4, "changed"), "drop": (3, "missing"), "swap": (3, "missing")}
    assert found[:2] == expected.get(tampered, (7, "cut"))


def _tamper(entries: list[StoredAudit], how: str) -> None:
    if how == "edit":
        third = audit.from_bytes(entries[2].entry)
        changed = third._replace(row=third.row._replace(person="other"))
        entries[2] = entries[2]._replace(entry=audit.to_bytes(changed))
    elif how == "drop":
        del entries[2]
    elif how == "swap":
        entries[2:4] = entries[3], entries[2]
    else:
        del entries[6:]
