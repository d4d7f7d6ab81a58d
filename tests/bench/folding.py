"""How long a fold takes: a chart of 300 and of 2,000 admitted statements, and after one more.

The fold alone: from admitted entries (the JSON texts that the store gives) to views and findings, no
document opened, nothing written. `chart_rules`: the rules over the chart at a time of reading, beside it.
Goals: 300 statements in 10 ms, 2,000 in 80 ms, one more at 300 in 3 ms.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from conflict.chart import chart_of
from conflict.clock import Stamp
from conflict.document import Entry
from conflict.fold import Folded, fold, fold_statements, statements_of
from conflict.identity import ActorId, DocumentId, DocumentKind, new_document
from conflict.rule import Facts
from conflict.statement import Draft, encode
from node.sim.casualties import casualty
from node.sim.ongoing import stream

AUTHORS = 4
ROUNDS = 31
SEED = 7
START = datetime(2026, 11, 1, tzinfo=UTC)


def drafts(count: int) -> list[Draft]:
    """What a casualty's episode fills with over hours of prolonged care."""
    case = casualty(SEED, 0, START)
    own = [save for save in case.saves if save.document == case.episode]
    saves = chain(own, stream(SEED, case, START + timedelta(hours=1)))
    return list(islice((draft for save in saves for draft in save.drafts), count))


def lanes(count: int) -> tuple[DocumentId, dict[ActorId, list[Entry]]]:
    """The drafts as the admitted entries of a few authors' lanes."""
    document = new_document(DocumentKind.EPISODE, b"one long record")
    actors = [ActorId(bytes([number + 1]) * 16) for number in range(AUTHORS)]
    found: dict[ActorId, list[Entry]] = {actor: [] for actor in actors}
    for place, draft in enumerate(drafts(count)):
        mine = found[actors[place % AUTHORS]]
        text = encode(draft, Stamp(1_795_401_431_123 + place, 0))
        mine.append(Entry(draft.slot, len(mine) + 1, text))
    return document, found


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Milliseconds of processor time of one call: least, median and 95th percentile of the rounds."""
    work()
    spent: list[float] = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        work()
        spent.append((time.process_time() - began) * 1000)
    spent.sort()
    return {
        "least_ms": round(spent[0], 2),
        "median_ms": round(statistics.median(spent), 2),
        "p95_ms": round(spent[int(len(spent) * 0.95)], 2),
    }


def measure(count: int) -> dict[str, object]:
    """Figures for a record of `count` statements."""
    document, entries = lanes(count)
    statements, _ = statements_of(entries, document)
    before: Folded = fold_statements(document, statements[:-1])
    whole = fold_statements(document, statements)
    works: dict[str, Callable[[], object]] = {
        "fold": lambda: fold(document, entries),
        "one_more": lambda: fold_statements(document, statements, before=before),
        "chart_rules": lambda: chart_of(Facts((whole,), START + timedelta(days=22))),
        "projection": whole.projection,
    }
    figures: dict[str, object] = {"statements": count}
    for name, work in works.items():
        figures |= {f"{name}_{key}": value for key, value in timed(work).items()}
    return figures
