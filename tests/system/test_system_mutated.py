"""Mutated frames at a running node's port, from peers that prove who they are and from some that do not.

The same mutator and recordings as tests/sync/test_sync_mutated.py; the two together are 20,000 in CI.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sync"))

from mutation_campaign import TYPED, sides
from mutator import Mutant, mutant
from recorded_sessions import recordings
from session_lab import Keys
from session_lab import Node as LabNode

from conflict.lane import check_run
from conflict.signature import SigningKey, VerifyingKey, lane_message
from node.home import find_home, read_key
from sync import codec, messages
from sync.limits import FRAME_BYTES_MAX
from tests.cli.cli_lab import aidstation, data_key, store_of
from tests.conflict.conflict_lab import LabAuthor
from tests.system.traitor_lab import HEAR_S_MAX, Served, Traitor, calling, enrolled, made, served
from tests.theatre import Authority

SEED = "mutated-at-the-port"
CASES = 1_500  # and 18,500 in process
SIDE_BY_SIDE = 4
UNPROVEN_EVERY = 10
GROWTH_BYTES_MAX = 96 << 20
SURELY_BAD = b"\xc1"  # a byte that msgpack never uses: the session ends at the latest here
OWN_WORDS = {"", "budget-spent"}  # a connection that was just closed; a FAULT of a recording
HELLO = messages.Hello(
    1, 1, b"n" * 16, b"e" * 16, b"o" * 16, 1, 1, b"k" * 4, FRAME_BYTES_MAX, 2 * FRAME_BYTES_MAX
)
GREETING = [codec.encode(HELLO), codec.encode(messages.Proof(bytes(65)))]


async def test_mutants_at_the_port_end_in_typed_faults_and_the_node_serves_on(
    tmp_path: Path,
) -> None:
    victim, friend = tmp_path / "victim", tmp_path / "friend"
    made(victim)
    authors = [LabNode(number, Keys()).key for number in (1, 2)]
    liars = [LabAuthor(100 + number) for number in range(SIDE_BY_SIDE)]
    keys = [*authors, *(one.key for one in liars)]
    node = own_key(victim).node
    made(friend)
    enrolled(Authority(), [victim, friend], keys)
    with served(victim) as serving:
        process = psutil.Process(serving.process.pid)
        ended = await _all(serving, liars, range(100))
        before = process.memory_info().rss
        ended += await _all(serving, liars, range(100, CASES))
        grown = process.memory_info().rss - before
        peer = f'[[peers]]\nname = "victim"\nnode = "{node.hex()}"\naddress = "{serving.address}"\n'
        with (friend / "config.toml").open("a") as file:
            file.write(peer)
        await asyncio.to_thread(_record, victim)
        with served(friend):
            synced = await asyncio.to_thread(aidstation, friend, "sync", "victim")
            digests = [
                (await asyncio.to_thread(aidstation, home, "status", "--json")).result["digest"]
                for home in (victim, friend)
            ]
        assert process.is_running()
    assert b"Traceback" not in serving.said
    assert b"internal" not in serving.said
    print(f"{CASES} mutants at the port, grown {grown / 1e6:.0f} MB: {dict(ended)}")
    assert set(ended) <= TYPED | OWN_WORDS
    assert grown < GROWTH_BYTES_MAX
    assert synced.code == 0, synced.err
    assert digests[0] == digests[1]
    for home in (victim, friend):
        _all_signed(home, [*keys, own_key(victim), own_key(friend)])


async def _all(serving: Served, liars: list[LabAuthor], cases: range) -> Counter[str]:
    todo = iter(cases)
    found: Counter[str] = Counter()

    async def one_by_one(liar: LabAuthor) -> None:
        for number in todo:
            found[await _case(serving, liar, number)] += 1

    await asyncio.gather(*map(one_by_one, liars))
    return found


async def _case(serving: Served, liar: LabAuthor, number: int) -> str:
    """With which code the node ended it; a failure says how to make it again."""
    made_of = _mutant(number)
    try:
        if number % UNPROVEN_EVERY == 0:
            return await _unproven(serving, liar, made_of)
        async with Traitor(liar, serving.address) as bad:
            await bad.say(*made_of.frames, SURELY_BAD)
            return await bad.ended()
    except Exception as fault:
        hexed = " ".join(frame.hex() for frame in made_of.frames)[:2000]
        raise AssertionError(f"seed {SEED} case {number}: {made_of.kind}: {hexed}") from fault


def _mutant(number: int) -> Mutant:
    if number % UNPROVEN_EVERY == 0:
        return mutant(SEED, number, GREETING, number // UNPROVEN_EVERY % 2)
    side = sides()[number % len(sides())]
    place = random.Random(f"{SEED}/{number}/place").randrange(2, len(side.frames))
    return mutant(SEED, number, side.frames, place)


async def _unproven(serving: Served, liar: LabAuthor, made_of: Mutant) -> str:
    """From the first frame on: TLS has let it in, and it never proves who it is."""
    dialer = calling(liar)
    code = ""
    channel = await dialer.dial(serving.address, connect_s_max=HEAR_S_MAX)
    for frame in (*made_of.frames, SURELY_BAD):
        await channel.send(frame)
    async with asyncio.timeout(HEAR_S_MAX):
        while (frame := await channel.receive()) is not None:
            message = codec.decode(frame)
            code = message.code if isinstance(message, messages.Fault) else code
    await channel.close()
    await dialer.close()
    return code


def own_key(home: Path) -> SigningKey:
    """A node's."""
    return read_key(find_home(home), data_key(home))


def _record(home: Path) -> None:
    answer = aidstation(home, "record", "vitals", "--new", "episode", "pulse=71", "--by", "T")
    assert answer.code == 0, answer.err


def _all_signed(home: Path, keys: list) -> None:  # type: ignore[type-arg]
    """Every run in the store bears its author's signature; what the lab's authors wrote is theirs."""
    ring = {key.node: VerifyingKey(key.public) for key in keys}
    honest = frozenset().union(*(one.honest for one in recordings()))
    local = {own_key(one).node for one in (home, home.parent / "victim")}
    store = store_of(home)
    try:
        listed = [one.document for one in store.listing(None, 10_000)]
        runs = [run for one in listed for run in store.runs(one, {}, 1 << 24)[0]]
        assert len(runs) > 3, "mutants leave some runs whole, and those are held"
        for run in runs:
            check_run(run)
            assert run.signature is not None
            assert ring[run.author].verifies(lane_message(run), run.signature)
            assert run.author in local or honest >= set(run.changes)
        assert store.check() == []
    finally:
        store.close()


@pytest.mark.nightly
def test_more_mutants_at_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "CASES", 30_000)
    asyncio.run(test_mutants_at_the_port_end_in_typed_faults_and_the_node_serves_on(tmp_path))
