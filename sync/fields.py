"""Fields of messages, each held to its type and limit: what `codec.py` reads them with.

What breaks a rule is `BadFrame`, what is above a limit `FrameTooLarge` with the limit's name.
"""

from __future__ import annotations

from typing import Any

from conflict.identity import ID_BYTES, ActorId, DocumentId
from sync import limits
from sync.errors import BadFrame, FrameTooLarge
from sync.ports import Precedence


def sized(value: Any, size: int) -> bytes:
    """Bytes, so many."""
    if not isinstance(value, bytes) or len(value) != size:
        raise BadFrame(f"{size} bytes expected")
    return value


def number(value: Any, most: int = 1 << 62) -> int:
    """A whole number from 0 to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise BadFrame(f"a number from 0 to {most} expected")
    return value


def raw(value: Any) -> bytes:
    """Bytes."""
    if not isinstance(value, bytes):
        raise BadFrame("bytes expected")
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise BadFrame("true or false expected")
    return value


def text(value: Any) -> str:
    """Text of bounded length."""
    if not isinstance(value, str) or len(value) > limits.TEXT_CHARS_MAX:
        raise BadFrame(f"text of at most {limits.TEXT_CHARS_MAX} characters expected")
    return value


def items(value: Any, most: int, name: str) -> list[Any]:
    """A list of at most `most`, the limit called `name`."""
    if not isinstance(value, list):
        raise BadFrame("a list expected")
    if len(value) > most:
        raise FrameTooLarge(f"{len(value)} items, at most {most} ({name})")
    return value


def precedence(value: Any, known: frozenset[Precedence]) -> Precedence:
    """One of those that such a message may have."""
    if number(value) not in known:
        raise BadFrame(f"precedence {value} is not of such a message in protocol version 1")
    return Precedence(value)


def document(value: Any) -> DocumentId:
    """A document's id."""
    return DocumentId(sized(value, ID_BYTES))


def actor(value: Any) -> ActorId:
    """An actor."""
    return ActorId(sized(value, ID_BYTES))


def documents(packed: Any) -> tuple[DocumentId, ...]:
    """Ids, joined."""
    if len(raw(packed)) % ID_BYTES:
        raise BadFrame(f"documents of {ID_BYTES} bytes expected")
    if len(packed) > limits.RELEASED_DOCUMENTS_MAX * ID_BYTES:
        most = limits.RELEASED_DOCUMENTS_MAX
        raise FrameTooLarge(f"over {most} documents (RELEASED_DOCUMENTS_MAX)")
    return tuple(DocumentId(packed[at : at + ID_BYTES]) for at in range(0, len(packed), ID_BYTES))
