"""Files to import and their bytes: folders walked in order, gzip inflated within limits.

What cannot be listed or inflated is a typed refusal; the rest goes on.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from node.fhir import limits
from node.fhir.errors import FileRefused, FileUnreadable
from node.fhir.report import UNNAMED, Refusal, refusal

_NAMES = re.compile(r".*\.(json|ndjson|jsonl)(\.gz)?", re.IGNORECASE)
_LINES = re.compile(r".*\.(ndjson|jsonl)(\.gz)?", re.IGNORECASE)


class Listing(NamedTuple):
    """Files to read in order, names passed over in folders, and paths that could not be listed."""

    files: tuple[Path, ...]
    passed_over: tuple[Path, ...]
    refusals: tuple[Refusal, ...]


def list_files(paths: Iterable[Path]) -> Listing:
    """Files named, and in folders every .json, .ndjson, .jsonl and .gz of these, sorted."""
    files: list[Path] = []
    other: list[Path] = []
    refusals: list[Refusal] = []
    for path in paths:
        if path.is_dir():
            for found in _walk(path, refusals):
                (files if _NAMES.fullmatch(found.name) else other).append(found)
        elif path.is_file():
            files.append(path)
        else:
            fault = FileUnreadable("unreadable", "no such file or folder")
            refusals.append(refusal(path, "", UNNAMED, fault))
    return Listing(tuple(dict.fromkeys(files)), tuple(other), tuple(refusals))


def _walk(folder: Path, refusals: list[Refusal]) -> Iterator[Path]:
    def refuse(fault: OSError) -> None:
        refused = FileUnreadable("unreadable", "the folder cannot be listed")
        refusals.append(refusal(fault.filename or folder, "", UNNAMED, refused))

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(place, name)).is_file())


def holds_lines(path: Path) -> bool:
    """Whether a file's name says NDJSON."""
    return _LINES.fullmatch(path.name) is not None


def total_bytes(files: Sequence[Path]) -> int:
    """Bytes on disk, for a progress bar; what cannot be asked counts nothing."""
    total = 0
    for path in files:
        try:
            total += path.stat().st_size
        except OSError:  # reading it will say so
            continue
    return total


def inflated(path: Path, raw: IO[bytes], bytes_max: int) -> Iterator[bytes]:
    """A file's bytes, inflated where it is gzip. Raises `FileRefused`."""
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    # read1 hands on what came before a break in the stream, where read would lose it
    read = gzip.GzipFile(fileobj=raw).read1 if zipped else raw.read
    inflated_max = path.stat().st_size * limits.GZIP_RATIO_MAX + limits.GZIP_SLACK_BYTES
    total = 0
    try:
        while piece := read(limits.READ_BYTES):
            total += len(piece)
            if total > bytes_max:
                raise FileRefused("file-too-large", f"over {bytes_max} bytes")
            if zipped and total > inflated_max:
                raise FileRefused("gzip-bomb", f"inflates over {limits.GZIP_RATIO_MAX} times")
            yield piece
    except EOFError as fault:
        raise FileRefused("bad-gzip", "the gzip stream ends in the middle") from fault
    except (gzip.BadGzipFile, zlib.error) as fault:
        raise FileRefused("bad-gzip", "the gzip stream is damaged") from fault


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a stream; one longer than a resource may be comes cut, so that it is refused."""
    pending = b""
    for piece in pieces:
        head, *rest = piece.split(b"\n")
        pending += head[: limits.RESOURCE_BYTES_MAX + 1 - len(pending)]
        for line in rest:
            yield pending
            pending = line
    yield pending
