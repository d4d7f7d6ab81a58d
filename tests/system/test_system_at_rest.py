"""What a disk shows to whoever has it: every byte that real processes leave, searched for names.

Nodes and commands are processes of their own; the node is killed, so that its write-ahead log stays. Where
this user may mount one, all of it is on a disk image of its own, and the image is searched too: what was
removed, the file system's journal, free blocks. The same search finds every name in a plain home: it can
fail.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.errors import EXIT_INTEGRITY, EXIT_LOCKED, EXIT_USAGE
from storage import SqlStore, StorageError
from tests.cli.cli_lab import ANY_PORT, SCRIPT, environment

FAMILY, GIVEN, ALLERGEN = "Okafor-Whitcombe", "Adaeze", "xylobutazone"
NOTE, IMPORTED, WORDS = "zebrafinch cellar", "Quennevais", "correct horse battery"
NAMES = (FAMILY, GIVEN, ALLERGEN, NOTE, IMPORTED)
PAGE_BYTES = 4096
PAGES = 4
IMAGE_BYTES = 64 << 20
CHI_SQUARE_MAX = 255 + 6 * (2 * 255) ** 0.5
"""Of 256 byte values over noise: mean 255, variance 2 × 255; six deviations: one in ten million."""


class Bench:
    """One home, a folder for temporary files, and processes that use them."""

    def __init__(self, root: Path, image: Path | None, *protection: str) -> None:
        self.home, self.temporary, self.image = root / "home", root / "temporary", image
        self.temporary.mkdir()
        self.log = self.home / "log" / "node.log"
        self.words = root.parent / "words.txt"
        self.words.write_text(WORDS + "\n")
        listens = ("--sync-listen", ANY_PORT, "--api-listen", ANY_PORT)
        self.call("init", "--name", "bas", *listens, *protection)
        with (self.home / "config.toml").open("a") as file:
            file.write("\n[discovery]\nmdns = false\n")

    @property
    def variables(self) -> dict[str, str]:
        """Temporary files where they are searched; the passphrase at hand."""
        extra = {"TMPDIR": str(self.temporary), "AIDSTATION_PASSPHRASE_FILE": str(self.words)}
        return environment(self.home, extra)

    def call(self, *words: str, code: int = 0) -> str:
        """One command in a process of its own."""
        done = subprocess.run(
            [*SCRIPT, "--home", str(self.home), *words],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.variables,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    @contextmanager
    def node(self) -> Iterator[subprocess.Popen[bytes]]:
        """The node, its log in the home, until the block ends; then it is killed."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*SCRIPT, "--home", str(self.home), "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.PIPE,
                env=self.variables,
            )
        assert process.stderr is not None
        try:
            said = process.stderr.readline()
            assert said.startswith(b"Running as process"), said
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            self.log.write_bytes(self.log.read_bytes() + said + process.stderr.read())
            process.wait()
            process.stderr.close()

    def care(self, root: Path) -> None:
        """Names in every way that they come in and are shown."""
        person = json.dumps({"resourceType": "Patient", "id": "p1", "name": [{"family": IMPORTED}]})
        bundle = {"resourceType": "Bundle", "type": "collection"}
        folder = root / "bundles"
        folder.mkdir()
        entry = [{"resource": json.loads(person)}]
        (folder / "a.json").write_text(json.dumps(bundle | {"entry": entry}))
        named = ("name", "--new", "person", f"family={FAMILY}", f"given={GIVEN}", "evidence=tag")
        self.call("record", *named, "--by", "Ruiz")
        allergy = ("allergy", FAMILY, f"substance={ALLERGEN}", "status=active")
        self.call("record", *allergy, "--by", "Ruiz")
        self.call("import", "fhir", str(folder), "--system", "urn:clinic:7")
        assert FAMILY in self.call("find", FAMILY)
        assert ALLERGEN in self.call("show", FAMILY)
        self.call("record", "no-such-slot", FAMILY, f"text={NOTE}", code=EXIT_USAGE)
        self.call("show", NOTE, code=1)

    def found(self) -> set[str]:
        """Names that any file here shows, and where."""
        places = [*files(self.home), *files(self.temporary)]
        return {
            f"{name} in {place.name}"
            for place, raw in [*((one, one.read_bytes()) for one in places), *self.disk()]
            for name in NAMES
            for form in forms(name)
            if form in raw
        }

    def disk(self) -> list[tuple[Path, bytes]]:
        """The whole image, as it is on the disk now; none where there is none."""
        os.sync()
        return [(self.image, self.image.read_bytes())] if self.image else []


def forms(name: str) -> Iterator[bytes]:
    """As text is kept: UTF-8 and UTF-16, also folded, as an index does."""
    for text in (name, name.lower(), name.upper()):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield text.encode(encoding)


def chi_square(raw: bytes) -> float:
    """How far the byte values are from all being equally frequent."""
    expected, counts = len(raw) / 256, Counter(raw)
    return sum((counts[value] - expected) ** 2 / expected for value in range(256))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Path | None]]:
    """A folder on a disk of its own, and that disk's image; None: this user may mount nothing."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    made = _done("mkfs.ext4", "-q", "-F", str(image))
    if not made or not _done("mount", "-o", "loop", str(image), str(folder)):
        yield folder, None
        return
    yield folder, image
    assert _done("umount", str(folder))


def _done(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def protected(disk: tuple[Path, Path | None], tmp_path: Path) -> Bench:
    (tmp_path / "words.txt").write_text(WORDS + "\n")
    return Bench(*disk, "--passphrase-file", str(tmp_path / "words.txt"))


def test_no_file_of_a_killed_node_shows_a_name_and_after_zeroize_none_is_left(
    protected: Bench, tmp_path: Path
) -> None:
    with protected.node():
        protected.care(tmp_path)
        assert protected.found() == set()
    wal = protected.home / "store.db-wal"
    assert wal.stat().st_size > PAGE_BYTES
    assert protected.found() == set()
    assert b"PRIVATE KEY" not in b"".join(one.read_bytes() for one in files(protected.home))
    assert {"store.db", "running.json", "api-token", "node.log"} <= names(protected.home)

    assert ALLERGEN in protected.call("show", FAMILY)  # whoever may, reads all of it
    raw = (protected.home / "store.db").read_bytes()
    assert len(raw) >= PAGES * PAGE_BYTES
    assert chi_square(raw[: PAGES * PAGE_BYTES]) < CHI_SQUARE_MAX

    copies = {one.name: one.read_bytes() for one in files(protected.home)}
    wrap = json.loads(copies["vault.json"])["slots"][0]["wrap"].encode()
    assert all(wrap in raw for _, raw in protected.disk())
    with protected.node() as process:
        protected.call("lock")
        protected.call("find", FAMILY, code=EXIT_LOCKED)
        protected.call("zeroize", "--yes")
        assert process.wait() == -signal.SIGKILL
        assert files(protected.home) == []
        protected.log.parent.mkdir(exist_ok=True)
        protected.log.touch()
    assert protected.found() == set()
    assert not any(wrap in raw for _, raw in protected.disk())
    assert_noise(tmp_path, copies)


def assert_noise(root: Path, copies: dict[str, bytes]) -> None:
    """A store kept from before opens no more: the vault was all that opened it."""
    path = root / "kept.db"
    path.write_bytes(copies["store.db"])
    for key in (None, bytes(32), bytes.fromhex(copies["api-token"].decode())):
        with pytest.raises(StorageError):
            SqlStore.open(path, entropy=bytes(16), key=key)


def test_the_same_search_finds_every_recorded_name_in_a_plain_home(
    disk: tuple[Path, Path | None], tmp_path: Path
) -> None:
    bench = Bench(*disk, "--plain")
    with bench.node():
        bench.care(tmp_path)
    seen = {line.partition(" in ")[0] for line in bench.found()}
    assert seen == set(NAMES) - {NOTE}
    raw = (bench.home / "store.db").read_bytes() + (bench.home / "store.db-wal").read_bytes()
    assert chi_square(raw[: PAGES * PAGE_BYTES]) > 10 * CHI_SQUARE_MAX


def test_a_store_put_in_place_of_the_encrypted_one_is_refused(protected: Bench) -> None:
    SqlStore.open(protected.home / "store.db", entropy=bytes(16)).close()
    protected.call("status", code=EXIT_INTEGRITY)


def test_a_node_leaves_no_core_and_lets_nobody_read_its_memory(protected: Bench) -> None:
    with protected.node() as process:
        limits = Path(f"/proc/{process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    code = (
        "import ctypes; from node.hardening import forbid_core_dumps as forbid;"
        "libc = ctypes.CDLL(None); before = libc.prctl(3, 0, 0, 0, 0); forbid();"
        "print(before, libc.prctl(3, 0, 0, 0, 0))"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.split()[1] == "0"


def files(root: Path) -> list[Path]:
    return [one for one in root.rglob("*") if one.is_file()]


def names(root: Path) -> set[str]:
    return {one.name for one in files(root)}
