"""Document workers: whatever a foreign lane does, it ends in a refusal and the next one is served."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conflict.change import read_header
from conflict.document import Entry
from conflict.errors import LaneRefused
from conflict.identity import ActorId, DocumentKind
from conflict.limits import LANE_CHANGES_MAX
from conflict.statement import Draft
from node.workers import (
    CPU_S,
    FAULT,
    KILLED,
    MEMORY_BYTES_MAX,
    InlineWorkers,
    ProcessWorkers,
    WorkerPool,
    _cpu_s,
)
from storage.shapes import DocumentWork, LaneWork
from tests.conflict import conflict_lab as lab
from tests.conflict.conflict_lab import LabAuthor
from tests.node.node_lab import document, note, pulse, work_of

HONEST, TRAITOR = LabAuthor(1), LabAuthor(2)
KEY = lab.key_of(TRAITOR.actor, 1)
GOOD = lab.vitals_lane(HONEST, 3, document(1))
HONEST_WORK = work_of((HONEST, GOOD), at=document(1))
OPS = 1600  # with a text of 37 bytes each: a change of 60 kB, so that there is room for a key of its own
PUTS = lab.runs_of_puts(KEY, OPS, value=b"x" * 37)
CPU_BOMB = lab.chain(TRAITOR.actor, PUTS, 60, OPS)
INSERTS = lab.runs_of_puts(KEY, OPS, insert=True, value=b"x" * 37)
MEMORY_BOMB = lab.chain(TRAITOR.actor, INSERTS, 512, OPS)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessWorkers]:
    workers = ProcessWorkers()
    yield workers
    workers.close()


@pytest.fixture
def fresh() -> Iterator[ProcessWorkers]:
    workers = ProcessWorkers()
    yield workers
    workers.close()


def assert_serves(workers: ProcessWorkers) -> None:
    """The next honest document is opened as if nothing had happened."""
    assert workers.open([HONEST_WORK]) == InlineWorkers().open([HONEST_WORK])


def refusal(workers: ProcessWorkers, work: DocumentWork) -> str:
    (opened,) = workers.open([work])
    (verdict,) = opened.lanes
    assert verdict.entries == ()
    assert verdict.length == len(work.lanes[0].changes)
    assert_serves(workers)
    return verdict.code


# Honest work ------------------------------------------------------------------------------------


def honest_batch() -> list[DocumentWork]:
    """Documents with corrections, links, blobs, findings and text beyond ASCII."""
    one, other = LabAuthor(11), LabAuthor(12)
    episode, person = document(7), document(8, DocumentKind.PERSON)
    link = {"document": "person-" + "a" * 24, "relation": "casualty"}
    blob = {"hash": "ab" * 32, "bytes": 5, "media": "image/png"}
    one.write(episode, Draft(slot="triage", value={"category": "immediate"}, by="Ruíz"))
    one.write(episode, Draft(slot="link", value=link), Draft(slot="source", value={"blob": blob}))
    other.write(episode, Draft(slot="triage", value={"category": "minimal"}))
    one.write(person, Draft(slot="name", value={"family": "Ōkafor 😀", "evidence": "tag"}))
    known = other.write(person, note("kept")).entries
    both = work_of((one, one.raws(episode)), (other, other.raws(episode)), at=episode)
    added = work_of((one, one.raws(person)), at=person)
    return [HONEST_WORK, both, added._replace(entries={other.actor: known})]


def test_a_process_answers_what_the_same_function_answers_inline(
    processes: ProcessWorkers,
) -> None:
    batch = honest_batch()
    answer = processes.open(batch)
    assert answer == InlineWorkers().open(batch)
    assert answer[1].row is not None
    assert answer[1].row.open_findings == 1
    assert len(answer[1].row.links) == len(answer[1].row.blobs) == 1
    assert answer[2].row is not None
    assert b"kept" in answer[2].row.body


def test_no_documents_are_no_work(processes: ProcessWorkers) -> None:
    assert processes.open([]) == []


def test_a_worker_has_its_limits_before_it_reads_anything(fresh: ProcessWorkers) -> None:
    fresh._ready()
    assert fresh._process is not None
    limits = Path(f"/proc/{fresh._process.pid}/limits").read_text().splitlines()
    by_name = {line[:25].strip(): line[25:].split()[0] for line in limits}
    beside = int(by_name["Max address space"]) - MEMORY_BYTES_MAX
    assert 0 < beside < 400 << 20, "libraries"
    assert by_name["Max core file size"] == "0"


def test_a_worker_that_died_between_batches_is_replaced(fresh: ProcessWorkers) -> None:
    assert_serves(fresh)
    first = fresh._process
    assert first is not None
    first.kill()
    first.join()
    assert_serves(fresh)
    assert fresh._process is not first


def test_closed_workers_leave_no_process_and_may_be_used_again(fresh: ProcessWorkers) -> None:
    assert_serves(fresh)
    process = fresh._process
    assert process is not None
    fresh.close()
    assert not process.is_alive()
    fresh.close()
    assert_serves(fresh)


def test_the_process_that_waits_for_peers_never_opens_foreign_bytes(
    processes: ProcessWorkers,
) -> None:
    assert_serves(processes)
    assert processes._process is not None
    assert processes._process.pid not in {None, os.getpid()}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    workers = WorkerPool(2)
    yield workers
    workers.close()


@pytest.mark.parametrize("size", range(6))
def test_a_pool_answers_any_batch_in_its_order(pool: WorkerPool, size: int) -> None:
    batch = (honest_batch() * 2)[:size]
    assert pool.open(batch) == InlineWorkers().open(batch)


def test_a_bomb_in_a_pool_costs_the_other_documents_nothing(pool: WorkerPool) -> None:
    batch = [work_of((TRAITOR, CPU_BOMB), at=document(2)), *honest_batch()]
    answer = pool.open(batch)
    assert [one.lanes[0].code for one in answer] == [KILLED, "", "", ""]
    assert answer[1:] == InlineWorkers().open(batch[1:])
    assert pool.open(batch[1:]) == answer[1:]


# Reproducers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", lab.REPRODUCERS)
@pytest.mark.parametrize("claimed", [b"\x55", b"\xaa", TRAITOR.actor], ids=["55", "aa", "16 B"])
def test_each_reproducer_ends_in_a_refusal(
    processes: ProcessWorkers, name: str, claimed: bytes
) -> None:
    raws = (lab.REPRODUCERS[name],)
    lane = LaneWork(ActorId(claimed), TRAITOR.node, raws, 0)
    code = refusal(processes, DocumentWork(document(2), (lane,), {}))
    assert code in {
        "not-a-change",
        "bad-operations",
        "hollow-operations",
        "bad-start-op",
        "broken-chain",
        "wrong-actor",
    }


def put_of(kind: int, data: bytes) -> bytes:
    """One canonical put of a value of any type, under a key of the traitor's own."""
    meta = (lab.VALUE_META, lab.sleb(-1) + lab.uleb(len(data) << 4 | kind))
    parts = dict(lab.runs_of_puts(KEY, 1)) | dict([meta, (lab.VALUE, data)])
    return lab.forge(TRAITOR.actor, sorted(parts.items()))


FORGED = {
    "a counter": [put_of(8, b"\x05")],
    "a timestamp": [put_of(9, b"\x05")],
    "a scalar of no known type": [put_of(15, b"\x05")],
    "text that is no UTF-8": [put_of(6, b"\xff\xfe")],
    "one put of nothing": [lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 1))],
    "key of 60 kB, 4096 times": [lab.forge(TRAITOR.actor, lab.runs_of_puts("x" * 60_000, 4096))],
    "4096 puts to one key": [lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 4096))],
    "a gap in seq": [lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 1), 2, 1, [bytes(32)])],
    "seq zero": [lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 1), 0)],
    "the last operation number": [lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 1), 1, 2**24 - 1)],
    "an orphan": [lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, 1), 1, 1, [b"B" * 32])],
    "a deflated chunk": [lab.chunk(b"\x01" * 40, 2)],
    "a document chunk": [lab.chunk(b"\x01" * 40, 0)],
    "nothing": [b""],
    "no change": [],
    "key of no character": [lab.forge(TRAITOR.actor, lab.runs_of_puts("", 1))],
    "a key that is no UTF-8": [
        lab.forge(TRAITOR.actor, [(lab.KEY, b"\x7f\x02\xff\xfe"), *lab.runs_of_puts(KEY, 1)[1:]])
    ],
    "a column cut short": [
        lab.forge(TRAITOR.actor, [(lab.KEY, b"\x7f\x64a"), *lab.runs_of_puts(KEY, 1)[1:]])
    ],
    "a predecessor without its column": [
        lab.forge(TRAITOR.actor, [*lab.runs_of_puts(KEY, 1)[:-1], (lab.PREDECESSORS, b"\x7f\x01")])
    ],
    "millions of predecessors": [
        lab.forge(
            TRAITOR.actor,
            [*lab.runs_of_puts(KEY, 1)[:-1], (lab.PREDECESSORS, b"\x7f" + lab.uleb(1 << 31))],
        )
    ],
    "a value longer than the change": [
        lab.forge(
            TRAITOR.actor,
            [
                *lab.runs_of_puts(KEY, 1)[:3],
                (lab.VALUE_META, b"\x7f" + lab.uleb((1 << 31) << 4 | 6)),
                (lab.VALUE, b"x"),
                *lab.runs_of_puts(KEY, 1)[4:],
            ],
        )
    ],
}


@pytest.mark.parametrize("name", FORGED)
def test_each_forged_change_that_the_header_check_lets_pass_ends_in_a_refusal(
    processes: ProcessWorkers, name: str
) -> None:
    assert refusal(processes, work_of((TRAITOR, FORGED[name]), at=document(2)))


def mutants(seed: int, count: int) -> list[tuple[bytes, ...]]:
    """Honest lanes of two changes with bytes changed and every checksum and hash mended."""
    rng = random.Random(seed)
    author = LabAuthor(3)
    first, second = lab.vitals_lane(author, 2)
    found: list[tuple[bytes, ...]] = []
    while len(found) < count:
        body = bytearray(first[11:])
        start = rng.choice((0, body.index(b"/") - 10, len(body) - 60))
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(start, len(body))
            body[place] = rng.choice((rng.randrange(256), body[place] ^ 1 << rng.randrange(8)))
        forged = lab.chunk(bytes(body))
        follower = second[11:].replace(lab.hash_of(first), lab.hash_of(forged))
        try:
            read_header(forged)
        except LaneRefused:
            continue
        found.append((forged, lab.chunk(follower)))
    return found


def test_a_thousand_mended_mutants_each_end_in_a_verdict(processes: ProcessWorkers) -> None:
    """Only those that pass the header check; the binding sees every one of them."""
    author = LabAuthor(3)
    batch = [
        work_of((author, raws), at=document(number))
        for number, raws in enumerate(mutants(20, 1_000), 100)
    ]
    codes: dict[str, int] = {}
    for start in range(0, len(batch), 50):
        for work, opened in zip(
            batch[start : start + 50], processes.open(batch[start : start + 50]), strict=True
        ):
            (verdict,) = opened.lanes
            codes[verdict.code] = codes.get(verdict.code, 0) + 1
            assert opened.document == work.document
            assert bool(verdict.entries) == (not verdict.code)
    assert FAULT not in codes
    assert codes.keys() > {"", "unreadable", "bad-key", "bad-statement"}
    assert_serves(processes)


# Bombs -------------------------------------------------------------------------------------------


def test_bombs_pass_every_check_that_does_not_open_them() -> None:
    for raws in (CPU_BOMB, MEMORY_BOMB):
        assert len(raws) <= LANE_CHANGES_MAX
        for raw in raws:
            assert read_header(raw).actor == TRAITOR.actor


def test_run_lengths_that_name_more_than_there_is_room_for_never_reach_automerge() -> None:
    """A change of 98 bytes with 1,600 puts in it, and the 49 bytes with 65,536."""
    for raw in (lab.forge(TRAITOR.actor, lab.runs_of_puts(KEY, OPS)), lab.CPU_BOMB):
        with pytest.raises(LaneRefused, match=r"hollow-operations|bad-operations"):
            read_header(raw)


def test_a_cpu_bomb_is_killed_once_by_its_own_time(fresh: ProcessWorkers) -> None:
    work = work_of((TRAITOR, CPU_BOMB), at=document(2))
    assert refusal(fresh, work) == KILLED
    assert fresh.kills == 1
    (opened,) = fresh.open([work])
    assert "processor time" in opened.lanes[0].detail
    assert _cpu_s(CPU_S, work_of((HONEST, GOOD), at=document(1))) < 0.51
    assert _cpu_s(CPU_S, work) < 2.0  # 3.5 MB of it


def test_time_that_others_use_kills_no_worker(fresh: ProcessWorkers) -> None:
    """Stopped by the system for longer than its processor time allows, it goes on as if nothing was."""
    assert_serves(fresh)
    assert fresh._process is not None
    child = psutil.Process(fresh._process.pid)
    child.suspend()
    threading.Timer(2 * CPU_S, child.resume).start()
    assert_serves(fresh)
    assert fresh.kills == 0


def test_a_worker_that_hangs_is_ended_and_the_document_refused(fresh: ProcessWorkers) -> None:
    hanging = ProcessWorkers(hang_s_max=0.2)
    try:
        assert_serves(hanging)
        assert hanging._process is not None
        psutil.Process(hanging._process.pid).suspend()
        (opened,) = hanging.open([HONEST_WORK])
        assert opened.lanes[0].code == KILLED
        assert "no word" in opened.lanes[0].detail
        assert_serves(hanging)
    finally:
        hanging.close()


def test_a_worker_that_is_killed_from_outside_is_no_lanes_fault(fresh: ProcessWorkers) -> None:
    """The kernel's way when memory is short: SIGKILL in the middle of honest work."""
    assert_serves(fresh)
    assert fresh._process is not None
    child = psutil.Process(fresh._process.pid)
    child.suspend()
    threading.Timer(0.3, child.kill).start()
    assert_serves(fresh)
    assert fresh.kills == 1


def test_what_ends_two_workers_is_refused(fresh: ProcessWorkers) -> None:
    """SIGKILL each time: whatever does that, the third worker is for the others."""
    assert_serves(fresh)
    usual, victims = fresh._ready, []

    def doomed() -> object:
        pipe = usual()
        assert fresh._process is not None
        victims.append(fresh._process.pid)
        psutil.Process(victims[-1]).suspend()
        threading.Timer(0.2, psutil.Process(victims[-1]).kill).start()
        return pipe

    fresh._ready = doomed  # type: ignore[method-assign]
    (opened,) = fresh.open([HONEST_WORK])
    fresh._ready = usual  # type: ignore[method-assign]
    assert (opened.lanes[0].code, len(set(victims))) == (KILLED, 2)
    assert "status -9" in opened.lanes[0].detail
    assert_serves(fresh)


@pytest.mark.parametrize(("letters", "notes"), [(15_000, 4), (100, 100)])
def test_a_full_lane_is_opened_within_its_time_and_memory(
    processes: ProcessWorkers, letters: int, notes: int
) -> None:
    """512 changes of 60 kB; 51,200 statements."""
    author, at = LabAuthor(5), document(6)
    for number in range(LANE_CHANGES_MAX):
        author.write(at, *[note(f"{number} " + "x" * letters)] * notes)
    (opened,) = processes.open([work_of((author, author.raws(at)), at=at)])
    assert (opened.lanes[0].code, opened.lanes[0].detail) == ("", "")
    assert len(opened.lanes[0].entries) == notes * LANE_CHANGES_MAX


def test_a_memory_bomb_is_killed_by_memory_alone() -> None:
    patient = ProcessWorkers(cpu_s=600.0)
    try:
        assert refusal(patient, work_of((TRAITOR, MEMORY_BOMB), at=document(2))) == KILLED
        assert patient.kills == 2
    finally:
        patient.close()


def test_a_bomb_in_a_batch_costs_one_kill_and_the_other_documents_nothing(
    processes: ProcessWorkers,
) -> None:
    kills = processes.kills
    bomb = work_of((TRAITOR, CPU_BOMB), at=document(2))
    before, *after = honest_batch()
    answer = processes.open([before, bomb, *after])
    assert [one.lanes[0].code for one in answer] == ["", KILLED, "", ""]
    assert [answer[0], *answer[2:]] == InlineWorkers().open([before, *after])
    assert answer[1].row is None
    assert processes.kills == kills + 1
    assert_serves(processes)


def test_a_bomb_in_one_lane_costs_the_documents_other_lanes_nothing(
    processes: ProcessWorkers,
) -> None:
    other = LabAuthor(4)
    at = document(1)
    other.write(at, pulse(99))
    work = work_of((HONEST, GOOD), (TRAITOR, CPU_BOMB), (other, other.raws(at)), at=at)
    (opened,) = processes.open([work])
    codes = {lane.actor: lane.code for lane in opened.lanes}
    assert codes == {HONEST.actor: "", TRAITOR.actor: KILLED, other.actor: ""}
    without = work_of((HONEST, GOOD), (other, other.raws(at)), at=at)
    assert opened.row == InlineWorkers().open([without])[0].row
    assert_serves(processes)


# Faults of our own ---------------------------------------------------------------------------


def test_a_fault_of_our_own_names_its_type_and_stops_no_other_document(
    processes: ProcessWorkers,
) -> None:
    spoiled = {TRAITOR.actor: (Entry("vitals", 1, "no JSON: a cache that rotted, DOE"),)}
    broken = work_of((HONEST, GOOD), at=document(3))._replace(entries=spoiled)
    first, second = processes.open([broken, HONEST_WORK])
    assert [lane.code for lane in first.lanes] == [FAULT]
    assert "DOE" not in first.lanes[0].detail
    assert first.row is None
    assert [second] == InlineWorkers().open([HONEST_WORK])
