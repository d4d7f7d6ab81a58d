"""The authority's own node: how a theatre begins, and how another machine takes the authority over."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from node import authority_key, requests, signing
from node.authority import LIFETIME_MS_MAX, Authority, Decision
from node.authority_key import AuthorityKey
from node.errors import AlreadyInitialised, BadConfiguration, BadRequest, NotEnrolled
from node.home import Home, read_key
from sync import leb128, limits
from sync.errors import BadFrame, FrameTooLarge
from sync.trust import authority
from sync.trust.authority import AuthorityEntry
from sync.trust.certificate import DeviceRole, theatre_id
from sync.trust.errors import OtherTheatre
from sync.trust.theatre import Theatre

if TYPE_CHECKING:
    from node.membership import Membership
    from node.settings import Settings

LOG_KIND = b"AIL1"
GARRISON = "garrison"
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: no clock that is right says less."""


def check_role(settings: Settings) -> None:
    """A theatre begins with a garrison. Raises `BadConfiguration`."""
    if settings.node.role != GARRISON:
        raise BadConfiguration(
            'This node is configured as a field node. Set role = "garrison" in [node], or begin with '
            "`aidstation init --role garrison`. Nothing was changed"
        )


def check_free(desk: Membership) -> None:
    """Raises `AlreadyInitialised` for a node that is in a theatre."""
    theatre = desk.membership()["theatre"]
    if theatre:
        raise AlreadyInitialised(
            f"This node is in a theatre already, {theatre}. Nothing was changed."
        )


def make_key(home: Home, theatre: str, passphrase: bytes, now_ms: int) -> AuthorityKey:
    """A new authority's, kept in its file. Raises `BadRequest` while the clock cannot be right."""
    if now_ms < EARLIEST_MS:
        raise BadRequest(
            "this machine's clock is before 2026, and the authority's signatures would say so for "
            "ever: set it first (timedatectl). Nothing was changed"
        )
    key = authority_key.make(theatre, now_ms, secrets.token_bytes)
    authority_key.keep(home.authority_key, authority_key.close(key, passphrase))
    return key


def join(
    home: Home,
    desk: Membership,
    key: AuthorityKey,
    name: str,
    now_ms: int,
    entries: Sequence[bytes] = (),
    role: str = GARRISON,
) -> None:
    """Enrol the authority's own node on top of the log so far, and enter the theatre."""
    own = read_key(home)
    working = Authority(key, entries, now_ms, secrets.token_bytes)
    known = DeviceRole[role.upper()]
    request = requests.make(home, own, name, known, ())
    decided = Decision(name, known, None, LIFETIME_MS_MAX)
    approval = working.approve(request, decided)
    signing.remember(home, working.signed)
    log = (*entries, *working.signed)
    desk.join(key.certificate, approval.certificate, key.secret, log)


def log_for(desk: Membership, key: AuthorityKey, file: bytes | None) -> list[bytes]:
    """The log on which a node must still enrol itself; none: it is in this theatre already.

    Raises `OtherTheatre`, `NotEnrolled`, `BadRequest`, `TrustError` leaves.
    """
    theatre, wanted = desk.membership()["theatre"], theatre_id(key.root.public).hex()
    if theatre == wanted:
        return []
    if theatre:
        raise OtherTheatre(f"this node is in another theatre, {theatre}. Nothing was changed")
    if file is None:
        raise NotEnrolled(
            "This node has no log of the theatre, and without the newest one it would sign numbers a "
            "second time. Nothing was changed. On the device that is most up to date: `aidstation "
            "garrison log --out FILE`; then give it here with --log FILE"
        )
    entries = read_log(file)
    if not checked(Theatre(key.root.public), entries):
        raise BadRequest("this log is empty. Nothing was changed")
    return entries


def checked(theatre: Theatre, entries: Iterable[bytes]) -> list[AuthorityEntry]:
    """A log, folded into `theatre`. Raises `TrustError`, `PeerFault` leaves at what does not belong."""
    found = []
    for data in entries:
        entry = authority.from_bytes(data)
        theatre.take(entry)
        found.append(entry)
    return found


def log_bytes(entries: Sequence[bytes]) -> bytes:
    """A file of the log."""
    parts = [LOG_KIND, leb128.number(len(entries))]
    parts += (leb128.number(len(one)) + one for one in entries)
    return b"".join(parts)


def read_log(data: bytes) -> list[bytes]:
    """Inverse of `log_bytes`. Raises `BadRequest`."""
    try:
        reader = leb128.Reader(data)
        if reader.take(len(LOG_KIND)) != LOG_KIND:
            raise BadFrame("it begins otherwise")
        count = reader.number()
        leb128.bound(
            count, limits.AUTHORITY_LOG_ENTRIES_MAX, "entries", "AUTHORITY_LOG_ENTRIES_MAX"
        )
        entries = [reader.take(reader.number()) for _ in range(count)]
        reader.end()
    except (BadFrame, FrameTooLarge) as fault:
        raise BadRequest(
            f"this is no file of `garrison log --out`, or it is cut off ({fault}). Nothing was changed"
        ) from fault
    return entries
