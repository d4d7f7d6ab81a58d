"""The theatre's authority at work: one command's worth of signing, on top of the log so far.

What it signs must be in the log before anybody is given anything made from it: two different entries
of one number are a fork that every node refuses (`deploy/runbooks/authority.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from conflict.identity import NodeId
from conflict.scope import CODE_CHARS_MAX
from conflict.signature import SigningKey
from node.authority_key import AuthorityKey
from node.errors import Ambiguous, BadRequest, NotFound
from sync import limits
from sync.ports import Position
from sync.trust import authority
from sync.trust.authority import NAME_CHARS_MAX, REASON_CHARS_MAX, Judge, Revoke, Terms, Time
from sync.trust.certificate import Certificate, DeviceRole
from sync.trust.enrolment import Approval, Request, approve
from sync.trust.theatre import Device, Theatre

LIFETIME_MS_MAX = 10 * 366 * 86_400_000
CLOCK_LEAP_MS = 90 * 86_400_000
"""A clock so far ahead of the last entry is doubted: what it signs never becomes undone."""

_KEY_ENTROPY_BYTES = 48
_NODE_LETTERS_MIN = 4


class Decision(NamedTuple):
    """On what terms a device is let in. `codes` None: everything."""

    name: str
    role: DeviceRole
    codes: tuple[str, ...] | None
    lifetime_ms: int


class Authority:
    """Holds the opened key for as long as it lives. Methods raise `BadRequest`, `TrustError` leaves."""

    def __init__(
        self,
        key: AuthorityKey,
        entries: Iterable[bytes],
        now_ms: int,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.theatre = Theatre(key.root.public)
        for entry in entries:
            self.theatre.take(authority.from_bytes(entry))
        self.known = self.theatre.head.number
        self.signed: list[bytes] = []
        """What this one added, in order."""
        self._key = key
        self._now_ms = now_ms
        self._entropy = entropy

    @property
    def leap_ms(self) -> int:
        """How far this machine's clock is ahead of the last entry, where that is doubtful; else 0."""
        ahead_ms = self._now_ms - self.theatre.head.at_ms
        return ahead_ms if self.known and ahead_ms > CLOCK_LEAP_MS else 0

    def approve(self, request: Request, decided: Decision) -> Approval:
        """Let a device in; its approval has the whole log. `signed` must be durable before it is given
        away."""
        before = self.theatre.device(request.node)
        if before is not None and before.revoked is not None:
            raise BadRequest(
                "this device's key was revoked: make a new node on it (another home), and enrol that"
            )
        certificate = self.enrol(request.public, request.receive, decided)
        once = SigningKey.from_entropy(self._entropy(_KEY_ENTROPY_BYTES))
        return approve(
            self._key.root,
            self._key.certificate,
            request,
            certificate.der,
            decided.codes or (),
            self._key.secret,
            once,
        )

    def again(self, device: Device, decided: Decision) -> None:
        """A new certificate for the same keys, on these terms from now on."""
        if device.revoked is not None:
            raise BadRequest("this device was revoked: it needs a new key, so a new request")
        grant = device.certificate.grant
        self.enrol(grant.public, grant.receive, decided)

    def enrol(self, public: bytes, receive: bytes, decided: Decision) -> Certificate:
        """A certificate for a device's two keys."""
        check_decision(decided)
        terms = Terms(public=public, receive=receive, **decided._asdict())
        certificate, entry = authority.enrolment(
            self._key.root, self.theatre.head, terms, self._now_ms
        )
        self._add(entry)
        return certificate

    def revoke(
        self, device: Device, reason: str, published: Sequence[tuple[NodeId, Position]]
    ) -> None:
        """A device belongs no more; what garrisons had published so far stays shown."""
        if not reason.strip() or len(reason) > REASON_CHARS_MAX:
            raise BadRequest(f"a reason of 1 to {REASON_CHARS_MAX} letters is needed")
        if device.revoked is not None:
            raise BadRequest("this device is revoked already")
        named = tuple(sorted(published))[: limits.CUSTODY_GARRISONS_MAX]
        self._say(Revoke(device.node, reason.strip(), named))

    def judge(self, device: Device, *, released: bool) -> None:
        """What a revoked device wrote is shown after all, or never."""
        if device.revoked is None:
            raise BadRequest("this device is not revoked: nothing that it wrote is held back")
        self._say(Judge(device.node, released))

    def stamp(self) -> None:
        """Say what time it is."""
        self._say(Time())

    def _say(self, act: Revoke | Judge | Time) -> None:
        self._add(authority.next_entry(self._key.root, self.theatre.head, act, self._now_ms))

    def _add(self, entry: authority.AuthorityEntry) -> None:
        if entry.number > limits.AUTHORITY_LOG_ENTRIES_MAX:
            raise BadRequest("the authority's log is full (AUTHORITY_LOG_ENTRIES_MAX)")
        data = authority.to_bytes(entry)
        self.theatre.take(authority.from_bytes(data))
        self.signed.append(data)


def named(theatre: Theatre, text: str) -> Device:
    """The device of this name, or whose id starts so. Raises `NotFound`, `Ambiguous`."""
    wanted = text.strip().lower()
    found = [one for one in theatre if one.name.lower() == wanted]
    if not found and len(wanted) >= _NODE_LETTERS_MIN:
        found = [one for one in theatre if one.node.hex().startswith(wanted)]
    if not found:
        raise NotFound(f"No device of this theatre is called '{text[:60]}'. Nothing was changed.")
    if len(found) > 1:
        raise Ambiguous(f"{len(found)} devices are called '{text[:60]}'. Nothing was changed.")
    return found[0]


def refuse_namesake(theatre: Theatre, node: NodeId, name: str) -> None:
    """Two devices of one name would be taken for one another. Raises `BadRequest`."""
    wanted = name.strip().lower()
    for one in theatre:
        if one.name.lower() == wanted and one.node != node and one.revoked is None:
            raise BadRequest(
                f"another device is called '{one.name}' already. Nothing was changed. Give --name"
            )


def decided_before(device: Device) -> Decision:
    """The terms that a device has now."""
    grant = device.certificate.grant
    codes = None if grant.scopes is None else tuple(device.codes)
    return Decision(device.name, grant.role, codes, grant.expires_ms - grant.issued_ms)


def check_decision(decided: Decision) -> None:
    """Raises `BadRequest` for terms that cannot be."""
    if not 1 <= len(decided.name.strip()) <= NAME_CHARS_MAX:
        raise BadRequest(f"a name of 1 to {NAME_CHARS_MAX} letters is needed")
    if decided.codes is not None and not 1 <= len(decided.codes) <= limits.SCOPES_MAX:
        raise BadRequest(
            f"1 to {limits.SCOPES_MAX} scopes are needed, with --scope, or --everything"
        )
    if any(not 1 <= len(code) <= CODE_CHARS_MAX for code in decided.codes or ()):
        raise BadRequest(f"a scope's code has 1 to {CODE_CHARS_MAX} letters")
    if not 0 < decided.lifetime_ms <= LIFETIME_MS_MAX:
        raise BadRequest("a certificate lasts up to ten years")
