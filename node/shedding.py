"""Letting go of content and taking it back: what the writer does of it, and who hears of it.

Which documents go is chosen in `hold_set.py`; who is asked for what comes back, in `fetching.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, Protocol

from conflict.identity import DocumentId
from node.listeners import Listeners
from node.writing import Urgency, Writer
from storage import Freed
from storage.ports import Store
from sync.limits import REFILL_DOCUMENTS_MAX
from sync.shed_effects import HeardSaved, ReleasedSaved, SaveHeard, SaveReleased


class ShedNews(NamedTuple):
    """Content was let go, or: so many documents are whole again, more are `wanted`."""

    refilled: int = 0
    wanted: bool = False


class Author(Protocol):
    """The local author."""

    def leave(self, documents: Iterable[DocumentId]) -> None:
        """Write on in these under another actor."""
        ...


class _Tried(Exception):
    """A dry run ends: nothing of it stays."""


class Shedding:
    """All that it writes is small transactions; `let_go` ones wait behind everything else."""

    def __init__(
        self, store: Store, writer: Writer, author: Author, now_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._writer = writer
        self._author = author
        self._now_ms = now_ms
        self.wanted = self._wanted()  # documents to come back, as far as one ask goes
        self._news: Listeners[ShedNews] = Listeners()

    def on_news(self, listener: Callable[[ShedNews], None]) -> Callable[[], None]:
        """Tell `listener` (on the writer thread) when content was let go, is wanted, or is here
        again; undo by calling."""
        return self._news.add(listener)

    def _wanted(self) -> int:
        return len(self._store.wanted(REFILL_DOCUMENTS_MAX))

    def tell(self, news: ShedNews) -> None:
        """Something of it has changed. On the writer thread."""
        self.wanted = self._wanted()
        self._news.tell(news)

    # What a person or a policy wants ----------------------------------------------------------

    def let_go(self, documents: Sequence[DocumentId], *, dry_run: bool = False) -> list[Freed]:
        """Let go of all of these or, raising `NotShed` for the first that must stay, of none."""
        job = partial(self._try if dry_run else self._let_go, documents)
        return self._writer.submit(Urgency.BULK, job).result()

    def _let_go(self, documents: Sequence[DocumentId]) -> list[Freed]:
        self._author.leave(documents)
        with self._store.write() as transaction:
            freed = [transaction.shed(one, self._now_ms()) for one in documents]
        self.tell(ShedNews())
        return freed

    def _try(self, documents: Sequence[DocumentId]) -> list[Freed]:
        freed: list[Freed] = []
        try:
            with self._store.write() as transaction:
                freed += (transaction.shed(one, self._now_ms()) for one in documents)
                raise _Tried
        except _Tried:
            return freed

    def want(self, documents: Sequence[DocumentId]) -> None:
        """Their content is to come back. Durable when it returns."""

        def job() -> None:
            with self._store.write() as transaction:
                transaction.want(documents, self._now_ms())
            self.tell(ShedNews(wanted=True))

        self._writer.submit(Urgency.LOCAL, job).result()

    # What sessions bring ----------------------------------------------------------------------

    def save(self, effect: SaveReleased | SaveHeard) -> Future[ReleasedSaved | HeardSaved]:
        """What a peer has let go, or has heard that we have; the future resolves after commit.

        What we write next in the former begins a new lane, which it can read without what is away.
        """

        def job() -> ReleasedSaved | HeardSaved:
            with self._store.write() as transaction:
                if isinstance(effect, SaveReleased):
                    self._author.leave(effect.release.documents)
                    transaction.save_released(effect.holder, effect.release.documents)
                    return ReleasedSaved(effect.release)
                told = effect.release
                transaction.heard_release(effect.peer, effect.epoch, told.through, told.total)
                return HeardSaved()

        return self._writer.submit(Urgency.RECEIPT, job)
