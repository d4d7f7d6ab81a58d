"""Devices of an invented theatre, as far as a transport sees them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from conflict.signature import SigningKey
from sync.link_profile import LinkProfile
from sync.transport.tls import REVOKED, Credentials, Tls
from sync.transport.websocket import Dialer, Listener, WebSocketChannel
from sync.trust.authority import Revoke
from sync.trust.errors import TrustError
from sync.trust.theatre import Standing
from tests.theatre import Authority

CONNECT_S = LinkProfile.lan().connect_s_max


def new_key() -> SigningKey:
    """A key of its own."""
    return SigningKey.from_entropy(secrets.token_bytes(48))


def enrolled(authority: Authority, key: SigningKey | None = None) -> Credentials:
    """A new device, or a new certificate for one."""
    key = key or new_key()
    authority.enrol(key)
    device = authority.theatre.device(key.node)
    assert device is not None
    return Credentials(key, device.certificate.der, authority.certificate)


def revoke(authority: Authority, credentials: Credentials) -> None:
    """It belongs no more, and all who hold the authority's log know."""
    authority.say(Revoke(credentials.key.node, "lost"))


def guard(authority: Authority, credentials: Credentials | None) -> Tls:
    """What one device's listener and dialer share; it knows the authority's log to its end."""

    def admit(der: bytes) -> str:
        try:
            node = authority.theatre.meet(der).grant.node
        except TrustError as fault:
            return fault.code
        return REVOKED if authority.theatre.standing(node) is Standing.REVOKED else ""

    return Tls(lambda: credentials, admit)


def dialer(authority: Authority, credentials: Credentials | None = None) -> Dialer:
    """Of that device; None: of a new one."""
    return Dialer(guard(authority, credentials or enrolled(authority)))


def listener(
    authority: Authority,
    accept: Callable[[WebSocketChannel], Awaitable[None]],
    credentials: Credentials | None = None,
    refused: Callable[[str, str], None] = lambda _address, _code: None,
    handshake_s_max: float = CONNECT_S,
) -> Listener:
    """Of that device; None: of a new one."""
    return Listener(
        accept,
        guard(authority, credentials or enrolled(authority)),
        refused=refused,
        handshake_s_max=handshake_s_max,
    )
