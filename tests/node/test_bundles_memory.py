"""A bundle larger than the memory that it may take: both ways in pieces."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from conflict.statement import Draft
from node.bundles import files
from node.bundles.exporting import Export
from node.desk import BundleOrder, Save
from tests.node.bundle_lab import Authority, Member, idle, member
from tests.node.node_lab import document

MIB = 1 << 20
BLOB_BYTES = 48 * MIB
BLOBS = 2
OVER_BASE_BYTES = 64 * MIB
PROC = Path("/proc/self")


def peak_bytes() -> int:
    """Of this process since the last `reset`."""
    lines = (PROC / "status").read_text().splitlines()
    return next(int(one.split()[1]) * 1024 for one in lines if one.startswith("VmHWM"))


def reset() -> int:
    """Forget the peak; what is in use now."""
    (PROC / "clear_refs").write_text("5")
    return peak_bytes()


def large_attachment(node: Member, number: int) -> bytes:
    """Named by a record and kept in pieces: it is never in memory whole. Its hash."""
    pieces = [random.Random(4 * number + at).randbytes(MIB) for at in range(4)]
    digest = hashlib.sha256()
    for at in range(BLOB_BYTES // MIB):
        digest.update(pieces[at % 4])
    name = digest.digest()
    named = {"hash": name.hex(), "bytes": BLOB_BYTES, "media": "video/mp4"}
    draft = Draft(slot="source", value={"type": "film", "blob": named}, by="Ruiz")
    node.engine.save([Save(document(number), (draft,))])
    with node.engine.store.write() as transaction:
        for at in range(BLOB_BYTES // MIB):
            transaction.put_blob_part(name, at * MIB, pieces[at % 4], BLOB_BYTES)
    return name


def test_memory_does_not_grow_with_what_is_on_the_stick(tmp_path: Path) -> None:
    if not (PROC / "clear_refs").exists():
        pytest.skip("peaks are read from /proc")
    authority = Authority()
    with (
        member(tmp_path, authority, "one") as one,
        member(tmp_path, authority, "other") as other,
    ):
        one.engine.belonging.add(authority.entries)
        names = [large_attachment(one, number) for number in range(BLOBS)]
        idle(one.engine)
        stick = tmp_path / "stick.bundle"
        base = reset()
        parcel = one.parcel(BundleOrder(nodes=(other.name,)))
        size = files.write_whole(stick, Export(one.engine, parcel).sealed())
        assert size > BLOBS * BLOB_BYTES
        assert peak_bytes() - base < OVER_BASE_BYTES
        base = reset()
        found = other.desk.bundle_import(str(stick))
        assert peak_bytes() - base < OVER_BASE_BYTES
        assert found["attachments"] == BLOBS
        for name in names:
            assert other.engine.store.blob_part(name, BLOB_BYTES - 1, 10) is not None
