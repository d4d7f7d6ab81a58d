"""Whom a new bundle is sealed to: nobody who was revoked or has expired, whatever it may still open."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from node.desk import BundleOrder
from node.errors import BadRequest
from sync.trust.authority import Revoke, Time
from sync.trust.errors import NotForThisNode
from tests.node.bundle_lab import Authority, Member, idle, member
from tests.node.node_lab import document
from tests.theatre import NOW_MS

DAY_MS = 86_400_000
NAMES = ("sender", "stays", "lost", "old")
SCOPE = BundleOrder(scopes=("A",))


def test_revoked_and_expired_devices_are_left_out_of_a_new_bundle(tmp_path: Path) -> None:
    authority = Authority()
    with ExitStack() as stack:
        nodes = {
            name: stack.enter_context(
                member(
                    tmp_path,
                    authority,
                    name,
                    ("A",),
                    **({"lifetime_ms": DAY_MS} if name == "old" else {}),
                )
            )
            for name in NAMES
        }
        sender = nodes["sender"]
        sender.engine.belonging.add(authority.entries)
        sender.write(document(0), "care")
        idle(sender.engine)
        before = sender.seal(sender.parcel(SCOPE))
        assert recipients(sender, nodes) == {"stays", "lost", "old"}
        authority.say(Revoke(nodes["lost"].node, "lost"))
        authority.say(Time(), NOW_MS + DAY_MS)
        sender.engine.belonging.add(authority.entries)
        assert recipients(sender, nodes) == {"stays"}
        after = sender.seal(sender.parcel(SCOPE))
        for name in ("lost", "old"):
            with pytest.raises(NotForThisNode):
                nodes[name].take(after)
            with pytest.raises(BadRequest, match="nothing is sealed to it"):
                sender.seal_to(nodes[name])
            assert nodes[name].take(before)["whole"]  # it was a recipient of that one
        assert nodes["stays"].take(after)["whole"]


def recipients(sender: Member, nodes: dict[str, Member]) -> set[str]:
    found = {one.node for one in sender.parcel(SCOPE).recipients}
    return {name for name, one in nodes.items() if one.node in found}
