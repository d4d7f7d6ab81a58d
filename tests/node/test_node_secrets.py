"""No key, passphrase or token is in the text form of anything that holds one, nor in what is raised."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from conflict.identity import ActorId, DocumentId, Lane
from conflict.signature import SigningKey
from node.authority_key import AuthorityKey
from node.errors import VaultDamaged, WrongSecret
from node.sessions import Opened as SessionOpened
from node.sessions import Sessions
from node.settings import Settings
from node.unlocking import Opened
from node.vault import DataKey, Vault, open_with_passphrase, passphrase_slot
from node.verifiers import made
from storage import MemoryStore
from sync.sketch import SketchKey
from sync.transport.tls import Credentials
from sync.trust.certificate import receive_key, theatre_id
from sync.trust.enrolment import Accepted
from tests.theatre import SECRET, Authority

KEY = SigningKey.from_entropy(b"a signing key of a test" * 3)
DATA = bytes(range(100, 132))
NODE = {"node": {"name": "alpha"}}
PASSPHRASE = "correct horse battery staple"  # noqa: S105  of nobody
URL = "postgresql://medic:hunter2hunter2@127.0.0.1/aid"
AUTHORITY = Authority()
ENROLLED = AUTHORITY.enrol(KEY)
VERIFIER = made(PASSPHRASE, bytes(range(16)), 2)


def secrets() -> set[str]:
    """Every form in which one could be read."""
    raw = [DATA, SECRET, VERIFIER.key, PASSPHRASE.encode(), b"hunter2hunter2"]
    for key in (KEY, receive_key(KEY), AUTHORITY.root):
        number = key.private.private_numbers().private_value
        raw += [number.to_bytes(32, "big"), str(number).encode(), key.pem().splitlines()[1]]
    forms: list[Callable[[bytes], str]] = [
        lambda one: repr(one)[2:-1],
        bytes.hex,
        lambda one: base64.b64encode(one).decode().rstrip("="),
        lambda one: one.decode("latin-1"),
    ]
    return {form(one) for one in raw for form in forms}


def clean(text: str) -> bool:
    return not any(one in text for one in secrets())


def holders() -> list[object]:
    store = MemoryStore(bytes(16))
    belonging = AUTHORITY.belonging(store, KEY)
    theatre = theatre_id(AUTHORITY.root.public).hex()
    data = DataKey(DATA)
    sessions = Sessions(bytes)
    return [
        KEY,
        KEY.private,
        Credentials(KEY, b"certificate", AUTHORITY.certificate),
        data,
        Opened(Vault(()), data),
        belonging,
        belonging.theatre,
        belonging.device,
        AuthorityKey(AUTHORITY.root, AUTHORITY.certificate, SECRET, theatre),
        Settings.model_validate(NODE | {"store": {"url": URL}}),
        VERIFIER,
        sessions,
        SessionOpened("ruiz", VERIFIER),
        SketchKey(SECRET),
    ]


@pytest.mark.parametrize("number", range(14))
def test_what_holds_a_secret_does_not_print_it(number: int) -> None:
    one = holders()[number]
    assert len(holders()) == 14
    for text in (repr(one), str(one), f"{[one]}"):
        assert clean(text), type(one)


def test_an_accepted_approval_does_not_print_the_theatres_secret() -> None:
    @dataclass(frozen=True)
    class Part:
        name: str

    accepted = Accepted(Part("request"), Part("approval"), SECRET)  # type: ignore[arg-type]
    assert "approval" in repr(accepted)
    assert clean(repr(accepted))


def test_what_is_raised_names_no_secret() -> None:
    slot = passphrase_slot(DataKey(DATA), PASSPHRASE.encode(), 2, bytes)
    with pytest.raises(WrongSecret) as wrong:
        open_with_passphrase([slot], PASSPHRASE.encode() + b"!")
    with pytest.raises(VaultDamaged) as damaged:
        DataKey(DATA).unseal("carry", bytes(40))
    with pytest.raises(ValueError, match="store") as bad:
        Settings.model_validate(NODE | {"store": {"url": "my" + URL}})
    for raised in (wrong, damaged, bad):
        assert clean("".join(traceback.format_exception(raised.value)))


def test_the_search_finds_what_it_looks_for() -> None:
    lane = Lane(DocumentId(DATA[:16]), ActorId(DATA[16:]))
    assert not clean(repr((DATA, lane)))
    assert not clean(DATA.hex())
