"""The card's routes: shows it, takes its form, begins a new casualty. Works without JavaScript."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from conflict.identity import DocumentId, document_text
from node.acting import acting
from node.desk import Desk
from node.errors import BadRequest, SavedAlready
from node.http.saves import ONCE_CHARS_MAX, decode_document
from node.http.web import card
from node.http.web.drawing import page, to
from node.http.web.entering import Entered, entered, seen_of

FIELDS_MAX = 400
_KEPT = ("offset", "wound")


class CardPages:
    """`desk` is guarded."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add these routes."""
        router.add_post("/web/casualty", self.begin)
        router.add_get("/web/casualty/{document}", self.show)
        router.add_post("/web/casualty/{document}", self.save)

    async def begin(self, request: web.Request) -> web.Response:
        """A new casualty, by wristband where one is given; where it is known here: that one."""
        form = await request.post()
        band = str(form.get("wristband", "")).strip()[:120]
        new = partial(self._desk.new_casualty, _who(), band)
        made: Any = await asyncio.to_thread(new)
        return to(f"/web/casualty/{made['person']}")

    async def show(self, request: web.Request) -> web.Response:
        """The card."""
        document = decode_document(request.match_info["document"], "document")
        return await self._shown(request, document, None, dict(request.query))

    async def save(self, request: web.Request) -> web.Response:
        """One tap, or what was typed: durable when the answer is sent, and saved once."""
        document = decode_document(request.match_info["document"], "document")
        posted = await request.post()
        if len(posted) > FIELDS_MAX:
            raise BadRequest(f"a form has at most {FIELDS_MAX} fields. Nothing was saved")
        form = {name: str(value) for name, value in posted.items()}
        seen = [str(one) for one in posted.getall("seen", [])]
        found, saved = await asyncio.to_thread(partial(self._save, document, form, seen))
        kept = {name: form[name] for name in _KEPT if name in form}
        if (
            found.kept
        ):  # what was typed and not saved stays: a page of its own, not one to go back to
            given = {**kept, "saved": ",".join(saved or ())} | (
                {} if saved is not None else {"again": "1"}
            )
            return await self._shown(request, document, found, given)
        said = {"saved": ",".join(saved)} if saved else {"again": "1"} if saved is None else {}
        return to(f"/web/casualty/{document_text(document)}?{urlencode({**kept, **said})}")

    def _save(
        self, document: DocumentId, form: Mapping[str, str], seen: list[str]
    ) -> tuple[Entered, list[str] | None]:
        """What was entered and the names of what was saved; None: this form was saved before."""
        once, by = form.get("once", ""), _who()
        if not 1 <= len(once) <= ONCE_CHARS_MAX:
            raise BadRequest(
                "This form has no id of its own: open the card again. Nothing was saved"
            )
        person, episode = card.places_of(self._desk, document)
        shown = seen_of(seen, episode) if episode else {}
        found = entered(form, shown, by, datetime.now(UTC))
        try:
            if found.undone:
                card.undo(self._desk, document, found, once, by)
                return found, []
            return found, card.saved(self._desk, found, person, episode, once, by)
        except SavedAlready:
            return found, None

    async def _shown(
        self,
        request: web.Request,
        document: DocumentId,
        found: Entered | None,
        given: Mapping[str, str],
    ) -> web.Response:
        now = datetime.now(UTC)
        read = partial(card.values, self._desk, document, now, found, given)
        shown = await asyncio.to_thread(read)
        status: Any = await asyncio.to_thread(self._desk.status)
        return page(request, "card", state=status["state"], **shown)


def _who() -> str:
    found = acting.get()
    return found.person if found else ""
