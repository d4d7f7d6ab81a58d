"""What can be wrong with trust material. Messages say cause and next step, and carry no keys."""

from __future__ import annotations

from sync.errors import SyncError


class TrustError(SyncError):
    """Root of what this package raises."""

    code = "trust"
    retryable = False


class BadCertificate(TrustError):
    """Bytes that are no device certificate, or one that breaks the profile."""

    code = "bad-certificate"


class OtherTheatre(TrustError):
    """Signed by another authority than this node's."""

    code = "other-theatre"


class BadEntry(TrustError):
    """An entry of the authority's log that does not belong there."""

    code = "bad-authority-entry"


class AuthorityForked(TrustError):
    """The authority's key has signed two different entries of one number: it is in two hands, or was
    restored from a backup."""

    code = "authority-forked"


class BadEnrolment(TrustError):
    """A request or an approval that is damaged, not for this device, or answers no request of it."""

    code = "bad-enrolment"


class BundleFault(TrustError):
    """Root of what can be wrong with a sealed bundle. What came before it in the file is kept."""

    code = "bundle"


class NotABundle(BundleFault):
    """A file that is something else."""

    code = "not-a-bundle"


class BundleVersion(BundleFault):
    """Made by software that this node does not understand."""

    code = "bundle-version"


class NotForThisNode(BundleFault):
    """Sealed to other devices: it can be carried, and not be opened."""

    code = "bundle-not-for-this-node"


class BadBundle(BundleFault):
    """Damaged, or changed by somebody after it was sealed."""

    code = "bad-bundle"


class BundleCut(BundleFault):
    """It ends before its end: pulled out too early, or copied only in part."""

    code = "bundle-cut"
