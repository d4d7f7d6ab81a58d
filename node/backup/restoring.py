"""Putting a backup into an empty home: all of it read, proved and checked before anything is in place.

What comes out of the backup waits in `restore.tmp` in the home. `placing` in it lists where each part
goes; then each is renamed to its place, `node.key` last, which is what makes a home of a folder. A killed
restore leaves no node; the next one takes back what it had placed and begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from node import file_lock
from node.backup import envelope
from node.backup.envelope import Header, Manifest, Opened
from node.backup.making import STORE_NAME, check_store
from node.bundles import files
from node.erasing import sync_folder
from node.errors import AlreadyInitialised, AlreadyRunning, BadBackup, StickFull
from node.home import Home, read_key, write_atomic
from node.vault import STORE, DataKey

Step = Callable[[str], None]
_PLACING = "placing"
_SPARE_BYTES = 1 << 20


class Restored(NamedTuple):
    """A home as it was. `data`: its data key; None: it is plain."""

    manifest: Manifest
    data: DataKey | None


def _no_step(_name: str) -> None:
    pass


def _no_progress(_done: int) -> None:
    pass


def look(path: Path, opens: Callable[[Header], DataKey]) -> Manifest:
    """What a backup holds, as far as its first chunk tells. Raises as `restore`."""
    with files.reading(path) as read:
        header = envelope.read_header(read)
        return Opened(read, header, opens(header)).manifest


def refuse_used(home: Home) -> None:
    """Take back what a killed restore had placed. Raises `AlreadyInitialised` where there is a node, or
    part of one, and changes nothing then."""
    if home.key.exists():
        raise AlreadyInitialised(f"There is a node in {home.root} already. Nothing was changed.")
    _clean(home)
    for path in (home.config, home.vault, home.store):
        _refuse_taken(path)


def _refuse_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise AlreadyInitialised(
            f"{path} is there already: a node was here, or is being made. Nothing was changed. "
            "Restore into an empty folder (--home)."
        )


def _clean(home: Home) -> None:
    waiting = home.restoring
    if (waiting / home.key.name).exists() and (waiting / _PLACING).exists():
        for place in json.loads((waiting / _PLACING).read_bytes()):
            _remove(Path(place))
    shutil.rmtree(waiting, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def restore(
    home: Home,
    path: Path,
    opens: Callable[[Header], DataKey],
    on_progress: Callable[[int], None] = _no_progress,
    step: Step = _no_step,
) -> Restored:
    """Make `home` what it was when the backup at `path` was made.

    `opens`: the data key of a backup with this header. Raises `AlreadyInitialised`, `NotABackup`,
    `BackupVersion`, `BadBackup`, `WrongSecret`, `StickFull`, `StorageError`; nothing is in place then.
    """
    with files.reading(path, on_progress) as read:
        header = envelope.read_header(read)
        data = opens(header)
        inside = Opened(read, header, data)
        with _alone(home):
            refuse_used(home)
            try:
                restored = _unpacked(home, inside, data, step)
                places = _places(home, restored.manifest)
            except BaseException:
                _clean(home)
                raise
            _place(home, places, step)
    return restored


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Make the folder, and be the only one who restores into it; one left empty goes again."""
    fresh = not home.root.exists()
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(home.root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not file_lock.take(handle):
            raise AlreadyRunning(f"Another process restores into {home.root}.")
        yield
    finally:
        os.close(handle)
        if fresh:
            with suppress(OSError):  # it holds a node now
                home.root.rmdir()


def _unpacked(home: Home, inside: Opened, data: DataKey, step: Step) -> Restored:
    manifest = inside.manifest
    _refuse_small(home, manifest)
    home.restoring.mkdir(mode=0o700)
    step("unpack")
    for name, content in inside.files():
        target = home.restoring / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        files.write_whole(target, content)
    restored = Restored(manifest, data if _has_vault(manifest) else None)
    step("check")
    _check(home, restored)
    return restored


def _refuse_small(home: Home, manifest: Manifest) -> None:
    free = shutil.disk_usage(home.root).free
    if free < manifest.size + _SPARE_BYTES:
        raise StickFull(
            f"{home.root} has {free / 1e6:,.1f} MB free, this backup needs {manifest.size / 1e6:,.1f} MB "
            "there. Nothing was changed"
        )


def _has_vault(manifest: Manifest) -> bool:
    return any(name == "vault.json" for name, _ in manifest.files)


def _check(home: Home, restored: Restored) -> None:
    """Raise `BadBackup`, `VaultDamaged`, `StorageError` unless all parts belong together."""
    there = Home(home.restoring, home.restoring / "config.toml")
    if not (there.key.exists() and there.config.exists()):
        raise BadBackup("This backup holds no node. Nothing was changed")
    if read_key(there, restored.data).node.hex() != restored.manifest.node:
        raise BadBackup("The key in this backup is another node's. Nothing was changed")
    key = restored.data.derive(STORE) if restored.data else None
    check_store(there.store, restored.manifest, key)


def _places(home: Home, manifest: Manifest) -> list[tuple[Path, Path]]:
    """From where to where, the key last. Raises `AlreadyInitialised`."""
    tops = dict.fromkeys(name.partition("/")[0] for name, _ in manifest.files)
    pairs = [(home.restoring / top, _place_of(home, manifest, top)) for top in tops]
    for _, place in pairs:
        _refuse_taken(place)
    return sorted(pairs, key=lambda pair: pair[1] == home.key)


def _place_of(home: Home, manifest: Manifest, top: str) -> Path:
    if top == home.config.name:
        return home.config
    if top == STORE_NAME and manifest.store:
        return Path(manifest.store)
    return home.root / top


def _place(home: Home, places: list[tuple[Path, Path]], step: Step) -> None:
    step("place")
    write_atomic(home.restoring / _PLACING, json.dumps([str(to) for _, to in places]).encode())
    sync_folder(home.restoring)
    for at, to in places:
        step(f"place {to.name}")
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if to == home.key:
            _sync({place.parent for _, place in places})
        _move(at, to)
    _sync({place.parent for _, place in places})
    step("tidy")
    home.logs.mkdir(mode=0o700, exist_ok=True)
    shutil.rmtree(home.restoring, ignore_errors=True)


def _sync(folders: set[Path]) -> None:
    for folder in sorted(folders):
        sync_folder(folder)


def _move(at: Path, to: Path) -> None:
    """By renaming; from one disk to another by a copy that is whole before it has its name."""
    try:
        os.rename(at, to)
    except OSError:
        with files.reading(at) as read:
            files.write_whole(to, files.pieces(read))


def parts(manifest: Manifest) -> Iterator[str]:
    """In words, what a backup brings."""
    yield "keys and configuration"
    if manifest.server:
        yield "no store: it is on a database server"
    elif manifest.rows:
        place = f", which goes to {manifest.store}" if manifest.store else ""
        yield f"the store ({sum(manifest.rows.values()):,} rows){place}"
    for folder in ("carried", "inbox", "requests"):
        count = sum(name.startswith(f"{folder}/") for name, _ in manifest.files)
        if count:
            yield f"{folder}: {count}"
