"""Two histories of one actor: how its lanes and statements are named. Pure functions of the set.

Honest software never writes on two branches (actors are fresh at every start), but a copied or rolled
back machine may, and so may a stolen key. All chains of one actor in one document are a tree of
change hashes. A chain that forks from no other is the actor's lane. Where there are several, each is a
lane of its own that holds the whole chain from its first change, named by the first change that only it
has. So a name never comes to mean another chain: a lane that forks leaves its name for ever.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from conflict.document import Entry
from conflict.identity import ID_BYTES, ActorId

Chain = tuple[bytes, ...]
"""Hashes of a lane's changes, from the first."""

_BRANCH_DOMAIN = b"aidstation/branch/1"


def branch_id(actor: ActorId, first: bytes) -> ActorId:
    """Name of an actor's branch: `first` is the hash of the first change that only it has."""
    return ActorId(hashlib.sha256(_BRANCH_DOMAIN + actor + first).digest()[:ID_BYTES])


def shared(one: Sequence[object], other: Sequence[object]) -> int:
    """How many elements two sequences begin with alike."""
    pairs = zip(one, other, strict=False)
    return next(
        (at for at, (mine, its) in enumerate(pairs) if mine != its), min(len(one), len(other))
    )


def longest(chains: Iterable[Chain]) -> list[Chain]:
    """Chains that no other one goes on from, each once, ascending."""
    distinct = sorted(set(chains))  # what goes on from a chain follows it
    after = [*distinct[1:], ()]
    return [one for one, next_ in zip(distinct, after, strict=True) if next_[: len(one)] != one]


def named(actor: ActorId, chains: Iterable[Chain]) -> dict[ActorId, Chain]:
    """The lanes that these chains of one actor are, by name."""
    ends = longest(chains)
    if len(ends) == 1:
        return {actor: ends[0]}
    pairs = zip([(), *ends], ends, [*ends[1:], ()], strict=False)
    forks = (
        (mine, max(shared(mine, before), shared(mine, after))) for before, mine, after in pairs
    )
    return {branch_id(actor, chain[at]): chain for chain, at in forks}


def spread(
    entries: Mapping[ActorId, Sequence[Entry]], actors: Mapping[ActorId, ActorId]
) -> dict[ActorId, Sequence[Entry]]:
    """Admitted entries by the name that their statements have. `actors`: whose branch a lane is.

    What branches begin with alike stays under the actor's name, once; what follows a fork is under a name
    of its own, and so is what it says of its own earlier statements. What others say of a statement of the
    actor's behind a fork names nothing that is here: nobody knows which one was meant.
    """
    found = {name: some for name, some in entries.items() if name not in actors}
    for actor in sorted(set(actors.values())):
        mine = sorted(tuple(some) for name, some in entries.items() if actors.get(name) == actor)
        if actor in found:  # it was read before it forked
            mine = sorted([*mine, tuple(found.pop(actor))])
        for path in _paths(actor, mine):
            for name, part in _told(actor, path):
                found[name] = part
    return dict(sorted(found.items()))


_Path = list[tuple[ActorId, tuple[Entry, ...]]]


def _paths(actor: ActorId, lanes: Sequence[tuple[Entry, ...]]) -> Iterator[_Path]:
    """Each lane as its stretches between forks, with their names."""
    ends = [one for one in lanes if not any(o != one and o[: len(one)] == one for o in lanes)]
    for lane in dict.fromkeys(ends):
        forks = sorted({shared(lane, other) for other in ends if other != lane})
        names = [branch_id(actor, _digest(lane[: at + 1])) for at in forks]
        bounds = zip([actor, *names], [0, *forks], [*forks, len(lane)], strict=True)
        yield [(name, lane[at:stop]) for name, at, stop in bounds if stop > at]


def _told(actor: ActorId, path: _Path) -> Iterator[tuple[ActorId, tuple[Entry, ...]]]:
    """Stretches whose statements name their own earlier ones as they are named here."""
    owners = [name for name, part in path for _ in part]
    own = re.compile(rf"{actor.hex()}\.([1-9][0-9]{{0,8}})(?![0-9])")

    def renamed(one: Entry) -> Entry:
        def name(found: re.Match[str]) -> str:
            number = int(found[1])
            owner = owners[number - 1] if number < one.number else actor
            return f"{owner.hex()}.{number}"

        return one._replace(text=own.sub(name, one.text))

    for name, part in path:
        yield name, tuple(map(renamed, part))


def _digest(entries: Sequence[Entry]) -> bytes:
    digest = hashlib.sha256()
    for slot, number, text in entries:
        for part in (slot, str(number), text):
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.digest()
