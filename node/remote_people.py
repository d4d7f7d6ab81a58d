"""Signing in and out at a running node, from the command line."""

from __future__ import annotations

from conflict.statement import Json
from node.remote_desk import RemoteDesk


class RemotePeople(RemoteDesk):
    """The desk of a running node, and its reception."""

    def sign_in(self, account: str, passphrase: str = "", pin: str = "") -> Json:
        """`{"token", "account", "name", "role"}`. Raises `SignInRefused`, `SignInDelayed`."""
        secret = {"pin": pin} if pin else {"passphrase": passphrase}
        return self._post("/api/sign-in", {"account": account, **secret})

    def sign_out(self) -> None:
        """End the session that this asks with."""
        self._post("/api/sign-out", {})

    def set_session_pin(self, pin: str) -> None:
        """What opens the session again after it was idle. Raises `SignInRefused`."""
        self._post("/api/session-pin", {"pin": pin})

    def who(self) -> Json:
        """`{"account", "person", "role", "purpose", "may"}` of who asks."""
        return self._get("/api/who")
