"""Who may sign in here, and which overrides hold: read from the units' documents that are held.

A statement about an account counts only when a device wrote it that may (`honoured`): a garrison, or
this very device. Statements of others stay in the record and change nothing here. An override counts
only on the device that it was written on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from conflict.clinical_time import instants
from conflict.errors import BadTime
from conflict.fold import Catalogue, Folded, fold_statements, statements_of
from conflict.identity import DocumentId, DocumentKind, NodeId, StatementId
from conflict.records import ACCOUNT, OVERRIDE
from conflict.records.people import ROLES
from conflict.scope import Scopes, scope_id
from conflict.slot import Reading
from conflict.statement import Json, Statement
from node.acting import Acting
from node.permissions import OWNER, SETUP
from node.verifiers import Verifier
from storage.ports import Store

FRESH_MS = 2_000
"""How old what was read may be: so soon does a change by another device take effect in a known unit."""

UNITS_FRESH_MS = 60_000
"""How old the list of units may be on a node that may hold all: listing them reads what they show."""

UNITS_MAX = 1_000
STAFF_CODE = "STAFF"
STAFF = scope_id(STAFF_CODE)
"""The unit that accounts are written in on a node of no unit."""

FOUNDED = "people.founded"
_HERE = frozenset({ACCOUNT.name, OVERRIDE.name})


class Account(NamedTuple):
    """A person here. `unit`: the document that says so; `ids`: the statements that hold; `verifiers`:
    one, or several where devices differ."""

    account: str
    name: str
    role: str
    active: bool
    unit: DocumentId
    ids: tuple[StatementId, ...]
    verifiers: tuple[Verifier, ...]


class Override(NamedTuple):
    """Limits that are lifted, until a moment (milliseconds since 1970). `account`: empty for the owner."""

    account: str
    reason: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class People:
    """What is known at one moment."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    founded: bool = False
    """There are accounts, or were: the owner is not alone any more, whatever became of them."""

    def purpose(self, account: str, now_ms: int) -> str:
        """Reason of an override in force, empty when none is."""
        held = (one for one in self.overrides if one.account == account)
        return next((one.reason for one in held if one.from_ms <= now_ms < one.until_ms), "")

    def owner(self, now_ms: int, person: str = "") -> Acting:
        """The owner of the home, nobody being signed in."""
        if not self.founded:
            return Acting(person, SETUP)
        return Acting(person, OWNER, self.purpose("", now_ms))

    def signed_in(self, account: str, now_ms: int) -> Acting | None:
        """That person now; None once the account is gone or not active."""
        found = self.accounts.get(account)
        if found is None or not found.active:
            return None
        return Acting(found.name, found.role, self.purpose(account, now_ms), account)


class Roster:
    """Reads people from a store. `own`: this device; `honoured`: whether another one's word counts;
    `granted`: the units it may hold now, None for all; `remember`: keeps a setting."""

    def __init__(
        self,
        store: Store,
        own: NodeId,
        honoured: Callable[[NodeId], bool],
        granted: Callable[[], Scopes | None],
        remember: Callable[[str, bytes], object],
        catalogue: Catalogue,
    ) -> None:
        self._store = store
        self._own = own
        self._honoured = honoured
        self._granted = granted
        self._remember = remember
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._counts: Mapping[DocumentId, int] | None = None
        self._people = People(founded=store.setting(FOUNDED) is not None)
        self._read_ms = 0
        self._listed: Sequence[DocumentId] = ()
        self._listed_ms = 0

    def people(self, now_ms: int) -> People:
        """As of at most `FRESH_MS` ago."""
        with self._lock:
            if self._counts is None or not 0 <= now_ms - self._read_ms < FRESH_MS:
                self._refresh(now_ms)
            return self._people

    def forget(self) -> None:
        """Something was written here, or other devices are honoured now: read anew when next asked."""
        with self._lock:
            self._counts = None

    def _refresh(self, now_ms: int) -> None:
        counts = self._store.statement_counts(self._units(now_ms))
        if counts != self._counts:
            units = [self._unit(one) for one in sorted(counts)]
            accounts = _accounts(one for one, _ in units)
            if accounts and not self._people.founded:
                self._remember(FOUNDED, b"1")
            self._people = People(
                accounts=accounts,
                overrides=tuple(each for _, some in units for each in some),
                founded=self._people.founded or bool(accounts),
            )
            self._counts = counts
        self._read_ms = now_ms

    def _units(self, now_ms: int) -> Sequence[DocumentId]:
        if (granted := self._granted()) is not None:
            return sorted({STAFF, *granted})
        if self._counts is None or not 0 <= now_ms - self._listed_ms < UNITS_FRESH_MS:
            rows = self._store.projections(DocumentKind.UNIT, limit=UNITS_MAX)
            self._listed = sorted({STAFF, *(row.document for row in rows)})
            self._listed_ms = now_ms
        return self._listed

    def _unit(self, document: DocumentId) -> tuple[Folded, list[Override]]:
        authors = {one.lane.actor: one.author for one in self._store.lanes(document)}
        held: list[Statement] = []
        own: list[Statement] = []
        for actor, entries in self._store.entries(document).items():
            people = [one for one in entries if one.slot in _HERE]
            author = authors.get(actor)
            if not people or author is None:
                continue
            if author == self._own or self._honoured(author):
                some, _ = statements_of({actor: people}, document)
                held += (one for one in some if one.slot == ACCOUNT.name)
                own += (one for one in some if one.slot == OVERRIDE.name and author == self._own)
        folded = fold_statements(document, held, catalogue=self._catalogue)
        mine = fold_statements(document, own, catalogue=self._catalogue)
        return folded, list(_overrides(mine.readings(OVERRIDE.name)))


def _accounts(folds: Iterable[Folded]) -> dict[str, Account]:
    """By name. One that stands in several units is the same person: the lesser right holds."""
    found: dict[str, Account] = {}
    for folded in folds:
        for reading in folded.readings(ACCOUNT.name):
            if one := _account(folded.document, reading):
                before = found.get(one.account)
                found[one.account] = one if before is None else _lesser(before, one)
    return found


def _account(document: DocumentId, reading: Reading) -> Account | None:
    """What cannot be read allows nothing, but it is an account: the owner is not alone any more."""
    value = reading.value
    name = value.get("account") if isinstance(value, dict) else None
    if not isinstance(name, str) or not name:
        return None
    role = value.get("role")
    verifier = _verifier(value)
    return Account(
        account=name,
        name=str(value.get("name") or name),
        role=role if role in ROLES else ROLES[0],
        active=value.get("active") is True and role in ROLES,
        unit=document,
        ids=tuple(one.id for one in reading.statements),
        verifiers=(verifier,) if verifier else (),
    )


def _verifier(value: Mapping[str, Json]) -> Verifier | None:
    shape = ACCOUNT.shape.fields
    names = "salt", "iterations", "verifier"
    if any(name not in value or [*shape[name].problems(value[name], "")] for name in names):
        return None
    salt, key = bytes.fromhex(value["salt"]), bytes.fromhex(value["verifier"])
    return Verifier(salt, value["iterations"], key)


def _lesser(one: Account, other: Account) -> Account:
    """Both hold: the lesser right, the passphrases of both; the first one's name and unit."""
    role = min(one.role, other.role, key=ROLES.index)
    together = dict.fromkeys((*one.verifiers, *other.verifiers))
    ids = one.ids + other.ids if one.unit == other.unit else one.ids
    return one._replace(
        role=role, active=one.active and other.active, ids=ids, verifiers=tuple(together)
    )


def _overrides(readings: Iterable[Reading]) -> Iterator[Override]:
    for reading in readings:
        value = reading.value
        try:
            from_ms, until_ms = (_ms(value[name]) for name in ("from", "until"))
        except (BadTime, KeyError, TypeError):
            continue
        account, reason = str(value.get("account") or ""), str(value.get("reason") or "")
        yield Override(account, reason or "no reason given", from_ms, until_ms)


def _ms(text: Json) -> int:
    return int(instants(str(text)).earliest.timestamp() * 1000)
