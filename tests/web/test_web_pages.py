"""The pages over a real API on a real port, read as a browser without JavaScript reads them."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from email.message import Message
from urllib.parse import urlencode

import pytest

from conflict.identity import DocumentKind, document_text
from conflict.statement import Draft
from node.desk import Save
from node.http.web.doors import COOKIE
from tests.http.http_lab import TOKEN, Lab, lab
from tests.node.node_lab import document

FORM = "application/x-www-form-urlencoded"
Page = tuple[int, Message, str]
PERSON = document(1, DocumentKind.PERSON)


@pytest.fixture
def api() -> Iterator[Lab]:
    with lab() as found:
        yield found


def send(
    api: Lab,
    method: str,
    path: str,
    fields: dict[str, str] | list[tuple[str, str]] | None = None,
    **headers: str,
) -> Page:
    """One request of a browser: status, headers, text."""
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
    body = urlencode(fields) if fields is not None else None
    kind = {"Content-Type": FORM} if body is not None else {}
    connection.request(method, path, body, {"Accept": "text/html", **kind, **headers})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.headers, text


def entered(api: Lab) -> str:
    status, headers, _ = send(api, "POST", "/door", {"account": "", "secret": TOKEN})
    assert (status, headers["Location"]) == (303, "/")
    return str(headers["Set-Cookie"])


def cookie(api: Lab) -> str:
    return entered(api).partition(";")[0]


def test_who_is_not_known_is_shown_the_door(api: Lab) -> None:
    status, headers, _ = send(api, "GET", "/")
    assert (status, headers["Location"]) == (303, "/door")
    assert send(api, "GET", "/door")[0] == 200


def test_a_wrong_secret_opens_no_door_and_says_so(api: Lab) -> None:
    status, headers, text = send(api, "POST", "/door", {"account": "", "secret": "x"})
    assert status == 400
    assert "Set-Cookie" not in headers
    assert "Nothing was read" in text


def test_the_cookie_is_strict_and_holds_no_token_of_the_api(api: Lab) -> None:
    given = entered(api)
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in given.split(";")}
    assert TOKEN not in given
    name = given.partition(";")[0]
    assert send(api, "GET", "/api/findings", Cookie=name)[0] == 401
    value = name.partition("=")[2]
    assert send(api, "GET", "/api/findings", Authorization=f"Bearer {value}")[0] == 401


def test_the_list_shows_casualties_with_the_state_bar_and_escapes_what_they_are_called(
    api: Lab,
) -> None:
    name = {"family": "<b>Okafor", "given": "Ada", "evidence": "tag"}
    api.local.save([Save(PERSON, (Draft(slot="name", value=name, by="SGT Ruiz"),))])
    status, headers, text = send(api, "GET", "/", Cookie=cookie(api))
    assert status == 200
    assert "&lt;b&gt;Okafor" in text
    assert "<b>Okafor" not in text
    assert "Saved here" in text
    assert document_text(PERSON) not in headers.get("Set-Cookie", "")
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["Referrer-Policy"] == "same-origin"  # else a browser's own forms are refused


def test_a_form_of_another_site_changes_nothing(api: Lab) -> None:
    foreign = {"Origin": "http://evil.example", "Cookie": cookie(api)}
    assert send(api, "POST", "/leave", {}, **foreign)[0] == 403
    assert send(api, "GET", "/", Cookie=foreign["Cookie"])[0] == 200


def test_who_has_left_is_nobody(api: Lab) -> None:
    door = cookie(api)
    assert send(api, "POST", "/leave", {}, Cookie=door)[0] == 303
    assert send(api, "GET", "/", Cookie=door)[0] == 303
    assert COOKIE in door


def test_themes_are_kept_and_an_unknown_one_is_not(api: Lab) -> None:
    given = send(api, "POST", "/theme", {"theme": "night"})[1]["Set-Cookie"].partition(";")[0]
    assert 'data-theme="night"' in send(api, "GET", "/door", Cookie=given)[2]
    assert send(api, "POST", "/theme", {"theme": '"><b>'})[1]["Set-Cookie"] is None


def test_static_files_are_those_that_are_named(api: Lab) -> None:
    assert send(api, "GET", "/static/app.css")[0] == 200
    assert send(api, "GET", "/static/..%2fpages.py")[0] == 404
