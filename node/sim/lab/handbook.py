"""The tables of deploy/scenarios/README.md, made from the code, so that they cannot say anything else."""

from __future__ import annotations

from node.sim.lab.checkers import CHECKERS
from node.sim.lab.verbs import VERBS, fields_of


def tables_text() -> str:
    """Verbs with their keys, and checkers with their exit codes."""
    verbs = [
        f"| `{word}` | {', '.join(f'`{key}`' for key in fields_of(verb))} | {_said(verb)} |"
        for word, verb in VERBS.items()
    ]
    checkers = [
        f"| {one.code} | `{one.name}` | {_said(one)} |"
        for one in sorted(CHECKERS, key=lambda one: one.code)
    ]
    return "\n".join(
        (
            "| verb | keys | what it does |",
            "|---|---|---|",
            *verbs,
            "",
            "| exit | checker | what holds |",
            "|---|---|---|",
            *checkers,
            "",
        )
    )


def _said(thing: type) -> str:
    return " ".join((thing.__doc__ or "").split())
