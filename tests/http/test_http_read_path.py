"""Every route of the API, found by looking: nobody, the owner and each role get what the table says.

A new route fails here until the permission table names it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from conflict.identity import DocumentKind, document_text
from conflict.statement import Draft
from node.desk import Save
from node.http.app import Readiness
from node.http.guards import OPEN
from node.local_desk import LocalDesk
from node.permissions import ANYBODY, OWNER, ROLES, ROUTES, TABLE, May
from node.remote_desk import SESSION_HEADER
from node.roster import STAFF
from node.verifiers import made
from tests.http.http_lab import TOKEN, Answer, Lab, application, engine, lab, plain_lock
from tests.node.node_lab import document
from tests.node.people_lab import NAMES, account

WORDS = "correct horse battery"
DOORS = {"/door", "/leave", "/theme", "/static/{name}"}
PERSON = document_text(document(1, DocumentKind.PERSON))


class Founded(NamedTuple):
    """An API whose unit has an account of each role, and a session of each."""

    api: Lab
    sessions: dict[str, str]

    def ask(self, role: str, method: str, path: str) -> Answer:
        """One request of the owner, or of somebody signed in."""
        token = TOKEN if role == OWNER else self.sessions[role]
        body = {} if method == "POST" else None
        kind = {"Content_Type": "application/json"} if body is not None else {}
        return self.api.ask(method, path, body, Authorization=f"Bearer {token}", **kind)


class Open:
    """A lock that is never locked, and an end that does not come."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_given, **_named: None


def found_accounts(desk: LocalDesk) -> None:
    """An account of each role, all with one passphrase."""
    salt, iterations, key = made(WORDS, secrets.token_bytes(16))
    proof = {"salt": salt.hex(), "iterations": iterations, "verifier": key.hex()}
    drafts = (account(name, role) for name, role in NAMES.items())
    known = tuple(Draft(slot=one.slot, value=one.value | proof) for one in drafts)
    desk.save([Save(STAFF, known)])
    desk.roster.forget()


def signed_in(api: Lab, name: str) -> str:
    body = {"account": name, "passphrase": WORDS}
    answer = api.ask("POST", "/api/sign-in", body, Content_Type="application/json")
    assert answer.status == 200, answer.body
    token: str = answer.body["result"]["token"]
    return token


@pytest.fixture(name="founded", scope="module")
def _founded() -> Iterator[Founded]:
    with lab(lock=plain_lock) as api:
        found_accounts(api.local)
        yield Founded(api, {role: signed_in(api, name) for name, role in NAMES.items()})


def every_route() -> list[tuple[str, str]]:
    """Methods and paths; signing out comes last, for it ends what the others need."""
    with engine() as own:
        desk = LocalDesk(own, "alpha", "field")
        app = application(desk, Readiness(ready=True), plain_lock(own))
        routes = {
            (route.method, route.resource.canonical)
            for route in app.router.routes()
            if route.resource and route.method != "HEAD"
        }
    return sorted(routes, key=lambda one: (one[1] == "/api/sign-out", one))


def path_of(canonical: str) -> str:
    return re.sub(r"\{\w+\}", PERSON, canonical)


def test_the_table_names_every_route_and_no_other() -> None:
    assert {f"{method} {path}" for method, path in every_route()} == ROUTES.keys()
    assert {"/health/live", "/health/ready", "/api/sign-in", *DOORS} == OPEN


def test_nobody_gets_anything_but_health_and_the_door(founded: Founded) -> None:
    for method, path in every_route():
        if path not in OPEN:
            for header in ({}, {"Authorization": "Bearer " + "0" * 64}, {SESSION_HEADER: "0" * 64}):
                assert founded.api.ask(method, path_of(path), **header).status == 401, path


def test_a_session_beside_a_wrong_token_is_nobodys(founded: Founded) -> None:
    headers = {"Authorization": "Bearer x", SESSION_HEADER: founded.sessions["provider"]}
    assert founded.api.ask("GET", f"/api/chart/{PERSON}", **headers).status == 401


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_the_table_says(founded: Founded, role: str) -> None:
    may = {each for each, (_, roles) in TABLE.items() if role in roles}
    refused = set()
    for method, path in every_route():
        needs = ROUTES[f"{method} {path}"]
        answer = founded.ask(role, method, path_of(path))
        assert answer.status != 401 or path in OPEN, (method, path)
        if needs == ANYBODY or may & set(needs):
            assert answer.status != 403, (method, path)
        else:
            refused.add(path)
            assert answer.status == 403, (method, path)
            assert answer.body["error"]["code"] == "not-permitted"
            assert PERSON not in answer.body["error"]["message"]
    assert refused
    if role != OWNER:  # it has just signed out
        name = next(name for name, each in NAMES.items() if each == role)
        founded.sessions[role] = signed_in(founded.api, name)


def test_a_route_that_the_table_does_not_name_is_refused_to_everybody(
    founded: Founded, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {name: needs for name, needs in ROUTES.items() if name != "GET /api/findings"}
    monkeypatch.setattr("node.http.guards.ROUTES", others)
    assert {founded.ask(role, "GET", "/api/findings").status for role in ROLES} == {403}


def test_the_desk_refuses_behind_a_route_that_was_declared_too_widely(
    founded: Founded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROUTES, "GET /api/findings", (May.LOOK,))  # type: ignore[index]
    assert founded.ask(OWNER, "GET", "/api/findings").status == 403
    assert founded.ask("provider", "GET", "/api/findings").status == 200


def test_without_accounts_the_owner_may_everything() -> None:
    with lab(lock=plain_lock) as api:
        for method, path in every_route():
            kind = {} if method == "POST" else None
            assert api.allowed(method, path_of(path), kind).status not in {401, 403} or path in OPEN


# Signing in -------------------------------------------------------------------------------------


def test_a_wrong_passphrase_and_an_unknown_account_are_answered_alike(founded: Founded) -> None:
    answers = []
    for name in ("ruiz", "nobody"):
        body = {"account": name, "passphrase": "wrong"}
        answer = founded.api.ask("POST", "/api/sign-in", body, Content_Type="application/json")
        again = founded.api.ask("POST", "/api/sign-in", body, Content_Type="application/json")
        assert (answer.status, again.status) == (401, 429)
        answers.append(answer.body)
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"account": "ruiz"},
        {"account": "ruiz", "passphrase": "x", "pin": "1234"},
        {"account": "ruiz", "passphrase": "x" * 2_000},
        {"account": "ruiz", "passphrase": 1},
        [],
    ],
)
def test_what_is_no_sign_in_is_a_bad_request(founded: Founded, body: object) -> None:
    answer = founded.api.ask("POST", "/api/sign-in", body, Content_Type="application/json")
    assert answer.status == 400


def test_beside_the_owners_token_a_session_that_ended_leaves_the_owner(founded: Founded) -> None:
    def who(session: str) -> str:
        headers = {"Authorization": f"Bearer {TOKEN}", SESSION_HEADER: session}
        role: str = founded.api.ask("GET", "/api/who", **headers).body["result"]["role"]
        return role

    token = signed_in(founded.api, "chen")
    assert who(token) == "provider"
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    assert founded.api.ask("POST", "/api/sign-out", {}, **headers).status == 200
    assert who(token) == OWNER
    assert founded.api.ask("GET", "/api/who", Authorization=f"Bearer {token}").status == 401


def test_a_new_passphrase_ends_the_sessions_of_the_old_one(founded: Founded) -> None:
    token = signed_in(founded.api, "doe")
    before = founded.api.local.roster.people(0).accounts["doe"]
    value = account("doe", "records").value
    changed = Draft(slot="account", value=value, supersedes=before.ids)
    founded.api.local.save([Save(STAFF, (changed,))])
    founded.api.local.roster.forget()
    assert founded.api.ask("GET", "/api/who", Authorization=f"Bearer {token}").status == 401
