"""What encryption at rest costs: the same work on a plain and an encrypted SQLite file, in turns.

Saves alternate between both stores, so that whatever else the machine does hits both alike; ingest is the
receiver of a cold sync (`ingest.py`), each in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ingest

from conflict.identity import DocumentKind, new_document
from conflict.signature import SigningKey
from conflict.statement import Draft
from node.app import now_ms
from node.desk import Save
from node.engine import Engine
from node.home import find_home, init
from node.unlocking import Secrets, by_passphrase, fresh_vault, iterations_here, unlock
from node.vault import STORE
from node.workers import InlineWorkers
from node.zeroizing import zeroize
from storage import SqlStore
from storage.schema import open_database

SAVES = 400
OPENS = 40
UNLOCKS = 5
CASUALTIES = 20
WORDS = b"correct horse battery staple"
KINDS: dict[str, bytes | None] = {"plain": None, "encrypted": secrets.token_bytes(32)}


def measure(charts: int) -> list[dict[str, Any]]:
    """A row for each kind of file, one for the vault."""
    rows: dict[str, dict[str, Any]] = {kind: {"store": kind} for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as folder:
        root = Path(folder)
        for kind, times in _saves(root).items():
            rows[kind] |= _spread("save_ms", times)
        for kind, times in _opens(root).items():
            rows[kind] |= _spread("open_ms", times)
        for kind, figures in _ingested(root, charts).items():
            rows[kind] |= figures
        return [*rows.values(), {"store": "vault", **_vault(root)}]


def _spread(name: str, times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    p95 = ordered[int(len(ordered) * 0.95)]
    return {f"{name}_p50": round(statistics.median(ordered), 2), f"{name}_p95": round(p95, 2)}


def _timed(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


@contextmanager
def opened_engine(path: Path, key: bytes | None) -> Iterator[Engine]:
    """A node without its links over a SQLite file; `key` None: a plain one."""
    engine = Engine(
        key=SigningKey.from_entropy(secrets.token_bytes(48)),
        store=SqlStore.open(path, entropy=bytes(16), key=key),
        workers=InlineWorkers(),
        now_ms=now_ms,
        entropy=secrets.token_bytes,
    )
    try:
        yield engine
    finally:
        engine.close()


def _saves(root: Path) -> dict[str, list[float]]:
    """Milliseconds from asking an engine to its statement being durable."""
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    plain_one, encrypted_one = (opened_engine(root / f"{one}.db", KINDS[one]) for one in KINDS)
    with plain_one as plain, encrypted_one as encrypted:
        for number in range(SAVES):
            document = new_document(DocumentKind.EPISODE, (number % CASUALTIES).to_bytes(15, "big"))
            draft = Draft(slot="vitals", value={"pulse": 60 + number % 90}, by="bench")
            for kind, engine in (("plain", plain), ("encrypted", encrypted)):
                saves = [Save(document, (draft,))]
                times[kind].append(_timed(lambda: engine.save(saves)))  # noqa: B023  called at once
                engine.projector.wait_idle()
    return times


def _opens(root: Path) -> dict[str, list[float]]:
    """Milliseconds to open a store that is there, schema and pragmas checked."""
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(OPENS):
        for kind, key in KINDS.items():
            path = root / f"{kind}.db"
            times[kind].append(_timed(lambda: open_database(path, key).dispose()))  # noqa: B023  as above
    return times


def _ingested(root: Path, charts: int) -> dict[str, dict[str, Any]]:
    """Charts received, admitted, folded and shown, without a network."""
    content = root / "content"
    ingest.prepare(content, charts, seed=1)
    spawn = multiprocessing.get_context("spawn")
    found = {}
    for kind, key in KINDS.items():
        folder = root / f"ingest-{kind}"
        folder.mkdir()
        (folder / "content").symlink_to(content)
        with ProcessPoolExecutor(1, mp_context=spawn) as receiver:
            figures = receiver.submit(ingest.receive, folder, key).result()
        names = ("wall_s", "cpu_s", "node_cpu_s", "store_mb")
        found[kind] = {"charts": charts, **{f"ingest_{name}": figures[name] for name in names}}
    return found


def _vault(root: Path) -> dict[str, Any]:
    """One guess at a passphrase, and the end of a home that holds what was just ingested."""
    home, iterations = find_home(root / "home"), iterations_here()
    init(home, None, fresh := fresh_vault([by_passphrase(WORDS, iterations)]))
    given = Secrets(lambda: WORDS)
    unlocks = [_timed(lambda: unlock(home, given)) for _ in range(UNLOCKS)]
    key = fresh.data.derive(STORE)
    SqlStore.open(home.store, entropy=bytes(16), key=key).close()
    stored = next((root / "ingest-encrypted").glob("store.sqlite"))
    home.store.write_bytes(stored.read_bytes())
    return {
        "iterations": iterations,
        **_spread("unlock_ms", unlocks),
        "zeroize_ms": round(_timed(lambda: zeroize(home)), 1),
    }
