"""Whose word makes an account, what each role may do, who stands behind an entry, who broke the glass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentKind, document_text
from conflict.statement import Draft, StatementId
from node.desk import AccountChange, Desk, Move, Resolve, Save
from node.engine import Engine
from node.errors import BadRequest, NotPermitted
from node.guarded_desk import guarded
from node.local_desk import LocalDesk
from node.people_desk import OVERRIDE_S, OVERRIDE_S_MAX
from node.permissions import (
    COMMANDS,
    METHODS,
    OWNER,
    ROLES,
    ROUTES,
    SLOTS,
    TABLE,
    May,
    granted,
    permissions_text,
)
from node.roster import STAFF
from sync.effects import HoldDone
from sync.trust.authority import Revoke
from tests.conflict.conflict_lab import LabAuthor
from tests.node.node_lab import document, hold, idle
from tests.node.people_lab import NAMES, Post, account, post
from tests.theatre import Authority

PERSON, EPISODE = document(1, DocumentKind.PERSON), document(2)
ALLERGY = Draft(slot="allergy", value={"substance": "morphine", "status": "active"})
AT = "2026-11-20T13:58Z"


@pytest.fixture(name="founded")
def _founded() -> Iterator[Post]:
    with post() as found:
        yield found


def theatre(node: Post, garrison: LabAuthor) -> Authority:
    """The node's, with this garrison in it."""
    authority = Authority()
    authority.enrol(node.engine.key)
    authority.enrol(garrison.key, "garrison", "garrison")
    authority.admit(node.engine.belonging, node.engine.key)
    return authority


def wrote(engine: Engine, author: LabAuthor, *drafts: Draft) -> HoldDone:
    author.write(STAFF, *drafts)
    done = hold(engine, author.run(STAFF), source=author)
    idle(engine)
    return done


def note(text: str, by: str = "", **more: Any) -> Draft:
    return Draft(slot="note", value={"text": text}, by=by, at=AT, **more)


def readings(desk: Desk, of: Any, slot: str) -> list[dict[str, Any]]:
    (found,) = (one for one in desk.chart(of)["documents"] if one["document"] == document_text(of))
    shown: list[dict[str, Any]] = found["slots"].get(slot, [])
    return shown


# Whose word counts ------------------------------------------------------------------------------


def test_only_a_garrison_and_this_device_make_accounts() -> None:
    with post(founded=False) as node:
        stranger, garrison = LabAuthor(1), LabAuthor(2)
        theatre(node, garrison)
        wrote(node.engine, stranger, account("mallory", "admin"))
        assert node.people().accounts == {}
        assert node.acting(OWNER).role == "setup"
        wrote(node.engine, garrison, account("chen", "provider"))
        node.engine.save([Save(STAFF, (account("ada", "admin"),))])
        assert sorted(node.people().accounts) == ["ada", "chen"]
        assert node.acting(OWNER).role == OWNER


def test_a_stranger_changes_no_account_by_replacing_what_the_garrison_wrote() -> None:
    with post(founded=False) as node:
        garrison, stranger = LabAuthor(2), LabAuthor(1)
        theatre(node, garrison)
        wrote(node.engine, garrison, account("ruiz", "medic"))
        own = node.people().accounts["ruiz"].ids
        wrote(node.engine, stranger, account("ruiz", "admin", replaces=own))
        wrote(node.engine, stranger, Draft(slot="account", void="gone", supersedes=own))
        assert node.people().accounts["ruiz"].role == "medic"


def test_where_devices_differ_the_lesser_role_holds_and_it_is_a_finding() -> None:
    with post(founded=False) as node:
        garrison = LabAuthor(2)
        theatre(node, garrison)
        wrote(node.engine, garrison, account("ruiz", "medic"))
        node.engine.save([Save(STAFF, (account("ruiz", "admin"), account("ada", "admin")))])
        assert node.people().accounts["ruiz"].role == "medic"
        (found,) = (one for one in node.open.findings() if one["slot"] == "account")
        assert found["rule"] == "heads-differ"
        assert "verifier" not in json.dumps(node.open.finding(found["id"]))
        with node.by("ada") as desk:
            desk.set_account(AccountChange("ruiz", role="provider"))
        assert node.people().accounts["ruiz"].role == "provider"
        assert not [one for one in node.open.findings() if one["slot"] == "account"]


def test_disabled_by_one_device_is_disabled(founded: Post) -> None:
    garrison = LabAuthor(2)
    theatre(founded, garrison)
    wrote(founded.engine, garrison, account("ruiz", "medic", active=False))
    people = founded.people()
    assert not people.accounts["ruiz"].active
    assert people.signed_in("ruiz", founded.clock.now_ms) is None


def test_a_garrison_that_counts_no_more_does_not_give_the_owner_everything() -> None:
    with post(founded=False) as node:
        garrison = LabAuthor(2)
        authority = theatre(node, garrison)
        wrote(node.engine, garrison, account("chen", "provider"))
        assert node.acting(OWNER).role == OWNER
        authority.say(Revoke(garrison.node, "lost"))
        node.engine.belonging.add(authority.entries[-1:])
        assert node.people().accounts == {}
        assert node.acting(OWNER).role == OWNER
        node.engine.set_setting("behind", b"").result()
        again = LocalDesk(node.engine, "alpha", "field")
        assert again.roster.people(node.clock.now_ms).owner(0).role == OWNER


@pytest.mark.parametrize("odd", [{"role": "captain"}, {"iterations": 1}, {"pin": "x"}, {"role": 7}])
def test_an_account_that_cannot_be_read_gives_nobody_everything(odd: dict[str, Any]) -> None:
    with post(founded=False) as node:
        garrison = LabAuthor(2)
        theatre(node, garrison)
        whole = account("ruiz", "admin")
        wrote(node.engine, garrison, Draft(slot="account", value=whole.value | odd))
        assert node.acting(OWNER).role == OWNER
        found = node.people().accounts["ruiz"]
        assert not found.active or not found.verifiers or "pin" in odd


def test_readers_of_a_unit_do_not_get_what_a_passphrase_is_guessed_by(founded: Post) -> None:
    with founded.by("ruiz") as desk:
        chart = json.dumps(desk.chart(STAFF))
    assert "ruiz" in chart
    assert "verifier" not in chart
    assert "salt" not in chart


# Changing accounts ------------------------------------------------------------------------------


def test_the_first_account_is_an_admins_and_the_last_admin_stays() -> None:
    with post(founded=False) as node:
        words = "correct horse battery"
        with node.by(OWNER) as desk:
            with pytest.raises(BadRequest, match="admin"):
                desk.set_account(AccountChange("ruiz", role="medic", passphrase=words))
            with pytest.raises(BadRequest, match="15 to"):
                desk.set_account(AccountChange("ada", role="admin", passphrase=words[:14]))
            desk.set_account(AccountChange("ada", role="admin", passphrase=words))
        with node.by(OWNER) as desk, pytest.raises(NotPermitted):
            desk.accounts()
        with node.by("ada") as desk:
            for change in ({"role": "medic"}, {"active": False}):
                with pytest.raises(BadRequest, match="admin"):
                    desk.set_account(AccountChange("ada", **change))
            desk.set_passphrase(words, "another horse battery")
        assert node.people().accounts["ada"].verifiers[0].fits("another horse battery")


def test_everybody_changes_their_own_passphrase_and_nobody_elses() -> None:
    with post(founded=False) as node:
        old, new = "correct horse battery", "another horse battery"
        with node.by(OWNER) as desk:
            desk.set_account(AccountChange("ada", role="admin", passphrase=old))
        with node.by("ada") as desk:
            desk.set_account(AccountChange("ruiz", role="medic", passphrase=old))
        with node.by("ruiz") as desk:
            with pytest.raises(BadRequest, match="does not fit"):
                desk.set_passphrase("wrong", new)
            desk.set_passphrase(old, new)
            with pytest.raises(NotPermitted):
                desk.set_account(AccountChange("ada", passphrase=new))
        accounts = node.people().accounts
        assert [accounts[name].verifiers[0].fits(new) for name in ("ada", "ruiz")] == [False, True]
        assert accounts["ruiz"].role == "medic"


# Permissions ------------------------------------------------------------------------------------


def test_the_table_names_every_method_of_the_desk_and_no_other() -> None:
    parts = [one for one in Desk.__mro__ if one.__module__.startswith("node.")]
    named = {name: one for part in parts for name, one in vars(part).items()}
    methods = {name for name, one in named.items() if callable(one) and name[0] != "_"}
    assert METHODS.keys() == methods


def test_a_method_that_the_table_does_not_name_is_refused_to_everybody(founded: Post) -> None:
    class Grown:
        def reveal(self) -> str:
            return "all of it"

    for name in (OWNER, *NAMES):
        with founded.by(name), pytest.raises(NotPermitted):
            guarded(Grown()).reveal()  # type: ignore[arg-type, attr-defined]


def test_nobody_at_all_may_nothing(founded: Post) -> None:
    for name in METHODS:
        with pytest.raises(NotPermitted):
            getattr(founded.desk, name)()


@pytest.mark.parametrize("role", ROLES)
def test_every_method_is_let_through_or_refused_as_the_table_says(role: str) -> None:
    class Asked:
        def __getattr__(self, name: str) -> Any:
            return lambda: name

    with post() as node:
        names = {account_role: name for name, account_role in NAMES.items()}
        may = {each for each, (_, roles) in TABLE.items() if role in roles}
        with node.by(names.get(role, OWNER)):
            for name, needs in METHODS.items():
                method = getattr(guarded(Asked()), name)  # type: ignore[arg-type]
                if may & set(needs):
                    assert method() == name
                else:
                    with pytest.raises(NotPermitted, match=" or ".join(needs)):
                        method()


def test_what_matters_most_is_written_out() -> None:
    def may(role: str) -> set[May]:
        return {each for each, (_, roles) in TABLE.items() if role in roles}

    assert not may(OWNER) & {May.READ, May.SEARCH, May.CARE, May.ACCOUNTS, May.RESOLVE, May.EXPORT}
    assert [role for role in ROLES if May.COSIGN in may(role)] == ["provider"]
    assert [role for role in ROLES if May.ACCOUNTS in may(role)] == ["admin"]
    assert [role for role in ROLES if May.CARE in may(role)] == ["medic", "provider"]
    assert all({May.EMERGENCY, May.ENTER, May.BREAK_GLASS} <= may(role) for role in ROLES)
    assert granted(None) == frozenset()
    used = {
        one
        for table in (METHODS, ROUTES, COMMANDS, SLOTS)
        for each in table.values()
        for one in each
    }
    assert used <= set(May)


def test_a_deeper_door_does_not_lead_around_the_table(founded: Post) -> None:
    """Accounts are written by no other way: not as an entry, a move, a decision or an import."""
    forged = account("mallory", "admin")
    with founded.by("ruiz") as desk:
        for slot in (forged, Draft(slot="cosign", value={"statements": []})):
            where = STAFF if slot.slot == "account" else EPISODE
            with pytest.raises(NotPermitted):
                desk.save([Save(where, (slot,))])
    stranger = LabAuthor(1)
    wrote(founded.engine, stranger, forged, account("ruiz", "admin"))
    (forged_id, other) = (f"{stranger.actor.hex()}.{number}" for number in (1, 2))
    other_unit = document(9, DocumentKind.UNIT)
    with founded.by("ruiz") as desk:
        with pytest.raises(NotPermitted):
            desk.move(Move(STAFF, (forged_id,), other_unit, "Ruiz", "mine"))
        (found,) = (one for one in desk.findings() if one["slot"] == "account")
        chosen = f"{document_text(STAFF)}/{other}"
        with pytest.raises(NotPermitted):
            desk.resolve(Resolve(found["id"], "Ruiz", choose=chosen, at=AT))
    with founded.by("doe") as desk, pytest.raises(NotPermitted):
        desk.import_saves([Save(STAFF, (forged,))])
    assert founded.people().accounts["ruiz"].role == "medic"
    assert "mallory" not in founded.people().accounts


# Who stands behind an entry ---------------------------------------------------------------------


def test_an_entry_names_its_author_and_role_and_who_wrote_it_for_another(founded: Post) -> None:
    with founded.by("ruiz") as desk:
        desk.save([Save(EPISODE, (note("own"), note("told", by="PFC Bell")))])
        own, told = readings(desk, EPISODE, "note")
    assert (own["by"], own["by_role"]) == ("SGT Ruiz", "medic")
    assert "entered_by" not in own
    assert (told["by"], told["entered_by"], told["by_role"]) == ("PFC Bell", "SGT Ruiz", "medic")


def test_without_accounts_an_entry_is_as_before() -> None:
    with post(founded=False) as node:
        with node.by(OWNER) as desk:
            desk.save([Save(EPISODE, (note("plain", by="Ruiz"),))])
            (one,) = readings(desk, EPISODE, "note")
        assert one.keys() & {"by_role", "entered_by"} == set()


@pytest.mark.parametrize("name", [OWNER, "doe", "ada"])
def test_care_is_never_blocked_only_marked(founded: Post, name: str) -> None:
    with founded.by(name) as desk:
        desk.save([Save(EPISODE, (note("bleeding", by="PFC Bell"),))])
        made = desk.new_casualty("PFC Bell", "W-1")
        assert desk.new_casualty("PFC Bell", "W-1")["episode"] == made["episode"]
    with founded.by("chen") as desk:
        (one,) = readings(desk, EPISODE, "note")
    assert (one["by"], one["by_role"]) == ("PFC Bell", "emergency")


def test_an_emergency_entry_adds_and_replaces_nothing(founded: Post) -> None:
    with founded.by("ruiz") as desk:
        ((first,),) = desk.save([Save(PERSON, (ALLERGY,))])
    seen = (StatementId(first),)
    denied = Draft(slot="allergy", value=ALLERGY.value | {"status": "inactive"}, supersedes=seen)
    for draft in (denied, Draft(slot="allergy", void="wrong", supersedes=seen)):
        with founded.by(OWNER) as desk, pytest.raises(NotPermitted):
            desk.save([Save(PERSON, (ALLERGY, draft))])
    with founded.by("chen") as desk:
        assert len(readings(desk, PERSON, "allergy")) == 1


# Breaking the glass -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [OWNER, "ada"])
def test_broken_glass_lifts_limits_for_a_while_and_waits_for_review(
    founded: Post, name: str
) -> None:
    with founded.by(name) as desk:
        with pytest.raises(BadRequest, match="reason"):
            desk.break_glass(" ")
        with pytest.raises(BadRequest, match="hours"):
            desk.break_glass("mascal", OVERRIDE_S_MAX + 1)
        desk.break_glass("mascal")
    assert founded.acting(name).purpose == "mascal"
    with founded.by(name) as desk:
        desk.save([Save(EPISODE, (note("seen"),))])
        assert readings(desk, EPISODE, "note")
        (found,) = (one for one in desk.findings() if one["rule"] == "glass-broken")
        assert "mascal" in found["text"]
    with founded.by("ruiz") as desk, pytest.raises(NotPermitted):
        desk.resolve(Resolve(found["id"], "SGT Ruiz", "was right", at=AT))
    with founded.by("chen") as desk:
        desk.resolve(Resolve(found["id"], "SGT Chen", "was right", at=AT))
        assert not [one for one in desk.findings() if one["rule"] == "glass-broken"]
    founded.clock.now_ms += int(OVERRIDE_S * 1000)
    assert founded.acting(name).purpose == ""
    if name == OWNER:
        with founded.by(name) as desk, pytest.raises(NotPermitted):
            desk.chart(EPISODE)


def test_glass_broken_for_one_is_not_broken_for_others_or_on_other_devices(founded: Post) -> None:
    garrison = LabAuthor(2)
    theatre(founded, garrison)
    with founded.by("ada") as desk:
        desk.break_glass("mascal")
    assert founded.acting(OWNER).purpose == ""
    held = {"who": "x", "reason": "mine", "from": "2020-01-01T00:00Z", "until": "2099-01-01T00:00Z"}
    wrote(founded.engine, garrison, Draft(slot="override", value=held))
    assert founded.acting(OWNER).purpose == ""


# Co-signatures ----------------------------------------------------------------------------------


def test_a_provider_cosigns_a_medics_note_and_a_later_change_is_not_cosigned(
    founded: Post,
) -> None:
    with founded.by("ruiz") as desk:
        ((first,),) = desk.save([Save(EPISODE, (note("stable"),))])
        assert [one["statement"] for one in desk.uncosigned()] == [first]
        with pytest.raises(NotPermitted):
            desk.cosign(EPISODE)
    with founded.by("chen") as desk:
        desk.save([Save(EPISODE, (note("my own"),))])
        assert desk.cosign(EPISODE)["cosigned"] == 1
        assert desk.uncosigned() == []
        stable, own = readings(desk, EPISODE, "note")
        assert stable["cosigned"]["by"] == "SGT Chen"
        assert "cosigned" not in own
    with founded.by("ruiz") as desk:
        changed = note("unstable", supersedes=(StatementId(first),))
        ((second,),) = desk.save([Save(EPISODE, (changed,))])
        found = [one for one in readings(desk, EPISODE, "note") if one["statements"] == [second]]
        assert found[0]["changed_since_cosigned"]["by"] == "SGT Chen"
        assert "cosigned" not in found[0]
        assert [one["statement"] for one in desk.uncosigned()] == [second]


def test_a_cosignature_of_somebody_who_is_no_provider_counts_for_nothing(founded: Post) -> None:
    with founded.by("ruiz") as desk:
        ((first,),) = desk.save([Save(EPISODE, (note("stable"),))])
    peer = LabAuthor(3)
    peer.write(EPISODE, Draft(slot="cosign", value={"statements": [first]}, by_role="medic"))
    hold(founded.engine, peer.run(EPISODE), source=peer)
    idle(founded.engine)
    with founded.by("ruiz") as desk:
        assert [one["statement"] for one in desk.uncosigned()] == [first]


def test_the_table_in_the_docs_is_current() -> None:
    shipped = Path(__file__).parents[2] / "deploy" / "PERMISSIONS.md"
    assert shipped.read_text() == permissions_text(), "run make docs"


# Ways round the table -----------------------------------------------------------------------------


def test_a_mark_of_error_takes_what_writing_in_the_struck_slot_takes(founded: Post) -> None:
    for place, draft, other in (
        (EPISODE, note("given", "Ruiz"), "link"),
        (PERSON, ALLERGY, "name"),
    ):
        ((given,),) = founded.open.save([Save(place, (draft,))])
        void = Draft(slot=other, void="not so", supersedes=(StatementId(given),))
        with founded.by("doe") as desk, pytest.raises(NotPermitted):
            desk.save([Save(place, (void,))])
        assert len(readings(founded.open, place, draft.slot)) == 1
        with founded.by("ruiz") as desk:
            desk.save([Save(place, (replace(void, slot=draft.slot),))])


@pytest.mark.parametrize("name", [OWNER, "ruiz", "chen", "doe"])
def test_nobody_strikes_an_account_by_breaking_the_glass(founded: Post, name: str) -> None:
    ids = founded.people().accounts["ada"].ids
    void = Draft(slot="override", void="gone", supersedes=ids)
    with founded.by(name) as desk, pytest.raises(NotPermitted):
        desk.save([Save(STAFF, (void,))])
    founded.engine.save([Save(STAFF, (void,))])  # as other software might
    assert founded.people().accounts["ada"].active


def test_what_is_not_here_yet_is_not_struck_in_advance(founded: Post) -> None:
    ids = (StatementId("ab" * 16 + ".1"),)
    with founded.by("doe") as desk, pytest.raises(NotPermitted):
        desk.save([Save(PERSON, (Draft(slot="identifier", void="x", supersedes=ids),))])


def test_bytes_of_what_was_set_aside_are_for_who_may_export(founded: Post) -> None:
    with founded.by(OWNER) as desk:
        assert desk.set_aside() == []
        with pytest.raises(NotPermitted):
            desk.set_aside(with_bytes=True)
    for name in NAMES:
        with founded.by(name) as desk:
            desk.set_aside(with_bytes=True)
