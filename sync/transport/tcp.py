"""Socket options that keep little waiting in the kernel: what waits there cannot be overtaken."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Protocol

UNSENT_BYTES = 128 * 1024
"""In the kernel and not on its way, on any link: a millisecond of a gigabit."""
SEND_BUFFER_PER_BYTE = 2
"""A kernel counts its own records too: Linux takes 1.1 kB for a frame of 264 B, of the double of
what was asked for."""
SEND_BUFFER_MIN = 2_048
"""Linux takes no less."""


class Socket(Protocol):
    """A socket, or what asyncio shows of one."""

    def setsockopt(self, level: int, optname: int, value: int, /) -> None:
        """As of `socket.socket`."""
        ...


def open_link(one: Socket | None) -> None:
    """A link of which nothing is known: no frame waits for the next, none for megabytes."""
    if one is not None:
        with suppress(OSError):  # lost meanwhile: the reader learns it
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _unsent(one, UNSENT_BYTES)


def bound(one: Socket | None, bytes_in_buffer: int) -> None:
    """A thin link: so many bytes sent and unsent together, and about no more, are in the kernel.

    Both options, because each alone is soft: the first counts what is on its way too, the second
    (Linux, macOS) lets a record that has been begun grow to 32 KiB.
    """
    if one is not None:
        wanted = max(SEND_BUFFER_PER_BYTE * bytes_in_buffer, SEND_BUFFER_MIN)
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, wanted)
            _unsent(one, bytes_in_buffer)


def _unsent(one: Socket, most: int) -> None:
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, most)
