"""A form is saved once: its one-time id is kept in the transaction of its save, and refused later.

Ids are kept as digests in `BUCKETS` settings of `KEPT` each, so that they never grow: about 30,000 later
forms pass before one is forgotten. No I/O but the transaction's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from node.desk import Save
from node.errors import SavedAlready
from storage.ports import Transaction

BUCKETS = 4096
KEPT = 8
DIGEST_BYTES = 12


def claim(transaction: Transaction, saves: Iterable[Save]) -> None:
    """Use up the one-time ids of these saves. Raises `SavedAlready`."""
    for once in dict.fromkeys(save.once for save in saves if save.once):
        digest = hashlib.sha256(once.encode()).digest()
        key = f"once.{int.from_bytes(digest[-2:], 'big') % BUCKETS:03x}"
        kept = transaction.setting(key) or b""
        own = digest[:DIGEST_BYTES]
        if own in (kept[at : at + DIGEST_BYTES] for at in range(0, len(kept), DIGEST_BYTES)):
            raise SavedAlready("This form was saved already; nothing was saved a second time")
        transaction.set_setting(key, (kept + own)[-KEPT * DIGEST_BYTES :])
