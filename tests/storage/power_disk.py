"""A disk that remembers: every write, sync, creation and deletion in order, and what a cut leaves.

The rules are those of POSIX without luck. What was written to a file since its last sync may be kept,
dropped or torn, write by write. A name that was made or deleted since its directory was last synced
may be there or not, each name for itself. A sync is a sync, unless the disk lies.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SECTOR_BYTES = 512  # a write is torn at a multiple of it
_KEPT = (0.0, 0.3, 0.5, 0.9, 1.0)  # how likely a cut keeps one write that was not synced
_TORN = 0.3


class Write(NamedTuple):
    """Bytes at a place of a file."""

    inode: int
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file cut to a size, or grown with zeros."""

    inode: int
    size: int


class Sync(NamedTuple):
    """All that was done to a file before is on the disk."""

    inode: int


class Name(NamedTuple):
    """A name that means another file from now on; None: it is gone."""

    name: str
    inode: int | None


class SyncNames(NamedTuple):
    """All names are on the disk as they are."""


class Acknowledged(NamedTuple):
    """The program said that its first `count` transactions are safe."""

    count: int


Event = Write | Truncate | Sync | Name | SyncNames | Acknowledged
Files = dict[str, bytes]


class Crash(NamedTuple):
    """One disk after a cut: its files, and how many transactions had been acknowledged by then."""

    cut: int
    files: Files
    acknowledged: int


@dataclass
class Disk:
    """What was done to the files of one folder since it was as `baseline`. `lying`: syncs do nothing."""

    baseline: Files = field(default_factory=dict)
    lying: bool = False
    events: list[Event] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)
    _inodes: int = 0

    def __post_init__(self) -> None:
        self._names = {name: number for number, name in enumerate(sorted(self.baseline))}
        self._inodes = len(self._names)

    def opened(self, name: str) -> tuple[int, bool]:
        """The file's number, and whether this made it."""
        if name in self._names:
            return self._names[name], False
        self._names[name] = number = self._inodes
        self._inodes += 1
        self.events.append(Name(name, number))
        return number, True

    def deleted(self, name: str) -> None:
        """The name is gone, the file too once nobody has it open."""
        if self._names.pop(name, None) is not None:
            self.events.append(Name(name, None))

    def synced(self, inode: int) -> None:
        """The program asked for what was written to be on the disk."""
        if not self.lying:
            self.events.append(Sync(inode))

    def names_synced(self) -> None:
        """The program asked for the directory to be on the disk."""
        if not self.lying:
            self.events.append(SyncNames())

    def crashes(self, cuts: Sequence[int], seed: int) -> Iterator[Crash]:
        """The disk after each cut (ascending numbers of events that happened), chosen by `seed`."""
        state = _State(self.baseline)
        done = 0
        for number, cut in enumerate(cuts):
            for event in self.events[done:cut]:
                state.apply(event)
            done = cut
            yield Crash(cut, state.after_cut(_dice(seed, number)), state.acknowledged)


def _dice(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}/{number}")  # text: the same in every process


class _State:
    """What is surely on the disk, and what may be."""

    def __init__(self, baseline: Mapping[str, bytes]) -> None:
        self.acknowledged = 0
        self._names: dict[str, int | None] = {}
        self._later_names: list[Name] = []
        self._content: dict[int, bytearray] = {}
        self._later: dict[int, list[Write | Truncate]] = {}
        for number, name in enumerate(sorted(baseline)):
            self._names[name] = number
            self._content[number] = bytearray(baseline[name])

    def apply(self, event: Event) -> None:
        match event:
            case Write(inode) | Truncate(inode):
                self._later.setdefault(inode, []).append(event)
            case Sync(inode):
                content = self._content.setdefault(inode, bytearray())
                for one in self._later.pop(inode, ()):
                    _do(content, one)
            case Name():
                self._later_names.append(event)
            case SyncNames():
                self._names.update(self._later_names)
                self._later_names.clear()
            case Acknowledged(count):
                self.acknowledged = count

    def after_cut(self, dice: random.Random) -> Files:
        """One of the disks that the rules allow."""
        names = dict(self._names)
        for name in sorted({one.name for one in self._later_names}):
            later = [one.inode for one in self._later_names if one.name == name]
            if kept := dice.randint(0, len(later)):
                names[name] = later[kept - 1]
        files: Files = {}
        for name, inode in sorted(names.items()):
            if inode is None:
                continue
            content = bytearray(self._content.get(inode, b""))
            kept_share = dice.choice(_KEPT)
            for one in self._later.get(inode, ()):
                if dice.random() < kept_share:
                    _do(content, _torn(one, dice) if dice.random() < _TORN else one)
            files[name] = bytes(content)
        return files


def _do(content: bytearray, one: Write | Truncate) -> None:
    if isinstance(one, Truncate):
        del content[one.size :]
        content.extend(bytes(one.size - len(content)))
    else:
        content.extend(bytes(max(0, one.offset - len(content))))
        content[one.offset : one.offset + len(one.data)] = one.data


def _torn(one: Write | Truncate, dice: random.Random) -> Write | Truncate:
    """A piece of a write: its beginning, or its end, at the border of a sector."""
    if isinstance(one, Truncate):
        return one
    borders = [
        at - one.offset
        for at in range(one.offset // SECTOR_BYTES * SECTOR_BYTES, one.offset + len(one.data), 512)
        if at > one.offset
    ]
    if not borders:
        return one  # within one sector: whole or not at all
    border = dice.choice(borders)
    if dice.random() < 0.5:
        return Write(one.inode, one.offset, one.data[:border])
    return Write(one.inode, one.offset + border, one.data[border:])
