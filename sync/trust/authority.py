"""The authority's log: numbered entries, chained by hash and signed by the theatre's root key.

It is no document: one key writes it, everybody holds a prefix of it, and it is checked with the public
key alone. Entries enrol a device (also again, with other terms), revoke one, decide on what a revoked
one wrote, or only say what time it is. What follows from them is in `theatre.py`. PROTOCOL.md, *Trust*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from conflict.identity import ID_BYTES, ActorId, NodeId
from conflict.lane import HEAD_SHORT_BYTES, ShortState
from conflict.scope import CODE_CHARS_MAX, scope_id
from conflict.signature import SIGNATURE_BYTES, SigningKey, VerifyingKey
from sync import leb128, limits
from sync.aliases import ALIAS_BYTES, Claim, DocumentAlias
from sync.errors import BadFrame, FrameTooLarge
from sync.ports import Position
from sync.trust.certificate import DER_BYTES_MAX, Certificate, DeviceRole, Grant, issue
from sync.trust.errors import AuthorityForked, BadEntry

LINK_BYTES = 16
NO_ENTRY = bytes(LINK_BYTES)
NAME_CHARS_MAX = 60
REASON_CHARS_MAX = 200
_DOMAIN = b"aidstation/authority/1"
_NUMBER_MAX = 1 << 32


class Kind(IntEnum):
    """What an entry does. Values are on the wire: never renumber."""

    ENROL = 1
    REVOKE = 2
    RELEASE = 3
    CONDEMN = 4
    TIME = 5


@dataclass(frozen=True, slots=True)
class Enrol:
    """A device belongs to the theatre on the terms of this certificate; again: on these from now on.

    `name`: what people call it; `codes`: its scopes as people write them (none when it may hold all).
    """

    certificate: bytes
    name: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Revoke:
    """A device belongs no more.

    What it wrote and neither a garrison had receipted up to `published` in its custody log, nor
    `named` covers, is held and not shown.
    """

    node: NodeId
    reason: str
    published: tuple[tuple[NodeId, Position], ...] = ()
    named: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """What a revoked device wrote is shown after all (`released`), or never.

    `lanes`: as far as named here; none: all of it.
    """

    node: NodeId
    released: bool
    lanes: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Time:
    """Nothing but the time of its entry."""


Act = Enrol | Revoke | Judge | Time


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityEntry:
    """One entry. `previous`: link of the one before; `at_ms`: the authority's time, never less than
    that of the entry before."""

    number: int
    previous: bytes
    at_ms: int
    act: Act
    signature: bytes = b""

    @property
    def link(self) -> bytes:
        """16 bytes of its hash, signature left out: what the next entry names."""
        return hashlib.sha256(_DOMAIN + _body(self)).digest()[:LINK_BYTES]

    @property
    def head(self) -> Head:
        """Where the log stands with it."""
        return Head(self.number, self.link, self.at_ms)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: its last entry's number, link and time."""

    number: int = 0
    link: bytes = NO_ENTRY
    at_ms: int = 0


def next_entry(root: SigningKey, head: Head, act: Act, now_ms: int) -> AuthorityEntry:
    """The entry that follows, signed. A clock that was set back does not turn the log's time back."""
    at_ms = max(now_ms, head.at_ms)
    entry = AuthorityEntry(number=head.number + 1, previous=head.link, at_ms=at_ms, act=act)
    return replace(entry, signature=root.sign(_DOMAIN + _body(entry)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a device is enrolled. `codes`: its scopes, its unit first; None: everything."""

    public: bytes
    receive: bytes
    name: str
    role: DeviceRole
    codes: tuple[str, ...] | None
    lifetime_ms: int


def enrolment(
    root: SigningKey, head: Head, terms: Terms, now_ms: int
) -> tuple[Certificate, AuthorityEntry]:
    """The certificate of a device on these terms, and the entry that enrols it."""
    issued_ms = max(now_ms, head.at_ms)
    codes = terms.codes
    grant = Grant(
        public=terms.public,
        receive=terms.receive,
        role=terms.role,
        scopes=None if codes is None else frozenset(map(scope_id, codes)),
        number=head.number + 1,
        issued_ms=issued_ms,
        expires_ms=issued_ms + terms.lifetime_ms,
    )
    made = issue(root, grant)
    return made, next_entry(root, head, Enrol(made.der, terms.name, codes or ()), now_ms)


def check(entry: AuthorityEntry, root: VerifyingKey, head: Head) -> None:
    """Whether it follows, and the authority signed it. Raises `BadEntry`, `AuthorityForked`."""
    if not root.verifies(_DOMAIN + _body(entry), entry.signature):
        raise BadEntry("not signed by this theatre's authority")
    if entry.number > head.number + 1:
        raise BadEntry(f"entry {entry.number} after entry {head.number}")
    if entry.number <= head.number or entry.previous != head.link:
        raise AuthorityForked(
            f"the authority has signed two entries {min(entry.number, head.number)}: its key is in two "
            "hands or was restored from a backup. Nothing of the new one was taken; tell the authority"
        )
    if entry.at_ms < head.at_ms:
        raise BadEntry("its time is before that of the entry it follows")


# Bytes -------------------------------------------------------------------------------------------


def to_bytes(entry: AuthorityEntry) -> bytes:
    """Canonical bytes, signature last."""
    return _body(entry) + entry.signature


def from_bytes(data: bytes) -> AuthorityEntry:
    """Inverse of `to_bytes`. Raises `BadFrame`, `FrameTooLarge`; bytes have one reading."""
    if len(data) > limits.AUTHORITY_ENTRY_BYTES_MAX:
        most = limits.AUTHORITY_ENTRY_BYTES_MAX
        raise FrameTooLarge(f"over {most} bytes (AUTHORITY_ENTRY_BYTES_MAX)")
    reader = leb128.Reader(data)
    previous = reader.take(LINK_BYTES)
    number, at_ms, kind = reader.number(), reader.number(), reader.number()
    if kind not in _READ:
        raise BadFrame(f"kind {kind} of authority entry is not known here: update this node")
    act = _READ[Kind(kind)](reader)
    entry = AuthorityEntry(
        number=number,
        previous=previous,
        at_ms=at_ms,
        act=act,
        signature=reader.take(SIGNATURE_BYTES),
    )
    reader.end()
    if not 1 <= number < _NUMBER_MAX or to_bytes(entry) != data:
        raise BadFrame("not the one encoding of an authority entry")
    return entry


def _body(entry: AuthorityEntry) -> bytes:
    kind, body = _written(entry.act)
    return entry.previous + leb128.numbers((entry.number, entry.at_ms, kind)) + body


def _written(act: Act) -> tuple[Kind, bytes]:
    match act:
        case Enrol(certificate, name, codes):
            texts = b"".join(map(write_text, (name, *codes)))
            head = leb128.numbers((len(certificate), len(codes)))
            return Kind.ENROL, head + certificate + texts
        case Revoke(node, reason, published, named):
            logs = b"".join(
                garrison + epoch + leb128.number(number) for garrison, (epoch, number) in published
            )
            head = node + leb128.number(len(published))
            return Kind.REVOKE, head + logs + write_text(reason) + _lanes(named)
        case Judge(node, released, lanes):
            return Kind.RELEASE if released else Kind.CONDEMN, node + _lanes(lanes)
        case Time():
            return Kind.TIME, b""


def write_text(text: str) -> bytes:
    """Length and UTF-8."""
    raw = text.encode()
    return leb128.number(len(raw)) + raw


def _lanes(lanes: Sequence[Claim]) -> bytes:
    parts = [leb128.number(len(lanes))]
    for document, actor, (length, head) in lanes:
        parts += (document, actor, leb128.number(length), head)
    return b"".join(parts)


def _read_enrol(reader: leb128.Reader) -> Enrol:
    size, codes = reader.number(), reader.number()
    leb128.bound(size, DER_BYTES_MAX, "bytes of certificate", "DER_BYTES_MAX")
    leb128.bound(codes, limits.SCOPES_MAX, "scopes", "SCOPES_MAX")
    certificate, name = reader.take(size), read_text(reader, NAME_CHARS_MAX)
    return Enrol(certificate, name, tuple(read_text(reader, CODE_CHARS_MAX) for _ in range(codes)))


def _read_revoke(reader: leb128.Reader) -> Revoke:
    node, count = NodeId(reader.take(ID_BYTES)), reader.number()
    leb128.bound(count, limits.CUSTODY_GARRISONS_MAX, "garrisons", "CUSTODY_GARRISONS_MAX")
    published = tuple(_read_position(reader) for _ in range(count))
    return Revoke(node, read_text(reader, REASON_CHARS_MAX), published, _read_lanes(reader))


def _read_position(reader: leb128.Reader) -> tuple[NodeId, Position]:
    return NodeId(reader.take(ID_BYTES)), Position(reader.take(ID_BYTES), reader.number())


def _read_judge(released: bool) -> Callable[[leb128.Reader], Judge]:
    return lambda reader: Judge(NodeId(reader.take(ID_BYTES)), released, _read_lanes(reader))


def read_text(reader: leb128.Reader, chars_max: int) -> str:
    """Inverse of `write_text`. Raises `BadFrame`, `FrameTooLarge`."""
    size = reader.number()
    leb128.bound(size, 4 * chars_max, "bytes of text", "NAME_CHARS_MAX")
    try:
        text = reader.take(size).decode()
    except UnicodeDecodeError as fault:
        raise BadFrame("text that is not UTF-8") from fault
    if len(text) > chars_max:
        raise FrameTooLarge(f"{len(text)} characters, at most {chars_max}")
    return text


def _read_lanes(reader: leb128.Reader) -> tuple[Claim, ...]:
    count = reader.number()
    leb128.bound(count, limits.AUTHORITY_LANES_MAX, "lanes", "AUTHORITY_LANES_MAX")
    return tuple(_read_lane(reader) for _ in range(count))


def _read_lane(reader: leb128.Reader) -> Claim:
    document, actor = DocumentAlias(reader.take(ALIAS_BYTES)), ActorId(reader.take(ID_BYTES))
    return Claim(document, actor, ShortState(reader.number(), reader.take(HEAD_SHORT_BYTES)))


_READ: dict[Kind, Callable[[leb128.Reader], Act]] = {
    Kind.ENROL: _read_enrol,
    Kind.REVOKE: _read_revoke,
    Kind.RELEASE: _read_judge(released=True),
    Kind.CONDEMN: _read_judge(released=False),
    Kind.TIME: lambda _: Time(),
}
