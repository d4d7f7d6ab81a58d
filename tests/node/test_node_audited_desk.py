"""No question passes by the audit log: every method of a desk is walked, in success and refusal."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from conflict.identity import DocumentId, DocumentKind
from conflict.statement import Draft
from node.acting import Acting, acting_as
from node.audited_desk import AuditedDesk
from node.desk import AccountChange, Desk, Move, Relation, Resolve, Save
from node.engine import Engine
from node.errors import BadRequest, NoPeer
from node.local_desk import LocalDesk
from storage import MemoryStore
from sync import audit
from sync.audit import Action, AuditRow
from tests.node.node_lab import KEY, document, note, pulse, running

FAMILY = "Okafor"  # a patient's name: in the record, never in a row
PERSON, EPISODE, OTHER = (
    document(1, DocumentKind.PERSON),
    document(2),
    document(3, DocumentKind.PERSON),
)
RUIZ = Acting("ruiz", "medic")
QUIET = {
    *("status", "peers", "set_aside", "audit_logs"),
    *("membership", "authority_log", "custody_positions"),
}  # say nothing of any record


class Lab(NamedTuple):
    engine: Engine
    desk: AuditedDesk

    def rows(self) -> list[AuditRow]:
        self.engine.audit.flush()
        found = self.engine.store.audit_entries(KEY.node, 0, 0, 10_000)
        return [audit.from_bytes(one.entry).row for one in found]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with running(MemoryStore(bytes(16))) as engine:
        inner = LocalDesk(engine, "alpha", "field")
        name = Draft(slot="name", value={"family": FAMILY, "given": "Ada"}, by="Ruiz")
        inner.save([Save(PERSON, (name,)), Save(EPISODE, (pulse(80),))])
        with acting_as(RUIZ):
            yield Lab(engine, AuditedDesk(inner, engine.audit))


Ask = Callable[[Desk], Any]
ASKS: dict[str, tuple[Ask, Action, set[DocumentId]]] = {
    "save": (lambda d: d.save([Save(EPISODE, (note("x"),))]), Action.WRITE, {EPISODE}),
    "import_saves": (
        lambda d: d.import_saves(Save(one, (note("x"),)) for one in (EPISODE, document(7))),
        Action.IMPORT,
        {EPISODE, document(7)},
    ),
    "shown": (lambda d: d.shown(EPISODE, "vitals"), Action.READ, {EPISODE}),
    "statements": (lambda d: d.statements(EPISODE), Action.READ, {EPISODE}),
    "chart": (lambda d: d.chart(PERSON), Action.READ, {PERSON}),
    "timeline": (lambda d: d.timeline(PERSON), Action.READ, {PERSON}),
    "casualties": (lambda d: d.casualties(), Action.SEARCH, set()),
    "candidates": (lambda d: d.candidates(PERSON), Action.READ, {PERSON}),
    "record_custody": (lambda d: d.record_custody(PERSON), Action.READ, {PERSON}),
    "findings": (lambda d: d.findings(), Action.READ, set()),
    "find": (lambda d: d.find(FAMILY), Action.SEARCH, set()),
    "list_documents": (lambda d: d.list_documents(), Action.SEARCH, set()),
    "custody": (lambda d: d.custody(), Action.SEARCH, set()),
    "link": (
        lambda d: d.link(Relation(PERSON, EPISODE, "Ruiz", FAMILY)),
        Action.LINK,
        {PERSON, EPISODE},
    ),
    "new_casualty": (lambda d: d.new_casualty("Ruiz", "W-4711"), Action.WRITE, set()),
    "shed": (lambda d: d.shed([], 1.0, dry_run=True), Action.SEARCH, set()),
    "fetch": (lambda d: d.fetch(PERSON), Action.FETCH, {PERSON}),
    "accounts": (lambda d: d.accounts(), Action.READ, set()),
    "uncosigned": (lambda d: d.uncosigned(), Action.READ, set()),
    "break_glass": (lambda d: d.break_glass("mass casualty"), Action.OVERRIDE, set()),
    "retry_set_aside": (lambda d: d.retry_set_aside(), Action.SETTINGS, set()),
    "key_handled": (lambda d: d.key_handled("exported"), Action.SETTINGS, set()),
    "backed_up": (lambda d: d.backed_up(1), Action.BACKUP, set()),
    "asked": (lambda d: d.asked(), Action.SEARCH, set()),
    "close_out": (lambda d: d.close_out(), Action.SEARCH, set()),
    "audit_rows": (lambda d: d.audit_rows(), Action.READ, set()),
    "audit_verify": (lambda d: d.audit_verify(), Action.READ, set()),
}
REFUSED: dict[str, tuple[Ask, Action]] = {
    "save": (lambda d: d.save([Save(EPISODE, (pulse("fast"),))]), Action.WRITE),
    "finding": (lambda d: d.finding("ffff"), Action.READ),
    "resolve": (lambda d: d.resolve(Resolve("ffff", "Ruiz")), Action.RESOLVE),
    "unlink": (lambda d: d.unlink(Relation(PERSON, OTHER, "Ruiz")), Action.LINK),
    "move": (lambda d: d.move(Move(EPISODE, ("no",), OTHER, "Ruiz", "w")), Action.MOVE),
    "fetch": (lambda d: d.fetch(document(99)), Action.FETCH),
    "shed": (lambda d: d.shed([], None), Action.SHED),
    "sync": (lambda d: d.sync("role3", 1.0), Action.SYNC),
    "pause": (lambda d: d.pause(paused=True), Action.SETTINGS),
    "hand_over": (lambda d: d.hand_over("", "Ruiz"), Action.SETTINGS),
    "silence": (lambda d: d.silence(silent=True), Action.SETTINGS),
    "set_account": (lambda d: d.set_account(AccountChange("x")), Action.SETTINGS),
    "set_passphrase": (lambda d: d.set_passphrase("", ""), Action.SETTINGS),
    "cosign": (lambda d: d.cosign(EPISODE, ["none"]), Action.WRITE),
    "bundle_export": (lambda d: d.bundle_export(None, "/no/where"), Action.EXPORT),
    "bundle_import": (lambda d: d.bundle_import("/no/where"), Action.IMPORT),
    "bundle_inspect": (lambda d: d.bundle_inspect("/no/where"), Action.READ),
    "add_authority": (lambda d: d.add_authority([b"none"]), Action.ENROLMENT),
    "join": (lambda d: d.join(b"", b"", b"", []), Action.ENROLMENT),
}


def test_every_method_of_a_desk_is_walked_here() -> None:
    methods = {name for name, _ in inspect.getmembers(Desk, inspect.isfunction)}
    public = {name for name in methods if not name.startswith("_")}
    assert public == ASKS.keys() | REFUSED.keys() | QUIET
    own = vars(AuditedDesk)
    assert all(name in own for name in public)


@pytest.mark.parametrize("name", ASKS)
def test_what_was_asked_is_noted_with_who_asked_and_of_whom(lab: Lab, name: str) -> None:
    ask, action, documents = ASKS[name]
    before = len(lab.rows())
    ask(lab.desk)
    found = lab.rows()[before:]
    assert {one.action for one in found} == {action}
    assert {(one.person, one.role, one.outcome) for one in found} == {("ruiz", "medic", "ok")}
    if documents:
        assert {one.subject for one in found} == documents
        assert len(found) == len(documents)


@pytest.mark.parametrize("name", REFUSED)
def test_what_was_refused_is_noted_with_the_code(lab: Lab, name: str) -> None:
    ask, action = REFUSED[name]
    before = len(lab.rows())
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it is, its code is noted
        ask(lab.desk)
    (row,) = lab.rows()[before:]
    assert (row.action, row.person) == (action, "ruiz")
    assert row.outcome == getattr(caught.value, "code", "internal") != "ok"


def test_what_says_nothing_of_a_record_is_not_noted(lab: Lab) -> None:
    before = lab.rows()
    for name in QUIET:
        getattr(lab.desk, name)()
    assert lab.rows() == before


def test_a_finding_read_names_the_records_that_it_is_about(lab: Lab) -> None:
    for category in ("delayed", "immediate"):
        draft = Draft(slot="triage", value={"category": category}, by="Ruiz")
        lab.desk.save([Save(EPISODE, (draft,))])
    found = lab.desk.findings()
    before = len(lab.rows())
    if found:
        lab.desk.finding(found[0]["id"])
        (row,) = lab.rows()[before:]
        assert row.subject == EPISODE
        assert row.purpose == f"finding {found[0]['id']}"


def test_a_casualty_that_has_a_record_already_is_noted_once(lab: Lab) -> None:
    lab.desk.new_casualty("Ruiz", "W-1")
    before = len(lab.rows())
    assert lab.desk.new_casualty("Ruiz", "W-1")["existing"]
    (row,) = lab.rows()[before:]
    assert (row.action, row.purpose) == (Action.WRITE, "nothing to write")


def test_rows_never_hold_what_a_record_says_or_what_was_searched_for(lab: Lab) -> None:
    for ask, _, _ in ASKS.values():
        ask(lab.desk)
    for ask, _ in REFUSED.values():
        with pytest.raises((BadRequest, NoPeer, Exception)):
            ask(lab.desk)
    lab.engine.audit.flush()
    stored = lab.engine.store.audit_entries(KEY.node, 0, 0, 10_000)
    everything = b"".join(one.entry for one in stored)
    for text in (FAMILY, "Ada", "W-4711"):
        assert text.encode() not in everything
