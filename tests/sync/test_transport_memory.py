"""The in-process pair keeps the promises of a channel."""

from __future__ import annotations

import asyncio

from sync.transport.memory import QUEUE_FRAMES_MAX, memory_pair


async def test_frames_arrive_in_order_and_then_the_end() -> None:
    one, two = memory_pair()
    for number in range(QUEUE_FRAMES_MAX):
        await one.send(bytes([number]))
    await one.close()
    assert [await two.receive() for _ in range(QUEUE_FRAMES_MAX)] == [
        bytes([number]) for number in range(QUEUE_FRAMES_MAX)
    ]
    assert await two.receive() is None
    assert await one.receive() is None


async def test_a_sender_waits_for_a_slow_reader_and_is_let_go_when_the_other_end_closes() -> None:
    one, two = memory_pair()
    for _ in range(QUEUE_FRAMES_MAX):
        await one.send(b"frame")
    waiting = asyncio.create_task(one.send(b"one more"))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await two.receive() == b"frame"
    await waiting
    waiting = asyncio.create_task(one.send(b"and one more"))
    await asyncio.sleep(0)
    await two.close()
    await waiting


async def test_closing_twice_and_sending_into_the_void_are_harmless() -> None:
    one, two = memory_pair()
    await one.close()
    await one.close()
    await two.send(b"nobody hears")
    assert await two.receive() is None
