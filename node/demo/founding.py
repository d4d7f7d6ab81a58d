"""An invented theatre for nodes that were just made: an authority enrols them all, and is forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import NamedTuple

from node import authority_key
from node.app import data_key, now_ms, open_store
from node.authority import Authority, Decision
from node.belonging import Belonging
from node.config import load
from node.home import Home, read_key
from sync.trust.certificate import DeviceRole, receive_key

LIFETIME_MS = 366 * 86_400_000


class Member(NamedTuple):
    """A node to be enrolled, with the role that its configuration names. `codes` None: everything."""

    name: str
    home: Home
    codes: tuple[str, ...] | None = None


def found(members: Iterable[Member]) -> None:
    """Enrol nodes that do not run, all in one new theatre."""
    made = authority_key.make("demo", now_ms(), secrets.token_bytes)
    at = Authority(made, (), now_ms(), secrets.token_bytes)
    joining = []
    for member in members:
        settings = load(member.home).settings
        data = data_key(member.home, settings)
        key = read_key(member.home, data)
        role = DeviceRole[settings.node.role.upper()]
        decided = Decision(member.name, role, member.codes, LIFETIME_MS)
        own = at.enrol(key.public, receive_key(key).public, decided)
        joining.append((member, settings, data, key, own))
    for member, settings, data, key, own in joining:
        store = open_store(member.home, settings, data)
        Belonging(store, key).join(
            made.certificate, own.der, made.secret, at.signed, member.codes or ()
        )
        store.close()
