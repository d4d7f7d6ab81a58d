"""Nobody reads or writes without the token, under a foreign name, or beyond the limits."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator

import pytest
from aiohttp import web

from node.config import Listen
from node.errors import BadConfiguration, PortBusy
from node.http.app import Readiness
from node.http.guards import OPEN, names_this_machine
from node.http.listening import serve
from node.local_desk import LocalDesk
from tests.http.http_lab import TOKEN, Lab, application, engine, lab


@pytest.fixture(name="api", scope="module")
def _api() -> Iterator[Lab]:
    with lab() as found:
        yield found


def every_route() -> list[tuple[str, str]]:
    with engine() as own:
        app = application(LocalDesk(own, "alpha", "field"), Readiness(ready=True))
        return sorted(
            (route.method, route.resource.canonical)
            for route in app.router.routes()
            if route.resource
        )


def test_every_route_but_health_refuses_who_has_no_token(api: Lab) -> None:
    routes = every_route()
    assert len(routes) > 15
    for method, path in routes:
        if path in OPEN:
            continue
        for header in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Basic {TOKEN}"}):
            answer = api.ask(method, re.sub(r"\{\w+\}", "x", path), **header)
            assert answer.status == 401, (method, path)
            if method != "HEAD":
                assert answer.body["error"]["code"] == "unauthorised"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_route_that_does_not_exist_is_not_told_apart_without_the_token(api: Lab) -> None:
    assert api.ask("GET", "/api/nothing").status == 401
    assert api.allowed("GET", "/api/nothing").status == 404
    assert api.allowed("DELETE", "/api/status").status == 405


def test_health_needs_no_token_and_says_nothing_of_records(api: Lab) -> None:
    assert api.ask("GET", "/health/live").body == {"api": 1, "result": {"live": True}}
    assert api.ask("GET", "/health/ready").body["result"] == {"ready": True, "causes": []}


def test_a_node_that_is_not_ready_says_so_with_a_code() -> None:
    with lab(Readiness(False, ("disk-full",))) as api:
        answer = api.ask("GET", "/health/ready")
        assert answer.status == 503
        assert answer.body["result"] == {"ready": False, "causes": ["disk-full"]}
        assert api.ask("GET", "/health/live").status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8471", "127.0.0.1.evil.example", ""]
)
def test_another_host_name_is_refused_even_with_the_token(api: Lab, host: str) -> None:
    for path in ("/api/status", "/health/live"):
        answer = api.ask("GET", path, Host=host, Authorization=f"Bearer {TOKEN}")
        assert answer.status == 421
        assert answer.body["error"]["code"] == "misdirected"


@pytest.mark.parametrize(
    ("host", "local", "good"),
    [
        ("localhost:8471", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("[::1]:8471", "::1", True),
        ("192.0.2.7:8471", "192.0.2.7", True),
        ("192.0.2.7:8471", "192.0.2.8", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("user@localhost.evil", "127.0.0.1", False),
        ("[::1", "::1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_host_names_of_this_machine(host: str, local: str, good: bool) -> None:
    assert names_this_machine(host, local) is good


def test_answers_are_not_kept_on_the_way(api: Lab) -> None:
    headers = api.allowed("GET", "/api/status").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"].startswith("application/json")


def test_a_body_over_the_limit_is_refused(api: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.http.app.BODY_BYTES_MAX", 1_000)
    with lab() as small:
        answer = small.allowed("POST", "/api/save", {"saves": [], "padding": "x" * 2_000})
        assert answer.status == 413
        assert answer.body["error"]["code"] == "request-too-large"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/save", b"{"),
        ("/api/save", []),
        ("/api/save", {"saves": [{}]}),
        ("/api/save", {"saves": [{"document": "person-x", "drafts": []}]}),
        ("/api/save", {"saves": [], "more": 1}),
        ("/api/sync", {"peer": ""}),
        ("/api/sync", {"peer": "a", "timeout_s": True}),
        ("/api/sync", {"peer": "a", "timeout_s": 1e9}),
        ("/api/pause", {}),
        ("/api/pause", {"paused": 1}),
    ],
)
def test_a_malformed_request_is_a_bad_request(api: Lab, path: str, body: object) -> None:
    answer = api.allowed("POST", path, body)
    assert answer.status == 400
    assert answer.body["error"]["code"] == "bad-request"
    assert answer.body["error"]["next_step"]


@pytest.mark.parametrize(
    "query", ["kind=pet", "after=x", "limit=0", "limit=-1", "limit=1001", "limit=٣"]
)
def test_a_malformed_page_is_a_bad_request(api: Lab, query: str) -> None:
    from urllib.parse import quote

    assert api.allowed("GET", f"/api/documents?{quote(query, safe='=')}").status == 400


def test_only_json_is_read(api: Lab) -> None:
    answer = api.ask("POST", "/api/pause", b"paused=1", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 400
    assert "application/json" in answer.body["error"]["message"]


async def test_a_busy_port_and_a_foreign_address_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=str(port)):
            await serve(web.Application(), Listen("127.0.0.1", port))
    for host in ("192.0.2.1", "no-such-host.invalid"):
        with pytest.raises(BadConfiguration, match=re.escape(host)):
            await asyncio.wait_for(serve(web.Application(), Listen(host, 0)), 30)
