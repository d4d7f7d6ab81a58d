"""Routes about people: signing in and out, accounts, breaking the glass, co-signatures."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web

from node.acting import acting
from node.desk import AccountChange, Desk
from node.errors import BadRequest
from node.http.bodies import Kinds, body_of, fields_of, texts_of
from node.http.guards import answer, tokens_of
from node.http.saves import decode_document
from node.permissions import granted
from node.reception import Reception, SignedIn

STATEMENTS_MAX = 1_000
_SECRET_CHARS_MAX = 1_000


class PeopleApi:
    """`desk` is guarded; `reception` knows who is signed in."""

    def __init__(self, desk: Desk, reception: Reception) -> None:
        self._desk = desk
        self._reception = reception
        self._one_at_a_time = asyncio.Semaphore(1)  # guesses never take the threads of other work

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add these routes."""
        router.add_post("/api/sign-in", self.sign_in)
        router.add_post("/api/sign-out", self.sign_out)
        router.add_post("/api/session-pin", self.pin)
        router.add_get("/api/who", self.who)
        router.add_get("/api/accounts", self.accounts)
        router.add_post("/api/account", self.account)
        router.add_post("/api/passphrase", self.passphrase)
        router.add_post("/api/break-glass", self.break_glass)
        router.add_post("/api/cosign", self.cosign)
        router.add_get("/api/uncosigned", self.uncosigned)

    async def sign_in(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"account": str, "passphrase": str, "pin": str})
        account, secrets = fields.get("account", ""), fields.keys() & {"passphrase", "pin"}
        if not account or len(secrets) != 1 or max(map(len, fields.values())) > _SECRET_CHARS_MAX:
            raise BadRequest("account, and either passphrase or pin, expected")
        async with self._one_at_a_time:
            done = await asyncio.to_thread(
                self._opened, account, fields.get("passphrase", ""), fields.get("pin", "")
            )
        return answer(done._asdict())

    def _opened(self, account: str, passphrase: str, pin: str) -> SignedIn:
        if pin:
            return self._reception.reopen(account, pin)
        return self._reception.sign_in(account, passphrase)

    async def sign_out(self, request: web.Request) -> web.Response:
        self._reception.sign_out(*tokens_of(request))
        return answer({})

    async def pin(self, request: web.Request) -> web.Response:
        pin = fields_of(await body_of(request), {"pin": str}).get("pin", "")
        async with self._one_at_a_time:
            await asyncio.to_thread(self._reception.set_pin, *tokens_of(request), pin)
        return answer({})

    async def who(self, _request: web.Request) -> web.Response:
        found = acting.get()
        if found is None:
            raise BadRequest("nobody asks")
        return answer(
            {
                "account": found.account,
                "person": found.person,
                "role": found.role,
                "purpose": found.purpose,
                "may": sorted(granted(found)),
            }
        )

    async def accounts(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.accounts))

    async def account(self, request: web.Request) -> web.Response:
        kinds: Kinds = {**dict.fromkeys(AccountChange._fields, str), "active": (bool, type(None))}
        fields = fields_of(await body_of(request), kinds)
        if not fields.get("account"):
            raise BadRequest("account: its name expected. Nothing was changed.")
        change = AccountChange(**fields)
        async with self._one_at_a_time:
            return answer(await asyncio.to_thread(self._desk.set_account, change))

    async def passphrase(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"old": str, "new": str})
        change = partial(self._desk.set_passphrase, fields.get("old", ""), fields.get("new", ""))
        async with self._one_at_a_time:
            return answer(await asyncio.to_thread(change))

    async def break_glass(self, request: web.Request) -> web.Response:
        kinds: Kinds = {"reason": str, "for_s": (int, float), "by": str}
        fields = {"reason": "", **fields_of(await body_of(request), kinds)}
        return answer(await asyncio.to_thread(partial(self._desk.break_glass, **fields)))

    async def cosign(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"document": str, "statements": list})
        document = decode_document(fields.get("document", ""), "document")
        named = texts_of(fields.get("statements", []), "statements", STATEMENTS_MAX)
        job = partial(self._desk.cosign, document, named)
        return answer(await asyncio.to_thread(job))

    async def uncosigned(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.uncosigned))
