"""A node's home directory: key, store, lock, and what a running node tells the commands beside it.

Files are written whole or not at all (temporary file, fsync, link or rename), secrets with mode
0600. One process owns the store at a time; the lock goes with the process, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from node import file_lock, holder
from node.errors import AlreadyInitialised, BadConfiguration, Locked, NotInitialised

if TYPE_CHECKING:
    from conflict.signature import SigningKey
    from node.vault import DataKey, Vault

HOME_VARIABLE = "AIDSTATION_HOME"
PASSPHRASE_VARIABLE = "AIDSTATION_PASSPHRASE_FILE"  # noqa: S105  a name
KEY_FILE_VARIABLE = "AIDSTATION_KEY_FILE"
SEALED = b"aidstation sealed key 1\n"
"""What a `node.key` begins with that the vault's key encrypts."""

TOKEN_BYTES = 32
_KEY_ENTROPY_BYTES = 48
_LOCK_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class Home:
    """Where one node keeps its files. `config` is in `root` only when the home was named."""

    root: Path
    config: Path

    @property
    def key(self) -> Path:
        """Private signing key, PKCS#8 PEM, 0600; under the vault's key where there is a vault."""
        return self.root / "node.key"

    @property
    def authority_key(self) -> Path:
        """The theatre authority's key where it is on this machine: `node/authority_key.py`."""
        return self.root / "authority.key"

    @property
    def authority_signed(self) -> Path:
        """What the authority signed last: `node/signing.py`."""
        return self.root / "authority.signed"

    @property
    def authority_lock(self) -> Path:
        """Held by the command that signs."""
        return self.root / "authority.lock"

    @property
    def requests(self) -> Path:
        """Folder of enrolment requests that may still be answered."""
        return self.root / "requests"

    @property
    def vault(self) -> Path:
        """The wrapped data key, 0600; absent where the node is plain. See `node/vault.py`."""
        return self.root / "vault.json"

    @property
    def store(self) -> Path:
        """SQLite file, unless `[store] url` names another database."""
        return self.root / "store.db"

    @property
    def lineage(self) -> Path:
        """What this machine knows of the store, kept beside it (`lineage.py`); never in a backup."""
        return self.root / "lineage"

    @property
    def restoring(self) -> Path:
        """What a restore has not yet put in place: `node/backup/restoring.py`."""
        return self.root / "restore.tmp"

    @property
    def lock(self) -> Path:
        """Held by the process that owns the store; its content is that process's id."""
        return self.root / "lock"

    @property
    def running(self) -> Path:
        """What a running node tells: see `Running`."""
        return self.root / "running.json"

    @property
    def token(self) -> Path:
        """Bearer token of the local API, hex, 0600, new at each start."""
        return self.root / "api-token"

    @property
    def session(self) -> Path:
        """Who is signed in at the command line, 0600: see `session_file.py`."""
        return self.root / "session"

    @property
    def silence(self) -> Path:
        """There while this node is to be silent: `node/silence.py`."""
        return self.root / "silent"

    @property
    def logs(self) -> Path:
        """Folder for logs that are kept."""
        return self.root / "log"


class Running(NamedTuple):
    """A running node: process id, bound addresses as `host:port`, file that holds its token.

    `sync` is `silent` when no peer can reach it.
    """

    pid: int
    api: str
    sync: str
    token_file: str


def find_home(given: Path | None = None) -> Home:
    """The home named by a flag or `AIDSTATION_HOME`, else the user's own."""
    named = given or os.environ.get(HOME_VARIABLE)
    if named:
        root = Path(named).expanduser().absolute()
        return Home(root, root / "config.toml")
    import platformdirs

    folders = platformdirs.PlatformDirs("aidstation", appauthor=False)
    return Home(Path(folders.user_data_dir), Path(folders.user_config_dir) / "config.toml")


class Fresh(NamedTuple):
    """A vault just made, and the key in it."""

    vault: Vault
    data: DataKey


def init(home: Home, config: str | None, fresh: Fresh | None = None) -> SigningKey:
    """Make a node: its configuration (`config`, None keeps the file that is there) and its key.

    Without a vault the node is plain. The key is written last, so an interrupted `init` can be
    repeated. Raises `AlreadyInitialised`, having changed nothing.
    """
    from conflict.signature import SigningKey

    refuse_second(home)
    with _reported(home.root):
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.logs.mkdir(mode=0o700, exist_ok=True)
        _init_config(home, config)
        if fresh:
            write_atomic(home.vault, fresh.vault.encode())
        else:
            home.vault.unlink(missing_ok=True)  # of an attempt that did not come to its end
        key = SigningKey.from_entropy(secrets.token_bytes(_KEY_ENTROPY_BYTES))
        try:
            write_new(home.key, key_file_content(key.pem(), fresh and fresh.data))
        except FileExistsError:
            raise AlreadyInitialised(
                f"There is a node in {home.root} already: another process made it just now."
            ) from None
    return key


def refuse_second(home: Home) -> None:
    """Raise `AlreadyInitialised` where there is a node."""
    if home.key.exists():
        raise AlreadyInitialised(f"There is a node in {home.root} already. Nothing was changed.")
    if home.restoring.exists():
        raise AlreadyInitialised(
            f"A restore into {home.root} was interrupted. Nothing was changed: run `aidstation restore` "
            "again, or use another folder."
        )


def _init_config(home: Home, config: str | None) -> None:
    if config is None:
        return
    home.config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        write_new(home.config, config.encode())
    except FileExistsError:
        if home.config.read_bytes() != config.encode():
            raise AlreadyInitialised(
                f"There is a configuration in {home.config} already. Nothing was changed. To make "
                "a node with it, run `aidstation init --keep-config`."
            ) from None


def key_file_content(pem: bytes, data: DataKey | None) -> bytes:
    """What `node.key` holds: as it is, or under the vault's key."""
    if data is None:
        return pem
    from node.vault import NODE_KEY, NONCE_BYTES

    return SEALED + data.seal(NODE_KEY, pem, secrets.token_bytes(NONCE_BYTES))


def read_key(home: Home, data: DataKey | None = None) -> SigningKey:
    """The node's key, with the vault's key if it is sealed. Raises `NotInitialised`, `Locked`,
    `BadConfiguration`, `VaultDamaged`."""
    from conflict.errors import BadIdentity
    from conflict.signature import SigningKey

    try:
        return SigningKey.from_pem(_opened(home.key.read_bytes(), data))
    except FileNotFoundError:
        raise not_initialised(home) from None
    except OSError as fault:
        raise _unusable(home.key, fault) from fault
    except BadIdentity as fault:
        raise BadConfiguration(
            f"{home.key}: {fault}. Nothing was changed. Restore this file from a backup: a new key "
            "would make this a different node."
        ) from fault


def _opened(content: bytes, data: DataKey | None) -> bytes:
    if not content.startswith(SEALED):
        return content
    if data is None:
        raise Locked("The node's key is encrypted, and nothing that opens it was given.")
    from node.vault import NODE_KEY

    return data.unseal(NODE_KEY, content.removeprefix(SEALED))


def not_initialised(home: Home) -> NotInitialised:
    """The error for a home without a key."""
    return NotInitialised(f"There is no node in {home.root} yet.")


# --- one process at a time ------------------------------------------------------------------------


@contextlib.contextmanager
def hold_lock(home: Home, wait_s: float = _LOCK_WAIT_S) -> Iterator[None]:
    """Own this home until the block ends. Raises `NotInitialised`, `AlreadyRunning`.

    `wait_s` lets a command that is just ending finish.
    """
    if not home.key.exists():
        raise not_initialised(home)
    with _reported(home.lock):
        handle = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not file_lock.take(handle, wait_s):
            raise holder.taken(handle)
        holder.introduce(handle)
        yield
    finally:
        os.close(handle)


def is_locked(home: Home) -> bool:
    """Whether a process owns this home now."""
    try:
        handle = os.open(home.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as fault:
        raise _unusable(home.lock, fault) from fault
    try:
        return not file_lock.take(handle)
    finally:
        os.close(handle)


def announce(home: Home, running: Running) -> None:
    """Tell other commands where the running node answers."""
    write_atomic(home.running, json.dumps(running._asdict()).encode())


def withdraw(home: Home) -> None:
    """Take back `announce`, the token and the session: they end with the process."""
    for path in (home.running, home.token, home.session):
        path.unlink(missing_ok=True)


def read_running(home: Home) -> Running | None:
    """The node that runs here; None when there is none, or it died without a word."""
    try:
        running = Running(**json.loads(home.running.read_bytes()))
    except FileNotFoundError:
        return None
    except PermissionError as fault:
        raise _unusable(home.running, fault) from fault
    except (ValueError, TypeError, RecursionError) as fault:
        raise BadConfiguration(
            f"{home.running} is not what a running node writes. Remove it and start the node again."
        ) from fault
    return running if is_locked(home) else None


def new_token(home: Home) -> str:
    """Make and keep a token for this process life."""
    token = secrets.token_hex(TOKEN_BYTES)
    write_atomic(home.token, token.encode())
    return token


def read_token(running: Running) -> str:
    """The running node's token. Raises `BadConfiguration`."""
    path = Path(running.token_file)
    try:
        return path.read_text().strip()
    except OSError as fault:
        raise _unusable(path, fault) from fault


# --- files ----------------------------------------------------------------------------------------


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` (mode 0600): readers see the old or the new content, even after a crash."""
    with _temporary(path, data) as temporary:
        os.replace(temporary, path)


def write_new(path: Path, data: bytes) -> None:
    """Create `path` (mode 0600) whole. Raises `FileExistsError` and leaves that file alone."""
    with _temporary(path, data) as temporary:
        try:
            os.link(temporary, path)
        except PermissionError:  # sticks with FAT know no second name for a file
            with open(path, "xb"):  # ours from here on
                os.replace(temporary, path)


@contextlib.contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[str]:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield name
    finally:
        Path(name).unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Name the file in what the system refuses, except a full disk, which has its own words."""
    try:
        yield
    except (PermissionError, NotADirectoryError, IsADirectoryError) as fault:
        raise _unusable(path, fault) from fault


def _unusable(path: Path, fault: OSError) -> BadConfiguration:
    return BadConfiguration(
        f"{path} cannot be used: {fault.strerror}. Nothing was changed. Correct its owner and "
        "permissions, or name another folder with --home."
    )
