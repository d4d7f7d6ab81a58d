"""This device's requests to be enrolled: made, kept until they are answered, and what is done with an
answer. Repeating any of it is harmless."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from conflict.scope import CODE_CHARS_MAX
from node.errors import BadRequest
from node.home import Home, write_atomic
from sync import limits
from sync.trust.authority import NAME_CHARS_MAX
from sync.trust.certificate import DeviceRole, receive_key, root_public
from sync.trust.enrolment import (
    NONCE_BYTES,
    Accepted,
    Approval,
    Request,
    accept,
    ask,
    read_request,
    request_bytes,
)
from sync.trust.errors import BadEnrolment

if TYPE_CHECKING:
    from conflict.signature import SigningKey
    from node.membership import Membership

KEPT_MAX = 8


def make(home: Home, key: SigningKey, name: str, role: DeviceRole, codes: Sequence[str]) -> Request:
    """A new request, kept here; the oldest beyond `KEPT_MAX` are forgotten. Raises `BadRequest`."""
    fit = all(1 <= len(code.strip()) <= CODE_CHARS_MAX for code in codes)
    if not (1 <= len(name.strip()) <= NAME_CHARS_MAX and fit and len(codes) <= limits.SCOPES_MAX):
        raise BadRequest(
            f"a name has 1 to {NAME_CHARS_MAX} letters, a scope's code 1 to {CODE_CHARS_MAX}, and at most "
            f"{limits.SCOPES_MAX} scopes are asked for. Nothing was changed"
        )
    nonce = secrets.token_bytes(NONCE_BYTES)
    request = ask(key, receive_key(key), name=name, role=role, codes=codes, nonce=nonce)
    home.requests.mkdir(mode=0o700, exist_ok=True)
    write_atomic(home.requests / request.digest.hex(), request_bytes(request))
    for path in _newest_first(home)[KEPT_MAX:]:
        path.unlink(missing_ok=True)
    return request


def kept(home: Home) -> list[Request]:
    """Requests that may still be answered, the newest first. A damaged file is none."""
    found = []
    for path in _newest_first(home):
        try:
            found.append(read_request(path.read_bytes()))
        except (BadEnrolment, OSError):
            continue
    return found


def _newest_first(home: Home) -> list[Path]:
    if not home.requests.is_dir():
        return []
    files = [one for one in home.requests.iterdir() if not one.name.startswith(".")]
    return sorted(files, key=lambda path: (-path.stat().st_mtime_ns, path.name))


def accepted(home: Home, key: SigningKey, desk: Membership, approval: Approval) -> Accepted:
    """Whether an approval is for this node. Raises `TrustError` leaves; nothing is changed."""
    root = bytes.fromhex(desk.membership()["root"])
    theatre = root_public(root) if root else None
    return accept(approval, key, receive_key(key), kept(home), theatre)


def join(desk: Membership, found: Accepted) -> None:
    """Enter the theatre with an accepted approval: all of it at once, or nothing."""
    approval = found.approval
    given = approval.root, approval.certificate, found.secret
    desk.join(*given, approval.entries, approval.codes)
