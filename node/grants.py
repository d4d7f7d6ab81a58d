"""Grants: which scopes this node and its peers may hold, from configuration until certificates say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conflict.identity import DocumentId, NodeId
from conflict.scope import Scopes, both, scope_id
from sync.ports import View

if TYPE_CHECKING:
    from node.settings import Settings


@dataclass(frozen=True, slots=True)
class Grants:
    """`own`, `peers`: scopes granted (None, or not named: all). `home`: the scope that what this node
    writes belongs to. `garrisons`: who gets our own lanes whatever was granted."""

    own: Scopes | None = None
    home: DocumentId | None = None
    home_code: str = ""
    peers: Mapping[NodeId, Scopes | None] = field(default_factory=dict)
    garrisons: frozenset[NodeId] = frozenset()

    def shared_with(self, node: NodeId) -> Scopes | None:
        """What that peer and this node may both hold, as far as this node knows."""
        return both(self.own, self.peers.get(node))

    def view(self, own: NodeId, peer: NodeId, scopes: Scopes | None) -> View | None:
        """What a session that agreed on these scopes may read; `own`: this node."""
        if scopes is None:
            return None
        return View(scopes, own if peer in self.garrisons else None)


def configured(settings: Settings, garrisons: Iterable[NodeId]) -> Grants:
    """As the configuration says."""
    codes = settings.node.scopes
    return Grants(
        own=_scopes(codes),
        home=scope_id(codes[0]) if codes else None,
        home_code=codes[0].strip() if codes else "",
        peers={peer.node_id: _scopes(peer.scopes) for peer in settings.peers},
        garrisons=frozenset(garrisons),
    )


def _scopes(codes: Iterable[str] | None) -> Scopes | None:
    return None if codes is None else frozenset(map(scope_id, codes))
