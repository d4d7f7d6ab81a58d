"""`vault`: the ways into an encrypted home, and its keys. Nothing here prints a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.asking import (
    KeyFile,
    PassphraseFile,
    asked_text,
    new_passphrase,
    new_vault,
    say_protection,
    secrets_of,
)
from node.cli.opening import AsJson, home_of, settings_of
from node.cli.output import say, say_json, say_table
from node.errors import BadRequest, NoVault, WrongSecret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from node.home import Home
    from node.unlocking import Opened, Secrets
    from node.vault import DataKey, Slot, Vault

NewPassphraseFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="First line: the new one; else it is asked twice."),
]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(help="The ways into this encrypted home, and its keys.")
    group.command("show")(show)
    group.command("encrypt")(encrypt)
    group.command("passphrase")(passphrase)
    group.command("key-file")(key_file)
    group.command("pin")(pin)
    group.command("escrow")(escrow)
    group.command("recover")(recover)
    group.command("forget")(forget)
    group.command("rotate")(rotate)
    app.add_typer(group, name="vault")


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """The ways in, without secrets."""
    vault = _vault(home_of(context))
    rows = [(slot.kind, _words(slot)) for slot in vault.slots]
    changing = bool(vault.next) or vault.encrypting
    if as_json:
        slots = [{"kind": kind, "detail": detail} for kind, detail in rows]
        say_json({"slots": slots, "changing": changing})
        return
    say_table(("way in", "detail"), rows)
    if changing:
        say("A change of keys was interrupted: the next command that opens the store ends it.")


def _words(slot: Slot) -> str:
    if "iterations" in slot.facts:
        return f"{slot.facts['iterations']:,} iterations of PBKDF2-HMAC-SHA512"
    return str(slot.facts.get("path") or slot.facts.get("to"))


def _vault(home: Home) -> Vault:
    from node.unlocking import read_vault

    vault = read_vault(home)
    if vault is None:
        raise NoVault("This node is not encrypted, so it has no vault")
    return vault


def _opened(context: typer.Context, given: Secrets) -> Opened:
    from node.unlocking import unlock

    opened = unlock(home_of(context), given)
    if opened is None:
        raise NoVault("This node is not encrypted, so it has no vault")
    if opened.vault.next or opened.vault.encrypting:
        raise BadRequest("A change of keys was interrupted: run `aidstation db check`, then again")
    return opened


def encrypt(
    context: typer.Context,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a plain node an encrypted one. The node must not be running."""
    from node import rekeying
    from node.app import embedded
    from node.home import hold_lock

    home, settings = home_of(context), settings_of(context)
    with hold_lock(home):
        fresh = new_vault(home, settings.node.role, passphrase_file, key_file)
        rekeying.encrypt(home, embedded(home, settings), fresh)
    if as_json:
        say_json({"encrypted": True})
        return
    say(
        "Encrypted. The plain files were overwritten and removed; a flash disk may keep old blocks."
    )
    say_protection(home, fresh, settings)


def passphrase(
    context: typer.Context,
    new_file: NewPassphraseFile = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Set or change the passphrase. Nothing is encrypted anew; other ways in stay."""
    from node import unlocking
    from node.vault import PASSPHRASE

    opened = _opened(context, secrets_of(context, passphrase_file, key_file))
    way = unlocking.by_passphrase(new_passphrase(new_file), unlocking.iterations_here())
    _add(context, opened, opened.vault.without(PASSPHRASE), way)
    _say_done("The passphrase is set.", as_json=as_json)


def key_file(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Made with 32 random bytes when it is not there.")],
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a key file open this home unattended, instead of the one before."""
    from node import unlocking
    from node.vault import KEY_FILE

    opened = _opened(context, secrets_of(context, passphrase_file))
    way = unlocking.by_key_file(home_of(context), path)
    _add(context, opened, opened.vault.without(KEY_FILE), way)
    _say_done(f"{path} opens this home. Keep it where the disk is not.", as_json=as_json)


def _add(
    context: typer.Context, opened: Opened, kept: Vault, way: Callable[[DataKey], Slot]
) -> None:
    from node.unlocking import write_vault

    write_vault(home_of(context), kept._replace(slots=(*kept.slots, way(opened.data))))


def _say_done(words: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"done": True})
    else:
        say(words)


def forget(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="passphrase, key-file or escrow.")],
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a way in away; passphrase or key file must remain."""
    from node.unlocking import write_vault
    from node.vault import ESCROW

    opened = _opened(context, secrets_of(context, passphrase_file, key_file))
    rest = opened.vault.without(kind)
    if len(rest.slots) == len(opened.vault.slots):
        raise BadRequest(f"There is no such way in: {kind[:20]}. See `aidstation vault show`")
    if all(slot.kind == ESCROW for slot in rest.slots):
        raise BadRequest("Nothing but escrow would open this home: set another way in first")
    write_vault(home_of(context), rest)
    _say_done(
        "Forgotten. Copies of the vault made before still open by it: `vault rotate`.",
        as_json=as_json,
    )


def pin(
    context: typer.Context,
    none: Annotated[bool, typer.Option("--none", help="Remove the PIN.")] = False,
    pin_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="First line: the PIN; else it is asked twice."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Set a PIN, which unlocks this node while it runs and opens no disk."""
    from node.cli.securing import secret_of
    from node.home import read_running, read_token
    from node.remote_desk import RemoteDesk

    home = home_of(context)
    _vault(home)
    wanted = "" if none else _new_pin(pin_file)
    if running := read_running(home):
        way, secret = secret_of(context, passphrase_file=passphrase_file, key_file=key_file)
        RemoteDesk(running.api, read_token(running)).set_pin(wanted, way, secret)
    else:
        _set_pin_here(context, wanted, secrets_of(context, passphrase_file, key_file))
    _say_done("The PIN is removed." if none else "The PIN is set.", as_json=as_json)


def _new_pin(file: Path | None) -> str:
    first = asked_text("New PIN: ", file)
    if not file and asked_text("The same again: ") != first:
        raise BadRequest("The two differ. Nothing was changed")
    return first


def _set_pin_here(context: typer.Context, wanted: str, given: Secrets) -> None:
    from node.app import data_key, now_ms, open_store
    from node.home import hold_lock
    from node.locker import Locker

    home, settings = home_of(context), settings_of(context)
    with hold_lock(home):
        data = data_key(home, settings, given)
        store = open_store(home, settings, data)
        try:
            Locker(store, home, data, now_ms).set_pin(wanted)
        finally:
            store.close()


def escrow(
    context: typer.Context,
    to: Annotated[Path, typer.Option(metavar="FILE", help="A P-256 public key, PEM.")],
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Let the holder of a private key, kept elsewhere, recover this home when all else is lost."""
    from node import unlocking
    from node.vault import ESCROW

    opened = _opened(context, secrets_of(context, passphrase_file, key_file))
    point = _point(to)
    others = [s for s in opened.vault.slots if s.kind != ESCROW or s.facts["to"] != point.hex()]
    _add(context, opened, opened.vault._replace(slots=tuple(others)), unlocking.by_escrow(point))
    _say_done("In escrow: keep a copy of vault.json with the private key.", as_json=as_json)


def _point(file: Path) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as fault:
        raise BadRequest(f"{file} is no public key in PEM. Nothing was changed") from fault
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise BadRequest(f"{file} is no P-256 key. Nothing was changed")
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def recover(
    context: typer.Context,
    by: Annotated[Path, typer.Option("--from", metavar="FILE", help="The private key, PEM.")],
    new_file: NewPassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Open the home with its escrow key and set a new passphrase, in place of the lost one."""
    from node import unlocking
    from node import vault as vaults

    vault = _vault(home_of(context))
    data = vaults.open_with_escrow(vault.slots, _private(by))
    way = unlocking.by_passphrase(new_passphrase(new_file), unlocking.iterations_here())
    _add(context, unlocking.Opened(vault, data), vault.without(vaults.PASSPHRASE), way)
    _say_done("Recovered: the new passphrase opens this home.", as_json=as_json)


def _private(file: Path) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        raw = file.read_bytes()
        try:
            key = load_pem_private_key(raw, None)
        except TypeError:  # it is encrypted itself
            key = load_pem_private_key(raw, asked_text("Passphrase of the escrow key: ").encode())
    except (OSError, ValueError) as fault:
        raise WrongSecret(f"{file} is no private key that opens with what was given") from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise BadRequest(f"{file} is no P-256 key. Nothing was changed")
    return key


def rotate(
    context: typer.Context,
    passphrase_file: PassphraseFile = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Encrypt the store anew under a new data key; the ways in stay. The node must not be running."""
    from node import rekeying, unlocking
    from node.app import embedded
    from node.home import hold_lock

    home, settings = home_of(context), settings_of(context)
    given = secrets_of(context, passphrase_file, key_file)
    with hold_lock(home):
        opened = _opened(context, given)
        ways = unlocking.same_ways(home, opened, given)
        rekeying.rotate(home, embedded(home, settings), opened, ways)
    _say_done("The data key is new, and the store is encrypted with it.", as_json=as_json)
