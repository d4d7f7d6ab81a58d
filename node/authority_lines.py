"""The authority's log in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from conflict.identity import NodeId
from conflict.statement import Json
from sync.trust.authority import AuthorityEntry, Enrol, Judge, Revoke
from sync.trust.certificate import check
from sync.trust.theatre import Theatre


def moment(at_ms: int) -> str:
    """`2026-11-23 16:02Z`."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
    except (ValueError, OverflowError, OSError):
        return f"no date ({at_ms} ms)"


def line(theatre: Theatre, entry: AuthorityEntry) -> tuple[str, str, str]:
    """Number, time and what it does."""
    return str(entry.number), moment(entry.at_ms), _words(theatre, entry)


def _words(theatre: Theatre, entry: AuthorityEntry) -> str:
    match entry.act:
        case Enrol(der, name, codes):
            grant = check(der, theatre.root_public).grant
            scopes = "everything" if grant.scopes is None else ", ".join(codes) or "nothing"
            until = moment(grant.expires_ms)
            role = grant.role.name.lower()
            return f"enrols {name} ({grant.node.hex()[:8]}) as {role}: {scopes}, until {until}"
        case Revoke(node, reason, published):
            return (
                f"revokes {_called(theatre, node)}: {reason} ({len(published)} garrison logs named)"
            )
        case Judge(node, released):
            done = "releases" if released else "condemns"
            return f"{done} what {_called(theatre, node)} wrote"
    return "time"


def _called(theatre: Theatre, node: NodeId) -> str:
    device = theatre.device(node)
    return f"{device.name} ({node.hex()[:8]})" if device else node.hex()


def lines_json(theatre: Theatre, entries: Iterable[AuthorityEntry]) -> list[Json]:
    """`{"number", "at_ms", "act", "node", "words", "link"}` for each."""
    return [
        {
            "number": one.number,
            "at_ms": one.at_ms,
            "act": _act(one),
            "node": _node(theatre, one),
            "words": _words(theatre, one),
            "link": one.link.hex(),
        }
        for one in entries
    ]


def _act(entry: AuthorityEntry) -> str:
    match entry.act:
        case Judge(_, released):
            return "release" if released else "condemn"
        case act:
            return type(act).__name__.lower()


def _node(theatre: Theatre, entry: AuthorityEntry) -> str:
    match entry.act:
        case Enrol(der):
            return check(der, theatre.root_public).grant.node.hex()
        case Revoke(node) | Judge(node):
            return node.hex()
    return ""
