"""Looking at a node: `status`, `peers`, `find`, and `sync`, which proves equality."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson, desk_of
from node.cli.output import at_ms, is_bare, now, plain, say, say_json, say_table
from node.errors import EXIT_DEGRADED

if TYPE_CHECKING:
    from node.desk import Desk

_WATCH_S = 2.0
_CLEAR = "\x1b[H\x1b[2J"
_STOPPED = "Stopped"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(status)
    app.command()(peers)
    app.command()(find)
    app.command()(sync)


def status(
    context: typer.Context,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again every 2 s.")] = False,
) -> None:
    """Where this node stands: what is saved, where else it is, what waits and why.

    Exits 3 when something is stopped.
    """
    with desk_of(context) as desk:
        found = _say_status(desk, as_json=as_json)
        while watch:
            time.sleep(_WATCH_S)  # the pace that --watch promises
            if not is_bare() and not as_json:
                sys.stdout.write(_CLEAR)
            found = _say_status(desk, as_json=as_json)
            sys.stdout.flush()
    if any(str(words).startswith(_STOPPED) for words in found["state"]):
        raise typer.Exit(EXIT_DEGRADED)


def _say_status(desk: Desk, *, as_json: bool) -> Any:
    from node.standing_words import line

    found = desk.status()
    if as_json:
        say_json(found)
        return found
    say(f"{plain(found['name'])} ({plain(found['role'])}), node {plain(found['node'])}")
    names = ("documents", "shed", "statements", "waiting", "set_aside", "refused", "findings")
    say(", ".join(f"{name.replace('_', ' ')} {found.get(name, 0)}" for name in names))
    link = link_words(found.get("link"))
    known = f"digest {plain(found.get('digest'))}, version {plain(found.get('version'))}"
    say(f"{known}, link {link}" if link else known)
    if found.get("membership"):
        say(plain(line(found["membership"])))
    if found.get("locked"):
        say("Locked: it receives and relays, and shows nothing until `aidstation unlock`.")
    if found.get("backed_up_ms"):
        say(f"Last backup: {at_ms(found['backed_up_ms'], now())}")
    if not found.get("accounts"):
        say("No accounts: who owns this home may do everything (`aidstation account add`).")
    if found.get("peers"):
        say()
        _say_peers(found["peers"])
    say()
    for words in found["state"]:
        say(plain(words))
    return found


def peers(context: typer.Context, as_json: AsJson = False) -> None:
    """Each peer: whether there is a link, since when they are equal, what waits and why."""
    with desk_of(context) as desk:
        found = desk.peers()
    if as_json:
        say_json(found)
    elif found:
        _say_peers(found)
    else:
        say("No peers are known. Add [[peers]] to the configuration; `aidstation init` says how.")


def _say_peers(found: list[Any]) -> None:
    present = now()
    heads = (
        *("name", "node", "role", "link", "left today", "phase", "waiting"),
        *("equal at", "last contact", "cause"),
    )
    say_table(
        heads,
        (
            (
                one.get("name"),
                str(one.get("node") or "")[:8],
                one.get("role"),
                link_words(one.get("link")),
                left_words(one.get("link")),
                one.get("phase"),
                one.get("waiting"),
                at_ms(one.get("equal_at_ms"), present) or "never",
                at_ms(one.get("last_contact_ms"), present) or "never",
                one.get("cause"),
            )
            for one in found
        ),
    )


def link_words(link: Any) -> str:
    """`satcom 9,600 bit/s 600 ms` of a peer's `link` object."""
    if not isinstance(link, dict):
        return ""
    words = [plain(link.get("kind"))]
    if link.get("rate_bits_s"):
        words.append(f"{link['rate_bits_s']:,.0f} bit/s {link.get('rtt_s', 0) * 1000:,.0f} ms")
    return " ".join(words)


def left_words(link: Any) -> str:
    """`4,210 of 5,000 kB`; nothing where there is no budget."""
    if not isinstance(link, dict) or not link.get("daily_bytes"):
        return ""
    left, daily = link.get("left_bytes") or 0, link["daily_bytes"]
    return f"{left / 1000:,.0f} of {daily / 1000:,.0f} kB"


def find(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="An id, the start of one, or words of a label.")],
    as_json: AsJson = False,
) -> None:
    """Documents by id or label, at most 50."""
    with desk_of(context) as desk:
        found = desk.find(text)
    if as_json:
        say_json(found)
    elif found:
        rows = ((one["document"], one.get("findings"), _label(one)) for one in found)
        say_table(("document", "review", "label"), rows)
    else:
        say("Nothing here fits.")


def _label(one: Any) -> str:
    away = at_ms(one.get("shed_ms"), now())
    return f"{plain(one.get('label'))} (let go {away})" if away else plain(one.get("label"))


def sync(
    context: typer.Context,
    peer: Annotated[str, typer.Argument(help="Name, id (or its start) or host:port.")],
    timeout: Annotated[float, typer.Option(help="Seconds.", min=0.1, max=600)] = 60,
    as_json: AsJson = False,
) -> None:
    """Exchange with a peer until both are proved equal. Exits 3 when they are not yet."""
    with desk_of(context) as desk:
        found = desk.sync(peer, timeout)
    if as_json:
        say_json(found)
    else:
        word = "Equal" if found["equal"] else "Not equal yet"
        say(f"{word} with {plain(found['node'])}: {found['documents']} documents")
    if not found["equal"]:
        raise typer.Exit(EXIT_DEGRADED)
