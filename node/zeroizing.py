"""Zeroize: the vault first, then keys, then everything else in the home, within a second.

Once the wrapped key is overwritten, what is encrypted is noise for good; the rest is tidying. Each step
can be taken again, so an interrupted zeroize is ended by another. Nothing is asked of the vault, the
configuration or the running node: it works on a locked node and beside a hung one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from node.erasing import erase, sync_folder
from node.errors import NodeError
from node.home import Home, is_locked
from node.unlocking import key_files, read_vault

_SMALL_BYTES = 1 << 16
_DEATH_S_MAX = 0.5
_POLL_S = 0.005
_STORE_ENDS = ("", "-wal", "-shm", "-journal", ".old", ".encrypted", ".encrypted-journal")


def zeroize(home: Home, stores: Iterable[Path] = ()) -> list[Path]:
    """Destroy all of it, here and now; the files that could not be removed.

    `stores`: embedded databases outside of the home. A process that uses the home is killed.
    """
    left = destroy_keys(home)
    _kill_owner(home)
    return [*left, *sweep(home, stores)]


def destroy_keys(home: Home) -> list[Path]:
    """Overwrite and remove what opens the rest; what could not be. After this nothing opens."""
    files = _key_files(home)
    keys = [home.vault, home.vault.with_name("vault.json.old"), *files, home.key, home.token]
    return [path for path in keys if not _erased(path)]


def _key_files(home: Home) -> list[Path]:
    try:
        vault = read_vault(home)
    except NodeError:
        return []
    return key_files(home, vault) if vault else []


def _erased(path: Path) -> bool:
    try:
        erase(path)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        return not path.exists()
    return True


def _kill_owner(home: Home) -> None:
    with contextlib.suppress(OSError, ValueError, NodeError):
        if not is_locked(home):
            return
        pid = int(home.lock.read_text())
        if pid != os.getpid():
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _DEATH_S_MAX
        while is_locked(home) and time.monotonic() < deadline:
            time.sleep(_POLL_S)  # a killed process lets go of its lock as it ends


def sweep(home: Home, stores: Iterable[Path] = ()) -> list[Path]:
    """Remove everything in the home, and databases that are elsewhere; what could not be."""
    stores = (home.store, *stores)
    places = [store.with_name(store.name + end) for store in stores for end in _STORE_ENDS]
    left = [path for path in places if not _removed(path)]
    left += [path for path in _contents(home.root) if not _removed(path)]
    return left if _removed(home.config) else [*left, home.config]


def _contents(root: Path) -> Iterable[Path]:
    """Every file below, then every folder, deepest first; nothing behind a symbolic link."""
    if root == Path.home() or len(root.parts) < 3:
        return  # a home given by mistake: only what has a known name goes
    folders: list[Path] = []
    for place, inner, names in os.walk(root):
        folders.append(Path(place))
        links = [name for name in inner if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in (*names, *links))
    yield from (folder for folder in reversed(folders) if folder != root)


def _removed(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        elif not path.is_symlink() and 0 < path.stat().st_size <= _SMALL_BYTES:
            erase(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def finish(home: Home) -> None:
    """End of a process that destroyed its own keys: sweep and leave without another write."""
    sweep(home)
    with contextlib.suppress(OSError):
        sync_folder(home.root)
    os._exit(0)
