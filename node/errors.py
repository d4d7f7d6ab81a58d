"""The errors of this room. Every leaf: a stable code, whether a retry can help, and the exit code.

Messages say what happened, what is safe and what to do next, and never carry patient data. Errors of
the rooms below are translated once, at the HTTP and CLI edges (`node/faults.py`).
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_DEGRADED = 3
EXIT_REVIEW_PENDING = 4
EXIT_LOCKED = 5
EXIT_INTEGRITY = 6
EXIT_NO_PEER = 75


class NodeError(Exception):
    """Root of what this room raises."""

    code = "node"
    retryable = False
    exit_code = EXIT_FAILURE


class NotRunning(NodeError):
    """No node runs here, and this command is about one that does."""

    code = "not-running"
    exit_code = EXIT_USAGE


class NotInitialised(NodeError):
    """No node here yet."""

    code = "not-initialised"
    exit_code = EXIT_USAGE


class AlreadyInitialised(NodeError):
    """There is a node here already; nothing was changed."""

    code = "already-initialised"
    exit_code = EXIT_USAGE


class BadConfiguration(NodeError):
    """The configuration is missing, unreadable or wrong; the message names file and key."""

    code = "bad-configuration"
    exit_code = EXIT_USAGE


class SavedAlready(NodeError):
    """A form whose one-time id was used: what it says is saved, once."""

    code = "saved-already"
    exit_code = EXIT_USAGE


class Locked(NodeError):
    """The node shows nothing until somebody gives passphrase, PIN or key file; nothing was read."""

    code = "locked"
    exit_code = EXIT_LOCKED


class WrongSecret(NodeError):
    """A passphrase, PIN or key that does not open what it was given for."""

    code = "wrong-secret"
    exit_code = EXIT_LOCKED


class NoAuthority(NodeError):
    """This needs the theatre authority's key, which is on another machine."""

    code = "no-authority"
    exit_code = EXIT_USAGE


class NotEnrolled(NodeError):
    """This node is in no theatre yet; it records and shows all the same."""

    code = "not-enrolled"
    exit_code = EXIT_USAGE


class TryLater(NodeError):
    """Too many wrong attempts: the next one is taken after a delay, which the message names."""

    code = "try-later"
    retryable = True
    exit_code = EXIT_LOCKED


class VaultDamaged(NodeError):
    """The vault's file, or what it sealed, is gone or not what was written."""

    code = "vault-damaged"
    exit_code = EXIT_INTEGRITY


class NoVault(NodeError):
    """This node is plain: nothing in it is encrypted, so there is nothing to lock or to change."""

    code = "no-vault"
    exit_code = EXIT_USAGE


class AlreadyRunning(NodeError):
    """Another process owns this node's store."""

    code = "already-running"
    retryable = True
    exit_code = EXIT_LOCKED


class WaitsForSecret(AlreadyRunning):
    """The process that owns this node's store asks somebody for the passphrase."""

    code = "waits-for-passphrase"


class PortBusy(NodeError):
    """An address to listen on is taken."""

    code = "port-busy"
    retryable = True


class NotFound(NodeError):
    """No such document, person, peer or finding here."""

    code = "not-found"


class Ambiguous(NodeError):
    """A name that fits several documents."""

    code = "ambiguous"
    exit_code = EXIT_USAGE


class BadRequest(NodeError):
    """Input that cannot be read; nothing was saved."""

    code = "bad-request"
    exit_code = EXIT_USAGE


class NoPeer(NodeError):
    """No peer could be reached."""

    code = "no-peer"
    retryable = True
    exit_code = EXIT_NO_PEER


class Silent(NodeError):
    """This node, or its link to one peer, is silent by configuration; nothing was sent."""

    code = "silent"
    exit_code = EXIT_NO_PEER


class NotSaved(NodeError):
    """The save failed and nothing of it is stored; earlier records are intact."""

    code = "not-saved"
    retryable = True


class StickFull(NodeError):
    """A medium has no room for a bundle; nothing was left on it."""

    code = "stick-full"
    retryable = True


class BadBackup(NodeError):
    """A backup that is damaged, cut, or not what its maker wrote; nothing was changed."""

    code = "bad-backup"
    exit_code = EXIT_INTEGRITY


class NotABackup(NodeError):
    """A file that is no backup of a node."""

    code = "not-a-backup"
    exit_code = EXIT_USAGE


class BackupVersion(NodeError):
    """A backup made by software that this one does not understand."""

    code = "backup-version"


class QuotaFull(NodeError):
    """What this node carries for others, or keeps until it is unlocked, is at its limit."""

    code = "quota-full"


class Unreachable(NodeError):
    """The running node does not answer on its local address."""

    code = "node-unreachable"
    retryable = True


class NotPermitted(NodeError):
    """The role of who asks does not allow this; nothing was read or changed."""

    code = "not-permitted"


class SignInRefused(NodeError):
    """Account or passphrase (or PIN) do not fit, or the account is not active."""

    code = "sign-in-refused"


class SignInDelayed(NodeError):
    """Too many failures: the next attempt counts only after a while."""

    code = "sign-in-delayed"
    retryable = True
    exit_code = EXIT_LOCKED
