"""Who is asking: turns the tokens of a request into a person with a role, and signs people in and out."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from conflict.records.people import ITERATIONS_MIN
from node.acting import Acting
from node.audit import Audit
from node.errors import NodeError
from node.roster import Roster
from node.sessions import Sessions, same_token
from sync.audit import Action


class SignedIn(NamedTuple):
    """A session was opened: its id, whose, in which role."""

    token: str
    account: str
    name: str
    role: str


class Reception:
    """`owner`: the token that only the owner of the home can read; `owner_name`: what the system calls
    them. `now_s`: a clock that goes on while the machine sleeps; `now_ms`: wall clock. Safe from any
    thread."""

    def __init__(
        self,
        roster: Roster,
        sessions: Sessions,
        owner: str,
        now_ms: Callable[[], int],
        now_s: Callable[[], float],
        owner_name: str = "",
        audit: Audit | None = None,
    ) -> None:
        self._audit = audit
        self._roster = roster
        self._owner = owner
        self._owner_name = owner_name
        self._now_ms = now_ms
        self._now_s = now_s
        self.sessions = sessions

    def acting(self, bearer: str, session: str, *, used: bool) -> Acting | None:
        """Who asks; None: nobody that is known.

        `bearer` is the owner's token or a session's; beside the owner's a `session` may stand, and
        one that has ended leaves the owner. `used`: the request keeps a session from ending.
        """
        if same_token(bearer, self._owner):
            now_ms = self._now_ms()
            owner = self._roster.people(now_ms).owner(now_ms, self._owner_name)
            return self._person(session, used=used) or owner
        return self._person(bearer, used=used)

    def _person(self, token: str, *, used: bool) -> Acting | None:
        opened = self.sessions.of(token, self._now_s(), used=used) if token else None
        if opened is None:
            return None
        people = self._roster.people(self._now_ms())
        account = people.accounts.get(opened.account)
        if account is None or opened.proof not in account.verifiers:
            self.sessions.end_all(opened.account)
            return None
        return people.signed_in(opened.account, self._now_ms())

    def sign_in(self, account: str, passphrase: str) -> SignedIn:
        """By passphrase. Raises `SignInRefused`, `SignInDelayed`."""
        people = self._roster.people(self._now_ms())
        found = people.accounts.get(account)
        verifiers = found.verifiers if found and found.active else ()
        known = (one.iterations for each in people.accounts.values() for one in each.verifiers)
        usual = max(known, default=ITERATIONS_MIN)
        with self._noted():
            token = self.sessions.sign_in(account, passphrase, verifiers, self._now_s(), usual)
        return self._signed_in(account, token, "passphrase")

    def reopen(self, account: str, pin: str) -> SignedIn:
        """By PIN, after a passphrase opened a session in this process. Raises the same."""
        with self._noted():
            token = self.sessions.reopen(account, pin, self._now_s())
        return self._signed_in(account, token, "PIN")

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Who was not let in is counted; under which name they tried may be a passphrase, mistyped."""
        try:
            yield
        except NodeError as fault:
            if self._audit:
                self._audit.refused(Action.LOGIN_FAILED, fault.code)
            raise

    def _signed_in(self, account: str, token: str, way: str) -> SignedIn:
        found = self._roster.people(self._now_ms()).accounts.get(account)
        name, role = (found.name, found.role) if found else (account, "")
        if self._audit:
            self._audit.note(Action.LOGIN, person=name, role=role, purpose=way)
        return SignedIn(token, account, name, role)

    def set_pin(self, bearer: str, session: str, pin: str) -> None:
        """The PIN of whose session this is. Raises `BadRequest`, `SignInRefused`."""
        self.sessions.set_pin(session or bearer, pin, self._now_s())

    def sign_out(self, bearer: str, session: str) -> None:
        """End the session, if there is one."""
        if self._audit:
            self._audit.note(Action.LOGOUT)
        for token in (session, bearer):
            self.sessions.end(token)


def system_user() -> str:
    """What the system calls who runs this process; empty where it does not tell."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def awake_s() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
