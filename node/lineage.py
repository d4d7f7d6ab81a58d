"""Whether this store goes on from where this machine left it: what restored and copied stores fail.

A witness beside the store, never in it, knows what the store had last: a mark that changes at every
start, how far its runs had come, which machine and which file it was. An older backup, a home copied to
another machine, a store brought into another home: each differs in one of these, and the store then
begins a new epoch, so nobody goes on believing what it acknowledged before. A machine rolled back as a
whole takes its witness along: only peers can tell (`twins.py`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from node.home import write_atomic
from node.status import zulu
from storage.ports import Store
from sync.custody import NO_EPOCH, new_epoch

MARK_SETTING = "lineage.mark"
BEGAN_SETTING = "lineage.began"
"""Why the present epoch began, and when: `cause ms`."""
PACE_S = 0.5
"""Between two notes of how far the store has come: off the path of saves."""
EXPECTED_MS = 7 * 24 * 3_600_000
"""After a restore, for records of this device to come back from peers."""
_MACHINE_ID = Path("/etc/machine-id")
_MARK_BYTES = 16

CAUSES = {
    "restored": "this store was restored from an older copy",
    "copied": "this store was copied here from another machine or folder",
    "brought": "this store came here without the folder that it belongs to",
    "surpassed": "peers hold records of this device that this store had lost",
}


class Witness(NamedTuple):
    """What is kept beside the store. `marks`: of the store, the next one too while it is being set."""

    marks: tuple[str, ...]
    arrival: int
    machine: str
    place: str


def judge(mark: str, arrival: int, here: tuple[str, str], witness: Witness | None) -> str:
    """Why a store is not the one that this machine wrote last (key of `CAUSES`); empty: it is.

    `mark`, `arrival`: as the store has them ("": it never had any). `here`: machine and place.
    """
    if witness is None:
        return "brought" if mark else ""
    if (witness.machine, witness.place) != here:
        return "copied"
    if mark not in witness.marks or arrival < witness.arrival:
        return "restored"
    return ""


class Lineage:
    """The witness of one open store. `cause`: why a new epoch began at this start; empty: it did not.
    `new`: the store has no mark yet."""

    def __init__(
        self,
        path: Path,
        store: Store,
        place: str,
        now_ms: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._path, self._store = path, store
        self._here = machine(), place
        self.cause = self._begin(now_ms(), entropy)
        self._stirred, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="lineage", daemon=True)
        self._thread.start()

    def _begin(self, now_ms: int, entropy: Callable[[int], bytes]) -> str:
        store = self._store
        mark, arrival = (store.setting(MARK_SETTING) or b"").decode(), store.arrival()
        self.new = not mark
        cause = judge(mark, arrival, self._here, read(self._path))
        if cause:
            begin_epoch(store, cause, now_ms, entropy(16))
        following = entropy(_MARK_BYTES).hex()
        self._write((mark, following), arrival)  # a crash between these two is no restore
        with store.write() as transaction:
            transaction.set_setting(MARK_SETTING, following.encode())
        self._mark = following
        self._write((following,), arrival)
        return cause

    def stirred(self) -> None:
        """Something was held. Returns at once."""
        self._stirred.set()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            self._stirred.wait()
            self._stirred.clear()
            with contextlib.suppress(OSError):  # a full disk stops no care; the next note tells
                self._note(self._store.arrival())
            self._stopping.wait(PACE_S)

    def _note(self, arrival: int) -> None:
        """In place and without waiting for the disk: a power cut may take it back, a copy not."""
        handle = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(handle, _number(arrival), 0)
        finally:
            os.close(handle)

    def _write(self, marks: tuple[str, ...], arrival: int) -> None:
        rest = {"marks": marks, "machine": self._here[0], "place": self._here[1]}
        write_atomic(self._path, _number(arrival) + json.dumps(rest).encode())

    def close(self) -> None:
        """Note how far it has come. The store is still open."""
        self._stopping.set()
        self._stirred.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self._write((self._mark,), self._store.arrival())


def begin_epoch(
    store: Store, cause: str, now_ms: int, entropy: bytes, after: bytes = NO_EPOCH
) -> None:
    """What this store acknowledged in its last epoch, or in one called `after`, may be gone."""
    store.renew_epoch(new_epoch(now_ms, entropy, max(after, store.epoch())))
    with store.write() as transaction:
        transaction.set_setting(BEGAN_SETTING, f"{cause} {now_ms}".encode())


def lately_lost(store: Store, now_ms: int) -> bool:
    """Whether this store is known to have lost records of late: its own that come back are those."""
    cause, _, at_ms = (store.setting(BEGAN_SETTING) or b"").decode().partition(" ")
    return cause in {"restored", "copied", "brought"} and now_ms - int(at_ms) < EXPECTED_MS


def began(store: Store) -> str:
    """Why the present epoch began; empty: with the store."""
    cause, _, at_ms = (store.setting(BEGAN_SETTING) or b"").decode().partition(" ")
    return f"{CAUSES.get(cause, cause)} ({zulu(int(at_ms))})" if cause else ""


def read(path: Path) -> Witness | None:
    """The witness that is kept; one that cannot be read is none."""
    try:
        number, _, rest = path.read_bytes().partition(b"\n")
        body = json.loads(rest)
        return Witness(
            tuple(map(str, body["marks"])),
            int(number),
            str(body["machine"]),
            str(body["place"]),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _number(arrival: int) -> bytes:
    """The first line of the file: always as long."""
    return f"{arrival:020d}\n".encode()


def machine() -> str:
    """Which machine this is: a hash, because the id itself is not to leave it; "": it has none."""
    try:
        name = _MACHINE_ID.read_bytes().strip()
    except OSError:
        return ""
    return hashlib.sha256(b"aidstation/machine/1" + name).hexdigest()[:32] if name else ""


def place_of(url: str | Path) -> str:
    """Which file a store is: a copy is another one. Of a database server nothing is known."""
    if not isinstance(url, Path):
        return ""
    with contextlib.suppress(OSError):
        found = os.stat(url)
        return f"{found.st_dev}:{found.st_ino}"
    return ""
