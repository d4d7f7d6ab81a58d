"""Bundles that came while this node was locked are taken as soon as it is unlocked, with nobody asked."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import structlog

from conflict.statement import Json
from node.bundles.keeping import inbox
from node.faults import translate

log = structlog.get_logger("inbox")


class Takes(Protocol):
    """The desk, as it notes what it is asked."""

    def bundle_import(self, path: str) -> Json:
        """See `Desk`."""
        ...


def take_kept(home: Path, desk: Takes) -> None:
    """Take them all; what cannot be taken stays, and its cause is logged by code."""
    try:
        inbox(home).apply(lambda path: desk.bundle_import(str(path)))
    except Exception as fault:  # noqa: BLE001  nobody waits for it: `bundle import` says it in words
        log.warning("bundle-stays", code=translate(fault).code)
