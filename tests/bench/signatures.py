"""What share of ingest goes to checking signatures: processor time, and bytes on the wire.

The receiver of `ingest.py` with an encrypted store, once for each value. Verification runs as it does in a
node, inside a wrapper that reads its thread's processor time before and after; nothing is profiled. Beside
it what the AEAD of TLS takes for the same bytes: they are opened once more, in records of 16 KiB.
"""

from __future__ import annotations

import multiprocessing
import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import ingest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conflict.signature import SIGNATURE_BYTES
from tests.bench.figures import Row, row

TIMES = 5
STATEMENTS = 20
RECORD_BYTES = 16 << 10
HELD = ("unpack_cpu_s", "vet_cpu_s", "hold_cpu_s")


def measure(charts: int, times: int = TIMES) -> list[Row]:
    """Shares in percent, each with its spread over the repeats."""
    with tempfile.TemporaryDirectory(prefix="aidstation-bench-") as root:
        content = Path(root) / "content"
        ingest.prepare(content, charts, seed=1)
        found = [_received(Path(root), number) for number in range(times)]
        aead = [_aead_s(content) for _ in found]
        sizes = [len(payload) for payload in ingest.payloads(content)]
    checked = [one["signatures_cpu_s"] for one in found]
    work = f"signatures in the ingest of {charts:,} charts, one for each lane of {STATEMENTS} statements"
    shares = {
        "% of processor time until held (unpacked, checked, written)": [
            sum(one[name] for name in HELD) for one in found
        ],
        "% of the node process's, all shown": [one["node_cpu_s"] for one in found],
        "% of all processor time, document workers too": [one["cpu_s"] for one in found],
    }
    signed = SIGNATURE_BYTES * charts
    return [
        *(
            row(
                work,
                name,
                [100 * part / whole for part, whole in zip(checked, values, strict=True)],
            )
            for name, values in shares.items()
        ),
        row(work, "us a signature", [part / charts * 1e6 for part in checked]),
        row(work, "% of the bytes of content", [100 * signed / sum(sizes)]),
        row(work, "bytes a statement", [signed / charts / STATEMENTS]),
        row(
            work,
            "TLS records' AEAD: % of all processor time",
            [100 * spent / one["cpu_s"] for spent, one in zip(aead, found, strict=True)],
        ),
    ]


def _received(root: Path, number: int) -> dict[str, Any]:
    folder = root / str(number)
    folder.mkdir()
    (folder / "content").symlink_to(root / "content")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as receiver:
        return receiver.submit(ingest.receive, folder, secrets.token_bytes(32)).result()


def _aead_s(content: Path) -> float:
    """Processor seconds to open these bytes as TLS does."""
    cipher, nonce = AESGCM(AESGCM.generate_key(256)), bytes(12)
    records = [cipher.encrypt(nonce, one, None) for one in _records(content)]
    began = time.process_time()
    for one in records:
        cipher.decrypt(nonce, one, None)
    return time.process_time() - began


def _records(content: Path) -> Iterator[bytes]:
    for payload in ingest.payloads(content):
        for at in range(0, len(payload), RECORD_BYTES):
            yield payload[at : at + RECORD_BYTES]
