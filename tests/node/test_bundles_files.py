"""Files on a stick: whole or not at all, never without bounds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.bundles import files, keeping
from node.errors import BadRequest, QuotaFull, StickFull
from sync.trust.errors import (
    TrustError,
)
from tests.node.node_lab import document

# Files --------------------------------------------------------------------------------------------


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    out = tmp_path / "a.bundle"

    def parts() -> Iterator[bytes]:
        yield b"first"
        assert not out.exists()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        files.write_whole(out, parts())
    assert list(tmp_path.iterdir()) == []
    files.write_whole(out, [b"whole"])
    with pytest.raises(BadRequest, match="exists already"):
        files.write_whole(out, [b"other"])
    assert out.read_bytes() == b"whole"


def test_a_full_stick_is_refused_with_what_is_needed(pair):
    one, other = pair
    one.write(document(1), "x")
    parts = one.seal_to(other)
    stick = Path("/dev/full")  # every write to it fails as on a full disk
    if not stick.exists():
        pytest.skip("no /dev/full here")
    folder = FullFolder(stick)
    with pytest.raises(StickFull, match="needs about 1 MB"):
        files.write_whole(folder, [parts[:100], parts[100:]])


class FullFolder(type(Path())):  # type: ignore[misc]  # a path whose part is a full device
    """A file on a full stick."""

    def exists(self, **_: object) -> bool:
        return False

    def with_name(self, _name: str) -> Path:
        return UnremovedPath(self)


class UnremovedPath(type(Path())):  # type: ignore[misc]  # as above
    """A device stays where it is."""

    def unlink(self, missing_ok: bool = False) -> None:
        pass


def test_nothing_in_a_bundle_names_a_file(pair, tmp_path):
    one, other = pair
    given = tmp_path / "..%2fetc; rm -rf.bundle"
    given.write_bytes(one.seal_to(other))
    folder = keeping.Folder(tmp_path / "carried", 1 << 20, "CARRIED_BYTES_MAX")
    kept = folder.add(given)
    assert kept.path.name == f"{kept.id}.bundle"
    assert set(kept.id) <= set("0123456789abcdef")
    assert [path.name for path in (tmp_path / "carried").iterdir()] == [kept.path.name]


def test_a_courier_is_not_filled_up_and_keeps_the_longer_of_two_copies(pair, tmp_path):
    one, other = pair
    one.write(document(1), random.Random(1).randbytes(5000).hex())
    whole = one.seal_to(other)
    given = tmp_path / "given"
    folder = keeping.Folder(tmp_path / "carried", len(whole) + 10, "CARRIED_BYTES_MAX")
    for data in (whole[:2000], whole, whole[:3000]):
        given.write_bytes(data)
        folder.add(given)
    assert [one.size for one in folder.kept()] == [len(whole)]
    given.write_bytes(one.seal_to(other))
    with pytest.raises(QuotaFull, match="CARRIED_BYTES_MAX"):
        folder.add(given)
    given.write_bytes(b"no bundle")
    with pytest.raises(TrustError):
        folder.add(given)
    assert len(folder.kept()) == 1
