"""One connection: feeds a session with frames, answers and deadlines, and performs its effects.

Sending, reading the store and receiving are three tasks, so that neither a slow peer nor a slow disk
stops the other two. Everything the session sees passes through one inbox, in order. What takes it long
(content to take apart or to pack) it does on a reader's thread: the local API answers meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, NamedTuple

from conflict.identity import Lane, NodeId
from node.engine import Engine
from sync import (
    audit_effects,
    authority_effects,
    blob_effects,
    continuing,
    custody_effects,
    effects,
    shed_effects,
)
from sync.effects import Answer, Effect, Phase, Read
from sync.ports import LaneReader, Precedence
from sync.reading import perform
from sync.session import Session
from sync.transport.channel import Channel

INBOX_FRAMES_MAX = 32
LONG_FRAME_BYTES = 2048  # such frames hold several charts: milliseconds of work
FLUSH_S_MAX = 5.0
SETTLE_S_MAX = 20.0  # a check waits so long at most for what is not shown yet


class _Step(NamedTuple):
    """Something for the session to do. `frame`: it came from the peer; `long`: it takes milliseconds."""

    do: Callable[[float], list[Effect]]
    frame: bool = False
    long: bool = False


class Link:
    """Runs one session over one channel. `notice` hears what status wants to know."""

    def __init__(
        self,
        channel: Channel,
        session: Session,
        engine: Engine,
        readers: Executor,
        notice: Callable[[Link, effects.Notice], None],
    ) -> None:
        self.channel = channel
        self.session = session
        self.bytes_in = 0
        self.bytes_out = 0
        self.end_code = ""
        self.entered_at = 0.0  # the present phase; seconds of the loop's clock
        self.changed = asyncio.Event()
        self.done = asyncio.Event()
        self._engine = engine
        self._readers = readers
        self._notice = notice
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[_Step | None] = asyncio.Queue()
        self._turn = asyncio.Lock()  # one thing at a time with the session
        self._room = asyncio.Semaphore(INBOX_FRAMES_MAX)
        self._sendable = asyncio.Event()
        self._ending = False
        self._reads: asyncio.Queue[Read] = asyncio.Queue()
        self._store: LaneReader = engine.store.shared(None)
        self._settles = False
        self._summary: asyncio.Task[None] | None = None

    @property
    def peer(self) -> NodeId | None:
        """Proven id of the other node."""
        return self.session.peer

    async def run(self) -> str:
        """Until the connection ends; the stable code of why (empty: an ordinary end)."""
        tasks = [
            asyncio.create_task(self._receive()),
            asyncio.create_task(self._read()),
        ]
        sender = asyncio.create_task(self._send())
        try:
            self._perform(self.session.start())
            self._sendable.set()
            while self.session.phase is not Phase.CLOSED:
                step = await self._next()
                if step is None:
                    break
                self._perform(await self._take(step))
                self._sendable.set()
                self.changed.set()
                await asyncio.sleep(0)  # a full inbox must not keep the local API waiting
        finally:
            self._ending = True
            self._sendable.set()
            await asyncio.wait([sender], timeout=FLUSH_S_MAX)
            tasks += [sender, *([self._summary] if self._summary else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.channel.close()
            self.session.abandon()
            self._engine.audit_sync.ended(self.peer, self.end_code)
            self.changed.set()
            self.done.set()
        return self.end_code

    def grown(
        self, lanes: Iterable[tuple[Lane, int]], precedence: Precedence, *, relayed: bool
    ) -> None:
        """Lanes grew here, `relayed`: through another peer. Call on the loop."""
        self._put(
            lambda now: self.session.grown(lanes, now, precedence=precedence, relayed=relayed)
        )

    def custody_grown(self, *, relayed: bool) -> None:
        """A garrison's custody log grew here. Call on the loop."""
        self._put(lambda now: self.session.custody_grown(now, relayed=relayed))

    def audit_grown(self) -> None:
        """Our own audit log grew. Call on the loop."""
        self._put(self.session.audit_grown)

    def authority_grown(self) -> None:
        """The authority's log grew here. Call on the loop."""
        head = self._engine.belonging.log_head
        self._put(partial(self.session.authority_grown, head))

    def released(self) -> None:
        """Content was let go here, or is here again. Call on the loop."""
        self._put(self.session.released)

    def refill(self) -> None:
        """Ask this peer for the content that is to come back. Call on the loop."""
        self._put(self.session.refill)

    def take_turn(self) -> None:
        """No other link repairs now. Call on the loop."""
        self._put(self.session.take_turn)

    def check(self) -> None:
        """Prove equality now, if we lead. Call on the loop."""
        self._put(self.session.check)

    def end(self, code: str) -> None:
        """End the connection; the peer is told a code, if there is one. Call on the loop."""
        self.end_code = self.end_code or code
        if code:
            self._put(lambda _now: self.session.end(code))
        self._inbox.put_nowait(None)

    async def _take(self, step: _Step) -> list[Effect]:
        if step.frame:
            self._room.release()
        async with self._turn:
            now = self._loop.time()
            if not step.long:
                return step.do(now)
            return await self._loop.run_in_executor(self._readers, step.do, now)

    async def _next(self) -> _Step | None:
        deadline = self.session.next_deadline()
        if deadline is None:
            return await self._inbox.get()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._inbox.get()
        except TimeoutError:
            return _Step(self.session.expire)

    async def _receive(self) -> None:
        while (frame := await self.channel.receive()) is not None:
            self.bytes_in += len(frame)
            await self._room.acquire()
            long = len(frame) > LONG_FRAME_BYTES
            self._put(partial(self.session.receive, frame), frame=True, long=long)
        self._put(lambda _now: self.session.abandon())

    def _put(
        self, do: Callable[[float], list[Effect]], *, frame: bool = False, long: bool = False
    ) -> None:
        self._inbox.put_nowait(_Step(do, frame, long))

    async def _send(self) -> None:
        """One frame at a time, chosen when the channel can take it: what is urgent overtakes."""
        while True:
            self._sendable.clear()
            while (frame := await self._chosen()) is not None:
                self.bytes_out += len(frame)
                await self.channel.send(frame)
            if self._ending:
                return
            await self._sendable.wait()

    async def _chosen(self) -> bytes | None:
        async with self._turn:
            return self.session.transmit()

    async def _read(self) -> None:
        while True:
            read = await self._reads.get()
            if self._settles and isinstance(read, effects.ReadSummary):
                self._summary = asyncio.create_task(self._settled(read))
            else:
                await self._perform_read(read)

    async def _settled(self, read: Read) -> None:
        """Who may hold a document is known once units and episodes are shown: what came last may
        have to be folded first. Other reads go on meanwhile."""
        settled = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: the node is stopping
                self._loop.call_soon_threadsafe(settled.set)

        self._engine.projector.when_idle(tell)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S_MAX):
                await settled.wait()
        await self._perform_read(read)

    async def _perform_read(self, read: Read) -> None:
        try:
            job = self._loop.run_in_executor(self._readers, perform, read, self._store)
            self._answer(read.ticket, await job)
        except Exception as fault:  # noqa: BLE001  the store's error ends this link only
            self.end(getattr(fault, "code", "read-failed"))

    def _answer(self, ticket: int, answer: Answer) -> None:
        # content to be packed, or that can be taken apart now
        content = isinstance(answer, effects.ReachRead | continuing.BasesRead)
        self._put(partial(self.session.answer, ticket, answer), long=content)

    def _perform(self, todo: Iterable[Effect]) -> None:
        for effect in todo:
            match effect:
                case effects.Close(code, _):
                    self.end_code = self.end_code or code
                case effects.SaveReceipts():
                    self._write(None, self._engine.save_receipts(effect))
                case (
                    effects.Hold()
                    | blob_effects.SaveBlobPart()
                    | custody_effects.SaveCustody()
                    | audit_effects.SaveAudit()
                    | authority_effects.SaveAuthority()
                ):
                    self._write(effect.ticket, self._save(effect))
                case shed_effects.SaveReleased() | shed_effects.SaveHeard():
                    self._write(effect.ticket, self._engine.shedding.save(effect))
                case effects.Proven(node, _, _, scopes):
                    view = self._engine.grants.view(self._engine.key.node, node, scopes)
                    self._store = self._engine.store.shared(view)
                    self._settles = view is not None
                    if (profile := self.session.profile).thin:
                        self.channel.bound(
                            bytes_in_buffer=profile.credit_bytes, rate_bits_s=profile.rate_bits_s
                        )
                    self._engine.audit_sync.linked(node)
                    self._notice(self, effect)
                case (
                    custody_effects.CustodyRefused()
                    | authority_effects.AuthorityDiffers()
                    | audit_effects.SaveAuditAck()
                    | audit_effects.AuditRefused()
                    | audit_effects.AuditSurpassed()
                ):
                    self._of_logs(effect)
                case (
                    effects.Entered()
                    | effects.Outdated()
                    | effects.PeerRefused()
                    | shed_effects.PeerReleased()
                    | shed_effects.PeerWithholds()
                ):
                    if isinstance(effect, effects.Entered):
                        self.entered_at = self._loop.time()
                    self._notice(self, effect)
                case _:
                    self._reads.put_nowait(effect)

    def _save(
        self,
        effect: effects.Hold
        | blob_effects.SaveBlobPart
        | custody_effects.SaveCustody
        | audit_effects.SaveAudit
        | authority_effects.SaveAuthority,
    ) -> Future[Any]:
        match effect:
            case effects.Hold():
                return self._engine.hold(effect)
            case blob_effects.SaveBlobPart():
                return self._engine.save_blob_part(effect)
            case custody_effects.SaveCustody():
                return self._engine.custody.save(effect, self.peer)
            case audit_effects.SaveAudit():
                return self._engine.audit_sync.save(effect)
            case authority_effects.SaveAuthority():
                return self._engine.save_authority(effect)

    def _of_logs(
        self,
        effect: custody_effects.CustodyRefused
        | authority_effects.AuthorityDiffers
        | audit_effects.SaveAuditAck
        | audit_effects.AuditNotice,
    ) -> None:
        match effect:
            case custody_effects.CustodyRefused() | authority_effects.AuthorityDiffers():
                self._engine.refused(effect)
            case audit_effects.SaveAuditAck():
                self._write(None, self._engine.audit_sync.acknowledge(effect))
            case audit_effects.AuditRefused():
                self._engine.audit_sync.refused(effect)
            case audit_effects.AuditSurpassed():
                self._engine.audit_sync.surpassed(effect)

    def _write(self, ticket: int | None, future: Future[Any]) -> None:
        def done(finished: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: the node is stopping
                self._loop.call_soon_threadsafe(self._written, ticket, finished)

        future.add_done_callback(done)

    def _written(self, ticket: int | None, finished: Future[Any]) -> None:
        if (fault := finished.exception()) is not None:
            self.end(getattr(fault, "code", "write-failed"))
        elif ticket is not None:
            self._answer(ticket, finished.result())
