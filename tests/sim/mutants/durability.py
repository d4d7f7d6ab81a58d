"""What is acknowledged before, or without, being on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from node.authoring import Author
from node.engine import Engine
from node.receiving import Receiver
from node.sim.lab.disk import Disk, DiskStore
from storage import memory_custody
from storage.errors import CommitUncertain, StorageError
from storage.memory_rows import Rows
from storage.memory_writes import MemoryTransaction
from sync.effects import HoldDone
from tests.sim.mutants.mutant import SPLIT, Patch, mutant


@mutant(SPLIT, "no-receipt-before-durable", "nothing-acknowledged-lost", "status-true")
def acknowledged_before_the_commit() -> Sequence[Patch]:
    """A peer's content is receipted at once, and written when there is time."""
    hold = Receiver.hold

    def early(self: Receiver, effect: Any) -> Future[HoldDone]:
        scratch = self._store.clone()  # type: ignore[attr-defined]
        scratch.full = False
        with scratch.write() as transaction:
            applied = transaction.hold(effect.runs, effect.source, 1)
        hold(self, effect)
        done: Future[HoldDone] = Future()
        done.set_result(HoldDone(applied))
        return done

    return [(Receiver, "hold", early)]


@mutant(SPLIT, "nothing-acknowledged-lost", "no-receipt-before-durable")
def flush_skipped() -> Sequence[Patch]:
    """A commit returns before the disk has it: a power cut takes the last one back."""
    write = DiskStore.write

    @contextmanager
    def lazy(self: Any) -> Iterator[MemoryTransaction]:
        before = self.clone() if self._rows.settings else self
        with write(self) as transaction:
            yield transaction
        self.flushed = before

    def crash(self: Disk) -> None:
        self.replace(getattr(self.store, "flushed", self.store).clone())

    return [(DiskStore, "write", lazy), (Disk, "crash", crash)]


@mutant(SPLIT, "nothing-acknowledged-lost")
def full_disk_hidden() -> Sequence[Patch]:
    """A save that the disk refused is acknowledged all the same."""
    save = Engine._save_with

    def hidden(self: Engine, saves: Any, *rest: Any) -> list[list[str]]:
        try:
            return save(self, saves, *rest)
        except StorageError:
            return [[f"{'00' * 16}.{n}" for n, _ in enumerate(one.drafts)] for one in saves]

    return [(Engine, "_save_with", hidden)]


@mutant("flapping-lan", "nothing-acknowledged-lost")
def several_records_acknowledged_and_one_written() -> Sequence[Patch]:
    """Of a request about several records the first is saved, and all of it acknowledged."""
    save = Engine._save_with

    def partly(self: Engine, saves: Any, *rest: Any) -> list[list[str]]:
        more = [[f"{'11' * 16}.{n}" for n, _ in enumerate(one.drafts)] for one in saves[1:]]
        return [*save(self, saves[:1], *rest), *more]

    return [(Engine, "_save_with", partly)]


@mutant(SPLIT, "no-receipt-before-durable", "status-true")
def last_lane_of_a_message_not_stored() -> Sequence[Patch]:
    """Where a peer sends several lanes at once, the last one is claimed and forgotten."""
    write = DiskStore.write

    @contextmanager
    def forgetful(self: Any) -> Iterator[MemoryTransaction]:
        with write(self) as transaction:
            hold = transaction.hold

            def shorter(runs: Any, source: Any, now_ms: int) -> Any:
                if source is None or len(runs) < 2:
                    return hold(runs, source, now_ms)
                with write(self.clone()) as scratch:
                    claimed = scratch.hold(runs, source, now_ms)
                hold(runs[:-1], source, now_ms)
                return claimed

            transaction.hold = shorter  # type: ignore[method-assign]
            yield transaction

    return [(DiskStore, "write", forgetful)]


@mutant("power-cuts", "nothing-acknowledged-lost")
def uncertain_commit_acknowledged() -> Sequence[Patch]:
    """A commit that the power cut short is taken for done."""
    save, write = Engine._save_with, Author.write
    told: list[Any] = []

    def hopeful(self: Engine, saves: Any, *rest: Any) -> list[list[str]]:
        try:
            return save(self, saves, *rest)
        except CommitUncertain:
            return list(told[-1][: len(saves)])

    def noted(self: Author, *args: Any) -> Any:
        applied, ids = write(self, *args)
        told.append(ids)
        return applied, ids

    return [(Engine, "_save_with", hopeful), (Author, "write", noted)]


@mutant(SPLIT, "no-receipt-before-durable")
def receipt_for_more_than_was_sent() -> Sequence[Patch]:
    """What a receipt covers is read one change too far."""
    save = MemoryTransaction.save_receipts

    def generous(
        self: MemoryTransaction, holder: Any, epoch: bytes, receipts: Any, now_ms: int
    ) -> None:
        more = [
            one._replace(state=one.state._replace(length=one.state.length + 1)) for one in receipts
        ]
        save(self, holder, epoch, more, now_ms)

    return [(MemoryTransaction, "save_receipts", generous)]


@mutant("satcom-week", "no-receipt-before-durable", "status-true")
def garrison_log_ahead_of_its_disk() -> Sequence[Patch]:
    """A garrison signs for one change more than it holds."""
    write = memory_custody.write

    def generous(rows: Any, garrison: Any, epoch: bytes, now_ms: int, sign: Any) -> Any:
        lanes = rows.lanes
        rows.lanes = {
            document: {
                actor: row._replace(held=row.held._replace(length=row.held.length + 1))
                for actor, row in lanes[document].items()
            }
            for document in lanes
        }
        try:
            return write(rows, garrison, epoch, now_ms, sign)
        finally:
            rows.lanes = lanes

    return [(memory_custody, "write", generous)]


@mutant(SPLIT, "books-in-order", "no-fault", "converged-after-healing")
def torn_commit() -> Sequence[Patch]:
    """A commit that the disk refuses leaves a part of it there."""
    return [(Rows, "roll_back", Rows.commit)]
