"""The errors of this room: one tree, each leaf with a stable code and whether a retry can help.

Messages name the cause and the next step. Text that came from the network or a file is cut short
and quoted, so that a hostile advert cannot fill a log or a screen.
"""

from __future__ import annotations

import errno

QUOTED_LETTERS_MAX = 60


class DiscoveryError(Exception):
    """Root of what finding peers can raise."""

    code = "discovery"
    retryable = False


class BadAdvert(DiscoveryError):
    """An advert (ours or another node's) that breaks the rules of `discovery.advert`."""

    code = "bad-advert"


class BadStaticPeer(DiscoveryError):
    """Configuration text that names no address that could be dialled."""

    code = "bad-static-peer"


class TooManyPeers(DiscoveryError):
    """The table is full of peers that may not be evicted (configured or connected)."""

    code = "too-many-peers"


class MulticastUnavailable(DiscoveryError):
    """Multicast does not work here, now, or on one interface; configured peers still do."""

    code = "multicast-unavailable"
    retryable = True

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(f"{cause}. Configured peers still work. Next: {next_step}")
        self.cause = cause
        self.next_step = next_step


def quoted(text: object) -> str:
    """Foreign text fit for a message: printable, at most `QUOTED_LETTERS_MAX` letters."""
    shown = repr(text)
    return shown if len(shown) <= QUOTED_LETTERS_MAX else shown[:QUOTED_LETTERS_MAX] + "…"


_PERMIT = "allow this program UDP port 5353 (service sandbox, firewall)"
_NEXT_STEPS = {
    errno.EADDRINUSE: "stop the program that holds UDP port 5353 for itself, or let it share"
    " (avahi: disallow-other-stacks=no)",
    errno.EACCES: _PERMIT,
    errno.EPERM: _PERMIT,
}


def interface_refused(interface: str | None = None) -> MulticastUnavailable:
    """One interface (address or index) that carries no multicast, or the lack of any that does."""
    which = f"interface {interface}" if interface else "every interface here"
    return MulticastUnavailable(
        f"{which} carries no multicast",
        "connect a network or check the configured interfaces; they are looked at again by"
        " themselves",
    )


def multicast_refused(refusal: Exception) -> MulticastUnavailable:
    """What the system or the library refused, with the step that most often cures it."""
    number = refusal.errno if isinstance(refusal, OSError) else None
    return MulticastUnavailable(
        f"multicast cannot be used: {str(refusal) or type(refusal).__name__}",
        _NEXT_STEPS.get(number or 0, "check the network and the configured interfaces; retry"),
    )
