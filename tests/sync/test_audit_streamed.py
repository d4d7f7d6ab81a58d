"""Audit logs over sessions: a garrison gets a device's log, and a rollback shows on first contact."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hostile_lab import SATCOM
from session_lab import LAN, Keys, Link, Node, document

from storage.memory import MemoryStore
from sync import audit, audit_effects, codec, limits, messages
from sync.audit import AuditHead, AuditRow, AuditSegment, AuditVerdict
from sync.effects import Close, Effect, Phase
from sync.link_profile import LinkProfile
from sync.reading import perform as perform_read


def nodes(count: int = 2) -> list[Node]:
    """The last one is the garrison; all know it."""
    keys = Keys()
    party = [Node(number, keys) for number in range(count)]
    for one in party:
        one.store.trust([party[-1].key.node])
    return party


def meet(one: Node, other: Node, profile: LinkProfile = LAN) -> Link:
    link = Link(one, other, profile=profile)
    link.settle()
    return link


def visit(one: Node, other: Node) -> Link:
    link = meet(one, other)
    link.cut()
    return link


def heads(at: Node, of: Node) -> dict[int, AuditHead]:
    """Branches of a device held at a node."""
    return {one.branch: one.head for one in at.store.audit_branches(of.key.node)}


def own(node: Node) -> AuditHead:
    return heads(node, node)[0]


def acknowledged(device: Node, garrison: Node) -> int:
    found = device.store.audit_acks().get(garrison.key.node)
    return found.number if found else 0


def noticed(link: Link, kind: type[Effect]) -> list[Effect]:
    return [one for end in link.ends for one in end.notices if isinstance(one, kind)]


def test_a_garrison_gets_all_of_a_devices_log_and_says_so() -> None:
    device, garrison = nodes()
    device.note(1_000)
    link = visit(device, garrison)
    assert heads(garrison, device) == {0: own(device)}
    assert acknowledged(device, garrison) == 1_000
    assert link.said["Audit"] < 1_000 * 16


@pytest.mark.parametrize("garrison_leads", [False, True])
def test_what_is_noted_while_they_are_linked_follows(garrison_leads: bool) -> None:
    device, garrison = nodes()
    link = meet(garrison, device) if garrison_leads else meet(device, garrison)
    assert heads(garrison, device) == {}
    for _ in range(3):
        device.note(5)
        assert acknowledged(device, garrison) < own(device).number
        link.settle()
        link.tick()
        assert heads(garrison, device) == {0: own(device)}
        assert acknowledged(device, garrison) == own(device).number


def test_the_next_session_sends_nothing_again() -> None:
    device, garrison = nodes()
    device.note(300)
    visit(device, garrison)
    assert visit(device, garrison).said["Audit"] == 0
    device.note(1)
    assert 0 < visit(device, garrison).said["Audit"] < 260


def test_an_idle_link_carries_nothing_of_it_and_an_opening_one_message() -> None:
    device, garrison = nodes()
    device.note(300)
    visit(device, garrison)
    link = meet(device, garrison)
    assert link.said["AuditHave"] <= 56
    before = link.said.total()
    link.ends[0].perform(link.ends[0].session.check(link.now))
    link.quiet()
    assert link.said.total() - before <= 2 * 20
    one, other = nodes(3)[:2]
    one.note(9)
    assert not visit(one, other).said.keys() & {"Audit", "AuditHave"}


def test_field_nodes_neither_take_nor_pass_on_the_logs_of_others() -> None:
    device, relay, garrison = nodes(3)
    device.note(3)
    visit(device, relay)
    visit(relay, garrison)
    assert heads(relay, device) == heads(garrison, device) == {}
    assert acknowledged(device, garrison) == 0


@pytest.mark.parametrize("profile", [LAN, SATCOM])
def test_rows_go_in_frames_that_end_where_the_device_signed(profile: LinkProfile) -> None:
    device, garrison = nodes()
    for number, count in enumerate((1, 3, 100, 40, 7, 300, 1, 1, 90)):
        if number == 5:
            device.store.renew_epoch(b"another".ljust(16))
        device.note(count, "x" * (150 * (number == 3)))
    link = Link(device, garrison, profile=profile)
    link.settle()
    assert heads(garrison, device) == {0: own(device)}
    whole = [codec.decode(frame) for frame in _whole(link.ends[0].frames)]
    sent = [one.segment for one in whole if isinstance(one, messages.Audit)]
    assert sum(len(one.rows) for one in sent) == own(device).number
    assert max(len(one.rows) for one in sent) > limits.AUDIT_ROWS_THIN
    assert len(sent) <= (5 if profile is LAN else 8)


def test_a_log_that_somebody_changed_holds_up_no_sync() -> None:
    device, garrison = nodes()
    device.note(3)
    place = (device.key.node, 0, 2)
    row = device.store._rows.audit[place]
    device.store._rows.audit[place] = row._replace(entry=row.entry[:-1])
    device.save(document(1))
    link = visit(device, garrison)
    assert garrison.store.summary() == device.store.summary()
    assert heads(garrison, device) == {}
    entry = audit.from_bytes(row.entry)
    changed = entry._replace(row=entry.row._replace(person="somebody else"))
    device.store._rows.audit[place] = row._replace(entry=audit.to_bytes(changed))
    link = visit(device, garrison)
    assert [one.code for one in noticed(link, audit_effects.AuditRefused)] == [
        AuditVerdict.BAD_SIGNATURE
    ]
    assert heads(garrison, device) == {}


def test_care_goes_first_whatever_waits_to_be_audited() -> None:
    device, garrison = nodes()
    device.note(5_000)
    for number in range(20):
        device.save(document(number))
    link = Link(device, garrison, profile=SATCOM)
    link.settle()
    names = [codec.decode(frame) for frame in _whole(link.ends[0].frames)]
    last = max(at for at, one in enumerate(names) if isinstance(one, messages.Content))
    before = [one for one in names[:last] if isinstance(one, messages.Audit)]
    assert sum(len(one.segment.rows) for one in before) < 5_000 // 10
    assert heads(garrison, device) == {0: own(device)}


def _whole(frames: list[bytes]) -> list[bytes]:
    """Messages of a sender's frames, in the order in which they were complete."""
    parts: dict[int, bytes] = {}
    found = []
    for frame in frames:
        if codec.type_of(frame) != codec.PART:
            found.append(frame)
            continue
        part = codec.decode(frame)
        assert isinstance(part, messages.Part)
        whole = parts.pop(part.precedence, b"") + part.data
        if part.more:
            parts[part.precedence] = whole
        else:
            found.append(whole)
    return found


def test_a_cut_anywhere_loses_nothing_and_the_rest_follows() -> None:
    for steps in range(0, 60, 3):
        device, garrison = nodes()
        device.note(3_000)
        link = Link(device, garrison)
        for at in range(steps):
            link.step(at % 2)
        link.cut()
        visit(device, garrison)
        assert heads(garrison, device) == {0: own(device)}


def test_a_garrison_that_speaks_before_our_store_has_answered_is_heard() -> None:
    device, garrison = nodes()
    device.note(3)
    link = Link(device, garrison)
    slow = link.ends[0]
    held: list[audit_effects.ReadAudit] = []
    perform = slow._one

    def later(effect: Effect) -> None:
        if isinstance(effect, audit_effects.ReadAudit) and not held:
            held.append(effect)
        else:
            perform(effect)

    slow._one = later  # type: ignore[method-assign]
    link.settle()
    assert heads(garrison, device) == {}
    answer = perform_read(held[0], device.store)
    device.note(2)  # after our store was asked, before it is heard
    slow.perform(slow.session.answer(held[0].ticket, answer, link.now))
    link.settle()
    link.tick()
    assert heads(garrison, device) == {0: own(device)}


# Rollback, copies, garrisons that lost something ---------------------------------------------


def test_a_device_that_was_rolled_back_is_told_and_its_other_branch_is_kept_beside() -> None:
    device, garrison = nodes()
    device.note(50)
    backup = device.store.clone()
    device.note(20)
    visit(device, garrison)
    lost = own(device)
    device.store = backup
    link = visit(device, garrison)
    (told,) = noticed(link, audit_effects.AuditSurpassed)
    assert told.place == lost.place
    device.store.renew_epoch(b"a new epoch".ljust(16))  # what its node does when it hears that
    device.note(5)
    again = visit(device, garrison)
    assert not noticed(again, audit_effects.AuditSurpassed)
    assert heads(garrison, device) == {0: lost, 1: own(device)}
    branches = {one.branch: one.first for one in garrison.store.audit_branches(device.key.node)}
    assert branches == {0: 1, 1: 51}
    assert acknowledged(device, garrison) == 55
    device.note(5)
    visit(device, garrison)
    assert heads(garrison, device) == {0: lost, 1: own(device)}


def test_a_rolled_back_device_that_wrote_on_is_found_out() -> None:
    device, garrison = nodes()
    device.note(50)
    backup = device.store.clone()
    device.note(20)
    visit(device, garrison)
    device.store = backup
    device.note(40, "otherwise")
    (told,) = noticed(visit(device, garrison), audit_effects.AuditSurpassed)
    assert told.place.number == 70
    device.store.renew_epoch(b"a new epoch".ljust(16))
    device.note(1)
    visit(device, garrison)
    assert heads(garrison, device)[1] == own(device)
    assert own(device).number == 91


def test_a_device_made_anew_with_the_old_key_is_found_out() -> None:
    device, garrison = nodes()
    device.note(10)
    visit(device, garrison)
    held = own(device)
    device.store = MemoryStore(b"made anew".ljust(16))
    device.store.trust([garrison.key.node])
    device.note(3, "made anew")
    visit(device, garrison)
    assert heads(garrison, device) == {0: held, 1: own(device)}


def test_of_two_copies_that_both_write_on_everything_is_kept() -> None:
    device, garrison = nodes()
    device.note(10)
    visit(device, garrison)
    twin = Node(0, device.keys)
    twin.store = device.store.clone()
    device.note(3, "one")
    twin.note(4, "two")
    visit(device, garrison)
    assert noticed(visit(twin, garrison), audit_effects.AuditSurpassed)
    twin.store.renew_epoch(b"a new epoch".ljust(16))
    twin.note(1)
    for one in (twin, device, twin):
        one.note(1)
        visit(one, garrison)
        assert own(one) in heads(garrison, device).values()
    assert len(heads(garrison, device)) == 2


def test_a_garrison_restored_from_a_backup_is_sent_the_rest_again() -> None:
    device, garrison = nodes()
    device.note(30)
    visit(device, garrison)
    backup = garrison.store.clone()
    device.note(30)
    visit(device, garrison)
    assert acknowledged(device, garrison) == 60
    garrison.store = backup
    device.note(1)
    visit(device, garrison)
    assert heads(garrison, device) == {0: own(device)}
    garrison.store = MemoryStore(b"nothing left".ljust(16))
    garrison.store.trust([garrison.key.node])
    visit(device, garrison)
    assert heads(garrison, device) == {0: own(device)}


# Hostile --------------------------------------------------------------------------------------


def _forged(device: Node, head: AuditHead, key: Node) -> messages.Audit:
    rows = (AuditRow(1, 1, "somebody else"),)
    plain = AuditSegment(device.key.node, bytes(16), head.number + 1, head.link, rows)
    signature = audit.sign_head(device.key.node, plain.head, key.key)
    return messages.Audit(plain._replace(signature=signature))


def _said(link: Link, message: messages.Message, to: int) -> None:
    end = link.ends[to]
    end.perform(end.session.receive(codec.encode(message), link.now))
    link.quiet()


def test_entries_that_the_device_did_not_sign_are_refused_and_the_link_goes_on() -> None:
    device, garrison = nodes()
    device.note(2)
    link = meet(device, garrison)
    _said(link, _forged(device, own(device), garrison), to=1)
    (refused,) = noticed(link, audit_effects.AuditRefused)
    assert refused.code == AuditVerdict.BAD_SIGNATURE
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert heads(garrison, device) == {0: own(device)}


def test_entries_of_another_device_or_for_a_field_node_end_the_session() -> None:
    device, other, garrison = nodes(3)
    link = meet(device, garrison)
    _said(link, _forged(other, AuditHead(), other), to=1)
    assert [one.code for one in noticed(link, Close)][:1] == ["out-of-turn"]
    link = meet(device, other)
    _said(link, _forged(device, AuditHead(), device), to=1)
    assert [one.code for one in noticed(link, Close)][:1] == ["out-of-turn"]


def test_more_questions_than_are_answered_end_the_session() -> None:
    device, garrison = nodes()
    link = meet(device, garrison)
    garrison_end = link.ends[1]
    asked = messages.AuditHave(device.key.node, (AuditHead().place,))
    garrison_end.busy = True  # its store does not answer
    for _ in range(2 * limits.AUDIT_WINDOW + 1):
        todo = garrison_end.session.receive(codec.encode(asked), link.now)
        garrison_end.todo.extend(todo)
    assert garrison_end.session.phase is Phase.CLOSED


def test_entries_beyond_what_is_held_are_answered_with_what_is() -> None:
    device, garrison = nodes()
    device.note(4)
    link = meet(device, garrison)
    ahead = AuditHead(bytes(16), 9, b"l" * 32)
    _said(link, _forged(device, ahead, device), to=1)
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert heads(garrison, device) == {0: own(device)}
    device.note(1)
    link.settle()
    link.tick()
    assert heads(garrison, device) == {0: own(device)}


def test_a_garrison_that_is_full_says_so_and_is_not_flooded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device, garrison = nodes()
    monkeypatch.setattr(limits, "AUDIT_LOG_BYTES_MAX", 1_000)
    device.note(20_000)
    link = visit(device, garrison)
    refused = noticed(link, audit_effects.AuditRefused)
    assert {one.code for one in refused} == {AuditVerdict.FULL}
    assert len(refused) <= limits.AUDIT_WINDOW


def test_whatever_is_noted_cut_and_restored_the_garrison_holds_every_row_it_ever_had() -> None:
    for seed in range(40):
        _wander(random.Random(seed))


def _wander(dice: random.Random) -> None:
    device, garrison = nodes()
    ever: set[bytes] = set()
    backups = [device.store.clone()]
    for turn in range(12):
        action = dice.choice(["note", "note", "visit", "visit", "back up", "restore"])
        if action == "note":
            device.note(dice.randrange(1, 400), f"{turn}")
        elif action == "back up":
            backups.append(device.store.clone())
        elif action == "restore":
            device.store = dice.choice(backups).clone()
        else:
            link = visit(device, garrison)
            if noticed(link, audit_effects.AuditSurpassed):
                device.store.renew_epoch(dice.randbytes(16))
                device.note(1, "rolled back")
                visit(device, garrison)
            if own_or_nothing := heads(device, device):
                assert own_or_nothing[0] in heads(garrison, device).values()
        now = _rows(garrison, device)
        assert ever <= now
        ever = now


def _rows(at: Node, of: Node) -> set[bytes]:
    return {
        one.entry
        for branch in at.store.audit_branches(of.key.node)
        for one in at.store.audit_entries(of.key.node, branch.branch, 0, 1 << 20)
    }
