"""To whom a bundle goes and what they may hold: decided before anything is read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from conflict.identity import DocumentId, NodeId, node_text
from conflict.scope import Scopes, both, scope_id
from node.belonging import Belonging
from node.desk import BundleOrder
from node.errors import BadRequest, NotFound
from sync.ports import View
from sync.trust.theatre import Device, Standing, Theatre

NOT_ENROLLED = "this node is in no theatre yet: `aidstation enrol request`. Nothing was written"


class Parcel(NamedTuple):
    """Recipients ascending by node; `view`: what all of them and this node may hold (None: everything);
    `documents`: only these (None: all of the view); `since`: what this recipient has is left out."""

    recipients: tuple[Device, ...]
    view: View | None
    documents: tuple[DocumentId, ...] | None = None
    since: NodeId | None = None

    @property
    def scopes(self) -> Scopes | None:
        """Of what the bundle speaks."""
        return None if self.view is None else self.view.scopes


def theatre_of(belonging: Belonging) -> Theatre:
    """Raises `BadRequest` for a node that is in none."""
    if belonging.theatre is None:
        raise BadRequest(NOT_ENROLLED)
    return belonging.theatre


def parcel(
    belonging: Belonging,
    own: NodeId,
    order: BundleOrder,
    documents: Sequence[DocumentId] | None = None,
) -> Parcel:
    """Raises `BadRequest`, `NotFound`; nothing was written then. `documents`: of the casualty."""
    theatre = theatre_of(belonging)
    since = named(theatre, order.since).node if order.since else None
    nodes = order.nodes or ((order.since,) if order.since else ())
    if bool(order.scopes) == bool(nodes):
        raise BadRequest("name either scopes (--to-scope) or nodes (--to) to seal to")
    granted: Scopes | None
    if order.scopes:
        granted = frozenset(map(scope_id, order.scopes))
        recipients = _of_scopes(theatre, own, belonging.grants.own, granted)
    else:
        recipients = _chosen(theatre, own, nodes)
        granted = belonging.grants.own
        for one in recipients:
            granted = both(granted, theatre.scopes(one.node))
    if since is not None and [one.node for one in recipients] != [since]:
        raise BadRequest(
            "with --since the bundle is for that node alone: others would lack the rest"
        )
    garrisons = theatre.garrisons()
    upward = all(one.node in garrisons for one in recipients)
    view = None if granted is None else View(granted, own if upward else None)
    return Parcel(recipients, view, None if documents is None else tuple(documents), since)


def _of_scopes(
    theatre: Theatre, own: NodeId, granted: Scopes | None, scopes: Scopes
) -> tuple[Device, ...]:
    """Everybody who may hold all of these scopes: of another one nobody may read."""
    if not _may_hold(granted, scopes):
        raise BadRequest("this node may not hold that scope, so it has nothing to give of it")
    found = tuple(
        one
        for one in theatre
        if one.node != own
        and theatre.standing(one.node) is Standing.ENROLLED
        and _may_hold(theatre.scopes(one.node), scopes)
    )
    if not found:
        raise NotFound("no other enrolled device may hold that scope; nothing was written")
    return found


def _may_hold(granted: Scopes | None, scopes: Scopes) -> bool:
    return granted is None or scopes <= granted


def _chosen(theatre: Theatre, own: NodeId, names: Collection[str]) -> tuple[Device, ...]:
    found = {one.node: one for one in (named(theatre, name) for name in names)}
    for node in found:
        standing = theatre.standing(node)
        if node == own:
            raise BadRequest("that is this node: it cannot open what it seals, and has it all")
        if standing is not Standing.ENROLLED:
            raise BadRequest(
                f"{node_text(node)[:8]} is {standing} in the theatre, so nothing is sealed to it: "
                "the authority has to enrol it again"
            )
    return tuple(found[node] for node in sorted(found))


def named(theatre: Theatre, text: str) -> Device:
    """The device of that name, or whose id starts so. Raises `NotFound`."""
    given = text.strip()
    exact = [one for one in theatre if one.name.casefold() == given.casefold()]
    found = exact or [
        one for one in theatre if len(given) >= 4 and node_text(one.node).startswith(given.lower())
    ]
    if len(found) != 1:
        raise NotFound("no single device of the theatre is called so, or has an id that starts so")
    return found[0]
