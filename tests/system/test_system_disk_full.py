"""A node on a small disk that is full: says so before anybody types, shows what it has, loses nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.status import FULL_BYTES
from tests.cli.cli_lab import Answer, aidstation, made, running

DISK = "size=24m"
SAVES_MAX = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("no mount command here")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", DISK, "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run([umount, "--lazy", place], check=True)


def _save(home: Path, *words: str) -> Answer:
    return aidstation(home, "record", "triage", "--by", "Ruiz", "--json", *words)


def _fill(ballast: Path) -> None:
    """Until not a byte more fits."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def _acknowledged(home: Path, saved: list[str]) -> None:
    for one in saved:
        answer = aidstation(home, "show", one)
        assert answer.code == 0, answer.err
        assert "triage" in answer.out.lower()


def test_a_node_on_a_full_disk_says_so_shows_what_it_has_and_saves_again_later(disk: Path) -> None:
    home, ballast = made(disk / "home"), disk / "ballast"
    with running(home):
        saved = [_new(_save(home, "--new", "episode", "category=immediate")) for _ in range(3)]
        assert aidstation(home, "status", "--json").result["free_bytes"] > FULL_BYTES
        _fill(ballast)
        state = aidstation(home, "status", "--json").result["state"]
        assert [word for word in state if word.startswith("Stopped: disk full")]
        refused = None
        for _ in range(SAVES_MAX):  # the log of the store may have some room of its own
            answer = _save(home, "--new", "episode", "category=delayed")
            if answer.code:
                refused = answer
                break
            saved.append(_new(answer))
        assert refused is not None
        assert refused.error["code"] == "disk-full"
        assert "Free space" in refused.err + refused.out
        _acknowledged(home, saved)
        ballast.unlink()
        saved.append(_new(_save(home, "--new", "episode", "category=minimal")))
        assert "disk full" not in aidstation(home, "status").out
    with running(home):
        _acknowledged(home, saved)
    checks = aidstation(home, "doctor", "--json").result["checks"]
    assert ("integrity", "ok") in [(one["name"], one["verdict"]) for one in checks]


def _new(answer: Answer) -> str:
    assert answer.code == 0, answer.err
    document: str = answer.result["document"]
    return document


def test_a_node_that_starts_on_a_full_disk_says_what_to_do_and_loses_nothing(disk: Path) -> None:
    home, ballast = made(disk / "home"), disk / "ballast"
    saved = [_new(_save(home, "--new", "episode", "category=immediate"))]
    _fill(ballast)
    answer = aidstation(home, "run")
    assert answer.code
    assert "Free space" in answer.err
    found = aidstation(home, "doctor", "--json")
    verdicts = {one["name"]: one for one in found.result["checks"]}
    assert verdicts["disk"]["verdict"] == "fail"
    assert "free space" in verdicts["disk"]["cure"]
    ballast.unlink()
    _acknowledged(home, saved)
