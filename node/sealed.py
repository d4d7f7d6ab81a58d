"""A node that was started with nobody there to open it: it waits for `aidstation unlock`.

For a laptop whose node the system starts at boot. The home is owned and the local API listens, and
nothing else: no store, no key, no socket to peers. Health says `sealed`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from node import vault as vaults
from node.errors import BadRequest, TryLater
from node.home import Home, Running, announce, new_token, withdraw
from node.locking import Attempts
from node.unlocking import Opened, passphrase_bytes, read_vault
from node.vault import PASSPHRASE
from node.zeroizing import destroy_keys, finish

if TYPE_CHECKING:
    from node.config import Settings

SEALED = "sealed"


class OwnEnd:
    """How a process ends itself for good: see `Zeroize` in `http/lock.py`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def destroy_keys(self) -> None:
        """See there."""
        destroy_keys(self._home)

    def finish(self) -> None:
        """See there."""
        finish(self._home)


class Seal:
    """Whoever brings the right secret ends the wait. Safe from any thread."""

    def __init__(
        self, home: Home, loop: asyncio.AbstractEventLoop, now_ms: Callable[[], int]
    ) -> None:
        self.opened: asyncio.Future[Opened | None] = loop.create_future()
        self._home = home
        self._loop = loop
        self._now_ms = now_ms
        self._attempts = Attempts()
        self._trying = threading.Lock()

    def unlock(self, way: str, secret: str) -> None:
        """By passphrase, or `key`: a key file's content in hexadecimal. Raises `WrongSecret`,
        `TryLater`, `BadRequest`, `VaultDamaged`."""
        with self._trying:
            if wait_ms := self._attempts.wait_ms(self._now_ms()):
                raise TryLater(f"The next attempt is taken in {-(-wait_ms // 1000)} s")
            self._attempts = self._attempts.failed(self._now_ms())
            opened = self._open(way, secret)
            self._attempts = Attempts()
        self._loop.call_soon_threadsafe(self._end, opened)

    def _open(self, way: str, secret: str) -> Opened:
        vault = read_vault(self._home)
        slots = vault.slots if vault else ()
        if vault is None or way not in {PASSPHRASE, "key"}:
            raise BadRequest("A sealed node takes its passphrase or key file: a PIN opens no disk")
        if way == PASSPHRASE:
            found = vaults.open_with_passphrase(slots, passphrase_bytes(secret))
        else:
            found = vaults.open_with_file(slots, _from_hex(secret))
        return Opened(vault, found)

    def _end(self, opened: Opened | None) -> None:
        if not self.opened.done():
            self.opened.set_result(opened)

    def stop(self) -> None:
        """Nobody came: the process is asked to end."""
        self._end(None)


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as fault:
        raise BadRequest("key: hexadecimal expected") from fault


async def wait_for_secret(
    settings: Settings, home: Home, on_ready: Callable[[Running], None] | None = None
) -> Opened | None:
    """The opened vault once somebody brought the secret; None: asked to stop. Raises `PortBusy`."""
    from node.http.listening import serve
    from node.http.lock import sealed_app

    loop = asyncio.get_running_loop()
    seal = Seal(home, loop, lambda: time.time_ns() // 1_000_000)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, seal.stop)
    app = sealed_app(new_token(home), seal.unlock, OwnEnd(home))
    runner, port = await serve(app, settings.api.address)
    try:
        api = str(settings.api.address._replace(port=port))
        running = Running(os.getpid(), api, SEALED, str(home.token))
        announce(home, running)
        if on_ready:
            on_ready(running)
        return await seal.opened
    finally:
        withdraw(home)
        await runner.cleanup()
