"""A scenario: who there is, how they are linked, what is written and what goes wrong, as one TOML file.

A seed makes a schedule of it (`schedule.py`); what a scenario says is the same for every seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from node.errors import BadRequest
from node.quantities import bits_per_second, seconds, share, size
from node.sim.lab.possible import judge
from node.sim.lab.schedule import GREETING_S, Step
from node.sim.lab.toml import BadScenario, Table, nearest
from node.sim.lab.verb_tables import known_node, period, step_of
from node.sim.lab.verbs import VERBS
from node.sim.link_shape import PROFILES, LinkShape, segment_for
from sync.link_profile import LinkKind, LinkProfile

NODES_MAX = 200
FAST_BITS_S = 20_000_000
"""From here on nobody describes a link: it is a LAN."""

SEED_MAX = 2**63 - 1
TIME_S_MAX = 3_660 * 86_400.0
TOP = (
    *("about", "signatures", "store", "seed", "exact", "time"),
    *("nodes", "links", "work", "chaos", "at"),
)
"""Keys of a file."""


class NodeSpec(NamedTuple):
    """A node. `codes`: its scopes as people write them, its unit first; None: everything.

    `late`: it is enrolled and started by a verb only. `copy_of`: it has that node's key, and nothing until
    that one is cloned. `lacks`: slots and fields that its older software does not know; `adds`: those that
    only its newer one does.
    """

    role: str = "field"
    codes: tuple[str, ...] | None = None
    late: bool = False
    copy_of: str = ""
    lacks: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()


class Link(NamedTuple):
    """What a link is, and what both nodes were told of it."""

    shape: LinkShape
    profile: LinkProfile


class Work(NamedTuple):
    """What people write. `statements`: single ones on the records of `records` casualties; `pairs`: of
    contradicting ones; `corrections`; `rounds`: vitals of all those casualties, in one request;
    `casualties`: whole ones, along the roles of `route`."""

    statements: int = 0
    records: int = 1
    pairs: int = 0
    corrections: int = 0
    rounds: int = 0
    casualties: int = 0
    route: tuple[str, ...] = ()


class Chaos(NamedTuple):
    """So many of these verbs, by chance."""

    times: int = 0
    verbs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Times are virtual seconds. `faults_s`: how long things go wrong; `healing_s`: after so long at most
    all is equal again. `exact`: nothing happens but `steps`, which say what is written, too. `seed`: the
    one that is played unless another is asked for."""

    name: str
    about: str
    faults_s: float
    healing_s: float
    nodes: Mapping[str, NodeSpec]
    links: Mapping[frozenset[str], Link]
    work: Work
    chaos: Chaos
    steps: tuple[Step, ...]
    stub: bool = False
    sqlite: bool = False
    exact: bool = False
    seed: int = 1

    @property
    def shapes(self) -> dict[frozenset[str], LinkShape]:
        """Of the links that are no LAN."""
        return {pair: link.shape for pair, link in self.links.items()}

    def profile(self, own: str, peer: str) -> LinkProfile:
        """What a node was told of its link to another."""
        link = self.links.get(frozenset((own, peer)))
        return link.profile if link else LinkProfile.lan()

    @property
    def starters(self) -> list[str]:
        """Nodes that are there from the start."""
        return [name for name, node in self.nodes.items() if not node.late]


def load(path: Path) -> Scenario:
    """Read a file. Raises `BadScenario`, which names file, line and key."""
    top = Table.read(path)
    top.only(TOP)
    nodes = _nodes(top.table("nodes"))
    time = top.table("time")
    time.only(("faults", "healing"))
    faults_s = _long_enough(time, "faults", 1200.0)
    healing_s = _long_enough(time, "healing", 900.0)
    signatures = top.text_of("signatures", "real")
    if signatures not in {"real", "stub"}:
        raise top.bad("signatures", f"is {signatures!r}; there are real, stub")
    exact = top.flag_of("exact", default=False)
    if exact and "chaos" in top.values:
        raise top.bad("exact", "leaves nothing to chance: take [chaos] out")
    store = top.text_of("store", "memory")
    if store not in {"memory", "sqlite"}:
        raise top.bad("store", f"is {store!r}; there are memory, sqlite")
    found = Scenario(
        name=path.stem,
        about=top.text_of("about"),
        faults_s=faults_s,
        healing_s=healing_s,
        nodes=nodes,
        links=_links(top, nodes),
        work=_work(top.table("work"), nodes),
        chaos=_chaos(top.table("chaos")),
        steps=tuple(
            step_of(one, nodes, faults_s + healing_s, writes=exact) for one in top.tables("at")
        ),
        stub=signatures == "stub",
        sqlite=store == "sqlite",
        exact=exact,
        seed=top.number_of("seed", 1, 0, SEED_MAX),
    )
    judge(top, found)
    return found


def _long_enough(table: Table, key: str, default: float) -> float:
    found = table.quantity_of(key, period, default)
    if not GREETING_S < found <= TIME_S_MAX:
        text = f"{found:,.0f} s; it must be longer than {GREETING_S:.0f} s, and ten years at most"
        raise table.bad(key, f"is {text}")
    return found


def _nodes(table: Table) -> dict[str, NodeSpec]:
    found: dict[str, NodeSpec] = {}
    for name in table.values:
        one = table.table(name)
        one.only(("role", "scopes", "late", "copy_of", "lacks", "adds"))
        role = one.text_of("role", "field")
        if role not in {"field", "garrison"}:
            raise one.bad("role", f"is {role!r}; there are field, garrison")
        codes = one.texts_of("scopes") if "scopes" in one.values else None
        if codes == ():
            raise one.bad("scopes", "is empty: leave it out for everything")
        copy_of = one.text_of("copy_of")
        if copy_of and copy_of not in found:
            raise one.bad(
                "copy_of", f"names no node {copy_of!r} before it{nearest(copy_of, found)}"
            )
        late = one.flag_of("late", default=bool(copy_of))
        software = one.texts_of("lacks"), one.texts_of("adds")
        found[name] = NodeSpec(role, codes, late, copy_of, *software)
    if not 1 < len(found) <= NODES_MAX:
        raise table.bad("", f"are {len(found)}; 2 to {NODES_MAX} can be")
    return found


# Links ------------------------------------------------------------------------------------------


def _links(top: Table, nodes: Mapping[str, NodeSpec]) -> dict[frozenset[str], Link]:
    found: dict[frozenset[str], Link] = {}
    for one in top.tables("links"):
        figures = ("profile", "rate", "rtt", "jitter", "loss", "stall", "every", "daily", "kind")
        one.only(("between", "from", *figures))
        link = _link(one)
        for pair in _pairs(one, nodes):
            found[pair] = link
    return found


def _pairs(table: Table, nodes: Mapping[str, NodeSpec]) -> list[frozenset[str]]:
    """`between` two nodes, or `from` one to all others."""
    if ("from" in table.values) == ("between" in table.values):
        raise table.bad("between", "or from is given: which nodes it links")
    if "from" in table.values:
        own = known_node(table, "from", table.text_of("from"), nodes)
        return [frozenset((own, other)) for other in nodes if other != own]
    named = table.texts_of("between")
    for name in named:
        known_node(table, "between", name, nodes)
    if len(set(named)) != 2:
        raise table.bad("between", "names two nodes")
    return [frozenset(named)]


def _link(table: Table) -> Link:
    name = table.text_of("profile", "lan")
    if name not in PROFILES:
        raise table.bad("profile", f"is {name!r}{nearest(name, PROFILES)}")
    base = PROFILES[name].shape
    rate = table.quantity_of("rate", bits_per_second, base.rate_bits_s)
    try:
        shape = LinkShape(
            rate_bits_s=rate,
            rtt_s=table.quantity_of("rtt", seconds, base.rtt_s),
            jitter_s=table.quantity_of("jitter", seconds, base.jitter_s),
            loss=table.quantity_of("loss", share, base.loss),
            stall_s=table.quantity_of("stall", seconds, base.stall_s),
            every_s=table.quantity_of("every", seconds, base.every_s),
            segment_bytes=segment_for(rate),
        )
        return Link(shape, _profile(table, shape))
    except BadScenario:
        raise
    except BadRequest as fault:
        key, _, why = str(fault).partition(": ")
        raise table.bad(key, why) from fault


def _profile(table: Table, shape: LinkShape) -> LinkProfile:
    thin = shape.rate_bits_s < FAST_BITS_S
    kind = table.text_of("kind", "satcom" if thin else "lan")
    if kind not in list(LinkKind):
        raise table.bad("kind", f"is {kind!r}{nearest(kind, list(LinkKind))}")
    if kind in {LinkKind.LAN, LinkKind.SILENT} or not thin:
        if "daily" in table.values:
            raise table.bad("daily", f"means nothing on a {kind} link of that rate")
        return LinkProfile(kind=LinkKind(kind))
    daily = table.quantity_of("daily", size, 0)
    rate, rtt = shape.rate_bits_s, shape.rtt_s
    return LinkProfile(kind=LinkKind(kind), rate_bits_s=rate, rtt_s=rtt, daily_bytes=daily)


# What is written, and what goes wrong -----------------------------------------------------------


def _work(table: Table, nodes: Mapping[str, NodeSpec]) -> Work:
    table.only(Work._fields)
    for name in table.texts_of("route"):
        known_node(table, "route", name, nodes)
    return Work(
        statements=table.number_of("statements", 0, 0, 1_000_000),
        records=table.number_of("records", 1, 1, 100_000),
        pairs=table.number_of("pairs", 0, 0, 100_000),
        corrections=table.number_of("corrections", 0, 0, 100_000),
        rounds=table.number_of("rounds", 0, 0, 100_000),
        casualties=table.number_of("casualties", 0, 0, 100_000),
        route=table.texts_of("route"),
    )


def _chaos(table: Table) -> Chaos:
    table.only(Chaos._fields)
    for word in table.texts_of("verbs"):
        if word not in VERBS:
            raise table.bad("verbs", f"has no verb {word!r}{nearest(word, VERBS)}")
    times = table.number_of("times", 0, 0, 100_000)
    verbs = table.texts_of("verbs")
    if bool(times) != bool(verbs):
        there, lacks = ("times", "verbs") if times else ("verbs", "times")
        raise table.bad(there, f"is given without {lacks}")
    return Chaos(times, verbs)
