"""The file that a backup is: what opens it in clear, everything else sealed. Pure.

`AIDBKUP\\n`, version (1 byte), salt (16), length (4), a vault's slots as in `vault.json`; then the
chunks of `sync/trust/stream.py` under a key derived from the vault's data key and all of that header.
In the chunks: length (4), the manifest as JSON, and the files it names, one after the other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node import vault as vaults
from node.errors import BackupVersion, BadBackup, NotABackup, VaultDamaged
from node.vault import DataKey, Vault
from sync.trust import stream
from sync.trust.derivation import derived
from sync.trust.errors import BundleFault
from sync.trust.stream import Read, full

MAGIC = b"AIDBKUP\n"
VERSION = 1
PURPOSE = "backup"
SALT_BYTES = 16
_LENGTH_BYTES = 4
_FIXED_BYTES = len(MAGIC) + 1 + SALT_BYTES + _LENGTH_BYTES
_VAULT_BYTES_MAX = 1 << 16
_MANIFEST_BYTES_MAX = 1 << 20
_CHUNKS_DOMAIN = b"aidstation/backup/chunks/1"
_NAME = re.compile(r"(?:(?:requests|carried|inbox)/)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}")


class Header(NamedTuple):
    """What stands before the chunks. `vault`: the ways into this backup."""

    salt: bytes
    vault: bytes

    def to_bytes(self) -> bytes:
        """As in a file."""
        length = len(self.vault).to_bytes(_LENGTH_BYTES, "big")
        return b"".join((MAGIC, bytes((VERSION,)), self.salt, length, self.vault))

    def opens_with(self) -> Vault:
        """Its slots. Raises `BadBackup`."""
        try:
            return vaults.decode(self.vault)
        except VaultDamaged as fault:
            raise BadBackup(
                f"This backup's header is damaged: {fault}. Nothing was changed"
            ) from fault

    def cipher(self, data: DataKey) -> AESGCM:
        """For the chunks; another header makes another one."""
        salt = hashlib.sha256(self.to_bytes()).digest()
        return AESGCM(derived(data.derive(PURPOSE), _CHUNKS_DOMAIN, vaults.KEY_BYTES, salt))


class Manifest(NamedTuple):
    """What a backup holds. `files`: names and bytes, in order; `rows`: of the store's tables.

    `store`: where the store's file was; empty: in the home, or `server`: not in the backup.
    """

    node: str
    name: str
    role: str
    software: str
    made_ms: int
    store: str
    server: bool
    schema: int
    rows: Mapping[str, int]
    files: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(size for _, size in self.files)

    def encode(self) -> bytes:
        """With its length before it."""
        raw = json.dumps(self._asdict()).encode()
        return len(raw).to_bytes(_LENGTH_BYTES, "big") + raw


def sealed(
    header: Header, data: DataKey, manifest: Manifest, content: Iterable[bytes]
) -> Iterator[bytes]:
    """All of the file, `content` being that of the manifest's files."""

    def plain() -> Iterator[bytes]:
        yield manifest.encode()
        yield from content

    yield header.to_bytes()
    yield from stream.sealed(plain(), header.cipher(data))


def sealed_bytes(header: Header, manifest: Manifest) -> int:
    """How long that file is."""
    return len(header.to_bytes()) + stream.sealed_bytes(len(manifest.encode()) + manifest.size)


def read_header(read: Read) -> Header:
    """Raises `NotABackup`, `BackupVersion`, `BadBackup`."""
    start = full(read, _FIXED_BYTES)
    if not start.startswith(MAGIC):
        raise NotABackup("This file is not a backup of aidstation. Nothing was changed")
    if len(start) > len(MAGIC) and (version := start[len(MAGIC)]) != VERSION:
        raise BackupVersion(
            f"A backup of version {version}; this software reads version {VERSION}. Nothing was changed"
        )
    length = int.from_bytes(start[-_LENGTH_BYTES:], "big")
    if len(start) < _FIXED_BYTES or length > _VAULT_BYTES_MAX:
        raise BadBackup("This backup's header is cut or damaged. Nothing was changed")
    vault = full(read, length)
    if len(vault) < length:
        raise BadBackup("This backup ends inside its header. Nothing was changed")
    return Header(start[len(MAGIC) + 1 : -_LENGTH_BYTES], vault)


class Opened:
    """The inside of a backup, read once from front to end. Every byte of it was authenticated."""

    def __init__(self, read: Read, header: Header, data: DataKey) -> None:
        self._chunks = stream.opened(read, header.cipher(data))
        self._waiting = bytearray()
        self.manifest = self._manifest()

    def _manifest(self) -> Manifest:
        length = int.from_bytes(self._take(_LENGTH_BYTES), "big")
        if length > _MANIFEST_BYTES_MAX:
            raise _damaged()
        return _decoded(self._take(length))

    def _take(self, size: int) -> bytes:
        return b"".join(self._pieces(size))

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size:
            if not self._waiting:
                self._waiting += self._chunk()
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            size -= len(piece)
            yield piece

    def _chunk(self) -> bytes:
        try:
            for chunk in self._chunks:
                if chunk:
                    return chunk
        except BundleFault as fault:
            raise _damaged() from fault
        raise _damaged()

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Each file's name and content, in order; one's content is read before the next is asked for.

        Ends only once the last chunk was proved to be the last.
        """
        for name, size in self.manifest.files:
            yield name, self._pieces(size)
        try:
            rest = b"".join(self._chunks)
        except BundleFault as fault:
            raise _damaged() from fault
        if self._waiting or rest:
            raise _damaged()


def _damaged() -> BadBackup:
    return BadBackup("This backup is cut, damaged or was changed. Nothing was changed here")


def _decoded(raw: bytes) -> Manifest:
    try:
        body = json.loads(raw)
        files = tuple((str(name), int(size)) for name, size in body.pop("files"))
        rows = {str(name): int(count) for name, count in body.pop("rows").items()}
        manifest = Manifest(**body, rows=rows, files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise _damaged() from fault
    names = [name for name, _ in files]
    if len(set(names)) < len(names) or not all(_NAME.fullmatch(name) for name in names):
        raise _damaged()
    return manifest
