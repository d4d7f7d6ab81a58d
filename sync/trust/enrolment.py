"""How a device gets into a theatre: what it asks, what the authority answers, what people compare. Pure.

A *request* is signed by both keys of the device over the whole of it, so nobody can ask for keys that
are not theirs. An *approval* names the request that it answers and is signed by the authority; the
theatre's secret in it is sealed to the device. Anybody may carry either, and read but the secret;
the check codes show whether somebody put in their own. PROTOCOL.md, *Enrolment*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from conflict.errors import BadIdentity
from conflict.identity import NodeId, node_id
from conflict.scope import CODE_CHARS_MAX
from conflict.signature import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, SigningKey, VerifyingKey
from sync import leb128, limits
from sync.errors import BadFrame, FrameTooLarge
from sync.trust import authority, crockford
from sync.trust.authority import NAME_CHARS_MAX
from sync.trust.certificate import DER_BYTES_MAX, DeviceRole, root_public
from sync.trust.certificate import check as check_certificate
from sync.trust.errors import BadCertificate, BadEnrolment, OtherTheatre
from sync.trust.sealed_box import SEAL_BYTES, seal, unseal
from sync.trust.theatre import Theatre

REQUEST_KIND, APPROVAL_KIND = b"AIQ1", b"AIA1"
NONCE_BYTES = 16
SECRET_BYTES = 16
DIGEST_BYTES = 32
CODE_LETTERS = 6
CODE_ITERATIONS = 100_000
"""Whoever looks for another request with the same code pays so much for each of 2^30 tries."""

_REQUEST_DOMAIN = b"aidstation/enrol-request/1"
_RECEIVE_DOMAIN = b"aidstation/enrol-request-receive/1"
_APPROVAL_DOMAIN = b"aidstation/enrol-approval/1"
_NOTHING = "Nothing was changed"
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a device asks for. `public`, `receive`: its two keys; `codes`: scopes as people write them,
    its unit first, none where the authority shall say; `nonce`: new for each request."""

    public: bytes
    receive: bytes
    name: str
    role: DeviceRole
    codes: tuple[str, ...]
    nonce: bytes
    signature: bytes = b""
    receive_signature: bytes = b""

    @property
    def node(self) -> NodeId:
        """Whose it is."""
        return node_id(self.public)

    @property
    def digest(self) -> bytes:
        """32 bytes that an approval names."""
        return hashlib.sha256(_REQUEST_DOMAIN + request_bytes(self)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The authority's answer. `request`: digest of what it answers; `root`, `certificate`: DER of the
    authority and of the device; `sealed`: the theatre's secret; `entries`: the authority's log so far,
    or none. The signature covers all but the entries, which are signed themselves."""

    request: bytes
    root: bytes
    certificate: bytes
    codes: tuple[str, ...]
    sealed: bytes
    signature: bytes = b""
    entries: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """An approval that is for this device: what to join with."""

    request: Request
    approval: Approval
    secret: bytes = field(repr=False)


# Making ------------------------------------------------------------------------------------------


def ask(
    signing: SigningKey,
    receive: SigningKey,
    *,
    name: str,
    role: DeviceRole,
    codes: Sequence[str],
    nonce: bytes,
) -> Request:
    """A request, signed by both keys."""
    request = Request(
        public=signing.public,
        receive=receive.public,
        name=name,
        role=role,
        codes=tuple(codes),
        nonce=nonce,
    )
    body = _request_body(request)
    return replace(
        request,
        signature=signing.sign(_REQUEST_DOMAIN + body),
        receive_signature=receive.sign(_RECEIVE_DOMAIN + body),
    )


def approve(
    root: SigningKey,
    root_der: bytes,
    request: Request,
    certificate: bytes,
    codes: Sequence[str],
    secret: bytes,
    ephemeral: SigningKey,
    entries: Sequence[bytes] = (),
) -> Approval:
    """The answer to a request, signed. `ephemeral`: a key for this once."""
    approval = Approval(
        request=request.digest,
        root=root_der,
        certificate=certificate,
        codes=tuple(codes),
        sealed=seal(request.receive, secret, request.digest, ephemeral),
        entries=tuple(entries),
    )
    return replace(approval, signature=root.sign(_APPROVAL_DOMAIN + _approval_body(approval)))


# Taking ------------------------------------------------------------------------------------------


def accept(
    approval: Approval,
    signing: SigningKey,
    receive: SigningKey,
    requests: Iterable[Request],
    theatre: bytes | None,
) -> Accepted:
    """What to join with. `requests`: those that this device made; `theatre`: public key of the
    authority whose theatre it is in, if any. Raises `TrustError` leaves."""
    public = root_public(approval.root)
    own = check_certificate(approval.certificate, public).grant
    if own.public != signing.public:
        raise BadEnrolment(
            f"this approval is for another device, node {own.node.hex()}; this one is "
            f"{signing.node.hex()}. {_NOTHING}"
        )
    if theatre is not None and theatre != public:
        raise OtherTheatre(
            f"this approval is from another theatre than the one that this node is in. {_NOTHING}"
        )
    request = next((one for one in requests if one.digest == approval.request), None)
    if request is None:
        raise BadEnrolment(
            "this approval answers no request that this node still knows of: make a new one with "
            f"`aidstation enrol request`. {_NOTHING}"
        )
    if own.receive != receive.public:
        raise BadEnrolment(f"its certificate names another key to receive with. {_NOTHING}")
    secret = unseal(receive, approval.sealed, approval.request)
    if len(secret) != SECRET_BYTES:
        raise BadEnrolment(f"the theatre's secret in it has {len(secret)} bytes. {_NOTHING}")
    _check_log(approval, public)
    return Accepted(request, approval, secret)


def _check_log(approval: Approval, public: bytes) -> None:
    found = Theatre(public)
    try:
        for entry in approval.entries:
            found.take(authority.from_bytes(entry))
    except (BadFrame, FrameTooLarge) as fault:
        raise BadEnrolment(f"the authority's log in it is damaged: {fault}. {_NOTHING}") from fault
    found.meet(approval.certificate)


# What people compare -----------------------------------------------------------------------------


def request_code(request: Request) -> str:
    """Six characters of a request, shown where it was made and where it is approved."""
    return _code(_REQUEST_DOMAIN, request_bytes(request))


def approval_code(request: Request, approval: Approval) -> str:
    """Six characters of request and approval, the authority's key included: shown where it was
    approved and where it is imported."""
    body = _approval_body(approval) + approval.signature
    return _code(_APPROVAL_DOMAIN, request_bytes(request) + body)


def _code(domain: bytes, data: bytes) -> str:
    found = hashlib.pbkdf2_hmac("sha256", data, domain, CODE_ITERATIONS, 4)
    return crockford.grouped(crockford.letters(found, CODE_LETTERS), CODE_LETTERS // 2)


# Bytes -------------------------------------------------------------------------------------------


def request_bytes(request: Request) -> bytes:
    """Canonical bytes, signatures last."""
    return _request_body(request) + request.signature + request.receive_signature


def read_request(data: bytes) -> Request:
    """Inverse of `request_bytes`, for bytes that anybody may have made. Raises `BadEnrolment`."""
    request = _whole("request", data, limits.ENROL_REQUEST_BYTES_MAX, _read_request, request_bytes)
    body = _request_body(request)
    signed = _key(request.public).verifies(_REQUEST_DOMAIN + body, request.signature)
    receives = _key(request.receive).verifies(_RECEIVE_DOMAIN + body, request.receive_signature)
    if not (signed and receives) or request.public == request.receive:
        raise BadEnrolment(
            "this request is damaged, or whoever made it does not hold the keys it names. "
            f"Make it again on the device. {_NOTHING}"
        )
    return request


def approval_bytes(approval: Approval, *, log: bool = True) -> bytes:
    """Canonical bytes. Without the log it fits a QR code."""
    entries = approval.entries if log else ()
    parts = [_approval_body(approval), approval.signature, leb128.number(len(entries))]
    parts += (leb128.number(len(entry)) + entry for entry in entries)
    return b"".join(parts)


def read_approval(data: bytes) -> Approval:
    """Inverse of `approval_bytes`, for bytes that anybody may have made. Raises `BadEnrolment`,
    `BadCertificate`."""
    most = limits.ENROL_APPROVAL_BYTES_MAX
    approval = _whole("approval", data, most, _read_approval, approval_bytes)
    try:
        root = VerifyingKey(root_public(approval.root))
        signed = root.verifies(_APPROVAL_DOMAIN + _approval_body(approval), approval.signature)
        check_certificate(approval.certificate, root.public)
    except (BadCertificate, OtherTheatre) as fault:
        raise BadEnrolment(f"this approval is damaged: {fault}. {_NOTHING}") from fault
    if not signed:
        raise BadEnrolment(
            f"this approval is damaged, or not signed by the authority it names. {_NOTHING}"
        )
    return approval


def _whole(
    what: str,
    data: bytes,
    bytes_max: int,
    read: Callable[[leb128.Reader], Read],
    write: Callable[[Read], bytes],
) -> Read:
    if len(data) > bytes_max:
        raise BadEnrolment(f"over {bytes_max} bytes: this is no enrolment {what}. {_NOTHING}")
    reader = leb128.Reader(data)
    try:
        found = read(reader)
        reader.end()
    except (BadFrame, FrameTooLarge, ValueError) as fault:
        raise BadEnrolment(
            f"this enrolment {what} is damaged or cut off ({fault}): copy it again. {_NOTHING}"
        ) from fault
    if write(found) != data:
        raise BadEnrolment(f"this enrolment {what} is damaged: copy it again. {_NOTHING}")
    return found


def _key(public: bytes) -> VerifyingKey:
    try:
        return VerifyingKey(public)
    except BadIdentity as fault:
        raise BadEnrolment(f"this request is damaged: {fault}. {_NOTHING}") from fault


def _request_body(request: Request) -> bytes:
    keys = request.public + request.receive + request.nonce
    head = leb128.numbers((request.role, len(request.codes)))
    texts = b"".join(map(authority.write_text, (request.name, *request.codes)))
    return REQUEST_KIND + keys + head + texts


def _read_request(reader: leb128.Reader) -> Request:
    _read_kind(reader, REQUEST_KIND)
    public, receive = reader.take(PUBLIC_KEY_BYTES), reader.take(PUBLIC_KEY_BYTES)
    nonce, role, count = reader.take(NONCE_BYTES), DeviceRole(reader.number()), reader.number()
    leb128.bound(count, limits.SCOPES_MAX, "scopes", "SCOPES_MAX")
    return Request(
        public=public,
        receive=receive,
        nonce=nonce,
        role=role,
        name=authority.read_text(reader, NAME_CHARS_MAX),
        codes=tuple(authority.read_text(reader, CODE_CHARS_MAX) for _ in range(count)),
        signature=reader.take(SIGNATURE_BYTES),
        receive_signature=reader.take(SIGNATURE_BYTES),
    )


def _approval_body(approval: Approval) -> bytes:
    sizes = len(approval.root), len(approval.certificate), len(approval.codes)
    texts = b"".join(map(authority.write_text, approval.codes))
    head = APPROVAL_KIND + approval.request + leb128.numbers(sizes)
    return head + approval.root + approval.certificate + texts + approval.sealed


def _read_approval(reader: leb128.Reader) -> Approval:
    _read_kind(reader, APPROVAL_KIND)
    request = reader.take(DIGEST_BYTES)
    root_size, size, count = reader.number(), reader.number(), reader.number()
    leb128.bound(max(root_size, size), DER_BYTES_MAX, "bytes of certificate", "DER_BYTES_MAX")
    leb128.bound(count, limits.SCOPES_MAX, "scopes", "SCOPES_MAX")
    return Approval(
        request=request,
        root=reader.take(root_size),
        certificate=reader.take(size),
        codes=tuple(authority.read_text(reader, CODE_CHARS_MAX) for _ in range(count)),
        sealed=reader.take(SECRET_BYTES + SEAL_BYTES),
        signature=reader.take(SIGNATURE_BYTES),
        entries=_read_entries(reader),
    )


def _read_entries(reader: leb128.Reader) -> tuple[bytes, ...]:
    count, found = reader.number(), []
    leb128.bound(count, limits.AUTHORITY_LOG_ENTRIES_MAX, "entries", "AUTHORITY_LOG_ENTRIES_MAX")
    for _ in range(count):
        size = reader.number()
        leb128.bound(size, limits.AUTHORITY_ENTRY_BYTES_MAX, "bytes", "AUTHORITY_ENTRY_BYTES_MAX")
        found.append(reader.take(size))
    return tuple(found)


def _read_kind(reader: leb128.Reader, kind: bytes) -> None:
    if reader.take(len(kind)) != kind:
        raise BadFrame("it begins otherwise")
