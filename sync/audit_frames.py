"""Fields of AUDITHAVE and AUDIT, for `codec.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conflict.identity import ID_BYTES, NodeId
from conflict.signature import SIGNATURE_BYTES
from sync import audit as logs
from sync import fields, limits, messages
from sync.errors import BadFrame
from sync.leb128 import bound
from sync.squeezing import squeeze, unsqueeze


def have_body(message: messages.AuditHave) -> Iterable[object]:
    """Fields of AUDITHAVE."""
    return message.device, [list(place) for place in message.places]


def have(device: Any, places: Any) -> messages.AuditHave:
    """AUDITHAVE of its fields."""
    items = fields.items(places, limits.AUDIT_PLACES_MAX, "AUDIT_PLACES_MAX")
    if not items:
        raise BadFrame("places of an audit log, at least one")
    found = tuple(
        logs.AuditPlace(
            fields.sized(epoch, ID_BYTES),
            fields.number(number, logs.NUMBER_MAX),
            fields.sized(short, logs.LINK_SHORT_BYTES),
        )
        for epoch, number, short in items
    )
    return messages.AuditHave(NodeId(fields.sized(device, ID_BYTES)), found)


def audit_body(message: messages.Audit) -> Iterable[object]:
    """Fields of AUDIT."""
    device, epoch, first, previous, rows, signature = message.segment
    return device, epoch, first, previous, squeeze([*map(logs.row_bytes, rows)]), signature


def audit(
    device: Any, epoch: Any, first: Any, previous: Any, squeezed: Any, signature: Any
) -> messages.Audit:
    """AUDIT of its fields."""
    rows, rest = unsqueeze(fields.raw(squeezed))
    bound(len(rows), limits.AUDIT_FRAME_BYTES_MAX, "bytes of rows", "AUDIT_FRAME_BYTES_MAX")
    if rest:
        raise BadFrame("audit entries go on after their end")
    number = fields.number(first, logs.NUMBER_MAX)
    if not number:
        raise BadFrame("audit entries count from 1")
    segment = logs.AuditSegment(
        NodeId(fields.sized(device, ID_BYTES)),
        fields.sized(epoch, ID_BYTES),
        number,
        fields.sized(previous, logs.LINK_BYTES),
        logs.rows_from_bytes(rows),
        fields.sized(signature, SIGNATURE_BYTES),
    )
    return messages.Audit(segment)
