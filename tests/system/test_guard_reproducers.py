"""Every reproducer of the Automerge study, offered by an enrolled peer to a running node over its socket.

Each ends in a refusal with a stable code; meanwhile and afterwards the node answers its API and takes
another peer's lane. *At the door*: refused by count, before any process opens it. *Behind glass*: the
same attack dressed so that the door lets it pass; it is held, and its lane alone is set aside by a
worker whose processor time is counted (`node/workers.py`), so nothing here looks at a clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, NodeId, actor_id, document_text
from conflict.lane import LaneRun
from conflict.signature import lane_message
from node.workers import CPU_S, KILLED, _cpu_s
from storage.shapes import DocumentWork, LaneWork
from sync import messages
from tests.cli.cli_lab import aidstation
from tests.conflict import conflict_lab as lab
from tests.conflict.conflict_lab import LabAuthor
from tests.node.node_lab import document
from tests.system.traitor_lab import HEAR_S_MAX, Served, Traitor, good_run, run_of, serving

ROOT = Path(__file__).parents[2]
HONEST = LabAuthor(1)
TRAITORS = (LabAuthor(2), LabAuthor(3))
TRAITOR = TRAITORS[0]
KEY = lab.key_of(TRAITOR.actor, 1)
PUT = dict(lab.runs_of_puts(KEY, 1))
NUMBERS = count(1000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("guard"), [HONEST, *TRAITORS]) as node:
        yield node


def forged(
    *, seq: int = 1, start_op: int = 1, after: Sequence[bytes] = (), **columns: bytes
) -> bytes:
    """A put in the traitor's own name, with other columns."""
    parts = PUT | {int(name[1:], 16): data for name, data in columns.items()}
    return lab.forge(TRAITOR.actor, sorted(parts.items()), seq, start_op, after)


def deflated(kind: int, size: int = 10 << 20) -> bytes:
    """A chunk that inflates to 200 times its bytes."""
    squeezed = zlib.compressobj(1, wbits=-15)
    return lab.chunk(squeezed.compress(bytes(size)) + squeezed.flush(), kind)


def value_of(kind: int, data: bytes) -> bytes:
    """A canonical put of a value of any type."""
    meta = lab.sleb(-1) + lab.uleb(len(data) << 4 | kind)
    return forged(x56=meta, x57=data)


# --- at the door ------------------------------------------------------------------------------------

AT_THE_DOOR = {
    "unloadable: a run of length one (39 B)": (lab.RUN_OF_ONE, "bad-operations"),
    "unloadable: seq zero (39 B)": (lab.SEQ_ZERO, "hollow-operations"),
    "unloadable: seq zero in its own name": (forged(seq=0), "sequence-gap"),
    "unloadable: a gap in seq": (forged(seq=2), "sequence-gap"),
    "an orphan in the victim's name: its message (77 B)": (lab.ORPHAN_MESSAGE, "not-a-change"),
    "an orphan in the victim's name: its change": (lab.ORPHAN_MESSAGE[6:], "bad-operations"),
    "an orphan of its own": (forged(after=[b"B" * 32]), "broken-chain"),
    "cpu bomb: 65,536 puts in 49 B": (lab.CPU_BOMB, "bad-operations"),
    "cpu bomb: 1,600 puts in 120 B": (
        lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 1600)),
        "hollow-operations",
    ),
    "counter exhaustion: 2^32-1 (43 B)": (lab.COUNTER_EXHAUSTION, "bad-start-op"),
    "counter exhaustion: 2^32-2": (forged(start_op=(1 << 32) - 2), "bad-start-op"),
    "bloom filter of zero bits (42 B)": (lab.BLOOM_ZERO_BITS, "not-a-change"),
    "bloom filter of 2^32-1 probes (47 B)": (lab.BLOOM_MANY_PROBES, "not-a-change"),
    "a counter (42 B)": (lab.FOREIGN_COUNTER, "bad-operations"),
    "deflate bomb: a change": (deflated(2), "not-a-change"),
    "deflate bomb: a document": (deflated(0), "not-a-change"),
    "depth: a map within": (forged(x42=b"\x7f\x00"), "bad-operations"),
    "an increment": (forged(x42=b"\x7f\x05"), "bad-operations"),
}


@pytest.mark.parametrize("name", AT_THE_DOOR)
async def test_a_reproducer_is_refused_at_the_door(served: Served, name: str) -> None:
    raw, code = AT_THE_DOOR[name]
    run = run_of(TRAITOR, document(next(NUMBERS)), [raw])
    async with Traitor(TRAITOR, served.address) as bad:
        number = await bad.offer(run)
        await serves(served)
        refused = await bad.hear(messages.Refused)
        assert refused.code == code
        assert (await bad.receipted(number)).refused == ((number, 0),)
    await serves(served)
    (item,) = await items(served, run)
    assert (item["kind"], item["code"]) == ("delivery", code)
    assert item["cause"]
    assert item["next_step"]


async def serves(served: Served) -> None:
    """The API answers, and another peer's lane is held."""
    status = await asyncio.to_thread(served.status)
    async with Traitor(HONEST, served.address) as good:
        number = await good.offer(good_run(HONEST, document(next(NUMBERS))))
        assert (await good.receipted(number)).refused == ()
    assert (await asyncio.to_thread(served.status))["documents"] > status["documents"]


async def items(served: Served, run: LaneRun) -> list[dict[str, Any]]:
    """What is set aside of this run's lane."""
    listed = await asyncio.to_thread(served.set_aside)
    named = document_text(run.lane.document), run.lane.actor.hex()
    return [one for one in listed if (one["document"], one["actor"]) == named]


@pytest.mark.parametrize("size", [1_040_000, 70_000])
async def test_a_deflate_bomb_larger_than_any_change_ends_the_session(
    served: Served, size: int
) -> None:
    run = run_of(TRAITOR, document(next(NUMBERS)), [deflated(2, size << 8)[:size]])
    async with Traitor(TRAITOR, served.address) as bad:
        await bad.offer(run)
        assert await bad.ended() == "frame-too-large"
    await serves(served)


async def test_a_change_in_the_victims_own_name_is_refused(served: Served) -> None:
    """What made its save unloadable: another wrote what the victim was about to write."""
    victim = NodeId(bytes.fromhex((await asyncio.to_thread(served.status))["node"]))
    nonce = bytes(16)
    actor = actor_id(victim, nonce)
    raw = lab.forge(actor, lab.runs_of_puts(lab.key_of(actor, 1), 1))
    mine = run_of(TRAITOR, document(next(NUMBERS)), [raw])
    stolen = replace(mine, author=victim, nonce=nonce, lane=mine.lane._replace(actor=actor))
    signed = replace(stolen, signature=TRAITOR.key.sign(lane_message(stolen)))
    in_own_lane = replace(mine, signature=TRAITOR.key.sign(lane_message(mine)))
    async with Traitor(TRAITOR, served.address) as bad:
        await bad.offer(signed, in_own_lane)
        codes = {(await bad.hear(messages.Refused)).code for _ in range(2)}
    assert codes == {"bad-signature", "wrong-actor"}
    await serves(served)


@pytest.mark.parametrize("name", ["bloom, zero bits", "bloom, many probes"])
async def test_a_sync_message_of_automerges_own_is_no_message_here(
    served: Served, name: str
) -> None:
    async with Traitor(TRAITOR, served.address) as bad:
        await bad.say(lab.REPRODUCERS[name])
        assert await bad.ended() == "bad-frame"
    await serves(served)


def test_no_code_knows_automerges_sync_protocol() -> None:
    words = re.compile(r"sync_message|SyncState|sync\.Message|automerge\.sync")
    for room in ("conflict", "sync", "storage", "discovery", "node"):
        for path in (ROOT / room).rglob("*.py"):
            assert not words.search(path.read_text()), path


async def test_orphans_by_the_thousand_are_refused_and_kept_within_a_quota(served: Served) -> None:
    """16,000 changes with unknown dependencies: Automerge keeps and saves them for ever."""
    liar = TRAITORS[1]
    async with Traitor(liar, served.address) as bad:
        for first in range(0, 16_000, 2000):
            runs = [_orphan(liar, first + number) for number in range(2000)]
            number = await bad.offer(*runs)
            assert len((await bad.receipted(number)).refused) == 2000
    kept = [one for one in await asyncio.to_thread(served.set_aside) if one["kind"] == "delivery"]
    assert len(kept) <= 4096 * 2  # SET_ASIDE_ROWS_MAX_PER_SOURCE
    await serves(served)


def _orphan(author: LabAuthor, number: int) -> LaneRun:
    before = hashlib.sha256(b"%d" % number).digest()
    parts = lab.runs_of_puts(lab.key_of(author.actor, 1), 1)
    raw = lab.forge(author.actor, parts, 1, 1, [before])
    return run_of(author, document(100_000 + number), [raw])


async def test_two_changes_at_one_place_are_both_held_as_two_lanes(served: Served) -> None:
    at = document(next(NUMBERS))
    one, other = (forged(x57=TEXT % number) for number in (1, 2))
    runs = [run_of(TRAITOR, at, [raw]) for raw in (one, other)]
    async with Traitor(TRAITOR, served.address) as bad:
        for run in runs:
            assert (await bad.receipted(await bad.offer(run))).refused == ()
    await serves(served)


TEXT = b'{"rec":"1.%d","value":null}'


# --- behind glass -----------------------------------------------------------------------------------


def fat_bomb() -> list[bytes]:
    """19,200 puts to one key, each with room for a key of its own: quadratic in Automerge."""
    return lab.chain(TRAITOR.actor, lab.runs_of_puts(KEY, 1600, value=b"x" * 37), 12, 1600)


BEHIND_GLASS = {
    "cpu bomb, with room for its operations": (fat_bomb(), {KILLED}),
    "a counter, canonical": ([value_of(8, b"\x05")], {"unreadable", "not-a-string"}),
    "an unknown scalar": ([value_of(15, b"\x05")], {"unreadable", "not-a-string"}),
    "a timestamp": ([value_of(9, b"\x05")], {"unreadable", "not-a-string"}),
    "the last operation number that the door takes": (
        [forged(start_op=(1 << 24) - 1)],
        {"bad-statement", "unreadable", "not-a-string"},
    ),
    "text that is no UTF-8": ([value_of(6, b"\xff\xfe")], {"unreadable", "bad-statement"}),
    "one key put again and again": (
        [lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 3, value=b"x" * 37))],
        {"rewrites-a-key", "bad-statement"},
    ),
    "JSON in a depth of 3,000": (
        [value_of(6, b'{"rec":"1.0","value":' + b"[" * 3000 + b"]" * 3000 + b"}")],
        {"bad-statement"},
    ),
}


@pytest.mark.parametrize("name", BEHIND_GLASS)
async def test_a_reproducer_is_set_aside_behind_glass(served: Served, name: str) -> None:
    changes, codes = BEHIND_GLASS[name]
    run = run_of(TRAITOR, document(next(NUMBERS)), changes)
    lane = LaneWork(run.lane.actor, run.author, run.changes, 0)
    assert _cpu_s(CPU_S, DocumentWork(run.lane.document, (lane,), {})) < 1.0
    async with Traitor(TRAITOR, served.address) as bad:
        number = await bad.offer(run)
        assert (await bad.receipted(number)).refused == ()  # held, so that all nodes count it alike
        await serves(served)
    (item,) = await opened(served, run)
    assert item["kind"] == "lane"
    assert item["code"] in codes
    assert ("processor time" in item["detail"]) == (item["code"] == KILLED)
    await serves(served)


async def opened(served: Served, run: LaneRun) -> list[dict[str, Any]]:
    """Until a worker has said what it thinks of the lane."""
    async with asyncio.timeout(HEAR_S_MAX):
        while not (found := await items(served, run)):  # noqa: ASYNC110  another process's event
            await asyncio.sleep(0.02)
    return found


async def test_one_lane_behind_glass_blocks_no_other_lane_of_its_document_and_no_local_save(
    served: Served,
) -> None:
    at = document(next(NUMBERS))
    run = run_of(TRAITOR, at, fat_bomb())
    async with Traitor(TRAITOR, served.address) as bad, Traitor(HONEST, served.address) as good:
        await bad.receipted(await bad.offer(run))
        saved = await asyncio.to_thread(_save, served, document_text(at), "pulse=55")
        await good.receipted(await good.offer(good_run(HONEST, at)))
        await opened(served, run)
        again = await asyncio.to_thread(_save, served, document_text(at), "pulse=56")
    assert (saved, again) == (0, 0)
    async with asyncio.timeout(HEAR_S_MAX):
        while _pulses(await asyncio.to_thread(_shown, served, at)) != {55, 56, 71}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _save(served: Served, at: str, *words: str) -> int:
    return aidstation(served.home, "record", "vitals", at, *words, "--by", "T").code


def _shown(served: Served, at: DocumentId) -> str:
    return aidstation(served.home, "show", document_text(at), "--json").out


def _pulses(chart: str) -> set[int]:
    return {int(one) for one in re.findall(r'"pulse": ?(\d+)', chart)}


async def test_after_all_of_it_the_node_is_the_same_process_and_lists_all_of_it(
    served: Served,
) -> None:
    """Last of this file. Its memory has not grown with what was thrown at it."""
    assert served.process.is_running()
    assert served.process.memory_info().rss < 400 << 20
    listed = await asyncio.to_thread(served.set_aside)
    assert {one["kind"] for one in listed} == {"delivery", "lane"}
    assert all(one["cause"] and one["next_step"] for one in listed)
    status = await asyncio.to_thread(served.status)
    assert status["refused"] == sum(one["kind"] == "lane" for one in listed)
