"""Requests and approvals between people and commands: files, pasted text, QR codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.output import plain, say, say_json, tell

if TYPE_CHECKING:
    from sync.trust.certificate import DeviceRole
    from sync.trust.enrolment import Accepted


def role_of(text: str) -> DeviceRole:
    """Raises `BadRequest`."""
    from node.errors import BadRequest
    from sync.trust.certificate import DeviceRole

    try:
        return DeviceRole[text.strip().upper()]
    except KeyError:
        raise BadRequest(f"--role: field or garrison, not '{plain(text[:40])}'") from None


def read_source(file: str, kind: bytes) -> bytes:
    """Bytes of a request or an approval from a file or, for `-`, from stdin. Raises `BadEnrolment`,
    `BadRequest`."""
    from sync import limits
    from sync.trust import armour
    from sync.trust.enrolment import REQUEST_KIND

    small = kind == REQUEST_KIND
    most = limits.ENROL_REQUEST_BYTES_MAX if small else limits.ENROL_APPROVAL_BYTES_MAX
    return armour.read(_raw(file, 2 * most + 1024), kind, most)


def read_any(file: str) -> tuple[bytes, bytes]:
    """Kind and bytes of either."""
    from sync import limits
    from sync.trust import armour
    from sync.trust.enrolment import APPROVAL_KIND, REQUEST_KIND
    from sync.trust.errors import BadEnrolment

    most = limits.ENROL_APPROVAL_BYTES_MAX
    raw = _raw(file, 2 * most + 1024)
    try:
        return REQUEST_KIND, armour.read(raw, REQUEST_KIND, limits.ENROL_REQUEST_BYTES_MAX)
    except BadEnrolment as fault:
        try:
            return APPROVAL_KIND, armour.read(raw, APPROVAL_KIND, most)
        except BadEnrolment:
            raise fault from None


def _raw(file: str, bytes_max: int) -> bytes:
    from node.errors import BadRequest

    if file == "-":
        return sys.stdin.buffer.read(bytes_max)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(bytes_max)
    except OSError as fault:
        raise BadRequest(
            f"{plain(file)} cannot be read: {fault.strerror}. Nothing was changed"
        ) from fault


def need_terminal(file: str) -> None:
    """A question cannot be answered where the text comes from. Raises `BadRequest`."""
    from node.errors import BadRequest

    if file == "-":
        raise BadRequest(
            "The check code must be compared, and stdin holds the text: give a FILE, or --yes once you "
            "have compared it (`aidstation enrol show -`). Nothing was changed"
        )


def hand_over(
    whole: bytes,
    short: bytes | None,
    out: Path | None,
    *,
    qr: bool,
    as_json: bool,
    facts: dict[str, Any],
) -> None:
    """Give a request or an approval to the person: `whole` in a file, else `short` as text or code."""
    from node import authority_key
    from node.cli.qr import say_qr
    from sync.trust import armour

    data = whole if short is None else short
    if out:
        authority_key.write_file(out, whole)
    if as_json:
        say_json({**facts, "text": armour.text(data), "file": str(out) if out else ""})
    elif qr:
        say_qr(armour.one_line(data))
    elif out:
        say(f"Written: {plain(out)}")
    else:
        say(armour.text(data).rstrip("\n"))


def say_joined(found: Accepted, check: str, *, as_json: bool) -> None:
    """That this device is in."""
    from node.authority_lines import moment
    from sync.trust.certificate import check as check_certificate
    from sync.trust.certificate import root_public, theatre_id

    public = root_public(found.approval.root)
    grant = check_certificate(found.approval.certificate, public).grant
    scopes = None if grant.scopes is None else list(found.approval.codes)
    if as_json:
        said = {"theatre": theatre_id(public).hex(), "role": grant.role.name.lower()}
        say_json({**said, "scopes": scopes, "expires_ms": grant.expires_ms, "check_code": check})
        return
    words = "everything" if scopes is None else plain(", ".join(scopes))
    role = grant.role.name.lower()
    say(
        f"Joined theatre {theatre_id(public).hex()} as {role}: {words}, until {moment(grant.expires_ms)}"
    )
    tell("Next: `aidstation run`; others are found by mDNS, or named in [[peers]].")
