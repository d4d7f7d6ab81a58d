"""`link`: a thin link in front of a node, and the lines that cut and heal it while it runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.opening import AsJson
from node.cli.output import plain, say, say_json, tell
from node.errors import BadRequest
from node.quantities import bits_per_second, seconds, share, size

if TYPE_CHECKING:
    import asyncio

    from node.config import Listen
    from node.sim.link_proxy import LinkProxy, Report, WayReport
    from node.sim.link_shape import LinkShape

STDIN = 0
LINE_BYTES_MAX = 4_096
LINES = "cut [out|back], heal [out|back], stall 70s, status, quit"
FIGURES: dict[str, tuple[str, Callable[[str, str], float]]] = {
    "rate": ("rate_bits_s", bits_per_second),
    "rtt": ("rtt_s", seconds),
    "jitter": ("jitter_s", seconds),
    "loss": ("loss", share),
    "stall": ("stall_s", seconds),
    "every": ("every_s", seconds),
    "budget": ("budget_bytes", size),
    "segment": ("segment_bytes", size),
}


def _figure(words: str) -> Any:
    return typer.Option(help=words)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("link")(shape)


def shape(
    *,
    to: Annotated[str, typer.Option(help="host:port of the node behind the link.")],
    listen: Annotated[
        str, typer.Option(help="host:port that peers use instead; port 0: any free one.")
    ] = "127.0.0.1:9000",
    profile: Annotated[
        str | None,
        typer.Option(help="satcom-9600, satcom-64k, iridium or lan; options below override it."),
    ] = None,
    rate: Annotated[str | None, _figure("Bits per second each way: 9600, 64k, 1M.")] = None,
    rtt: Annotated[str | None, _figure("There and back: 600ms, 1.2s.")] = None,
    jitter: Annotated[str | None, _figure("Up to so much more, each way: 50ms.")] = None,
    loss: Annotated[str | None, _figure("Segments lost, each way: 2%.")] = None,
    stall: Annotated[str | None, _figure("Silent for so long: 70s.")] = None,
    every: Annotated[str | None, _figure("One stall in so long: 10min.")] = None,
    budget: Annotated[str | None, _figure("Both ways a day from the start: 5MB.")] = None,
    segment: Annotated[str | None, _figure("Lost or sent as one: 256B; else by rate.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed loses the same segments.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Be a thin link in front of a node: a TCP proxy with rate, delay, loss, stalls and a budget.

    A lost segment comes one retransmission timeout late and holds up what was sent behind it, as
    TCP does. While it runs, lines on stdin: cut [out|back], heal [out|back], stall 70s, status,
    quit; `out` is towards --to. Figures are printed at the end. Nodes that see each other by mDNS
    go round it: set [discovery] mdns = false and give a peer --listen as the address.
    """
    import asyncio

    figures = {
        "rate": rate,
        "rtt": rtt,
        "jitter": jitter,
        "loss": loss,
        "stall": stall,
        "every": every,
        "budget": budget,
        "segment": segment,
    }
    given = {name: text for name, text in figures.items() if text is not None}
    link = _link(profile, given)
    places = _place("listen", listen), _target(to)
    if profile is not None:
        _tell_source(profile, given)
    report = asyncio.run(_run(link, *places, seed))
    if as_json:
        say_json(report)
    else:
        _say_report(report)


# What was asked for ------------------------------------------------------------------------


def _link(profile: str | None, given: Mapping[str, str]) -> LinkShape:
    from node.sim.link_shape import PROFILES, LinkShape, segment_for

    figures: dict[str, Any] = {}
    for name, text in given.items():
        field, read = FIGURES[name]
        figures[field] = read(name, text)
    if profile is not None:
        if profile not in PROFILES:
            raise BadRequest(f"profile: {profile!r} was given; there are {', '.join(PROFILES)}")
        return replace(PROFILES[profile].shape, **figures)
    if "rate_bits_s" not in figures:
        raise BadRequest("rate: none was given; write --rate 9600, or name a --profile")
    return LinkShape(**({"segment_bytes": segment_for(figures["rate_bits_s"])} | figures))


def _place(name: str, text: str) -> Listen:
    from node.config import parse_listen

    try:
        return parse_listen(text)
    except ValueError as fault:
        raise BadRequest(f"{name}: {text!r} was given; {fault}") from fault


def _target(text: str) -> Listen:
    place = _place("to", text)
    if not place.port:
        raise BadRequest(f"to: {text!r} was given; port 0 is nobody's, give the node's own")
    return place


# While it runs -----------------------------------------------------------------------------


async def _run(link: LinkShape, listen: Listen, to: Listen, seed: int) -> Report:
    import asyncio

    from node.sim.link_proxy import LinkProxy

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    proxy = LinkProxy(link, to, seed=seed, notice=tell)
    at = await proxy.start(listen)
    tell(f"A link from {at} to {to}: {_described(link)}.")
    console = _Console(proxy, stop, loop)
    console.open()
    try:
        await stop.wait()
        return proxy.report()
    finally:
        console.close()
        await proxy.close()


class _Console:
    """Lines on stdin, when it is a terminal or a pipe. Its end changes nothing."""

    def __init__(
        self, proxy: LinkProxy, stop: asyncio.Event, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._proxy = proxy
        self._stop = stop
        self._loop = loop
        self._read = b""

    def open(self) -> None:
        """A file or nothing at all cannot be watched: then signals are all there is."""
        if sys.stdin is None:  # closed: another file may have its number
            return
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)  # in the background: an error, not a stop
        with suppress(OSError, ValueError):
            self._loop.add_reader(STDIN, self._more)
            tell(f"Lines: {LINES}.")

    def close(self) -> None:
        """Read no more."""
        self._loop.remove_reader(STDIN)

    def _more(self) -> None:
        try:
            some = os.read(STDIN, LINE_BYTES_MAX)
        except OSError:
            some = b""
        if not some:
            self.close()
        *lines, self._read = (self._read + some).split(b"\n")
        self._read = self._read[-LINE_BYTES_MAX:]
        for line in lines:
            self._obey(line.decode("utf-8", "replace").split())

    def _obey(self, words: list[str]) -> None:
        from node.sim.link_proxy import BACK, OUT

        match words:
            case []:
                return
            case ["quit"]:
                self._stop.set()
                return
            case ["status"]:
                pass
            case ["cut" | "heal" as what, *names] if set(names) <= {OUT, BACK}:
                (self._proxy.cut if what == "cut" else self._proxy.heal)(*names)
            case ["stall", text]:
                try:
                    self._proxy.stall(seconds("stall", text))
                except BadRequest as fault:
                    tell(f"{fault}.")
                    return
            case _:
                tell(f"{plain(' '.join(words))}: write {LINES}.")
                return
        tell(_status(self._proxy.report()))


# What is said ------------------------------------------------------------------------------


def _described(link: LinkShape) -> str:
    words = [f"{link.rate_bits_s:,.0f} bit/s each way", f"{link.rtt_s * 1000:,g} ms there and back"]
    if link.jitter_s:
        words.append(f"jitter {link.jitter_s * 1000:,g} ms")
    if link.loss:
        words.append(f"{link.loss * 100:.3g} % of {link.segment_bytes:,} B segments lost")
    if link.stall_s:
        words.append(f"{link.stall_s:,g} s of silence every {link.every_s:,g} s")
    if link.budget_bytes:
        words.append(f"{link.budget_bytes:,} B a day")
    return ", ".join(words)


def _tell_source(name: str, given: Mapping[str, str]) -> None:
    from node.sim.link_shape import PROFILES

    profile = PROFILES[name]
    assumed = ", ".join(one for one in profile.assumed if one not in given)
    tell(f"{name}: {profile.source}{'. Assumed, not measured: ' if assumed else ''}{assumed}.")


def _status(report: Report) -> str:
    ways = f"out {_way(report['out'])}; back {_way(report['back'])}"
    return (
        f"{report['seconds']:,.1f} s, {report['connections']} ever, {report['open']} open; {ways}"
    )


def _way(way: WayReport) -> str:
    words = f"{way['bytes_in']:,} B in, {way['bytes_out']:,} B out, {way['segments_lost']:,} lost"
    return f"{words}, {way['silence'] or 'open'}"


def _say_report(report: Report) -> None:
    say(f"seconds: {report['seconds']:,}")
    refused = f", refused {report['refused']:,}" if report["refused"] else ""
    say(f"connections: {report['connections']:,}{refused}")
    say(f"out: {_way(report['out'])}, {report['out']['bytes_aired']:,} B on the air")
    say(f"back: {_way(report['back'])}, {report['back']['bytes_aired']:,} B on the air")
