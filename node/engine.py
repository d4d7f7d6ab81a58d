"""The engine: one node's records and the rules of who writes when. No sockets, no event loop.

Local saves go first and are durable when they return. Foreign content is held first, then admitted
and folded by document workers. Whoever wants to send what grew registers with `on_grown`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from conflict import slot
from conflict.catalogue import fingerprint
from conflict.fold import Catalogue
from conflict.identity import (
    DocumentId,
    DocumentKind,
    Lane,
    NodeId,
    StatementId,
    document_kind,
    statement_id,
)
from conflict.membership import joining, naming
from conflict.signature import SigningKey
from conflict.slot import CATALOGUE
from conflict.statement import Draft
from node.acting import acting
from node.attributing import attributed
from node.audit import NO_ROWS, Audit, Taken
from node.audit_sync import AuditSync
from node.authoring import Author
from node.belonging import Belonging
from node.custody_log import CustodyLogs, CustodyNews
from node.desk import Save
from node.errors import BadRequest
from node.grants import Grants
from node.hands import Hands, Threads
from node.listeners import Listeners
from node.projecting import Projector
from node.quarantine import Quarantine
from node.receiving import Receiver
from node.shedding import Shedding, ShedNews
from node.twins import Twins
from node.workers import FAULT, KILLED, Workers
from node.writing import Urgency
from storage.errors import BlobMismatch, BlobMisplaced, BlobTooLarge, DiskFull
from storage.ports import Store, Transaction
from sync.audit import Action, AuditRow
from sync.authority_effects import AuthorityDiffers, AuthoritySaved, SaveAuthority
from sync.blob_effects import BlobSaved, SaveBlobPart
from sync.custody_effects import CustodyRefused
from sync.effects import Hold, HoldDone, SaveReceipts
from sync.ports import Applied, Precedence

BULK_SAVES = 50  # a transaction when importing: about 30 ms, so that local saves wait no longer
JOINING_SAVES = 256  # their words to a unit fit one change
CATALOGUE_SETTING = "catalogue"


Result = TypeVar("Result")


class Growth(NamedTuple):
    """Lanes that grew, with the first new change of each; from whom (None: written here)."""

    lanes: tuple[tuple[Lane, int], ...]
    source: NodeId | None
    precedence: Precedence


class Engine:
    """A node without its links. `now_ms` is wall-clock milliseconds, `entropy(n)` random bytes.

    `workers` must fold with the same `catalogue`. `epoch_began`: this store is known to
    be new or restored, so records of this device are expected from peers. `hands`: who works beside
    the callers.
    """

    def __init__(
        self,
        *,
        key: SigningKey,
        store: Store,
        workers: Workers,
        now_ms: Callable[[], int],
        entropy: Callable[[int], bytes],
        catalogue: Catalogue = CATALOGUE,
        belonging: Belonging | None = None,
        epoch_began: bool = False,
        hands: Hands | None = None,
    ) -> None:
        self.key = key
        self.store = store
        self.belonging = belonging or Belonging(store, key)
        self._grant()
        self.epoch = store.epoch()
        self.now_ms = now_ms
        self.entropy = entropy
        self.catalogue = catalogue
        self._fold_with(catalogue)
        self._author = Author(key, store, entropy, catalogue)
        hands = hands or Threads()
        self._writer = hands.writer()
        self.projector = Projector(
            store, self._writer, workers, self._author, now_ms, hands, catalogue
        )
        self._receiver = Receiver(store, self._writer, now_ms, self._held, key.node)
        self.custody = CustodyLogs(key, store, self._writer, now_ms, entropy, hands)
        self.custody.on_news(self._heed)
        self.audit = Audit(key, store, self._writer, now_ms, hands)
        self.audit_sync = AuditSync(store, self._writer, self.audit, now_ms, self.custody.renew)
        self.quarantine = Quarantine(
            store, self._writer, self.belonging, key.node, self.projector.reopen
        )
        self.twins = Twins(key.node, store, now_ms)
        self._epoch_began, self._renewed = epoch_began, False
        self.shedding = Shedding(store, self._writer, self._author, now_ms)
        self._retry_killed()
        self.belonging.on_change(self._change)
        self._grown: Listeners[Growth] = Listeners()

    @property
    def grants(self) -> Grants:
        """What this node and its peers may hold now."""
        return self.belonging.grants

    def _change(self, _: None) -> None:
        self._grant()
        self.quarantine.judge()
        self.audit.note(Action.ENROLMENT, purpose=f"authority log {self.belonging.head.number}")

    def _grant(self) -> None:
        """What the authority's log says of scopes, garrisons and the theatre's secret holds from now on."""
        self.store.sketch_with(self.belonging.secret)
        self.store.trust(self.grants.garrisons)

    def _retry_killed(self) -> None:
        """A worker's death is a local verdict: each start of the node asks again."""
        if documents := self.store.refused((KILLED, FAULT)):
            with self.store.write() as transaction:
                for document in documents:
                    transaction.retry_admission(document)

    def _fold_with(self, catalogue: Catalogue) -> None:
        """After an upgrade (or a step back) everything is folded anew, in the background."""
        mark = str(fingerprint(catalogue)).encode()
        if self.store.setting(CATALOGUE_SETTING) != mark:
            with self.store.write() as transaction:
                transaction.fold_again()
                transaction.set_setting(CATALOGUE_SETTING, mark)

    def on_grown(self, listener: Callable[[Growth], None]) -> Callable[[], None]:
        """Tell `listener` (on the writer thread) which lanes grew; undo by calling."""
        return self._grown.add(listener)

    def _heed(self, news: CustodyNews) -> None:
        if news.renewed:
            self.epoch = self.audit.epoch = self.store.epoch()
        self.quarantine.stirred()

    # Local writes ---------------------------------------------------------------------------

    def save(
        self,
        saves: Sequence[Save],
        blobs: Sequence[bytes] = (),
        urgency: Urgency = Urgency.LOCAL,
    ) -> list[list[str]]:
        """Durable when it returns: statement ids of each save. Raises `ValueRefused` before writing."""
        written = [save.document for save in saves]
        return self._submit(urgency, saves, blobs, written)

    def _submit(
        self,
        urgency: Urgency,
        saves: Sequence[Save],
        blobs: Sequence[bytes],
        written: Sequence[DocumentId],
    ) -> list[list[str]]:
        for save in saves:
            for draft in save.drafts:
                check(save.document, draft, self.catalogue)
        saves = attributed(saves, acting.get(), self._slots)
        rows = self.audit.boarding(save.document for save in saves)
        return self._writer.submit(
            urgency, partial(self._save, saves, blobs, written, rows)
        ).result()

    def _slots(self, document: DocumentId) -> dict[StatementId, str]:
        held = self.store.entries(document).items()
        return {
            statement_id(actor, one.number): one.slot for actor, entries in held for one in entries
        }

    def save_all(self, saves: Iterable[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """Bulk: transactions of `BULK_SAVES`, each behind every waiting local save.

        The unit is told of `JOINING_SAVES` at a time: it is folded with each word it gets.
        """
        stream = iter(saves)
        ids: list[list[str]] = []
        first, written = tuple(blobs), list[DocumentId]()
        while batch := tuple(islice(stream, BULK_SAVES)):
            written += (save.document for save in batch)
            told = written if len(written) >= JOINING_SAVES else []
            ids.extend(self._submit(Urgency.BULK, batch, first, told))
            first = ()
            if told:
                written = []
        if first or written:
            self._submit(Urgency.BULK, (), first, written)
        return ids

    def _save(
        self,
        saves: Sequence[Save],
        blobs: Sequence[bytes],
        written: Sequence[DocumentId],
        rows: Sequence[AuditRow] = (),
    ) -> list[list[str]]:
        """With what is to be audited of it; where the disk has no room for that, without."""
        taken = self.audit.take(rows)
        try:
            return self._save_with(saves, blobs, written, taken)
        except DiskFull:
            self.audit.give_back(taken)
            if not taken.rows and not taken.own:
                raise
            ids = self._save_with(saves, blobs, written, NO_ROWS)
            self.audit.keep(taken.own)
            return ids
        except BaseException:
            self.audit.give_back(taken)
            raise

    def _save_with(
        self,
        saves: Sequence[Save],
        blobs: Sequence[bytes],
        written: Sequence[DocumentId],
        taken: Taken,
    ) -> list[list[str]]:
        try:
            with self.store.write() as transaction:
                for blob in blobs:
                    transaction.put_blob(blob)
                joining = self._joining(written)
                applied, ids = self._author.write(transaction, [*saves, *joining], self.now_ms())
                head = self.audit.append(transaction, taken)
        except BaseException:
            self._author.retire()
            raise
        self._author.settled()
        self.audit.appended(taken, head)
        self._tell(Growth(applied.grown, None, _precedence(saves, self.catalogue)))
        return ids[: len(saves)]

    def _joining(self, written: Sequence[DocumentId]) -> list[Save]:
        """What this node writes in belongs to its unit: say so, once for each document."""
        home = self.grants.home
        if home is None:
            return []
        kinds = DocumentKind.PERSON, DocumentKind.EPISODE
        due = sorted({one for one in written if document_kind(one) in kinds})
        known = self.store.scopes(due)
        fresh = [one for one in due if home not in known.get(one, ())]
        if not fresh:
            return []
        name = [] if self.store.lanes(home) else [naming(self.grants.home_code)]
        parts = (fresh[at : at + JOINING_SAVES] for at in range(0, len(fresh), JOINING_SAVES))
        words = [tuple(map(joining, part)) for part in parts]
        return [Save(home, (*name, *words[0])), *(Save(home, some) for some in words[1:])]

    # What sessions write --------------------------------------------------------------------

    def hold(self, effect: Hold) -> Future[HoldDone]:
        """Make a peer's checked runs durable; the future resolves after commit."""
        return self._receiver.hold(effect)

    def _held(self, effect: Hold, applied: Applied) -> None:
        if any(self._author.writes(lane.actor) for lane in applied.forked):
            self._author.retire()  # somebody else writes in its name
        # after a restore that was noticed at the start they are what it had lost
        if not self._epoch_began and self.twins.came(effect, applied) and not self._renewed:
            self._renewed = True  # once in a life: a live copy would end every session
            self.custody.renew(self.epoch)
        self._tell(Growth(applied.grown, effect.source, effect.precedence))
        if applied.grown or applied.refilled:
            self.projector.wake()
        if self.quarantine.suspicious(run.author for run in effect.runs):
            self.quarantine.stirred()
        if applied.refilled:
            self.custody.stirred()
            self.shedding.tell(ShedNews(len(applied.refilled)))

    def save_receipts(self, effect: SaveReceipts) -> Future[None]:
        """Keep what a peer acknowledged."""

        def job() -> None:
            with self.store.write() as transaction:
                transaction.save_receipts(
                    effect.holder, effect.epoch, effect.receipts, self.now_ms()
                )

        return self._writer.submit(Urgency.RECEIPT, job)

    def save_authority(self, effect: SaveAuthority) -> Future[AuthoritySaved]:
        """Entries of the authority's log that a peer brought."""
        return self._writer.submit(Urgency.RECEIPT, partial(self.belonging.heard, effect.entries))

    def refused(self, effect: CustodyRefused | AuthorityDiffers) -> None:
        """What a peer sent of a signed log does not fit what is here."""
        if isinstance(effect, AuthorityDiffers):
            self.belonging.differs(effect.code)
        else:
            self.custody.refused(effect)

    def save_blob_part(self, effect: SaveBlobPart) -> Future[BlobSaved]:
        """Keep a part of a blob; a blob whose hash does not match is discarded."""

        def job() -> BlobSaved:
            try:
                with self.store.write() as transaction:
                    complete = transaction.put_blob_part(
                        effect.hash, effect.offset, effect.data, effect.size
                    )
            except (BlobMismatch, BlobMisplaced, BlobTooLarge):  # the peer's fault, not the disk's
                return BlobSaved(effect.hash, 0, complete=False)
            if complete:
                self.custody.stirred()
            return BlobSaved(effect.hash, effect.offset + len(effect.data), complete)

        return self._writer.submit(Urgency.FOREIGN, job)

    def retry(self, job: Callable[[Transaction], Result]) -> Result:
        """Give what was refused another chance: `job` forgets refusals in one transaction."""

        def work() -> Result:
            with self.store.write() as transaction:
                return job(transaction)

        done = self._writer.submit(Urgency.PROJECTION, work).result()
        self.projector.wake()
        return done

    def set_setting(self, key: str, value: bytes) -> Future[None]:
        """Keep a setting, behind everything else."""

        def job() -> None:
            with self.store.write() as transaction:
                transaction.set_setting(key, value)

        return self._writer.submit(Urgency.PROJECTION, job)

    # ----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Finish what is queued and let go of the store."""
        self.projector.stop()
        self.custody.stop()
        self.audit.stop()
        self._writer.stop()
        self.store.close()

    def _tell(self, growth: Growth) -> None:
        if growth.lanes:
            self.custody.stirred()
            self._grown.tell(growth)


def _precedence(saves: Sequence[Save], catalogue: Catalogue) -> Precedence:
    """Of what was just written: its most urgent statement's."""
    slots = (catalogue.get(draft.slot) for save in saves for draft in save.drafts)
    return min((_PRECEDENCE[one.urgency] for one in slots if one), default=Precedence.ROUTINE)


_PRECEDENCE = {
    slot.Urgency.URGENT: Precedence.URGENT,
    slot.Urgency.SUMMARY: Precedence.SUMMARY,
    slot.Urgency.ROUTINE: Precedence.ROUTINE,
}


def check(document: DocumentId, draft: Draft, catalogue: Catalogue = CATALOGUE) -> None:
    """Hold a draft to its slot. Raises `ValueRefused` naming field, limit and what was given."""
    declared = catalogue.get(draft.slot)
    if declared is None:
        known = ", ".join(sorted(catalogue))
        raise BadRequest(f"'{draft.slot[:40]}' is no slot of this record; slots are: {known}")
    if document_kind(document) not in declared.kinds:
        kinds = " or ".join(kind.name.lower() for kind in declared.kinds)
        raise BadRequest(
            f"'{declared.name}' belongs in a document of kind {kinds}; nothing was saved"
        )
    declared.check(draft)
