"""Bundles on disks and sticks: written whole or not at all, read in pieces.

A stick that is pulled out early keeps `NAME.part`: what was safe on it by then can be imported.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from node.errors import BadRequest, StickFull
from sync.trust.errors import BundleCut

SYNC_BYTES = 4 << 20
"""Written out to the medium at least so often: the urgent part of a bundle is safe early."""

PIECE_BYTES = 1 << 20
Progress = Callable[[int], None]
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(path: Path, parts: Iterable[bytes], on_progress: Progress | None = None) -> int:
    """A new file of these parts; its bytes. `on_progress` hears how many are written.

    Raises `BadRequest` where there is one already or it cannot be written, `StickFull`.
    """
    if path.exists():
        raise BadRequest(f"{path} exists already: name another file. Nothing was written")
    part = path.with_name(f"{path.name}.part")
    size = 0
    stream = iter(parts)
    try:
        with _new(part) as handle:
            for data in stream:
                _write(handle, data)
                size += len(data)
                if size // SYNC_BYTES != (size - len(data)) // SYNC_BYTES:
                    os.fsync(handle)
                if on_progress:
                    on_progress(size)
            os.fsync(handle)
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as fault:
        _remove(part)
        if fault.errno in _FULL:
            raise _full(path, size, size + sum(map(len, stream))) from fault
        raise BadRequest(f"{path} cannot be written: {fault.strerror}") from fault
    except BaseException:
        _remove(part)
        raise
    return size


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):  # the stick is gone: there it stays, and can be imported
        part.unlink()


def _full(path: Path, written: int, needed: int) -> StickFull:
    return StickFull(
        f"{path.parent} is full: {path.name} needs about {needed // 1_000_000 + 1} MB there, "
        f"{written / 1_000_000:.1f} MB went on. Nothing was left on it"
    )


@contextlib.contextmanager
def _new(path: Path) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _write(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def _sync_folder(folder: Path) -> None:
    """As far as the file system can: some on sticks cannot."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def reading(path: Path, on_progress: Progress | None = None) -> Iterator[Callable[[int], bytes]]:
    """What reads a file piece by piece. Raises `BadRequest`; later, should the medium go away,
    `BundleCut`."""
    try:
        file = path.open("rb")
    except OSError as fault:
        raise BadRequest(f"{path} cannot be read: {fault.strerror}") from fault
    done = 0

    def read(size: int) -> bytes:
        nonlocal done
        try:
            data = file.read(size)
        except OSError as fault:
            raise BundleCut(f"the file cannot be read any further: {fault.strerror}") from fault
        done += len(data)
        if on_progress:
            on_progress(done)
        return data

    with file:
        yield read


def pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """All of a file."""
    while data := read(PIECE_BYTES):
        yield data
