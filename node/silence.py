"""Silence at a person's word: every socket to others closed at once, and again after a restart.

The word is a file in the home, so that it holds before the store is open and while it is locked. What
the kernel says by itself (ARP, answers to a closed port) is stopped by deploy/silent.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from conflict.statement import Json
from node.allowances import SILENT
from node.errors import PortBusy
from node.home import Home, announce, read_running
from node.settings import Listen

if TYPE_CHECKING:
    from node.peering import Peering


def is_kept(home: Home) -> bool:
    """Whether this node is to be silent, whatever its configuration says."""
    return home.silence.exists()


def keep(home: Home, *, silent: bool) -> None:
    """Durable when it returns."""
    if silent:
        home.silence.touch(mode=0o600)
    else:
        home.silence.unlink(missing_ok=True)
    folder = os.open(home.root, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Silence:
    """Of a running node, which listens at `listen` otherwise. On the event loop."""

    def __init__(self, home: Home, peering: Peering, listen: Listen) -> None:
        self._home = home
        self._peering = peering
        self._listen = listen
        peering.allowances.silenced = is_kept(home)

    @property
    def reached_at(self) -> str:
        """Where peers reach this node, as `Running.sync` says it."""
        silent = self._peering.allowances.silent
        return SILENT if silent else str(self._listen._replace(port=self._peering.port))

    async def set(self, *, silent: bool) -> Json:
        """See `Desk.silence`. Kept before a socket closes, forgotten after they are open again."""
        if silent:
            keep(self._home, silent=True)
        try:
            await self._peering.silence(silent=silent)
        except OSError as fault:
            await self._peering.silence(silent=True)
            raise PortBusy(
                f"cannot listen for peers again: {fault.strerror}. Stop the other program; this "
                "node is still silent, and everything is saved here"
            ) from fault
        if not silent:
            keep(self._home, silent=False)
        if (running := read_running(self._home)) is not None:
            announce(self._home, running._replace(sync=self.reached_at))
        return {"silent": self._peering.allowances.silent}
