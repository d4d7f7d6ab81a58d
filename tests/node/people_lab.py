"""Accounts without the cost of passphrases, and a desk that a test acts at as anybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from conflict.records.people import ITERATIONS_MIN
from conflict.statement import Draft, Json, StatementId
from node.acting import Acting, acting_as
from node.desk import Desk, Save
from node.engine import Engine
from node.guarded_desk import guarded
from node.local_desk import LocalDesk
from node.permissions import OWNER
from node.roster import FRESH_MS, STAFF, People
from storage import MemoryStore
from tests.node.node_lab import Clock, running

NAMES = {"ada": "admin", "ruiz": "medic", "chen": "provider", "doe": "records"}


def account(name: str, role: str, *, active: bool = True, replaces: tuple[str, ...] = ()) -> Draft:
    """An account that no passphrase opens."""
    value: dict[str, Json] = {
        "account": name,
        "name": f"SGT {name.capitalize()}",
        "role": role,
        "active": active,
        "salt": "00" * 16,
        "iterations": ITERATIONS_MIN,
        "verifier": "00" * 64,
    }
    supersedes = tuple(map(StatementId, replaces))
    return Draft(slot="account", value=value, by="lab", supersedes=supersedes)


class Post(NamedTuple):
    """One node, its desk without and with the guard, and its clock."""

    engine: Engine
    open: LocalDesk
    desk: Desk
    clock: Clock

    def people(self) -> People:
        """As they are now, whatever was read before."""
        self.clock.now_ms += FRESH_MS
        return self.open.roster.people(self.clock.now_ms)

    def acting(self, name: str) -> Acting:
        """A person with an account, or the owner."""
        now_ms = self.clock.now_ms
        people = self.people()
        found = people.owner(now_ms, "os user") if name == OWNER else None
        found = found or people.signed_in(name, now_ms)
        assert found, name
        return found

    @contextmanager
    def by(self, name: str) -> Iterator[Desk]:
        """The guarded desk as somebody uses it."""
        with acting_as(self.acting(name)):
            yield self.desk


@contextmanager
def post(*, founded: bool = True) -> Iterator[Post]:
    """A node; `founded`: with an account of each role."""
    clock = Clock()
    with running(MemoryStore(bytes(16)), clock=clock) as engine:
        desk = LocalDesk(engine, "alpha", "field")
        if founded:
            drafts = tuple(account(name, role) for name, role in NAMES.items())
            engine.save([Save(STAFF, drafts)])
        yield Post(engine, desk, guarded(desk), clock)
