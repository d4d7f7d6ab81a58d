"""The errors of FHIR import: one tree, each with a stable code and whether a retry can help.

A message names the rule that was broken, never what the resource said: it may be shown and logged.
"""

from __future__ import annotations


class FhirError(Exception):
    """Root of what this room raises. `code` names the rule, `reason` says it in words."""

    retryable = False

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FileRefused(FhirError):
    """A file, or the rest of it, that cannot be read as FHIR."""


class FileUnreadable(FileRefused):
    """The operating system did not give the file: another try may."""

    retryable = True


class ResourceRefused(FhirError):
    """One resource that cannot be kept, not even verbatim."""
