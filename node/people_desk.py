"""The desk's half about people: accounts, breaking the glass, co-signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from conflict.clinical_time import utc_text
from conflict.cosigning import waiting
from conflict.identity import (
    DocumentId,
    DocumentKind,
    StatementId,
    document_text,
    parse_document,
)
from conflict.membership import naming
from conflict.records import ACCOUNT, COSIGN, OVERRIDE
from conflict.records.people import COSIGNED_MAX
from conflict.scope import scope_id
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json
from node.acting import acting, acting_as
from node.charting import Charts
from node.desk import AccountChange, Save
from node.engine import Engine
from node.errors import BadRequest, NotFound
from node.permissions import ADMIN, MEDIC, SETUP
from node.roster import STAFF_CODE, Account, Roster
from node.verifiers import SALT_BYTES, check_passphrase, made
from storage.ports import Store

OVERRIDE_S, OVERRIDE_S_MIN, OVERRIDE_S_MAX = 3600.0, 60.0, 12 * 3600.0
"""How long broken glass stays broken, unless said otherwise; at least; at most."""

UNCOSIGNED_MAX = 200
_PAGE = 200
_SECRET = frozenset({"salt", "iterations", "verifier"})


class _Place(NamedTuple):
    """A unit's document to write in; `code`: its name, where it may have to be begun."""

    unit: DocumentId
    code: str = ""


def roster_of(engine: Engine) -> Roster:
    """People as this engine's store says; the theatre's garrisons and this device are honoured."""
    roster = Roster(
        engine.store,
        engine.key.node,
        lambda author: author in engine.grants.garrisons,
        lambda: engine.grants.own,
        engine.set_setting,
        engine.catalogue,
    )
    engine.belonging.on_change(lambda _: roster.forget())
    return roster


class PeopleDesk:
    """For `LocalDesk`. Shapes: `desk.py`."""

    _engine: Engine
    _store: Store
    _charts: Charts
    roster: Roster

    # Accounts -------------------------------------------------------------------------------

    def accounts(self) -> list[Json]:
        """See `Desk`."""
        found = self.roster.people(self._engine.now_ms()).accounts
        return [_listed(found[name]) for name in sorted(found)]

    def set_account(self, change: AccountChange) -> Json:
        """See `Desk`."""
        accounts = self.roster.people(self._engine.now_ms()).accounts
        before = accounts.get(change.account)
        after = _changed(before, change)
        admins = {one.account for one in accounts.values() if one.active and one.role == ADMIN}
        left = admins - {change.account}
        if not left and (after["role"] != ADMIN or not after["active"]):
            raise BadRequest(
                "one active account must be an admin, or nobody could change accounts any more: "
                "make that one first. Nothing was changed"
            )
        if change.passphrase or before is None:
            after |= self._verifier(change.passphrase)
        elif not before.verifiers:
            raise BadRequest("give a new passphrase with it. Nothing was changed")
        else:
            known = before.verifiers[0]
            after |= _verifier_fields(known.salt, known.iterations, known.key)
        place = _Place(before.unit) if before else self._unit_of(change.scope)
        return self._write_account(place, after, before.ids if before else (), change.by)

    def set_passphrase(self, old: str, new: str) -> Json:
        """See `Desk`."""
        who = acting.get()
        accounts = self.roster.people(self._engine.now_ms()).accounts
        own = accounts.get(who.account) if who else None
        if own is None:
            raise BadRequest("sign in first: a passphrase is changed by whose it is")
        if not any(one.fits(old) for one in own.verifiers):
            raise BadRequest("the passphrase until now does not fit. Nothing was changed")
        fields = _changed(own, AccountChange(own.account)) | self._verifier(new)
        with acting_as(None):  # the one change that every role may make, to its own account only
            return self._write_account(_Place(own.unit), fields, own.ids, own.name)

    def _verifier(self, passphrase: str) -> dict[str, Json]:
        salt = self._engine.entropy(SALT_BYTES)
        return _verifier_fields(*made(check_passphrase(passphrase), salt))

    def _write_account(
        self, place: _Place, value: Mapping[str, Json], ids: tuple[StatementId, ...], by: str
    ) -> Json:
        draft = Draft(slot=ACCOUNT.name, value=dict(value), by=by, at=self._at(), supersedes=ids)
        found = self._save_in_unit(place, draft)
        return {"account": value["account"], "scope": place.code or None, **found}

    def _save_in_unit(self, place: _Place, draft: Draft) -> dict[str, Json]:
        if place.code and not self._store.lanes(place.unit):
            with acting_as(None):  # nobody's decision: the unit's document begins with its name
                self._engine.save([Save(place.unit, (naming(place.code),))])
        ((written,),) = self._engine.save([Save(place.unit, (draft,))])
        self.roster.forget()
        return {"statement": written, "unit": document_text(place.unit)}

    def _unit_of(self, scope: str) -> _Place:
        """Where a new account counts: a garrison is of no one unit, so there somebody says which."""
        engine = self._engine
        if not scope.strip() and engine.belonging.theatre and not engine.grants.home_code:
            raise BadRequest(
                "this node is of no one unit: say with --scope CODE on whose nodes this account signs "
                f"in; --scope {STAFF_CODE}: on this node alone. Nothing was changed"
            )
        return self._place(scope)

    def _place(self, scope: str = "") -> _Place:
        grants = self._engine.grants
        code = scope.strip() or grants.home_code or STAFF_CODE
        unit = scope_id(code)
        if grants.own is not None and unit not in grants.own:
            raise BadRequest(f"this node is not granted {code[:60]}: it would not read it there")
        return _Place(unit, code)

    # Breaking the glass ---------------------------------------------------------------------

    def break_glass(self, reason: str, for_s: float = OVERRIDE_S, by: str = "") -> Json:
        """See `Desk`."""
        who = acting.get()
        if not reason.strip():
            raise BadRequest("give a reason: it is reviewed later")
        if not OVERRIDE_S_MIN <= for_s <= OVERRIDE_S_MAX:
            most = OVERRIDE_S_MAX / 3600
            raise BadRequest(f"for one minute to {most:.0f} hours; then break it again")
        if who is None or who.role == SETUP:
            raise BadRequest("nobody has an account here: there are no limits to lift")
        now_ms = self._engine.now_ms()
        begins, ends = _text(now_ms), _text(now_ms + int(for_s * 1000) + 999)
        value: dict[str, Json] = {
            "who": by or who.person,
            "account": who.account,
            "role": who.role,
            "reason": reason.strip(),
            "from": begins,
            "until": ends,
        }
        filled = {name: said for name, said in value.items() if said}
        draft = Draft(slot=OVERRIDE.name, value=filled, by=by, at=begins)
        return {"until": ends, **self._save_in_unit(self._place(), draft)}

    # Co-signatures --------------------------------------------------------------------------

    def cosign(self, document: DocumentId, statements: Sequence[str] = ()) -> Json:
        """See `Desk`."""
        if (who := acting.get()) is None or who.role == SETUP:
            raise BadRequest("a co-signature is a signed-in provider's: make accounts first")
        held = self._charts.of(document)
        bodies = {one.document: one.body()["slots"] for one in held.chart.documents}
        named = list(_named(bodies, statements) if statements else _waiting(bodies))
        if not named:
            raise NotFound("no note of this casualty waits for a co-signature")
        chosen: dict[DocumentId, list[str]] = {}
        for place, name in named:
            chosen.setdefault(place, []).append(name)
        saves = [Save(place, tuple(self._cosignature(names))) for place, names in chosen.items()]
        ids = self._engine.save(saves)
        places = (document_text(one) for one in chosen)
        return {"statements": dict(zip(places, ids, strict=True)), "cosigned": len(named)}

    def _cosignature(self, names: list[str]) -> Iterator[Draft]:
        unique = list(dict.fromkeys(names))
        for start in range(0, len(unique), COSIGNED_MAX):
            value: dict[str, Json] = {"statements": unique[start : start + COSIGNED_MAX]}
            yield Draft(slot=COSIGN.name, value=value, at=self._at())

    def uncosigned(self) -> list[Json]:
        """See `Desk`."""
        found: list[Json] = []
        for kind in (DocumentKind.EPISODE, DocumentKind.PERSON):
            after: DocumentId | None = None
            while rows := self._store.projections(kind, after, _PAGE):
                after = rows[-1].document
                for row in rows:
                    if b'"by_role":"' not in row.body:
                        continue
                    body = orjson.loads(row.body)
                    for slot, one in waiting(body["slots"]):
                        found.append(_note(body["document"], row.label, slot, one))
                if len(found) >= UNCOSIGNED_MAX:
                    return found[:UNCOSIGNED_MAX]
        return found

    def _at(self) -> str:
        return _text(self._engine.now_ms())


def _text(ms: int) -> str:
    return utc_text(datetime.fromtimestamp(ms / 1000, UTC))


def _listed(one: Account) -> dict[str, Json]:
    return {
        "account": one.account,
        "name": one.name,
        "role": one.role,
        "active": one.active,
        "differs": len(one.verifiers) > 1,
        "unit": document_text(one.unit),
    }


def _changed(before: Account | None, change: AccountChange) -> dict[str, Json]:
    """Fields of the account after a change, but for the verifier."""
    active = change.active if change.active is not None else before is None or before.active
    return {
        "account": change.account,
        "name": change.name or (before.name if before else change.account),
        "role": change.role or (before.role if before else MEDIC),
        "active": active,
    }


def _verifier_fields(salt: bytes, iterations: int, key: bytes) -> dict[str, Json]:
    return {"salt": salt.hex(), "iterations": iterations, "verifier": key.hex()}


def _waiting(bodies: Mapping[DocumentId, Any]) -> Iterator[tuple[DocumentId, str]]:
    for document, slots in bodies.items():
        for _, reading in waiting(slots):
            yield document, reading["statements"][0]


def _named(
    bodies: Mapping[DocumentId, Any], statements: Sequence[str]
) -> Iterator[tuple[DocumentId, str]]:
    """The entries that are named, by id or `<document>/<id>`; each must be shown now."""
    shown = {
        (document, name)
        for document, slots in bodies.items()
        for readings in slots.values()
        for reading in readings
        for name in reading["statements"]
    }
    for given in statements:
        place, slash, name = given.rpartition("/")
        places = {parse_document(place)} if slash else bodies.keys()
        fits = [(one, name) for one in places if (one, name) in shown]
        if len(fits) != 1:
            raise NotFound(
                f"no single entry that is shown of this casualty is called {given[:120]}"
            )
        yield fits[0]


def _note(document: str, label: str, slot: str, one: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "document": document,
        "label": label,
        "slot": slot,
        "statement": one["statements"][0],
        "by": one.get("by", ""),
        "by_role": one["by_role"],
        "at": one.get("at"),
        "words": CATALOGUE[slot].words(one["value"]),
    }


def without_verifiers(body: Mapping[str, Json]) -> dict[str, Json]:
    """A chart or finding without what a passphrase could be guessed by: its readers need not have it."""
    places = (one if isinstance(one, str) else one["document"] for one in body["documents"])
    if not any(place.startswith("unit-") for place in places):
        return dict(body)
    return {name: _hidden(one) for name, one in body.items()}


def _hidden(body: Json) -> Json:
    if isinstance(body, list):
        return [_hidden(one) for one in body]
    if not isinstance(body, dict):
        return body
    secret = _SECRET if "verifier" in body else frozenset()
    return {name: _hidden(one) for name, one in body.items() if name not in secret}
