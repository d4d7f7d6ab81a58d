"""Where this node stands with the authority, in words for status and doctor: cause and next step. Pure.

Expiry is judged by the authority's time. A node whose certificate has expired records, shows and hands
its own lanes upward; it receives nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from node.authority_lines import moment
from sync.trust.theatre import Standing

REVOKED_HERE, REVOKED_THERE, REVOKED_SAID = "revoked", "peer-revoked", "says-revoked"
DAY_MS = 86_400_000
SOON_MS = 30 * DAY_MS
CLOCK_BEFORE_MS_MAX = 300_000
CLOCK_AFTER_MS_MAX = 400 * DAY_MS
_RENEW = "at the authority: `aidstation enrol renew`; it comes with the log, also by stick"
_GOES_ON = "still records, shows and hands its own statements upward, receives nothing new"
_ALONE = (
    "it records and shows here; no link is made; a bundle of it is taken, and shown if released"
)
_NEW_KEY = "ask the authority: `release` what was written here, and enrol a new node (another home)"
_CLOCK = "set the clock (timedatectl); saving and exchange go on meanwhile"


class Verdict(NamedTuple):
    """One thing to say. `grade`: ok, warn or fail; `cure` is empty when nothing is to do."""

    name: str
    grade: str
    cause: str
    cure: str = ""


def line(here: Mapping[str, Any]) -> str:
    """The status line of `Belonging.described`."""
    theatre = here["theatre"]
    if not theatre:
        return "in no theatre yet: `aidstation enrol request`"
    left = _left(here)
    return (
        f"theatre {theatre[:8]}, {here['standing']}{f', {left}' if left else ''}, log {here['log']}"
    )


def stopped(here: Mapping[str, Any]) -> list[str]:
    """What belongs among the words of state: nothing while all is well."""
    words = []
    if here["standing"] == Standing.EXPIRED:
        words.append(f"Stopped: certificate expired, {_GOES_ON} → {_RENEW}")
    if here["theatre"] and here["standing"] == Standing.REVOKED:
        words.append(f"Stopped: {_revoked(here)}: {_ALONE} → {_NEW_KEY}")
    if here["forked"]:
        words.append(
            "Stopped: two authority logs → tell the authority: deploy/runbooks/authority.md"
        )
    return words


def _revoked(here: Mapping[str, Any]) -> str:
    """Which entry of the authority's log did it."""
    entry, reason = here["revoked"] or (here["log"], "")
    return f"revoked by entry {entry} of the authority's log{f' ({reason})' if reason else ''}"


def told_revoked(own: Standing, peer: Standing) -> str:
    """A code for a peer that ends links with `revoked`: which of the two, as far as the log here says."""
    if own is Standing.REVOKED:
        return REVOKED_HERE
    return REVOKED_THERE if peer is Standing.REVOKED else REVOKED_SAID


def verdicts(here: Mapping[str, Any], wall_ms: int, role: str) -> Iterator[Verdict]:
    """What the doctor says. `wall_ms`: this machine's clock; `role`: as it is configured."""
    yield _enrolment(here)
    if here["forked"]:
        cure = "tell the authority: deploy/runbooks/authority.md"
        yield Verdict("authority", "fail", here["forked"], cure)
    if here["role"] and role and here["role"] != role:
        cause = f"configured as {role}, certified as {here['role']}: others go by the certificate"
        cure = "set [node] role, or have the authority grant the other: `aidstation enrol grant`"
        yield Verdict("role", "warn", cause, cure)
    if here["theatre"] and here["issued_ms"]:
        yield _clock(here, wall_ms)


def _enrolment(here: Mapping[str, Any]) -> Verdict:
    if not here["theatre"]:
        cause = "in no theatre: records and shows, talks to nobody"
        return Verdict("enrolment", "warn", cause, "`aidstation enrol request`")
    if here["standing"] == Standing.REVOKED:
        return Verdict("enrolment", "fail", f"{_revoked(here)}: {_ALONE}", _NEW_KEY)
    if here["standing"] == Standing.EXPIRED:
        return Verdict("enrolment", "fail", f"certificate expired: {_GOES_ON}", _RENEW)
    if here["standing"] != Standing.ENROLLED:
        return Verdict("enrolment", "fail", "the authority's log does not name it", _RENEW)
    soon = here["expires_ms"] - here["now_ms"] < SOON_MS
    return Verdict("enrolment", "warn" if soon else "ok", line(here), _RENEW if soon else "")


def _clock(here: Mapping[str, Any], wall_ms: int) -> Verdict:
    said = f"{moment(wall_ms)} here, {moment(here['now_ms'])} by the authority"
    if wall_ms < here["issued_ms"] - CLOCK_BEFORE_MS_MAX:
        issued = moment(here["issued_ms"])
        return Verdict(
            "theatre clock", "fail", f"{said}: before this certificate was issued, {issued}", _CLOCK
        )
    if wall_ms > here["now_ms"] + CLOCK_AFTER_MS_MAX:
        cause = f"{said}: more than a year apart"
        cure = f"{_CLOCK}; if it is right: `aidstation garrison stamp` at the authority"
        return Verdict("theatre clock", "warn", cause, cure)
    return Verdict("theatre clock", "ok", said)


def _left(here: Mapping[str, Any]) -> str:
    if here["expires_ms"] is None or here["standing"] == Standing.REVOKED:
        return ""
    left_ms = here["expires_ms"] - here["now_ms"]
    if left_ms <= 0:
        return f"certificate expired {-left_ms // DAY_MS} days ago by the authority's time"
    return f"certificate expires in {left_ms // DAY_MS} days by the authority's time"
