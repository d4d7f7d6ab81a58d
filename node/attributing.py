"""Who wrote an entry, and whether they may: every local save passes here once.

The session's person stands behind each entry. An entry that names somebody else as its author keeps
both; one that the role does not allow is refused, or, when it only adds care, marked as an emergency
entry, because care is never blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from conflict.identity import DocumentId, DocumentKind, StatementId, document_kind
from conflict.statement import Draft
from node.acting import Acting
from node.desk import Save
from node.errors import NotPermitted
from node.guarded_desk import refusal
from node.permissions import (
    OTHER_SLOTS,
    OWNER,
    SETUP,
    SLOTS,
    UNIT_RESOLUTION,
    May,
    Needs,
    granted,
)

EMERGENCY = "emergency"
"""Role in an entry that its author's role did not allow, or that nobody signed in wrote."""

_CASUALTY = "casualty"


SlotsOf = Callable[[DocumentId], Mapping[StatementId, str]]


def attributed(saves: Iterable[Save], who: Acting | None, slots_of: SlotsOf) -> list[Save]:
    """The saves as they are written, all or nothing. Raises `NotPermitted`.

    None and `setup`: unchanged, for nobody has an account. `slots_of`: slots of what a document holds.
    """
    if who is None or who.role == SETUP:
        return list(saves)
    may = granted(who)
    made = []
    for save in saves:
        for draft in save.drafts:
            _may_strike(save.document, draft, who, slots_of)
        drafts = tuple(_draft(save.document, one, who, may) for one in save.drafts)
        made.append(save._replace(drafts=drafts))
    return made


def _may_strike(document: DocumentId, draft: Draft, who: Acting, slots_of: SlotsOf) -> None:
    """A mark of error reaches into every slot, so it takes what writing there takes; of what is not
    held here nobody knows the slot: that takes `CARE`."""
    if draft.void is None:
        return
    held = slots_of(document)
    for name in draft.supersedes:
        slot = held.get(name)
        needs = needed(document, replace(draft, slot=slot)) if slot else OTHER_SLOTS
        if not granted(who) & set(needs):
            raise NotPermitted(refusal(who, needs))


def _draft(document: DocumentId, draft: Draft, who: Acting, may: frozenset[May]) -> Draft:
    needs = needed(document, draft)
    allowed = bool(may & set(needs))
    if not allowed and not (May.CARE in needs and May.EMERGENCY in may and _only_adds(draft)):
        raise NotPermitted(refusal(who, needs))
    by = draft.by or who.person
    return replace(
        draft,
        by=by,
        by_role=who.role if allowed and who.role != OWNER else EMERGENCY,
        entered_by=who.person if who.account and by != who.person else "",
    )


def needed(document: DocumentId, draft: Draft) -> Needs:
    """What writing this takes."""
    kind = document_kind(document)
    if draft.slot == "resolution" and kind is DocumentKind.UNIT:
        return UNIT_RESOLUTION
    needs = SLOTS.get(draft.slot, OTHER_SLOTS)
    if draft.slot == "link" and _relation(draft) == _CASUALTY:
        needs = (*needs, May.CARE)  # an episode begun for a person is care
    if draft.source and May.CARE in needs:
        needs = (*needs, May.IMPORT)
    return needs


def _relation(draft: Draft) -> object:
    return draft.value.get("relation") if isinstance(draft.value, dict) else None


def _only_adds(draft: Draft) -> bool:
    """Whoever may not read cannot know what they would replace."""
    return not draft.supersedes and draft.void is None and draft.source is None
