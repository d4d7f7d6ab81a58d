"""The authority's log: what it says of devices, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import ActorId, NodeId
from conflict.lane import ShortState
from conflict.scope import scope_id
from conflict.signature import SigningKey
from sync.aliases import Claim, DocumentAlias
from sync.errors import BadFrame, FrameTooLarge
from sync.ports import Position
from sync.trust import authority
from sync.trust.authority import Act, Enrol, Judge, Revoke, Time
from sync.trust.certificate import (
    DeviceRole,
    Grant,
    check,
    issue,
    public_key,
    root_certificate,
    theatre_id,
)
from sync.trust.errors import AuthorityForked, BadCertificate, BadEntry, OtherTheatre
from sync.trust.theatre import NOTHING, Standing, Theatre

ROOT, OTHER_ROOT, A, B, RECEIVE = (SigningKey.from_entropy(bytes([n]) * 48) for n in range(1, 6))
DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000


class Log:
    """An authority at work, and a theatre that follows it."""

    def __init__(self, root: SigningKey = ROOT) -> None:
        self.root = root
        self.theatre = Theatre(root.public)
        self.entries: list[authority.AuthorityEntry] = []

    def add(self, act: Act, now_ms: int = NOW_MS) -> authority.AuthorityEntry:
        entry = authority.next_entry(self.root, self.theatre.head, act, now_ms)
        self.theatre.take(entry)
        self.entries.append(entry)
        return entry

    def enrol(self, key: SigningKey, *, now_ms: int = NOW_MS, **fields: object) -> bytes:
        der = issue(self.root, self.grant(key, issued_ms=now_ms, **fields)).der
        self.add(Enrol(der, "bas-1", ("BAS-1",)), now_ms)
        return der

    def grant(self, key: SigningKey, **fields: object) -> Grant:
        given: dict[str, object] = {
            "public": key.public,
            "receive": RECEIVE.public,
            "role": DeviceRole.FIELD,
            "scopes": frozenset((scope_id("BAS-1"), scope_id("ROLE2"))),
            "number": self.theatre.head.number + 1,
            "issued_ms": NOW_MS,
            "expires_ms": NOW_MS + DAY_MS,
        }
        return Grant(**{**given, **fields})  # type: ignore[arg-type]  # a test's shorthand


@pytest.fixture
def log() -> Log:
    return Log()


# Certificates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scopes", [None, frozenset(), frozenset((scope_id("A"), scope_id("B")))])
def test_a_certificate_says_what_was_granted(log, scopes):
    grant = log.grant(A, scopes=scopes, role=DeviceRole.GARRISON)
    made = issue(ROOT, grant)
    assert check(made.der, ROOT.public).grant == grant
    assert public_key(made.der) == A.public
    assert len(made.der) < 800


def test_a_certificate_of_another_theatre_is_told_apart_from_a_forged_one(log):
    theirs = issue(OTHER_ROOT, log.grant(A)).der
    with pytest.raises(OtherTheatre):
        check(theirs, ROOT.public)
    name = f"aidstation theatre {theatre_id(OTHER_ROOT.public).hex()}".encode()
    mine = f"aidstation theatre {theatre_id(ROOT.public).hex()}".encode()
    with pytest.raises(BadCertificate, match="not signed"):
        check(theirs.replace(name, mine), ROOT.public)


@pytest.mark.filterwarnings("ignore:Parsed a")
def test_every_flipped_byte_of_a_certificate_is_refused(log):
    der = issue(ROOT, log.grant(A)).der
    for at in range(len(der)):
        bad = der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :]
        with pytest.raises((BadCertificate, OtherTheatre)):
            check(bad, ROOT.public)


def test_the_authoritys_own_certificate_is_no_device(log):
    root = root_certificate(ROOT, NOW_MS, NOW_MS + DAY_MS)
    with pytest.raises(BadCertificate):
        check(root, ROOT.public)


# The log ------------------------------------------------------------------------------------------

LANE = Claim(DocumentAlias(b"\2" * 16), ActorId(b"\3" * 16), ShortState(4, b"h" * 8))
ACTS: tuple[Act, ...] = (
    Enrol(b"der", "bas-1", ("BAS-1", "Röle 2")),
    Revoke(B.node, "lost at sea", ((A.node, Position(b"e" * 16, 7)),), (LANE,)),
    Judge(B.node, True, (LANE,)),
    Judge(B.node, False),
    Time(),
)


@pytest.mark.parametrize("act", ACTS)
def test_an_entry_has_one_encoding(act):
    entry = authority.next_entry(ROOT, authority.Head(), act, NOW_MS)
    data = authority.to_bytes(entry)
    assert authority.from_bytes(data) == entry
    for cut in range(len(data)):
        with pytest.raises((BadFrame, FrameTooLarge)):
            authority.from_bytes(data[:cut])
    with pytest.raises(BadFrame):
        authority.from_bytes(data + b"\0")


@given(st.binary(max_size=300))
def test_random_bytes_are_no_entry(data):
    with pytest.raises((BadFrame, FrameTooLarge)):
        authority.from_bytes(data)


@pytest.mark.parametrize("act", ACTS)
def test_every_flipped_byte_of_an_entry_is_refused(act):
    entry = authority.next_entry(ROOT, authority.Head(), act, NOW_MS)
    data = authority.to_bytes(entry)
    root = Theatre(ROOT.public)
    for at in range(len(data)):
        bad = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises((BadFrame, FrameTooLarge, BadEntry)):
            root.take(authority.from_bytes(bad))


def test_entries_are_taken_in_order_and_once(log):
    log.enrol(A)
    log.enrol(B)
    other = Theatre(ROOT.public)
    with pytest.raises(BadEntry, match="entry 2 after entry 0"):
        other.take(log.entries[1])
    other.take(log.entries[0])
    assert other.same(1, log.entries[0].link[:8]) is True
    assert other.same(2, log.entries[1].link) is None
    other.take(log.entries[1])
    assert other.head == log.theatre.head


def test_an_authority_restored_from_a_backup_is_told_as_a_fork(log):
    log.enrol(A)
    held = Theatre(ROOT.public)
    held.take(log.entries[0])
    twin = Log()
    twin.add(Time())
    twin.add(Time())
    with pytest.raises(AuthorityForked):
        held.take(twin.entries[1])
    assert held.head == log.entries[0].head


def test_an_entry_that_cannot_be_applied_changes_nothing(log):
    log.enrol(A)
    before = log.theatre.head
    wrong = issue(ROOT, log.grant(B, number=9)).der
    for act in (Revoke(B.node, "never here"), Enrol(wrong, "b"), Enrol(b"", "b")):
        with pytest.raises(BadEntry):
            log.theatre.take(authority.next_entry(ROOT, before, act, NOW_MS))
        assert log.theatre.head == before
    assert [one.certificate.grant.node for one in log.theatre] == [A.node]


def test_a_clock_set_back_does_not_turn_the_logs_time_back(log):
    log.add(Time(), NOW_MS)
    assert log.add(Time(), NOW_MS - DAY_MS).at_ms == NOW_MS
    earlier = replace(authority.next_entry(ROOT, log.theatre.head, Time(), NOW_MS), at_ms=5)
    signed = replace(earlier, signature=ROOT.sign(b"aidstation/authority/1" + _body(earlier)))
    with pytest.raises(BadEntry, match="its time"):
        log.theatre.take(signed)


def _body(entry: authority.AuthorityEntry) -> bytes:
    return authority.to_bytes(replace(entry, signature=b""))


# The theatre --------------------------------------------------------------------------------------


def test_standing_follows_the_log(log):
    node = A.node
    assert log.theatre.standing(node) is Standing.UNKNOWN
    assert log.theatre.verifies(node, b"m", A.sign(b"m")) is None
    log.enrol(A)
    assert log.theatre.standing(node) is Standing.ENROLLED
    assert log.theatre.scopes(node) == frozenset((scope_id("BAS-1"), scope_id("ROLE2")))
    log.add(Revoke(node, "captured"))
    assert log.theatre.standing(node) is Standing.REVOKED
    assert log.theatre.scopes(node) == NOTHING
    assert log.theatre.verifies(node, b"m", A.sign(b"m")) is True
    assert log.theatre.verifies(node, b"m", B.sign(b"m")) is False


def test_only_the_authoritys_time_expires_a_certificate(log):
    log.enrol(A)
    assert log.theatre.standing(A.node) is Standing.ENROLLED
    log.add(Time(), NOW_MS + DAY_MS)
    assert log.theatre.standing(A.node) is Standing.EXPIRED
    log.enrol(A, now_ms=NOW_MS + DAY_MS, expires_ms=NOW_MS + 3 * DAY_MS)
    assert log.theatre.standing(A.node) is Standing.ENROLLED


def test_renewal_changes_scopes_and_role(log):
    log.enrol(A)
    log.enrol(A, scopes=None, role=DeviceRole.GARRISON)
    assert log.theatre.scopes(A.node) is None
    assert log.theatre.garrisons() == {A.node}
    log.add(Revoke(A.node, "captured"))
    assert log.theatre.garrisons() == frozenset()


def test_a_revoked_key_is_not_enrolled_again(log):
    log.enrol(A)
    log.add(Revoke(A.node, "captured"))
    with pytest.raises(BadEntry, match="needs a new one"):
        log.enrol(A)


def test_a_certificate_newer_than_the_log_here_is_believed_until_the_log_says_more(log):
    stale = Theatre(ROOT.public)
    log.enrol(B)
    der = log.enrol(A)
    stale.meet(der)
    assert stale.standing(A.node) is Standing.ENROLLED
    assert stale.verifies(A.node, b"m", A.sign(b"m")) is True
    log.add(Revoke(A.node, "captured"))
    for entry in log.entries:
        stale.take(entry)
    stale.meet(der)
    assert stale.standing(A.node) is Standing.REVOKED


def test_a_certificate_that_the_log_does_not_have_is_refused(log):
    log.enrol(A)
    log.add(Time())
    with pytest.raises(BadCertificate, match="enrols no such device"):
        log.theatre.meet(issue(ROOT, log.grant(B, number=2)).der)


def test_an_older_certificate_does_not_bring_old_terms_back(log):
    old = log.enrol(A)
    log.enrol(A, scopes=frozenset())
    log.theatre.meet(old)
    assert log.theatre.scopes(A.node) == frozenset()


def test_a_node_of_nobody_is_no_garrison(log):
    assert log.theatre.garrisons() == frozenset()
    assert log.theatre.device(NodeId(bytes(16))) is None
