"""What can go wrong between two nodes: one tree, each leaf with a stable code and `retryable`.

`PeerFault` leaves are the other side's doing; they end the session with a typed refusal that names
the code, and they never carry content.
"""

from __future__ import annotations


class SyncError(Exception):
    """Root of what the sync core raises."""

    code = "sync"
    retryable = True


class LinkLost(SyncError):
    """The connection has ended, and neither side said why."""

    code = "link-lost"


class PeerFault(SyncError):
    """The peer broke the protocol."""

    code = "peer-fault"


class BadFrame(PeerFault):
    """Bytes that are no message: not msgpack, wrong types, not canonical."""

    code = "bad-frame"


class FrameTooLarge(PeerFault):
    """A frame, list or text above its limit in `limits.py`; the message names the limit."""

    code = "frame-too-large"


class BadSketch(PeerFault):
    """Cells that no two sets have: forged, damaged, or bad luck once in 50,000 large rounds."""

    code = "bad-sketch"


class UnknownMessage(PeerFault):
    """A message type that this version does not know."""

    code = "unknown-message"


class OutOfTurn(PeerFault):
    """A message that does not belong in this state."""

    code = "out-of-turn"


class VersionMismatch(PeerFault):
    """No protocol version in common."""

    code = "version-mismatch"
    retryable = False


class PeerUnknown(PeerFault):
    """The peer is not enrolled in this node's theatre."""

    code = "peer-unknown"
    retryable = False


class ProofFailed(PeerFault):
    """The peer did not prove that it holds the key of the node it claims to be."""

    code = "proof-failed"
    retryable = False


class WrongCertificate(PeerFault):
    """The peer says that it is another node than its certificate does."""

    code = "wrong-certificate"
    retryable = False


class SamePeer(PeerFault):
    """The peer claims this node's own id: a copy of this node, or a connection to itself."""

    code = "same-node"
    retryable = False


class DeviceTwice(PeerFault):
    """The peer proved to be this very device, with another store: a copy of it is live."""

    code = "device-twice"
    retryable = False


class Stalled(PeerFault):
    """Nothing came in time."""

    code = "stalled"
