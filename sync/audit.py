"""A device's audit log: numbered entries, each naming the hash of the one before, heads signed.

Who did what to which record, when, on which device; ids only, never what a record says. A chain is
one path from entry 1; an entry says the store epoch in which it was written. Somebody who rolls a
store back and writes on makes a second branch, which shows as soon as anybody holds the first.
PROTOCOL.md, *Audit*. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

from conflict.identity import ID_BYTES, NodeId
from sync import leb128, limits
from sync.errors import BadFrame, FrameTooLarge

if TYPE_CHECKING:
    from sync.ports import Keyring, Signer

LINK_BYTES = 32
LINK_SHORT_BYTES = 8
NO_LINK = bytes(LINK_BYTES)
NO_EPOCH = bytes(ID_BYTES)
OK = "ok"
NUMBER_MAX = 1 << 48
_ENTRY_DOMAIN = b"aidstation/audit/1"
_HEAD_DOMAIN = b"aidstation/audit-head/1"
_ELLIPSIS = "…"


class Action(IntEnum):
    """What was done. Numbers are on disk and on the wire: never renumber, only add."""

    READ = 1
    SEARCH = 2
    WRITE = 3
    IMPORT = 4
    EXPORT = 5
    PRINT = 6
    LINK = 7  # two records joined, or parted
    MOVE = 8  # statements, to another casualty's record
    RESOLVE = 9  # a finding
    SHED = 10
    FETCH = 11
    LOGIN = 12
    LOGIN_FAILED = 13
    LOGOUT = 14
    OVERRIDE = 15  # break-glass
    LOCK = 16
    UNLOCK = 17
    ENROLMENT = 18
    SETTINGS = 19
    SYNC = 20  # with whom: a link began or ended
    LOST = 21  # rows that could not be written; `purpose` says how many
    ROLLBACK = 22  # this store turned out to be an earlier state of itself, or a copy
    ZEROIZE = 23
    BACKUP = 24
    RESTORE = 25


def action_text(action: int) -> str:
    """`login-failed`; one of newer software reads `action-40`."""
    try:
        return Action(action).name.lower().replace("_", "-")
    except ValueError:
        return f"action-{action}"


class AuditVerdict(StrEnum):
    """What became of entries that a device sent. The last three are refusals."""

    KEPT = "kept"
    KNOWN = "known"
    FORKED = (
        "audit-forked"  # kept, as a branch of its own: they follow an entry that has a successor
    )
    GAP = "audit-gap"  # they follow an entry that is not here
    FULL = "audit-full"  # AUDIT_LOG_BYTES_MAX, AUDIT_BRANCHES_MAX
    BAD_SIGNATURE = "audit-bad-signature"


class AuditRow(NamedTuple):
    """What happened. `at_ms`: the device's wall clock; `person`: account name or id, empty: nobody is
    known; `subject`: id of a document or node, or nothing; `outcome`: `ok` or why it was refused."""

    at_ms: int
    action: int
    person: str = ""
    role: str = ""
    subject: bytes = b""
    purpose: str = ""
    outcome: str = OK


class AuditEntry(NamedTuple):
    """A row in its place. `previous`: link of the entry before; 32 zero bytes in entry 1."""

    device: NodeId
    epoch: bytes
    number: int
    previous: bytes
    row: AuditRow

    @property
    def link(self) -> bytes:
        """SHA-256 of it: what the next entry names."""
        return hashlib.sha256(_ENTRY_DOMAIN + to_bytes(self)).digest()


class AuditHead(NamedTuple):
    """The last entry of a chain; number 0: there is none."""

    epoch: bytes = NO_EPOCH
    number: int = 0
    link: bytes = NO_LINK

    @property
    def place(self) -> AuditPlace:
        """As it goes over the wire."""
        return AuditPlace(self.epoch, self.number, self.link[:LINK_SHORT_BYTES])


class AuditPlace(NamedTuple):
    """An entry by its epoch, number and the first 8 bytes of its link."""

    epoch: bytes
    number: int
    short: bytes


class AuditBranch(NamedTuple):
    """A stretch of a device's entries as a store holds it: from `first` to `head`, without a hole.

    Branch 0 begins with entry 1. Another one begins where its device went on from an entry that had
    a successor already: a rollback, or a copy of the device.
    """

    branch: int
    first: int
    head: AuditHead


class StoredAudit(NamedTuple):
    """Canonical bytes of an entry, and its device's signature over it as a head; empty: none."""

    entry: bytes
    signature: bytes


class AuditSegment(NamedTuple):
    """Entries that follow one another, of one device and epoch, the last one signed as a head."""

    device: NodeId
    epoch: bytes
    first: int
    previous: bytes
    rows: tuple[AuditRow, ...]
    signature: bytes = b""

    @property
    def last(self) -> int:
        """Number of its last entry."""
        return self.first + len(self.rows) - 1

    @property
    def head(self) -> AuditHead:
        """Its last entry, as the head of a chain."""
        return entry_head(chained(self)[-1])


def entry_head(entry: AuditEntry) -> AuditHead:
    """That entry as the head of a chain."""
    return AuditHead(entry.epoch, entry.number, entry.link)


def follows(
    head: AuditHead, device: NodeId, epoch: bytes, rows: Iterable[AuditRow]
) -> list[AuditEntry]:
    """Rows as the entries that come after `head`."""
    entries: list[AuditEntry] = []
    number, link = head.number, head.link
    for row in rows:
        number += 1
        entries.append(AuditEntry(device, epoch, number, link, row))
        link = entries[-1].link
    return entries


def chained(segment: AuditSegment) -> list[AuditEntry]:
    """Its entries."""
    before = AuditHead(segment.epoch, segment.first - 1, segment.previous)
    return follows(before, segment.device, segment.epoch, segment.rows)


# Signed heads -----------------------------------------------------------------------------------


def sign_head(device: NodeId, head: AuditHead, signer: Signer) -> bytes:
    """The device's word that its chain reached this entry."""
    return signer.sign(_head_message(device, head))


def verifies(device: NodeId, head: AuditHead, signature: bytes, keyring: Keyring) -> bool | None:
    """Whether the device signed that; None: its key is not known here."""
    return keyring.verifies(device, _head_message(device, head), signature)


def _head_message(device: NodeId, head: AuditHead) -> bytes:
    return _HEAD_DOMAIN + device + head.number.to_bytes(8, "big") + head.link


# Bytes ------------------------------------------------------------------------------------------


def to_bytes(entry: AuditEntry) -> bytes:
    """Canonical bytes: device, epoch, previous, number, row."""
    parts = entry.device, entry.epoch, entry.previous, leb128.number(entry.number)
    return b"".join((*parts, row_bytes(entry.row)))


def from_bytes(data: bytes) -> AuditEntry:
    """Inverse of `to_bytes`. Raises `BadFrame`; bytes have one reading."""
    reader = leb128.Reader(data)
    device, epoch = NodeId(reader.take(ID_BYTES)), reader.take(ID_BYTES)
    previous, number = reader.take(LINK_BYTES), reader.number()
    entry = AuditEntry(device, epoch, number, previous, _row(reader))
    reader.end()
    if not number or to_bytes(entry) != data:
        raise BadFrame("not the one encoding of an audit entry")
    return entry


def readable(data: bytes) -> AuditEntry | None:
    """The entry; None: these bytes are none, as where somebody changed what was stored."""
    try:
        return from_bytes(data)
    except (BadFrame, FrameTooLarge):
        return None


def row_bytes(row: AuditRow) -> bytes:
    """A row: when, what, then each text and the subject with its length before it."""
    texts = (row.person, row.role, row.purpose, row.outcome)
    fields = (*(one.encode() for one in texts), row.subject)
    body = (part for one in fields for part in (leb128.number(len(one)), one))
    return b"".join((leb128.number(row.at_ms), leb128.number(row.action), *body))


def rows_from_bytes(data: bytes) -> tuple[AuditRow, ...]:
    """Rows joined, at least one. Raises `BadFrame`, `FrameTooLarge`."""
    reader = leb128.Reader(data)
    rows: list[AuditRow] = []
    while not rows or not reader.ended:
        if len(rows) >= limits.AUDIT_ROWS_MAX:
            raise FrameTooLarge(f"over {limits.AUDIT_ROWS_MAX} audit rows (AUDIT_ROWS_MAX)")
        rows.append(_row(reader))
    if b"".join(map(row_bytes, rows)) != data:
        raise BadFrame("not the one encoding of audit rows")
    return tuple(rows)


def _row(reader: leb128.Reader) -> AuditRow:
    at_ms, action = reader.number(), reader.number()
    person, role, purpose, outcome = (_text(reader) for _ in range(4))
    size = reader.number()
    leb128.bound(
        size, limits.AUDIT_SUBJECT_BYTES_MAX, "bytes of subject", "AUDIT_SUBJECT_BYTES_MAX"
    )
    return AuditRow(at_ms, action, person, role, reader.take(size), purpose, outcome)


def _text(reader: leb128.Reader) -> str:
    size = reader.number()
    leb128.bound(size, limits.AUDIT_TEXT_BYTES_MAX, "bytes of text", "AUDIT_TEXT_BYTES_MAX")
    try:
        return reader.take(size).decode()
    except UnicodeDecodeError as fault:
        raise BadFrame("a text of an audit row is not UTF-8") from fault


def fitting(text: str) -> str:
    """The text, or as much of it as a row takes."""
    most = limits.AUDIT_TEXT_BYTES_MAX
    raw = text.encode(errors="replace")
    if len(raw) <= most:
        return raw.decode()
    return raw[: most - len(_ELLIPSIS.encode())].decode(errors="ignore") + _ELLIPSIS


def locator(number: int) -> Iterator[int]:
    """Numbers at which to ask where two chains part: the last ones, then each time twice as far back."""
    step = 1
    while number > 0:
        yield number
        number -= step
        step *= 2
