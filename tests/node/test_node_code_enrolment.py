"""Enrolment with a one-time code over real sockets: the code gets in, and nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from conflict.signature import SigningKey
from node.code_enrolment import CONNECTIONS_MAX, TRIES_MAX, Offer, Outcome, asked
from node.errors import BadRequest, Unreachable
from node.settings import Listen
from sync import limits
from sync.trust.certificate import DeviceRole, receive_key
from sync.trust.code_channel import (
    GREETING_BYTES,
    SIZE_BYTES,
    CodeChannel,
    greeting,
    new_code,
    read_code,
    read_greeting,
)
from sync.trust.enrolment import Request, ask, request_bytes
from sync.trust.errors import BadEnrolment

ENTROPY = bytes(range(10))
CODE, OTHER = read_code(new_code(ENTROPY)), read_code(new_code(bytes(10)))
WAIT_S_MAX = 30
Result = TypeVar("Result")


def request(number: int = 1) -> Request:
    key = SigningKey.from_entropy(bytes([number]) * 48)
    nonce = bytes([number]) * 16
    return ask(key, receive_key(key), name="bas", role=DeviceRole.FIELD, codes=(), nonce=nonce)


class Desk:
    """Approves everybody, and remembers whom."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def decide(self, one: Request) -> bytes:
        self.asked.append(one.digest)
        if one.node == request(9).node:
            raise BadRequest("another device is called so already")
        return b"approval of " + one.digest


class Opened:
    def __init__(self, offer: Offer, desk: Desk, task: asyncio.Task[Outcome], at: Listen) -> None:
        self.offer, self.desk, self.task, self.at = offer, desk, task, at

    async def join(self, number: int = 1, code: str = CODE, *, ends: bool = True) -> bytes:
        """One device, on a thread as a command is."""

        def joins() -> bytes:
            with asked(code, self.at, request_bytes(request(number))) as answer:
                if not ends:
                    raise ConnectionError("the link broke here")
                return answer

        return await asyncio.to_thread(joins)

    def dial(self) -> socket.socket:
        return socket.create_connection(self.at, timeout=WAIT_S_MAX)


@asynccontextmanager
async def opened(uses: int = 1, for_s: float = WAIT_S_MAX) -> AsyncIterator[Opened]:
    desk = Desk()
    offer = Offer(CODE, uses, desk.decide)
    ready: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(offer.listen(Listen("127.0.0.1", 0), for_s, ready.set_result))
    try:
        yield Opened(offer, desk, task, await ready)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_a_code_has_eighty_bits_in_letters_that_cannot_be_confused() -> None:
    assert new_code(b"\xff" * 10) == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert read_code(" zzzz zzzz zzzz zzzz ") == "Z" * 16
    with pytest.raises(BadEnrolment):
        read_code("ZZZZ-ZZZZ-ZZZZ")


async def test_who_knows_the_code_gets_an_answer_and_the_offer_ends() -> None:
    async with opened() as here:
        assert await here.join() == b"approval of " + request().digest
        assert await here.task == Outcome(joined=1, approved=1, tries=0)


async def test_a_wrong_code_gets_nothing_and_is_counted() -> None:
    async with opened() as here:
        with pytest.raises(BadEnrolment, match=r"another one.*Nothing was changed"):
            await here.join(code=OTHER)
        assert here.desk.asked == []
        await here.join()
        assert (await here.task).tries == 1


async def test_a_used_code_lets_nobody_else_in_and_the_same_device_once_more() -> None:
    async with opened() as here:
        with pytest.raises(ConnectionError):
            await here.join(1, ends=False)  # it was approved, and never said that it joined
        with pytest.raises(BadRequest, match="used already"):
            await here.join(2)
        assert await here.join(1) == b"approval of " + request(1).digest
        assert here.desk.asked == [request(1).digest]
        assert (await here.task).joined == 1


async def test_a_refusal_is_told_in_its_words_and_uses_nothing_up() -> None:
    async with opened() as here:
        with pytest.raises(BadRequest, match="called so already"):
            await here.join(9)
        await here.join(1)


async def test_a_code_may_be_for_several() -> None:
    async with opened(uses=3) as here:
        await asyncio.gather(*(here.join(number) for number in (1, 2, 3)))
        assert await here.task == Outcome(joined=3, approved=3, tries=0)


async def test_an_offer_ends_when_its_time_is_up() -> None:
    async with opened(for_s=0.05) as here:
        assert (await here.task).joined == 0
        with pytest.raises(Unreachable):
            await here.join()


# Hostile ------------------------------------------------------------------------------------------


async def on_thread(work: Callable[[], Result]) -> Result:
    return await asyncio.to_thread(work)


def exactly(link: socket.socket, size: int) -> bytes:
    with link.makefile("rb") as file:
        return file.read(size)


def said(here: Opened, after_greeting: Callable[[bytes, bytes], bytes]) -> bytes:
    """What comes back to somebody who greets properly and then sends these bytes."""
    ours = b"n" * 16
    with here.dial() as link:
        link.sendall(greeting(ours))
        theirs = read_greeting(exactly(link, GREETING_BYTES))
        with contextlib.suppress(OSError):
            link.sendall(after_greeting(ours, theirs))
            link.shutdown(socket.SHUT_WR)
        try:
            return link.makefile("rb").read()
        except ConnectionError:
            return b""


async def test_a_frame_that_was_recorded_opens_nothing_later() -> None:
    frames: list[bytes] = []

    def honest(ours: bytes, theirs: bytes) -> bytes:
        frames.append(CodeChannel(CODE, ours, theirs, asks=True).frame(request_bytes(request())))
        return frames[0]

    async with opened() as here:
        assert await on_thread(lambda: said(here, honest)) != b""
        assert await on_thread(lambda: said(here, lambda *_: frames[0])) == b""
        assert here.desk.asked == [request().digest]


async def test_an_answer_cannot_be_sent_back_as_a_question() -> None:
    def mirrored(ours: bytes, theirs: bytes) -> bytes:
        return CodeChannel(CODE, ours, theirs, asks=False).frame(request_bytes(request()))

    async with opened() as here:
        assert await on_thread(lambda: said(here, mirrored)) == b""
        assert here.desk.asked == []


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\xff" * SIZE_BYTES,
        (limits.ENROL_REQUEST_BYTES_MAX + 17).to_bytes(4, "big") + b"x" * 64,
        (0).to_bytes(4, "big"),
        (64).to_bytes(4, "big") + b"x" * 64,
        b"GET / HTTP/1.1\r\n\r\n" * 100,
    ],
    ids=["nothing", "4 GB", "over the limit", "empty", "noise", "another protocol"],
)
async def test_what_is_no_frame_gets_no_answer_and_the_device_gets_in(sent: bytes) -> None:
    async with opened() as here:
        assert await on_thread(lambda: said(here, lambda *_: sent)) == b""
        await here.join()


async def test_a_sealed_frame_that_is_no_request_is_refused_in_words() -> None:
    def odd(ours: bytes, theirs: bytes) -> bytes:
        return CodeChannel(CODE, ours, theirs, asks=True).frame(b"not a request")

    async with opened() as here:
        assert len(await on_thread(lambda: said(here, odd))) > SIZE_BYTES
        assert here.desk.asked == []
        await here.join()


async def test_a_flood_of_wrong_codes_ends_the_offer() -> None:
    async with opened(for_s=3600) as here, asyncio.timeout(WAIT_S_MAX):
        for _ in range(TRIES_MAX):
            with pytest.raises(BadEnrolment):
                await here.join(code=OTHER)
        assert await here.task == Outcome(joined=0, approved=0, tries=TRIES_MAX)


async def test_a_crowd_that_says_nothing_is_bounded_and_goes() -> None:
    async with opened() as here:
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(here.dial()) for _ in range(CONNECTIONS_MAX)]
            with here.dial() as late:
                assert await on_thread(lambda: late.recv(1)) == b""
            crowd[0].setblocking(False)
            with pytest.raises(BlockingIOError):  # still waited for: the late one was turned away
                crowd[0].recv(1)
        for _ in range(WAIT_S_MAX):  # those that left are noticed in their turn
            with contextlib.suppress(BadEnrolment, Unreachable):
                await here.join()
                break
        assert (await here.task).joined == 1


async def test_nothing_there_or_something_else_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = Listen(*taken.getsockname())

        def answers() -> None:
            link, _ = taken.accept()
            with link:
                link.sendall(b"220 mail.example ESMTP ready\r\n")
                link.recv(100)

        other = asyncio.create_task(asyncio.to_thread(answers))
        here = Opened(Offer(CODE, 1, Desk().decide), Desk(), other, at)  # type: ignore[arg-type]  # not awaited
        with pytest.raises(BadEnrolment, match="no `aidstation enrol open`"):
            await here.join()
        await other
    with pytest.raises(Unreachable, match="Nothing was changed"):
        await here.join()
