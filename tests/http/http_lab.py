"""A real API over a real desk: engine, memory store and desk in this process, one free port."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from conflict.signature import SigningKey
from node.app import now_ms
from node.config import Listen
from node.engine import Engine
from node.home import find_home
from node.http.app import Readiness, make_app
from node.http.listening import serve
from node.http.lock import LockRoutes
from node.local_desk import LocalDesk
from node.locker import Locker
from node.reception import Reception
from node.remote_desk import RemoteDesk
from node.sessions import Sessions
from node.workers import InlineWorkers
from storage import MemoryStore

TOKEN = "0123456789abcdef" * 4
ANSWER_S_MAX = 30


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Lab(NamedTuple):
    """Both ends of one desk."""

    local: LocalDesk
    remote: RemoteDesk
    port: int

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request with these headers and no others."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S_MAX)
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, raw, given)
            response = connection.getresponse()
            content = response.read()
            page = response.headers.get_content_maintype() == "text"
            body = content.decode() if page else json.loads(content) if content else None
            return Answer(response.status, dict(response.headers), body)
        finally:
            connection.close()

    def allowed(self, method: str, path: str, body: Any = None) -> Answer:
        """One request of somebody who has the token."""
        kind = {"Content_Type": "application/json"} if body is not None else {}
        return self.ask(method, path, body, Authorization=f"Bearer {TOKEN}", **kind)


@contextmanager
def engine() -> Iterator[Engine]:
    """An engine that keeps everything in memory."""
    found = Engine(
        key=SigningKey.from_entropy(bytes(40)),
        store=MemoryStore(bytes(16)),
        workers=InlineWorkers(),
        now_ms=lambda: time.time_ns() // 1_000_000,
        entropy=secrets.token_bytes,
    )
    try:
        yield found
    finally:
        found.close()


def application(
    desk: LocalDesk, verdict: Readiness, lock: LockRoutes | None = None
) -> web.Application:
    """The application as `node.app` makes it, but for sessions no time passes."""
    clocks = lambda: time.time_ns() // 1_000_000, lambda: 1_000.0
    reception = Reception(desk.roster, Sessions(secrets.token_bytes), TOKEN, *clocks, "owner")
    return make_app(desk, reception, lambda: verdict, lock)


class Ends:
    """Stands in for the end of this process, which runs the tests."""

    def __init__(self) -> None:
        self.destroyed = 0

    def destroy_keys(self) -> None:
        self.destroyed += 1

    def finish(self) -> None:
        pass


def plain_lock(own: Engine) -> LockRoutes:
    """Of a node without a vault."""
    return LockRoutes(Locker(own.store, find_home(Path("/nowhere/at/all")), None, now_ms), Ends())


@contextmanager
def lab(
    verdict: Readiness | None = None, lock: Callable[[Engine], LockRoutes] | None = None
) -> Iterator[Lab]:
    """The API on a free port until the block ends, its loop on a thread of its own."""
    with engine() as own:
        desk = LocalDesk(own, "alpha", "field")
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        async def start() -> tuple[web.AppRunner, int]:
            app = application(desk, verdict or Readiness(ready=True), lock and lock(own))
            return await serve(app, Listen("127.0.0.1", 0))

        runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result()
        try:
            yield Lab(desk, RemoteDesk(f"127.0.0.1:{port}", TOKEN), port)
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
