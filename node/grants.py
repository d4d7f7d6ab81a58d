"""Grants: which scopes this node and its peers may hold, as the theatre's log says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conflict.identity import DocumentId, NodeId
from conflict.scope import Scopes, both, scope_id
from sync.ports import View
from sync.trust.theatre import NOTHING, Theatre


@dataclass(frozen=True, slots=True)
class Grants:
    """`own`, `peers`: scopes granted (None: all); `others`: of a node that is not named. `home`: the scope
    that what this node writes belongs to. `garrisons`: who gets our own lanes whatever was granted."""

    own: Scopes | None = None
    home: DocumentId | None = None
    home_code: str = ""
    peers: Mapping[NodeId, Scopes | None] = field(default_factory=dict)
    others: Scopes | None = None
    garrisons: frozenset[NodeId] = frozenset()

    def shared_with(self, node: NodeId) -> Scopes | None:
        """What that peer and this node may both hold, as far as this node knows."""
        return both(self.own, self.peers.get(node, self.others))

    def view(self, own: NodeId, peer: NodeId, scopes: Scopes | None) -> View | None:
        """What a session that agreed on these scopes may read; `own`: this node."""
        if scopes is None:
            return None
        return View(scopes, own if peer in self.garrisons else None)


def granted(theatre: Theatre, own: NodeId, codes: Sequence[str]) -> Grants:
    """As the log says. `codes`: this node's scopes as people write them, its unit first."""
    return Grants(
        own=theatre.scopes(own),
        home=scope_id(codes[0]) if codes else None,
        home_code=codes[0].strip() if codes else "",
        others=NOTHING,
        peers={one.node: theatre.scopes(one.node) for one in theatre},
        garrisons=theatre.garrisons(),
    )
