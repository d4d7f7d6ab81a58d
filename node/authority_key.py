"""The theatre authority's key: a file under its own passphrase, opened by the command that signs.

It holds what an authority needs: the root key and the theatre's secret, wrapped; name and root
certificate, in clear and bound to the wrap. The running node never opens it. The same file is the
escrow: a copy on a stick in a safe is all that a new authority machine needs beside the log.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from conflict.errors import BadIdentity
from conflict.signature import SigningKey
from node.errors import AlreadyInitialised, BadConfiguration, BadRequest, NoAuthority
from node.home import Home, write_atomic, write_new
from node.wrapping import Wrapped, unwrap, wrap
from sync.trust.authority import NAME_CHARS_MAX
from sync.trust.certificate import root_certificate, root_public, theatre_id
from sync.trust.enrolment import SECRET_BYTES
from sync.trust.errors import BadCertificate

VERSION = 1
ROOT_YEARS = 30
"""Nothing here looks at it; other tools that read X.509 do."""

_ENTROPY_BYTES = 48
_FILE_BYTES_MAX = 64 * 1024
_YEAR_MS = 366 * 86_400_000
_DOMAIN = b"aidstation/authority-key/1"


class AuthorityKey(NamedTuple):
    """An opened one. `certificate`: the root's, DER; `secret`: the theatre's, 16 bytes."""

    root: SigningKey
    certificate: bytes
    secret: bytes
    theatre: str

    def __repr__(self) -> str:
        return f"AuthorityKey({theatre_id(self.root.public).hex()})"


class KeyFile(NamedTuple):
    """A closed one."""

    theatre: str
    certificate: bytes
    wrapped: Wrapped

    @property
    def public(self) -> bytes:
        """The authority's public key."""
        return root_public(self.certificate)

    def open(self, passphrase: bytes) -> AuthorityKey:
        """Raises `WrongSecret`, `BadConfiguration`."""
        opened = unwrap(self.wrapped, passphrase, _bound(self.theatre, self.certificate))
        secret, pem = opened[:SECRET_BYTES], opened[SECRET_BYTES:]
        try:
            root = SigningKey.from_pem(pem)
        except BadIdentity as fault:
            raise BadConfiguration(f"the authority's key file is damaged: {fault}") from fault
        if root.public != self.public:
            raise BadConfiguration("the authority's key file is damaged: it holds another key")
        return AuthorityKey(root, self.certificate, secret, self.theatre)

    def encode(self) -> bytes:
        """The file."""
        body = {
            "authority-key": VERSION,
            "theatre": self.theatre,
            "certificate": base64.b64encode(self.certificate).decode(),
            "salt": self.wrapped.salt.hex(),
            "iterations": self.wrapped.iterations,
            "wrap": base64.b64encode(self.wrapped.sealed).decode(),
        }
        return json.dumps(body, indent=1, ensure_ascii=False).encode() + b"\n"


def make(theatre: str, now_ms: int, entropy: Callable[[int], bytes]) -> AuthorityKey:
    """A new authority's."""
    root = SigningKey.from_entropy(entropy(_ENTROPY_BYTES))
    certificate = root_certificate(root, now_ms, now_ms + ROOT_YEARS * _YEAR_MS)
    return AuthorityKey(root, certificate, entropy(SECRET_BYTES), theatre[:NAME_CHARS_MAX])


def close(
    key: AuthorityKey, passphrase: bytes, entropy: Callable[[int], bytes] = secrets.token_bytes
) -> KeyFile:
    """Wrapped by a passphrase. Raises `BadRequest` for too short a one."""
    content = key.secret + key.root.pem()
    wrapped = wrap(content, passphrase, _bound(key.theatre, key.certificate), entropy)
    return KeyFile(key.theatre, key.certificate, wrapped)


def decode(raw: bytes) -> KeyFile:
    """Inverse of `KeyFile.encode`, for a file that anybody may have changed. Raises
    `BadConfiguration`."""
    try:
        body: dict[str, Any] = json.loads(raw[:_FILE_BYTES_MAX])
        version = body["authority-key"]
        wrapped = Wrapped(
            bytes.fromhex(body["salt"]),
            _whole(body["iterations"]),
            base64.b64decode(body["wrap"], validate=True),
        )
        found = KeyFile(
            str(body["theatre"]), base64.b64decode(body["certificate"], validate=True), wrapped
        )
        root_public(found.certificate)
        _bound(found.theatre, found.certificate)
    except (
        ValueError,
        RecursionError,
        KeyError,
        TypeError,
        AttributeError,
        binascii.Error,
        BadCertificate,
    ) as fault:
        raise BadConfiguration(
            "this is no authority's key file, or it is damaged. Nothing was changed. Take the copy "
            "in escrow: `aidstation garrison import-key FILE`"
        ) from fault
    if version != VERSION:
        raise BadConfiguration("this authority's key file is of a newer version: update this node")
    return found


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("iterations")
    return value


def _bound(theatre: str, certificate: bytes) -> bytes:
    return _DOMAIN + certificate + theatre.encode()


# Files -------------------------------------------------------------------------------------------


def read(home: Home) -> KeyFile:
    """This machine's. Raises `NoAuthority`, `BadConfiguration`."""
    try:
        return decode(home.authority_key.read_bytes())
    except FileNotFoundError:
        raise NoAuthority(
            f"The authority's key is not on this machine: no {home.authority_key}. Nothing was changed."
        ) from None


def keep(path: Path, file: KeyFile) -> None:
    """Write a new file and read it back; the same once more is no fault. Raises `AlreadyInitialised`,
    `BadConfiguration`."""
    data = file.encode()
    if not _written(path, data):
        raise AlreadyInitialised(f"There is {path} already. Nothing was changed.")
    if path.read_bytes() != data:
        raise BadConfiguration(f"{path} did not come back as it was written: use another disk")


def replace(home: Home, file: KeyFile) -> None:
    """Put this one in place of this machine's, whole or not at all."""
    write_atomic(home.authority_key, file.encode())


def write_file(path: Path, data: bytes) -> None:
    """Write a new file that a person named, whole or not at all; the same once more is no fault. Raises
    `BadRequest`, `BadConfiguration`."""
    if not _written(path, data):
        raise BadRequest(f"{path} exists already: name another file. Nothing was written")


def _written(path: Path, data: bytes) -> bool:
    """False: something else is there."""
    try:
        write_new(path, data)
    except FileExistsError:
        return path.read_bytes() == data
    except OSError as fault:
        raise BadConfiguration(f"{path} cannot be written: {fault.strerror}") from fault
    return True
