"""An invented theatre for nodes that were just made: an authority enrols them all, and is forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import NamedTuple

from conflict.signature import SigningKey
from node.app import data_key, now_ms, open_store
from node.belonging import Belonging
from node.config import load
from node.home import Home, read_key
from sync.trust.authority import Head, Terms, enrolment, to_bytes
from sync.trust.certificate import DeviceRole, receive_key, root_certificate

LIFETIME_MS = 366 * 86_400_000


class Member(NamedTuple):
    """A node to be enrolled, with the role that its configuration names. `codes` None: everything."""

    name: str
    home: Home
    codes: tuple[str, ...] | None = None


def found(members: Iterable[Member]) -> None:
    """Enrol nodes that do not run, all in one new theatre."""
    members = list(members)
    root, secret = SigningKey.from_entropy(secrets.token_bytes(48)), secrets.token_bytes(16)
    entries: list[bytes] = []
    head, present_ms = Head(), now_ms()
    settings = [load(member.home).settings for member in members]
    data = [data_key(member.home, one) for member, one in zip(members, settings, strict=True)]
    keys = [read_key(member.home, own) for member, own in zip(members, data, strict=True)]
    certificates = []
    for member, one, key in zip(members, settings, keys, strict=True):
        terms = Terms(
            public=key.public,
            receive=receive_key(key).public,
            name=member.name,
            role=DeviceRole[one.node.role.upper()],
            codes=member.codes,
            lifetime_ms=LIFETIME_MS,
        )
        certificate, entry = enrolment(root, head, terms, present_ms)
        certificates.append(certificate.der)
        entries.append(to_bytes(entry))
        head = entry.head
    der = root_certificate(root, present_ms, present_ms + 10 * LIFETIME_MS)
    for member, one, key, own, secret_key in zip(
        members, settings, keys, certificates, data, strict=True
    ):
        store = open_store(member.home, one, secret_key)
        Belonging(store, key).join(der, own, secret, entries, member.codes or ())
        store.close()
