"""What CONTENT costs: bytes per statement and processor time per change, packed and unpacked.

Run with `python -m tests.bench.payload`. Bytes are exact; `squeezed` counts what is left without
ids, hashes and signatures, which are `plain`. Time is the least of several rounds, as microseconds
and as a multiple of reading one change's header (`read_header`) in the same run. Goals: 45 B a
statement in runs of 20, 90 B and a signature alone, 10,000 new charts in 7 MB and about 1 s.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from conflict.change import read_header
from conflict.rebuilding import dependency, parse
from sync import limits
from sync.continuing import Base, Continued
from sync.packing import lay_out, pack
from sync.payload import read_payload
from tests.bench.payload_runs import Frame, care, casualty_documents, frames, new_charts

SEED = 41
ROUNDS = 5
LARGE = 50_000
CHARTS = 10_000
LONE = 200
DOCUMENTS_OF_TWENTY = 60
CASUALTIES = 300


def measure(charts: int = CHARTS) -> list[dict[str, Any]]:
    """One row a workload, live stamps unless its name says imported."""
    lone = [[run] for run in care(SEED, LONE, first=13, changes=1)]
    first = [[run] for run in care(SEED + 1, LONE, first=1, changes=1)]
    twenty = [[run] for run in care(SEED + 2, DOCUMENTS_OF_TWENTY, first=1, changes=20)]
    fifty = [list(care(SEED + 3, 50, first=21, changes=20))]
    casualties = list(frames(casualty_documents(SEED + 4, CASUALTIES), limits.CONTENT_RAW_BYTES))
    new = list(frames(new_charts(SEED + 5, charts), limits.CONTENT_RAW_BYTES))
    imported = list(frames(new_charts(SEED + 6, charts, live=False), limits.CONTENT_RAW_BYTES))
    return [
        _row("first change of a lane", first),
        _row("lone change", lone),
        _row("lone change, continued", lone, continued=True),
        _row("20 changes", twenty),
        _row("50 documents x 20", fifty),
        _row("50 documents x 20, continued", fifty, continued=True),
        _row("whole casualties", casualties),
        _row(f"{charts} new charts", new),
        _row(f"{charts} new charts, imported", imported),
    ]


def _row(name: str, sent: Sequence[Frame], *, continued: bool = False) -> dict[str, Any]:
    changes = [chunk for frame in sent for run in frame for chunk in run.changes]
    statements = sum(_statements(frame) for frame in sent)
    held = [frozenset(run.lane for run in frame if continued) for frame in sent]
    bases = [_bases(frame) if continued else {} for frame in sent]
    packed = [pack(*one) for one in zip(sent, held, strict=True)]
    for frame, data, base in zip(sent, packed, bases, strict=True):
        assert read_payload(data).runs(base) == tuple(frame)
    total = sum(map(len, packed))
    plain = sum(len(lay_out(*one)[1]) for one in zip(sent, held, strict=True))
    signatures = sum(len(run.signature or b"") for frame in sent for run in frame)
    header_us = _us(lambda: [read_header(chunk) for chunk in changes], len(changes))
    pack_us = _us(lambda: [pack(*one) for one in zip(sent, held, strict=True)], len(changes))
    unpack_us = _us(
        lambda: [read_payload(data).runs(base) for data, base in zip(packed, bases, strict=True)],
        len(changes),
    )
    return {
        "workload": name,
        "frames": len(sent),
        "changes": len(changes),
        "statements": statements,
        "raw_per_statement": _per(sum(map(len, changes)), statements),
        "bytes": total,
        "bytes_per_statement": _per(total, statements),
        "without_signatures": _per(total - signatures, statements),
        "squeezed": _per(total - plain, statements),
        "squeezed_per_change": _per(total - plain, len(changes)),
        "pack_us_per_change": round(pack_us, 1),
        "unpack_us_per_change": round(unpack_us, 1),
        "pack_in_headers": _per(pack_us, header_us),
        "unpack_in_headers": _per(unpack_us, header_us),
    }


def _statements(frame: Frame) -> int:
    found = [parse(chunk) for run in frame for chunk in run.changes]
    return sum(len(said.texts) for said in found if said)


def _bases(frame: Frame) -> dict[Continued, Base]:
    """What a receiver that holds all before would fill in."""
    return {
        Continued(run.lane.document, run.lane.actor[:8], run.first_seq - 1, before[:4]): Base(
            run.author, run.nonce, before
        )
        for run in frame
        if (before := dependency(run.changes[0]))
    }


def _per(total: float, count: float) -> float:
    return round(total / count, 1)


def _us(work: Callable[[], object], count: int) -> float:
    """Microseconds of one of `count` things done; large workloads are measured once."""
    best = float("inf")
    for _ in range(ROUNDS if count < LARGE else 1):
        gc.collect()
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best / count * 1e6


def main() -> None:
    """Print a table, then JSON."""
    rows = measure(int(sys.argv[1]) if len(sys.argv) > 1 else CHARTS)
    for row in rows:
        print(f"\n{row['workload']}", file=sys.stderr)
        for key, value in row.items():
            print(f"  {key:<22}{value!s:>12}", file=sys.stderr)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
