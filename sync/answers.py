"""Which part of a session deals with an answer: a table by type, as `session.py` has one of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter

from sync import (
    audit_effects,
    authority_effects,
    blob_effects,
    continuing,
    custody_effects,
    effects,
    lane_effects,
    shed_effects,
)
from sync.audit_exchange import AuditExchange
from sync.authority_exchange import AuthorityExchange
from sync.blobs import BlobExchange
from sync.custody_exchange import CustodyExchange
from sync.effects import Effect
from sync.exchange import Exchange
from sync.lane_repair import LaneRepair
from sync.repair import Repair
from sync.rounds import Rounds
from sync.shed_exchange import ShedExchange

Taker = Callable[..., Iterable[Effect] | None]


def in_part(part: str, taker: Taker) -> Taker:
    """A method of that part, as a function of the session."""
    return lambda session, given: taker(attrgetter(part)(session), given)


ANSWERS: dict[type, Taker] = {
    effects.SummaryRead: in_part("_compared", Rounds.summary),
    effects.NewsRead: in_part("_compared", Rounds.news),
    effects.StagedRead: in_part("_compared", Rounds.staged),
    effects.ListingRead: in_part("_compared.round", Repair.listing_read),
    effects.Compared: in_part("_compared.round", Repair.compared),
    effects.SketchRead: in_part("_compared.round", Repair.sketch_read),
    effects.Differed: in_part("_compared.round", Repair.differed),
    effects.NamedRead: in_part("_compared.round", Repair.named),
    effects.LackingRead: in_part("_open", Exchange.lacking),
    effects.ReachRead: in_part("_open", Exchange.reached),
    effects.VectorsRead: in_part("_exchange", Exchange.vectors_read),
    continuing.BasesRead: in_part("_exchange", Exchange.bases),
    effects.OwedRead: in_part("_exchange", Exchange.owed),
    lane_effects.LanesRead: in_part("_compared.round.lanes", LaneRepair.read),
    lane_effects.LanesDiffered: in_part("_compared.round.lanes", LaneRepair.differed),
    lane_effects.LanesNamed: in_part("_compared.round.lanes", LaneRepair.named),
    blob_effects.BlobsWantedRead: in_part("_blobs", BlobExchange.wanted),
    blob_effects.BlobRead: in_part("_blobs", BlobExchange.read),
    blob_effects.BlobSaved: in_part("_blobs", BlobExchange.saved),
    custody_effects.CustodyRead: in_part("_custody", CustodyExchange.looked),
    custody_effects.EntriesRead: in_part("_custody", CustodyExchange.entries),
    custody_effects.CustodySaved: in_part("_custody", CustodyExchange.saved),
    authority_effects.AuthorityRead: in_part("_authority", AuthorityExchange.read),
    authority_effects.AuthoritySaved: in_part("_authority", AuthorityExchange.saved),
    shed_effects.ReleasedRead: in_part("_shed", ShedExchange.looked),
    shed_effects.RefillsRead: in_part("_shed", ShedExchange.refills_read),
    shed_effects.ReleasedSaved: in_part("_shed", ShedExchange.released_saved),
    audit_effects.AuditRead: in_part("_audit", AuditExchange.looked),
    audit_effects.AuditLocated: in_part("_audit", AuditExchange.located),
    audit_effects.AuditRowsRead: in_part("_audit", AuditExchange.rows),
    audit_effects.AuditSaved: in_part("_audit", AuditExchange.saved),
    shed_effects.HeardSaved: in_part("_shed", ShedExchange.heard_saved),
}
