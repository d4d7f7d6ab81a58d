"""The one table of verbs: their names in scenarios, and what they are."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from node.sim.lab import courier_verbs, hold_verbs, link_verbs, machine_verbs, theatre_verbs
from node.sim.lab.verb import Verb

VERBS: dict[str, type[Verb]] = {
    one.word: one
    for one in (
        link_verbs.Partition,
        link_verbs.Split,
        link_verbs.Repair,
        link_verbs.Cut,
        link_verbs.Mend,
        link_verbs.Hold,
        link_verbs.Release,
        link_verbs.Delay,
        link_verbs.Stall,
        link_verbs.Rate,
        link_verbs.Loss,
        link_verbs.Duplicate,
        link_verbs.Reorder,
        machine_verbs.Crash,
        machine_verbs.TornPage,
        machine_verbs.Bounce,
        machine_verbs.Sleep,
        machine_verbs.Wake,
        machine_verbs.DiskFull,
        machine_verbs.DiskRoom,
        machine_verbs.SlowDisk,
        machine_verbs.ClockJump,
        machine_verbs.ClockDrift,
        theatre_verbs.Enrol,
        theatre_verbs.Revoke,
        theatre_verbs.Backup,
        theatre_verbs.Restore,
        theatre_verbs.Clone,
        theatre_verbs.Update,
        theatre_verbs.Lose,
        hold_verbs.Shed,
        hold_verbs.Fetch,
        courier_verbs.Courier,
        courier_verbs.Silence,
        courier_verbs.Speak,
    )
}


def fields_of(verb: Any) -> list[str]:
    """The keys that a scenario may give it."""
    return [one.name for one in fields(verb)]
