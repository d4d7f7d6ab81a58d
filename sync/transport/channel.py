"""What every transport offers: whole frames, in order, or the end of the connection."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """A duplex of frames. `remote` is text for logs and status, never trusted as identity.

    `peer_certificate`: what the peer has shown and proved to be its own, DER; None: this transport
    has no identities.
    """

    remote: str
    peer_certificate: bytes | None

    def bound(self, *, bytes_in_buffer: int, rate_bits_s: float) -> None:
        """What is known of the link: from the next frame on, about so many bytes wait below this
        channel at most, and frames go no faster than the rate (0: not known)."""
        ...

    async def send(self, frame: bytes) -> None:
        """Put one frame on the wire. Returns when the link can take the next one: choose it then."""
        ...

    async def receive(self) -> bytes | None:
        """The next frame; None when the connection has ended, for whatever reason."""
        ...

    async def close(self) -> None:
        """End the connection. Safe to call twice."""
        ...


class Caller(Protocol):
    """What opens channels."""

    async def dial(self, address: str, *, connect_s_max: float) -> Channel:
        """Raises `LinkFailed`, after so many seconds at the latest."""
        ...

    async def close(self) -> None:
        """Close every channel opened here."""
        ...


class Called(Protocol):
    """What is reached by others; `port` once it listens."""

    @property
    def port(self) -> int:
        """Where."""
        ...

    async def listen(self, host: str, port: int) -> None:
        """Port 0 takes any free one. Raises `OSError`."""
        ...

    async def close(self) -> None:
        """Stop listening and end accepted channels."""
        ...


class LinkFailed(Exception):
    """No connection: address, cause, next step. `code`: which kind, for status."""

    code = "link-failed"
    retryable = True

    def __init__(self, text: str, code: str = code) -> None:
        super().__init__(text)
        self.code = code
