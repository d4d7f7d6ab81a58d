"""Making a backup: a tree of what is to be kept, the tree sealed into one file, the file read back.

The tree is in the home (`backup.tmp`), of links and one copy of the store, so nothing plain ever lies
where the home is not; a killed backup leaves it, and at the target a sealed `NAME.unproved`. Both are
removed by the next. The target's own name appears once the file was read back and its store checked.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from conflict.signature import SigningKey
from node.backup import envelope
from node.backup.envelope import SALT_BYTES, Header, Manifest, Opened
from node.bundles import files
from node.erasing import sync_folder
from node.errors import BadBackup, BadRequest, StickFull
from node.home import Home
from node.vault import STORE, DataKey, Vault
from node.version import VERSION
from storage import snapshot
from storage.snapshot import Contents

FOLDERS = ("requests", "carried", "inbox")
"""Whole folders of the home that belong to a backup: what may still be answered, or read."""

STORE_NAME = "store.db"
_SPARE_BYTES = 1 << 20
Step = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, of how much."""


class Source(NamedTuple):
    """What a backup is made of. `data`: the home's data key, None where it is plain; `store`: its
    embedded database, None: a server's; `beside`: further files of the home that its vault needs."""

    home: Home
    name: str
    role: str
    key: SigningKey
    data: DataKey | None
    store: Path | None
    beside: tuple[Path, ...] = ()

    @property
    def store_key(self) -> bytes | None:
        """What opens the store."""
        return self.data.derive(STORE) if self.data and self.store else None


class Ways(NamedTuple):
    """What is to open the backup: a vault and the data key in it."""

    vault: Vault
    data: DataKey


class Made(NamedTuple):
    """A backup that was written and read back."""

    path: Path
    size: int
    manifest: Manifest


def _no_step(_name: str) -> None:
    pass


def _no_progress(_word: str, _done: int, _total: int) -> None:
    pass


def make(
    source: Source,
    ways: Ways,
    target: Path,
    now_ms: int,
    on_progress: Progress = _no_progress,
    step: Step = _no_step,
) -> Made:
    """Write a backup to the new file `target`. The caller keeps others from changing the vault.

    Raises `BadRequest`, `StickFull`, `StorageError`, `BadBackup`; nothing is at `target` then.
    """
    if target.exists():
        raise BadRequest(f"{target} exists already: name another file. Nothing was written")
    with _tree(source.home) as tree:
        step("copy")
        contents = _filled(tree, source, on_progress)
        manifest = _manifest(tree, source, contents, now_ms)
        header = Header(secrets.token_bytes(SALT_BYTES), ways.vault.encode())
        size = envelope.sealed_bytes(header, manifest)
        _refuse_small(target.parent, size, "the backup")
        unproved = target.with_name(f"{target.name}.unproved")
        step("seal")
        _write(
            unproved,
            envelope.sealed(header, ways.data, manifest, _content(tree, manifest)),
            size,
            on_progress,
        )
        try:
            step("prove")
            _prove(unproved, source, ways, manifest, tree, on_progress)
            step("name")
            os.replace(unproved, target)
            with suppress(OSError):  # some file systems on sticks cannot
                sync_folder(target.parent)
        except BaseException:
            with suppress(OSError):
                unproved.unlink(missing_ok=True)
            raise
    return Made(target, size, manifest)


@contextmanager
def _tree(home: Home) -> Iterator[Path]:
    tree = home.root / "backup.tmp"
    shutil.rmtree(tree, ignore_errors=True)  # of one that was killed
    tree.mkdir(mode=0o700)
    try:
        yield tree
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def _filled(tree: Path, source: Source, on_progress: Progress) -> Contents:
    """Everything that the backup is to hold; what is in the store."""
    home = source.home
    for path in (home.key, home.vault, home.config, home.silence, *source.beside):
        if path.exists():
            _same(path, tree / path.name)
    for folder in FOLDERS:
        for path in _plain_files(home.root / folder):
            (tree / folder).mkdir(exist_ok=True)
            _same(path, tree / folder / path.name)
    if source.store is None or not source.store.exists():
        return Contents(0, {})
    needed = snapshot.file_bytes(source.store) + _SPARE_BYTES
    _refuse_small(tree, needed, "a copy of the store, while the backup is made,")
    copy = tree / STORE_NAME
    snapshot.copy(source.store, copy, source.store_key, _in("copying", on_progress))
    return snapshot.look(copy, source.store_key)


def _same(path: Path, copy: Path) -> None:
    """A second name, so that nothing lies on the disk twice; a copy where that cannot be."""
    try:
        os.link(path, copy)
    except OSError:
        shutil.copyfile(path, copy)


def _plain_files(folder: Path) -> Iterable[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else ()
    return [one for one in found if one.is_file() and not one.name.startswith(".")]


def _in(word: str, on_progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(word, done, total)


def _manifest(tree: Path, source: Source, contents: Contents, now_ms: int) -> Manifest:
    outside = source.store is not None and source.store != source.home.store
    return Manifest(
        node=source.key.node.hex(),
        name=source.name,
        role=source.role,
        software=VERSION,
        made_ms=now_ms,
        store=str(source.store) if outside else "",
        server=source.store is None,
        schema=contents.schema,
        rows=contents.rows,
        files=tuple(
            (path.relative_to(tree).as_posix(), path.stat().st_size)
            for path in sorted(tree.rglob("*"))
            if path.is_file()
        ),
    )


def _refuse_small(folder: Path, needed: int, what: str) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as fault:
        raise BadRequest(f"{folder} cannot be written to: {fault.strerror}") from fault
    if free < needed:
        raise StickFull(
            f"{folder} has {free / 1e6:,.1f} MB free, {what} needs {needed / 1e6:,.1f} MB. "
            "Nothing was written"
        )


def _content(tree: Path, manifest: Manifest) -> Iterator[bytes]:
    for name, size in manifest.files:
        read = 0
        with (tree / name).open("rb") as file:
            while piece := file.read(files.PIECE_BYTES):
                read += len(piece)
                yield piece
        if read != size:
            raise BadBackup(f"{name} changed while it was read. Nothing was written")


def _write(path: Path, parts: Iterable[bytes], size: int, on_progress: Progress) -> None:
    path.unlink(missing_ok=True)
    files.write_whole(path, parts, lambda done: on_progress("sealing", done, size))


def _prove(
    path: Path, source: Source, ways: Ways, manifest: Manifest, tree: Path, on_progress: Progress
) -> None:
    """Read all of it back, from the medium where the system allows it, and check the store in it."""
    copy = tree / STORE_NAME
    copy.unlink(missing_ok=True)
    forget_cached(path)
    size = path.stat().st_size
    with files.reading(path, lambda done: on_progress("reading back", done, size)) as read:
        inside = Opened(read, envelope.read_header(read), ways.data)
        if inside.manifest != manifest:
            raise BadBackup("What was written is not what reads back. Nothing was kept")
        for name, content in inside.files():
            if name == STORE_NAME:
                files.write_whole(copy, content)
            else:
                for _ in content:
                    pass
    check_store(copy, manifest, source.store_key)


def check_store(copy: Path, manifest: Manifest, key: bytes | None) -> None:
    """Raise `BadBackup`, `StorageError` unless this is the store that the manifest speaks of."""
    if manifest.server or (not manifest.rows and not copy.exists()):
        return
    if snapshot.look(copy, key) != Contents(manifest.schema, manifest.rows):
        raise BadBackup(
            "The store in this backup is not the one that was copied. Nothing was changed"
        )


def forget_cached(path: Path) -> None:
    """Have the next read come from the medium, where the system follows the advice."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
