"""Mutual TLS 1.3 between the devices of one theatre. PROTOCOL.md, *Transport security*.

Both sides show a certificate of the theatre's authority. OpenSSL checks the chain and no clock; whether
the device still belongs, `admit` says, at every handshake, also of one that resumes an earlier session.
What Python's `ssl` cannot set is judged when the handshake is done (cipher) or not used (early data).
"""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives import serialization

from conflict.signature import SigningKey
from sync.transport.channel import LinkFailed

HANDSHAKE_BYTES_MAX = 16_384
"""From a stranger before it has shown who it is; an honest one says 1.5 kB, with 64 scopes 2.5 kB."""
RESUMABLE_MAX = 1_024
"""Sessions that a node remembers, of those that called it and of those that it called: 4 MB."""
_CIPHERS = frozenset({"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"})
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: not among ssl.VerifyFlags
_PADDING = 0x10  # SSL_OP_TLSEXT_PADDING: 100 B more, for a load balancer of 2013
_PASSWORD_BYTES = 32

NOT_ENROLLED = "not-enrolled"
OTHER_THEATRE = "other-theatre"
NO_CERTIFICATE = "no-certificate"
BAD_CERTIFICATE = "bad-certificate"
NOT_TLS = "not-tls"
OLD_TLS = "old-tls"
TLS_TIMEOUT = "tls-timeout"
TLS_FAILED = "tls-failed"

REVOKED = "revoked"
TOLD = frozenset({REVOKED, OTHER_THEATRE, BAD_CERTIFICATE})
"""What a listener says of why it refuses; anything else it might say is not believed."""
WORDS = {
    NOT_ENROLLED: "this node is not enrolled in a theatre: see `aidstation enrol`",
    OTHER_THEATRE: "it belongs to another theatre's authority; enrol one of the two with the other's",
    NO_CERTIFICATE: "it shows no certificate: it is not enrolled",
    BAD_CERTIFICATE: "a certificate is not accepted: renew it at the authority",
    REVOKED: "one of the two devices is revoked by the theatre's authority: ask there",
    NOT_TLS: "it speaks no TLS: an older version, which must be updated, or another program",
    OLD_TLS: "it speaks no TLS 1.3: another program, or something between that breaks it open",
    TLS_TIMEOUT: "its TLS handshake did not end in time",
    TLS_FAILED: "its TLS handshake failed; nothing was sent",
}
"""What a person is told."""

_OF_ANOTHER_AUTHORITY = frozenset({18, 19, 20, 21})
"""X509_V_ERR_*: self-signed, self-signed in the chain, issuer not found, chain of one."""
_BY_REASON = {
    "HTTP_REQUEST": NOT_TLS,
    "WRONG_VERSION_NUMBER": NOT_TLS,
    "RECORD_LAYER_FAILURE": NOT_TLS,
    "UNSUPPORTED_PROTOCOL": OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": OLD_TLS,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": NO_CERTIFICATE,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": NO_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": OTHER_THEATRE,
    "SSLV3_ALERT_BAD_CERTIFICATE": BAD_CERTIFICATE,
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who this node is: its key, its certificate and the root's, both DER."""

    key: SigningKey
    certificate: bytes
    root: bytes


class Refused(ssl.SSLError):
    """A handshake that OpenSSL would have let pass, and we do not; `code` is stable."""

    def __init__(self, code: str) -> None:
        super().__init__(ssl.SSL_ERROR_SSL, code)
        self.code = code


Admit = Callable[[bytes], str]
"""Why a device with this certificate (DER) is refused, as a code; empty: it is not."""


class Tls:
    """What a node's listener and dialer share. `credentials`: None when it is not enrolled.

    Contexts are made anew when the credentials have changed.
    """

    def __init__(self, credentials: Callable[[], Credentials | None], admit: Admit) -> None:
        self._credentials = credentials
        self._admit = admit
        self._made: tuple[Credentials, Context, Context] | None = None

    def server(self) -> Context:
        """For who calls. Raises `LinkFailed` when not enrolled."""
        credentials, context, client = self._contexts()
        if context.session_stats()["number"] > RESUMABLE_MAX:  # Python's ssl cannot bound them
            context = Context.of(credentials, self._admit, server=True)
            self._made = credentials, context, client
        return context

    def client(self) -> Context:
        """For whom we call. Raises `LinkFailed` when not enrolled."""
        return self._contexts()[2]

    def judge(self, secured: asyncio.Transport) -> str:
        """Why the device at the other end is refused, as a code; empty: it is not."""
        certificate = certificate_of(secured)
        return NO_CERTIFICATE if certificate is None else self._admit(certificate)

    def _contexts(self) -> tuple[Credentials, Context, Context]:
        credentials = self._credentials()
        if credentials is None:
            raise LinkFailed("this node is not enrolled in a theatre", NOT_ENROLLED)
        if self._made is None or self._made[0] != credentials:
            both = [Context.of(credentials, self._admit, server=one) for one in (True, False)]
            self._made = credentials, both[0], both[1]
        return self._made


class Context(ssl.SSLContext):
    """A context that resumes by address, bounds what strangers say, and asks whether they belong."""

    admit: Admit
    _resumable: dict[str, ssl.SSLSession]

    @classmethod
    def of(cls, credentials: Credentials, admit: Admit, *, server: bool) -> Context:
        """TLS 1.3 with P-256, both sides certified by the root."""
        made = cls(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        made.admit = admit
        made._resumable = {}
        made.sslobject_class = Connection
        made.check_hostname = False  # who it is stands in the certificate
        made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_3
        made.verify_mode = ssl.CERT_REQUIRED
        made.verify_flags = ssl.VerifyFlags(made.verify_flags | _NO_CHECK_TIME)
        made.load_verify_locations(cadata=credentials.root)
        made.set_ecdh_curve("prime256v1")
        # tickets that are names of sessions kept here: else each carries the certificate, 750 B
        made.options |= ssl.OP_NO_TICKET
        made.options &= ~_PADDING
        if server:
            made.num_tickets = 1
        with _key_file(credentials) as (path, password):
            made.load_cert_chain(path, password=password)
        return made

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Connection:
        """A connection. `server_hostname` says which session to resume and is not sent: no address
        and no name goes over the wire in clear."""
        if server_hostname is not None:
            session = self._resumable.get(str(server_hostname), session)
        made = super().wrap_bio(incoming, outgoing, server_side, None, session)
        assert isinstance(made, Connection)  # noqa: S101  it is our sslobject_class
        made.incoming = incoming
        return made

    def remember(self, address: str, carrier: Carrier) -> None:
        """The next dial of this address resumes this session, if its ticket has come."""
        connection = connection_of(carrier)
        session = connection.session if connection is not None else None
        if session is not None and session.has_ticket:
            self._resumable.pop(address, None)
            self._resumable[address] = session
            if len(self._resumable) > RESUMABLE_MAX:
                del self._resumable[next(iter(self._resumable))]


class Connection(ssl.SSLObject):
    """One connection, which ends before a byte of it is read where the peer does not belong."""

    incoming: ssl.MemoryBIO
    _heard_bytes = 0

    def do_handshake(self) -> None:
        """As of `ssl.SSLObject`; also raises `Refused`."""
        self._heard_bytes += self.incoming.pending
        if self._heard_bytes > HANDSHAKE_BYTES_MAX:
            raise Refused(TLS_FAILED)
        super().do_handshake()
        cipher, certificate = self.cipher(), self.getpeercert(binary_form=True)
        if cipher is None or cipher[0] not in _CIPHERS or certificate is None:
            raise Refused(TLS_FAILED)
        context = self.context
        assert isinstance(context, Context)  # noqa: S101  made by it
        if not self.server_side and (code := context.admit(certificate)):
            raise Refused(code)  # who called us is told why, once the handshake is over: door.py

    def bury(self) -> None:
        """The link is gone: without our goodbye OpenSSL would forget what a next one could resume."""
        try:
            self.unwrap()
        except (ssl.SSLError, OSError, ValueError):
            return


def cause_of(fault: BaseException | None) -> str:
    """The code of a handshake that failed; empty: it was no matter of TLS."""
    while fault is not None and fault.__cause__ is not None:
        fault = fault.__cause__  # aiohttp wraps what asyncio raised
    match fault:
        case Refused():
            return fault.code
        case ssl.SSLCertVerificationError():
            other = fault.verify_code in _OF_ANOTHER_AUTHORITY
            return OTHER_THEATRE if other else BAD_CERTIFICATE
        case ssl.SSLError():
            return _BY_REASON.get(fault.reason or "", TLS_FAILED)
    return ""


@contextmanager
def _key_file(credentials: Credentials) -> Iterator[tuple[str, bytes]]:
    """A file for OpenSSL, which takes nothing else: in memory where the system has that, and the key
    in it under a password that nobody keeps."""
    password = os.urandom(_PASSWORD_BYTES).hex().encode()
    chain = ssl.DER_cert_to_PEM_cert(credentials.certificate).encode()
    key = credentials.key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    descriptor, path, name = _private_file()
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(chain + key)
        yield path, password
    finally:
        os.close(descriptor)
        if name is not None:
            name.unlink()


def _private_file() -> tuple[int, str, Path | None]:
    """Descriptor, path to open it again by, and what to remove afterwards."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        descriptor = os.memfd_create("tls")
        return descriptor, f"/proc/self/fd/{descriptor}", None
    descriptor, path = tempfile.mkstemp()  # 0600
    return descriptor, path, Path(path)


def hold_nothing_back(transport: asyncio.Transport) -> None:
    """Writing waits while a byte is in this process: in TLS's buffer or in that of the socket below.

    asyncio bounds each by itself and makes a writer wait for the upper one only, so that one is made
    to count both.
    """
    transport.set_write_buffer_limits(high=1, low=0)  # at 0 it would pause with nothing to wait for
    upper: Any = getattr(transport, "_ssl_protocol", None)
    if upper is None or upper._transport is None:
        return
    lower = upper._transport
    lower.set_write_buffer_limits(high=0)
    counted = upper._get_write_buffer_size
    upper._get_write_buffer_size = lambda: counted() + lower.get_write_buffer_size()


class Carrier(Protocol):
    """A transport, or what tells the same of one."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As of `asyncio.BaseTransport`."""
        ...


def connection_of(carrier: Carrier) -> Connection | None:
    """The TLS side of it."""
    found = carrier.get_extra_info("ssl_object")
    return found if isinstance(found, Connection) else None


def certificate_of(carrier: Carrier) -> bytes | None:
    """What the device at the other end has shown, DER."""
    found = connection_of(carrier)
    return None if found is None else found.getpeercert(binary_form=True)
