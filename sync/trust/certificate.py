"""A device's certificate: X.509 of the theatre's authority, P-256 and SHA-256 throughout.

The node id is a URI in subjectAltName and must be the hash of the key. What the device may do is in one
private extension: role, number in the authority's log, the key for sealed bundles, scopes by id. No
names, and no unit's code: whoever reaches the port sees a server's certificate (RFC 8446 §4.4.2).
Validity is written for other tools; here it is judged against the authority's time, never a clock.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conflict.errors import BadIdentity
from conflict.identity import ID_BYTES, DocumentId, NodeId, node_id
from conflict.scope import Scopes
from conflict.signature import PUBLIC_KEY_BYTES, SigningKey, VerifyingKey
from sync import leb128, limits
from sync.errors import BadFrame, FrameTooLarge
from sync.trust.derivation import derived
from sync.trust.errors import BadCertificate, OtherTheatre

GRANT_OID = x509.ObjectIdentifier("2.25.278415139062538091367811207146530459813")
"""From a random UUID (X.667): no registration to wait for."""

NODE_URI = "urn:aidstation:node:"
DER_BYTES_MAX = 4096
_VERSION = 1
_THEATRE_DOMAIN = b"aidstation/theatre/1"
_RECEIVE_DOMAIN = b"aidstation/receive/1"
_EVERYTHING = 0  # number of scopes + 1 otherwise
_CURVE = ec.SECP256R1()
_NO_CERTIFICATE = (
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    UnsupportedAlgorithm,
    BadIdentity,
)
Found = TypeVar("Found")


class DeviceRole(IntEnum):
    """What a device is in the theatre. Values are on the wire: never renumber."""

    FIELD = 1
    GARRISON = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the authority says of a device.

    `public`: signing and TLS key, `receive`: key that bundles are sealed to; both X9.62 uncompressed.
    `scopes`: None: everything. `number`: of the log's entry that says it. Times in ms since 1970.
    """

    public: bytes
    receive: bytes
    role: DeviceRole
    scopes: Scopes | None
    number: int
    issued_ms: int
    expires_ms: int

    @property
    def node(self) -> NodeId:
        """Whose it is."""
        return node_id(self.public)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was checked: its bytes and what it says."""

    der: bytes
    grant: Grant


def receive_key(signing: SigningKey) -> SigningKey:
    """The device's second key, for bundles sealed to it: derived, so that one file is all it has to keep.

    HKDF-SHA256 (RFC 5869) over the signing key's secret scalar; knowing one does not tell the other.
    """
    scalar = signing.private.private_numbers().private_value.to_bytes(32, "big")
    return SigningKey.from_entropy(derived(scalar, _RECEIVE_DOMAIN, 48))


def theatre_id(root_public: bytes) -> bytes:
    """16 bytes that name a theatre: hash of its authority's public key."""
    return hashlib.sha256(_THEATRE_DOMAIN + root_public).digest()[:ID_BYTES]


# Making ------------------------------------------------------------------------------------------


def root_certificate(root: SigningKey, now_ms: int, expires_ms: int) -> bytes:
    """The authority's own certificate, self-signed, DER."""
    name = _root_name(root.public)
    usage = _key_usage(digital_signature=False, key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(name, name, root.public, 1, now_ms, expires_ms)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_key_identifier(root.public), critical=False)
    )
    return _signed(builder, root)


def issue(root: SigningKey, grant: Grant) -> Certificate:
    """A device's certificate, signed by the authority."""
    subject = x509.Name([])
    uri = x509.UniformResourceIdentifier(NODE_URI + grant.node.hex())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    span = grant.issued_ms, grant.expires_ms
    builder = (
        _builder(subject, _root_name(root.public), grant.public, grant.number, *span)
        .add_extension(x509.SubjectAlternativeName([uri]), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_authority_identifier(root.public), critical=False)
        .add_extension(x509.UnrecognizedExtension(GRANT_OID, _grant_bytes(grant)), critical=False)
    )
    return Certificate(_signed(builder, root), grant)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: bytes,
    number: int,
    issued_ms: int,
    expires_ms: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public))
        .serial_number(number)
        .not_valid_before(_moment(issued_ms))
        .not_valid_after(_moment(expires_ms))
    )


def _signed(builder: x509.CertificateBuilder, root: SigningKey) -> bytes:
    made = builder.sign(root.private, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.DER)


def _root_name(public: bytes) -> x509.Name:
    text = f"aidstation theatre {theatre_id(public).hex()}"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: given.get(name, False) for name in names.split()})


def _key_identifier(public: bytes) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier(theatre_id(public))


def _authority_identifier(public: bytes) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(theatre_id(public), None, None)


def _moment(at_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_ms // 1000, tz=datetime.UTC)


def _grant_bytes(grant: Grant) -> bytes:
    scopes = sorted(grant.scopes) if grant.scopes is not None else []
    count = _EVERYTHING if grant.scopes is None else len(scopes) + 1
    # milliseconds: X.509 has seconds only
    numbers = _VERSION, grant.role, grant.number, grant.issued_ms, grant.expires_ms, count
    return leb128.numbers(numbers) + grant.receive + b"".join(scopes)


# Reading -----------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def check(der: bytes, root_public: bytes) -> Certificate:
    """A certificate that this authority signed. Raises `BadCertificate`, `OtherTheatre`."""
    return _profile(lambda: _check(x509.load_der_x509_certificate(der), der, root_public), len(der))


def _check(certificate: x509.Certificate, der: bytes, root_public: bytes) -> Certificate:
    root = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, root_public)
    if certificate.issuer != _root_name(root_public):
        raise OtherTheatre("this certificate is of another theatre's authority")
    algorithm = certificate.signature_hash_algorithm
    if not isinstance(algorithm, hashes.SHA256):
        raise BadCertificate("signed otherwise than by ECDSA with SHA-256")
    signed = certificate.tbs_certificate_bytes
    try:
        root.verify(certificate.signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as fault:
        raise BadCertificate("not signed by the authority it names") from fault
    return Certificate(der, _read(certificate))


def root_public(der: bytes) -> bytes:
    """The key of an authority's own certificate, which must be self-signed. Raises `BadCertificate`."""
    return _profile(lambda: _root_public(x509.load_der_x509_certificate(der)), len(der))


def _root_public(certificate: x509.Certificate) -> bytes:
    public = _public(certificate)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, TypeError) as fault:
        raise BadCertificate("not signed by itself") from fault
    if not constraints.ca or certificate.subject != _root_name(public):
        raise ValueError("not an authority's")
    return public


@lru_cache(maxsize=1024)
def public_key(der: bytes) -> bytes:
    """The key of a certificate whatever it says (X9.62 uncompressed). Raises `BadCertificate`."""
    return _profile(lambda: _public(x509.load_der_x509_certificate(der)), len(der))


def _profile(read: Callable[[], Found], size: int) -> Found:
    if size > DER_BYTES_MAX:
        raise BadCertificate(f"over {DER_BYTES_MAX} bytes (DER_BYTES_MAX)")
    try:
        return read()
    except (ValueError, *_NO_CERTIFICATE) as fault:
        raise BadCertificate("not a device certificate of this profile") from fault
    except (BadFrame, FrameTooLarge) as fault:
        raise BadCertificate(f"its grant cannot be read: {fault}") from fault


def _read(certificate: x509.Certificate) -> Grant:
    extension = certificate.extensions.get_extension_for_oid(GRANT_OID).value
    if not isinstance(extension, x509.UnrecognizedExtension):
        raise ValueError("grant")
    grant = _read_grant(extension.value, _public(certificate))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if names.get_values_for_type(x509.UniformResourceIdentifier) != [NODE_URI + grant.node.hex()]:
        raise ValueError("the node id is not the hash of the key")
    if certificate.serial_number != grant.number:
        raise ValueError("serial")
    return grant


def _public(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE.name:
        raise ValueError("not P-256")
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _read_grant(data: bytes, public: bytes) -> Grant:
    reader = leb128.Reader(data)
    version, role, number = reader.number(), reader.number(), reader.number()
    if version != _VERSION:
        raise BadFrame(f"version {version} is not known here: update this node")
    issued_ms, expires_ms, count = reader.number(), reader.number(), reader.number()
    receive = VerifyingKey(reader.take(PUBLIC_KEY_BYTES)).public
    leb128.bound(max(count - 1, 0), limits.SCOPES_MAX, "scopes", "SCOPES_MAX")
    scopes = [DocumentId(reader.take(ID_BYTES)) for _ in range(count - 1)]
    reader.end()
    if scopes != sorted(set(scopes)) or number < 1 or issued_ms > expires_ms:
        raise BadFrame("scopes ascend, numbers count from 1, times are in order")
    return Grant(
        public=public,
        receive=receive,
        role=DeviceRole(role),
        scopes=None if count == _EVERYTHING else frozenset(scopes),
        number=number,
        issued_ms=issued_ms,
        expires_ms=expires_ms,
    )
