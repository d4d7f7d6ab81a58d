"""Bundles that wait on this node as they are: carried for others, or come while it was locked.

Nothing of a bundle names a file here: that is the hash of its header. Reading needs no key and no store.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from conflict.statement import Json
from node.bundles import files
from node.errors import NotFound, QuotaFull
from sync.trust.sealing import VERSION, Header, read_header

CARRIED_BYTES_MAX = 8 << 30
INBOX_BYTES_MAX = 4 << 30
_SUFFIX = ".bundle"
_ID_CHARS = 32


class Kept(NamedTuple):
    """A bundle in a folder, as its carrier sees it."""

    id: str
    path: Path
    size: int
    key_ids: tuple[bytes, ...]

    def hand_on(self, folder: Path, on_progress: files.Progress | None = None) -> Path:
        """Copy it into a folder, whole; the copy. There already: that one."""
        copy = folder / f"{self.id}{_SUFFIX}"
        if not (copy.exists() and copy.stat().st_size == self.size):
            copy.unlink(missing_ok=True)
            with files.reading(self.path) as read:
                files.write_whole(copy, files.pieces(read), on_progress)
        return copy

    def body(self) -> dict[str, Json]:
        """For programs."""
        ids = [one.hex() for one in self.key_ids]
        return {"id": self.id, "bytes": self.size, "version": VERSION, "key_ids": ids}


class Folder:
    """A folder of sealed bundles with a quota; each once, the longer one where one was cut."""

    def __init__(self, root: Path, bytes_max: int, limit: str) -> None:
        self._root = root
        self._bytes_max = bytes_max
        self._limit = limit

    def add(self, path: Path, on_progress: files.Progress | None = None) -> Kept:
        """Copy a bundle here; the file stays where it was. Raises what `read_header` raises,
        `QuotaFull`, and as `files.write_whole`."""
        one = looked_at(path)
        place = self._place(one.id)
        if place.exists() and place.stat().st_size >= one.size:
            return looked_at(place)
        used = sum(kept.size for kept in self.kept() if kept.id != one.id)
        if used + one.size > self._bytes_max:
            raise QuotaFull(
                f"{one.size:,} B more would be over {self._bytes_max:,} B ({self._limit}); "
                "nothing was copied, and nothing that waits here was dropped"
            )
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = place.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with files.reading(path) as read:
            files.write_whole(fresh, files.pieces(read), on_progress)
        fresh.replace(place)
        return looked_at(place)

    def kept(self) -> list[Kept]:
        """All, ascending by id."""
        paths = self._root.glob(f"*{_SUFFIX}") if self._root.is_dir() else ()
        return [looked_at(path) for path in sorted(paths)]

    def find(self, start: str) -> Kept:
        """The one whose id starts so. Raises `NotFound`."""
        found = [one for one in self.kept() if start and one.id.startswith(start.lower())]
        if len(found) != 1:
            raise NotFound("no single bundle here has an id that starts so")
        return found[0]

    def drop(self, start: str) -> Kept:
        """Remove one. Raises `NotFound`."""
        one = self.find(start)
        one.path.unlink()
        return one

    def apply(self, take: Callable[[Path], Json]) -> list[Json]:
        """`take` each bundle and remove it once that has returned. One that cannot be taken stays and
        keeps no other out; what it raised first is raised when all were tried."""
        answers: list[Json] = []
        fault: Exception | None = None
        for one in self.kept():
            try:
                answers.append(take(one.path))
            except Exception as found:  # noqa: BLE001  raised below
                fault = fault or found
            else:
                one.path.unlink()
        if fault is not None:
            raise fault
        return answers

    def _place(self, name: str) -> Path:
        return self._root / f"{name}{_SUFFIX}"


def carried(home: Path) -> Folder:
    """What this node carries for others."""
    return Folder(home / "carried", CARRIED_BYTES_MAX, "CARRIED_BYTES_MAX")


def inbox(home: Path) -> Folder:
    """What came for this node while it was locked."""
    return Folder(home / "inbox", INBOX_BYTES_MAX, "INBOX_BYTES_MAX")


def looked_at(path: Path) -> Kept:
    """A bundle as a carrier sees it. Raises what `read_header` raises, `BadRequest`."""
    with files.reading(path) as read:
        header = read_header(read)
    return Kept(name_of(header), path, path.stat().st_size, header.key_ids)


def name_of(header: Header) -> str:
    """What a bundle is called here: 16 bytes of its header's hash, hex."""
    return header.binding.hex()[:_ID_CHARS]
