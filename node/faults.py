"""The one table that turns every room's errors into words for people and programs.

Errors are looked up by class name along their ancestry, so this file imports no other room and a
command starts fast. The text of errors that are not ours is dropped: it can quote what somebody
recorded, so a fault in this software names only its kind and its place in the code.
"""

from __future__ import annotations

import errno
import traceback
from typing import NamedTuple

from node.errors import (
    EXIT_FAILURE,
    EXIT_INTEGRITY,
    EXIT_LOCKED,
    EXIT_NO_PEER,
    EXIT_USAGE,
    NodeError,
)


class Fault(NamedTuple):
    """One error for the edges: `message` says what happened and what is safe."""

    code: str
    message: str
    next_step: str
    retryable: bool
    status: int
    exit_code: int

    def body(self) -> dict[str, str | bool]:
        """The `error` object of the API and of `--json`."""
        return {
            "code": self.code,
            "message": self.message,
            "next_step": self.next_step,
            "retryable": self.retryable,
        }


class Row(NamedTuple):
    """HTTP status, exit code, next step."""

    status: int
    exit_code: int
    next_step: str


_DAMAGED = (
    "Stop the node and copy its folder. Then `aidstation restore` the latest backup, or let peers refill "
    "a new database: deploy/runbooks/damaged-store.md."
)
_REPORT = "Report this code and place with the log; the record is as it was before the command."
_FREE_SPACE = "Free space on the disk, then run the same command again."
_AGAIN = "Run the same command again."
_CORRECT = "Correct what was given, then try again."
_STICK = "Import it again from another copy, or have it exported again; what came is kept."
_PEERS = "Run `aidstation peers` to see each peer and the cause."
_UNLOCK = (
    "Give the passphrase (on a terminal, or with --passphrase-file before the command), or the key "
    "file with --key-file; for a node that runs: `aidstation unlock`."
)
_VAULT = "Put vault.json and node.key back from one backup; see deploy/runbooks/lost-passphrase.md."
_EMERGENCY = "In an emergency: `aidstation break-glass --reason ...`."
_SIGN_IN = f"Sign in with `aidstation sign-in NAME`. {_EMERGENCY}"
_PAIR = (
    "Compare `node` in [[peers]] with `aidstation enrol list`; who is not listed must be enrolled."
)
_TRUST = "Copy it again; else make a new request with `aidstation enrol request`."

ROWS: dict[str, Row] = {
    "node.errors.NodeError": Row(500, EXIT_FAILURE, _REPORT),
    "node.errors.NotInitialised": Row(503, EXIT_USAGE, "Make a node with `aidstation init`."),
    "node.errors.NotRunning": Row(409, EXIT_USAGE, "Start it with `aidstation run`."),
    "node.errors.AlreadyInitialised": Row(
        409, EXIT_USAGE, "Use the node that is there, or name another folder with --home."
    ),
    "node.errors.BadConfiguration": Row(500, EXIT_USAGE, "Then run `aidstation config check`."),
    "node.errors.WrongSecret": Row(403, EXIT_LOCKED, "Type it again; letters count as typed."),
    "node.errors.NoAuthority": Row(
        409,
        EXIT_USAGE,
        "Run it where `aidstation garrison init` was run, or import the key in escrow.",
    ),
    "node.errors.NotEnrolled": Row(
        409, EXIT_USAGE, "Ask to be enrolled with `aidstation enrol request`; recording goes on."
    ),
    "node.errors.AlreadyRunning": Row(
        409, EXIT_LOCKED, "Stop that process or wait for it; then run the same command again."
    ),
    "node.errors.WaitsForSecret": Row(
        409,
        EXIT_LOCKED,
        "Type the passphrase in the terminal where it asks, then run the same command again. Or end it "
        "there with Ctrl-C, and give the passphrase with --passphrase-file FILE before the command.",
    ),
    "node.errors.Locked": Row(423, EXIT_LOCKED, _UNLOCK),
    "node.errors.TryLater": Row(
        429, EXIT_LOCKED, "Wait so long, or unlock with the passphrase: it has a count of its own."
    ),
    "node.errors.VaultDamaged": Row(500, EXIT_INTEGRITY, _VAULT),
    "node.errors.NoVault": Row(
        409, EXIT_USAGE, "Stop the node and run `aidstation vault encrypt` to have one."
    ),
    "node.errors.PortBusy": Row(
        503, EXIT_FAILURE, "Stop the program that listens there, or set another port (0: any)."
    ),
    "node.errors.NotFound": Row(
        404, EXIT_FAILURE, "Look with `aidstation find`, `peers` or `enrol list`."
    ),
    "node.errors.Ambiguous": Row(
        409, EXIT_USAGE, "Give more letters of the id; `aidstation find` lists the ids."
    ),
    "node.errors.SavedAlready": Row(
        409, EXIT_USAGE, "Open the record again: the entry is there. Undo takes it back."
    ),
    "node.errors.BadRequest": Row(400, EXIT_USAGE, _CORRECT),
    "node.errors.NoPeer": Row(503, EXIT_NO_PEER, f"Everything is saved here. {_PEERS}"),
    "node.errors.Silent": Row(
        409, EXIT_NO_PEER, "Set another link in [sync] or that peer's [[peers]], then restart."
    ),
    "node.errors.NotSaved": Row(503, EXIT_FAILURE, _AGAIN),
    "node.errors.StickFull": Row(
        507, EXIT_FAILURE, "Free so much on it, or name another with more room; then again."
    ),
    "node.errors.BadBackup": Row(422, EXIT_INTEGRITY, "Use another copy or an older backup."),
    "node.errors.NotABackup": Row(422, EXIT_USAGE, "Name a file of `aidstation backup`."),
    "node.errors.BackupVersion": Row(
        422,
        EXIT_FAILURE,
        "Install the version that made it, or a newer one, and restore with that.",
    ),
    "node.errors.QuotaFull": Row(
        507, EXIT_FAILURE, "Hand on what is carried, then `aidstation bundle carried --drop ID`."
    ),
    "node.errors.Unreachable": Row(
        503, EXIT_FAILURE, "See whether the node runs: `aidstation doctor`; start it again if not."
    ),
    "node.errors.NotPermitted": Row(403, EXIT_FAILURE, _SIGN_IN),
    "node.errors.SignInRefused": Row(
        401, EXIT_FAILURE, "Try again; an administrator sets a new passphrase."
    ),
    "node.errors.SignInDelayed": Row(429, EXIT_LOCKED, f"Wait, then try again. {_EMERGENCY}"),
    "conflict.errors.ConflictError": Row(400, EXIT_USAGE, _CORRECT),
    "conflict.errors.LaneFull": Row(503, EXIT_FAILURE, _AGAIN),
    "conflict.errors.LaneRefused": Row(500, EXIT_FAILURE, "See `aidstation doctor`."),
    "conflict.errors.ValueRefused": Row(422, EXIT_USAGE, _CORRECT),
    "sync.errors.SyncError": Row(503, EXIT_NO_PEER, _PEERS),
    "sync.errors.PeerFault": Row(502, EXIT_NO_PEER, _PEERS),
    "sync.errors.VersionMismatch": Row(502, EXIT_FAILURE, "Update the older of the two nodes."),
    "sync.errors.WrongCertificate": Row(502, EXIT_FAILURE, _PAIR),
    "sync.errors.PeerUnknown": Row(502, EXIT_FAILURE, _PAIR),
    "sync.errors.ProofFailed": Row(502, EXIT_FAILURE, _PAIR),
    "sync.errors.SamePeer": Row(
        502, EXIT_FAILURE, "Remove this node from its own [[peers]]; never run a copied home."
    ),
    "sync.trust.errors.BundleFault": Row(422, EXIT_FAILURE, _STICK),
    "sync.trust.errors.NotABundle": Row(422, EXIT_USAGE, "Name a file that ends in .bundle."),
    "sync.trust.errors.BundleVersion": Row(
        422, EXIT_FAILURE, "Update the older of the two nodes, then import it again."
    ),
    "sync.trust.errors.NotForThisNode": Row(
        403,
        EXIT_FAILURE,
        "Carry it on (`aidstation bundle carry`), or ask for one: `bundle export --to` this node.",
    ),
    "sync.trust.errors.TrustError": Row(422, EXIT_USAGE, _TRUST),
    "sync.trust.errors.OtherTheatre": Row(
        409, EXIT_USAGE, "Ask the authority of this node's own theatre, or use another home."
    ),
    "sync.trust.errors.AuthorityForked": Row(
        409,
        EXIT_INTEGRITY,
        "Find the other copy of the authority's key: deploy/runbooks/authority.md.",
    ),
    "sync.errors.DeviceTwice": Row(
        502, EXIT_FAILURE, "Run one copy only, and have the other enrolled as a device of its own."
    ),
    "storage.errors.StorageError": Row(500, EXIT_FAILURE, _REPORT),
    "storage.errors.DiskFull": Row(507, EXIT_FAILURE, _FREE_SPACE),
    "storage.errors.DatabaseLocked": Row(503, EXIT_LOCKED, _AGAIN),
    "storage.errors.DatabaseCorrupt": Row(500, EXIT_INTEGRITY, _DAMAGED),
    "storage.errors.WrongKey": Row(500, EXIT_INTEGRITY, _VAULT),
    "storage.errors.KeyNeeded": Row(500, EXIT_INTEGRITY, _VAULT),
    "storage.errors.NotEncrypted": Row(
        500, EXIT_INTEGRITY, "Put back the store that belongs to this vault, from a backup."
    ),
    "storage.errors.DatabaseTooNew": Row(500, EXIT_FAILURE, "Install the newer version again."),
    "storage.errors.DatabaseUnsafe": Row(500, EXIT_FAILURE, "Correct that setting, then start."),
    "storage.errors.DatabaseUnreachable": Row(
        503, EXIT_FAILURE, "Check the disk or server that [store] names, then try again."
    ),
    "storage.errors.CommitUncertain": Row(503, EXIT_FAILURE, _AGAIN),
    "storage.errors.NotShed": Row(409, EXIT_FAILURE, "See `aidstation custody`."),
    "storage.errors.BlobMismatch": Row(422, EXIT_FAILURE, "Send the file again."),
    "storage.errors.BlobMisplaced": Row(422, EXIT_FAILURE, "Send the file again."),
    "storage.errors.BlobTooLarge": Row(413, EXIT_USAGE, "Attach a smaller file."),
    "discovery.errors.DiscoveryError": Row(503, EXIT_FAILURE, _PEERS),
    "discovery.errors.BadStaticPeer": Row(500, EXIT_USAGE, "Correct that address in [[peers]]."),
    "node.fhir.errors.FhirError": Row(
        422, EXIT_FAILURE, "Correct or leave out that file; what was imported before is kept."
    ),
    "node.fhir.errors.FileUnreadable": Row(422, EXIT_FAILURE, "Check the path and permissions."),
}

_SYSTEM: dict[int, tuple[str, str, bool, Row]] = {
    errno.ENOSPC: (
        "disk-full",
        "The disk is full. Everything saved before is safe.",
        True,
        Row(507, EXIT_FAILURE, _FREE_SPACE),
    ),
    errno.EDQUOT: (
        "disk-full",
        "The disk quota is used up. Everything saved before is safe.",
        True,
        Row(507, EXIT_FAILURE, _FREE_SPACE),
    ),
    errno.EADDRINUSE: (
        "port-busy",
        "Another program listens on this node's address. The record is untouched.",
        True,
        ROWS["node.errors.PortBusy"],
    ),
    errno.EADDRNOTAVAIL: (
        "bad-configuration",
        "This machine does not have the address to listen on. The record is untouched.",
        False,
        Row(500, EXIT_USAGE, "Set [sync] and [api] listen to an address of this machine."),
    ),
    errno.EACCES: (
        "no-permission",
        "The system denied access to a file or port. The record is untouched.",
        False,
        Row(500, EXIT_FAILURE, "Run `aidstation doctor` as the user who owns the node."),
    ),
    errno.EROFS: (
        "read-only",
        "The disk is mounted read-only. Everything saved before is safe.",
        False,
        Row(500, EXIT_FAILURE, "Mount it writable, check the disk, then try again."),
    ),
    errno.EIO: (
        "disk-fault",
        "The disk reported a fault. What was not confirmed as saved may not be.",
        False,
        Row(500, EXIT_INTEGRITY, "Copy the node's folder to another disk; then `db check` there."),
    ),
    errno.EMFILE: (
        "too-many-files",
        "This process may not open more files. Everything saved before is safe.",
        True,
        Row(503, EXIT_FAILURE, "Raise the limit (ulimit -n 4096), then start the node again."),
    ),
}
_SYSTEM[errno.EPERM] = _SYSTEM[errno.EACCES]


class Foreign(NodeError):
    """An error that a running node reported and that is no leaf of this room's tree."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.code = fault.code
        self.retryable = fault.retryable
        self.exit_code = fault.exit_code
        self.fault = fault


def translate(error: BaseException) -> Fault:
    """The fault that people and programs see for any exception."""
    if isinstance(error, Foreign):
        return error.fault
    for kind in type(error).__mro__:
        if row := ROWS.get(f"{kind.__module__}.{kind.__qualname__}"):
            code, retryable = getattr(error, "code", "fault"), getattr(error, "retryable", False)
            return Fault(
                code, _sentence(str(error) or _first_line(kind)), row[2], retryable, *row[:2]
            )
    if isinstance(error, OSError):
        return _system(error)
    return _internal(error)


def _first_line(kind: type) -> str:
    return (kind.__doc__ or kind.__name__).partition("\n")[0]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _system(error: OSError) -> Fault:
    known = _SYSTEM.get(error.errno or 0)
    if known is None:
        return _internal(error, f" ({errno.errorcode.get(error.errno or 0, 'no number')})")
    code, message, retryable, row = known
    return Fault(code, message, row.next_step, retryable, row.status, row.exit_code)


def _internal(error: BaseException, detail: str = "") -> Fault:
    message = (
        f"A fault in this software: {type(error).__name__}{detail} at {place(error)}. "
        "Everything that was confirmed as saved is safe."
    )
    return Fault("internal", message, _REPORT, False, 500, EXIT_FAILURE)


def place(error: BaseException) -> str:
    """Innermost place in the code, `file.py:line`, without any value."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    last = frames[-1]
    return f"{'/'.join(last.filename.split('/')[-2:])}:{last.lineno}"
