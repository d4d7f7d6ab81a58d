"""Transactions of a store, one of each kind, each with content of its own that can be looked for."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import NamedTuple

from conflict.document import admit
from conflict.signature import SigningKey
from storage import ProjectionRow, SqlStore
from sync import audit
from sync.audit import Action, AuditRow
from sync.ports import SetAside
from tests.contracts.store_samples import (
    HOLDER,
    NOW_MS,
    PEER,
    SampleLane,
    document,
    hold,
    receipt,
    sample_lane,
)

DEEDS_MAX = 160  # of one store; lanes are dear to make, and are made once a process
_EPOCH = b"an epoch".ljust(16)
_DEVICE = SigningKey.from_entropy(hashlib.sha512(b"a device").digest())


class Half(Exception):
    """A part of a transaction is there."""


class Deed(NamedTuple):
    """One transaction. `there`: whether all of it is there, or nothing; None: later ones hide it."""

    name: str
    do: Callable[[SqlStore], None]
    there: Callable[[SqlStore], bool] | None


def deed(number: int, dice: random.Random) -> Deed:
    """The transaction of this number, of a kind that the dice say."""
    return dice.choice(_KINDS)(number)


def lane_of(number: int, text: str = "") -> SampleLane:
    """Three changes in a document of their own."""
    seed = number % DEEDS_MAX + (DEEDS_MAX if text else 0)
    return sample_lane(seed, document(seed), 3, text)


def holds(store: SqlStore, lane: SampleLane) -> bool:
    """Whether a lane is there, whole. Raises `Half`."""
    states = store.vectors([lane.lane.document]).get(lane.lane.document, {})
    state = states.get(lane.lane.actor)
    if state not in {None, lane.whole().state.short}:
        raise Half("a lane")
    return state is not None


def _all_or_nothing(*found: bool) -> bool:
    if len(set(found)) > 1:
        raise Half("a transaction")
    return found[0]


def _runs(number: int) -> Deed:
    lane = lane_of(number)

    def do(store: SqlStore) -> None:
        with store.write() as transaction:
            transaction.hold([lane.cut(1, 2)], PEER, NOW_MS)
            transaction.hold([lane.cut(3, 3)], PEER, NOW_MS)

    return Deed("runs", do, lambda store: holds(store, lane))


def _large_run(number: int) -> Deed:
    lane = lane_of(number, "x" * 15_000)
    return Deed(
        "large run", lambda store: hold(store, lane.whole()), lambda store: holds(store, lane)
    )


def _attachment(number: int) -> Deed:
    data = random.Random(number).randbytes(30_000 + number)
    name = hashlib.sha256(data).digest()

    def do(store: SqlStore) -> None:
        with store.write() as transaction:
            transaction.put_blob(data)

    return Deed("attachment", do, lambda store: store.blob(name) == data)


def _settings(number: int) -> Deed:
    keys = (f"first {number}", f"second {number}")

    def do(store: SqlStore) -> None:
        with store.write() as transaction:
            for key in keys:
                transaction.set_setting(key, b"value")

    def there(store: SqlStore) -> bool:
        return _all_or_nothing(*(store.setting(key) == b"value" for key in keys))

    return Deed("settings", do, there)


def _receipted(number: int) -> Deed:
    lane = lane_of(number)

    def do(store: SqlStore) -> None:
        with store.write() as transaction:
            transaction.hold([lane.whole()], PEER, NOW_MS)
            transaction.save_receipts(HOLDER, _EPOCH, [receipt(lane, 3)], NOW_MS)

    def there(store: SqlStore) -> bool:
        receipts = store.receipts(lane.lane.document)
        return _all_or_nothing(holds(store, lane), HOLDER in receipts)

    return Deed("receipt", do, there)


def _shown(number: int) -> Deed:
    lane = lane_of(number)
    row = ProjectionRow(lane.lane.document, f"label {number}", 0, b"body")

    def do(store: SqlStore) -> None:
        with store.write() as transaction:
            transaction.hold([lane.whole()], PEER, NOW_MS)
            transaction.save_projection(row)

    def there(store: SqlStore) -> bool:
        held = holds(store, lane)
        if store.projection(lane.lane.document) and not held:  # a rebuild takes what is shown away
            raise Half("a transaction")
        return held

    return Deed("shown", do, there)


def _set_aside(number: int) -> Deed:
    item = SetAside(lane_of(number).lane, 1, "bad-checksum", f"detail {number}")

    def do(store: SqlStore) -> None:
        with store.write() as transaction:
            transaction.set_aside([item], {item: bytes(5000)}, PEER, NOW_MS)

    def there(store: SqlStore) -> bool:
        return item in [row.item for row in store.set_aside_items()]

    return Deed("set aside", do, there)


def _opened(_number: int) -> Deed:
    """What a node does with the document that has waited longest."""

    def do(store: SqlStore) -> None:
        work = store.work(1)
        with store.write() as transaction:
            for lane in (lane for one in work for lane in one.lanes):
                entries = admit(lane.actor, lane.changes, lane.known).entries
                length = len(lane.changes)
                transaction.save_admission(work[0].document, lane.actor, length, entries)
            for one in work:
                transaction.mark_clean(one.document)

    return Deed("opened", do, None)


def _audited(number: int) -> Deed:
    rows = [AuditRow(NOW_MS + at, Action.READ, "ruiz", "medic", bytes(16), "") for at in range(3)]

    def do(store: SqlStore) -> None:
        with store.write() as transaction:
            transaction.append_audit(
                _DEVICE.node,
                _EPOCH,
                rows,
                lambda head: audit.sign_head(_DEVICE.node, head, _DEVICE),
            )

    return Deed("audit", do, None)


def _new_secret(number: int) -> Deed:
    """Every symbol and cell anew."""
    secret = hashlib.sha256(b"secret %d" % number).digest()[:16]
    return Deed("new secret", lambda store: store.sketch_with(secret), None)


def _rebuilt(_number: int) -> Deed:
    """Every cache anew, in one transaction that writes many pages."""

    def do(store: SqlStore) -> None:
        store.rebuild()

    return Deed("rebuild", do, None)


_KINDS = (
    *(_runs, _large_run, _attachment, _settings, _receipted, _shown, _set_aside),
    *(_opened, _audited, _new_secret, _rebuilt),
)
