"""Slots about the people who use the nodes: accounts, overrides of access, co-signatures.

An account stands in a unit's document, so that a person can sign in on every laptop of the unit. Which
of its statements count is not a matter of merging but of trust: `node/roster.py`.
"""

from __future__ import annotations

from conflict.finding import Severity
from conflict.identity import DocumentKind
from conflict.policies import Events, Single
from conflict.policies.comparing import alike
from conflict.records.fields import REFERENCE
from conflict.shape import Code, Flag, Group, Many, Moment, Text, Whole
from conflict.slot import Slot, Urgency, declare
from conflict.statement import Json
from conflict.wording import said

ROLES = ("records", "medic", "provider", "admin")
"""Roles of accounts, the lesser first: where two devices say different roles, the lesser holds."""

ITERATIONS_MIN, ITERATIONS_MAX = 600_000, 10_000_000
"""PBKDF2 rounds: fewer are guessed too soon, more would keep a processor busy for a peer's sake."""

COSIGNED_MAX = 200
"""Statements of one co-signature: a statement has at most 16 KiB."""


def _least_allowed(value: Json) -> int:
    """Not active comes first, then the lesser role; what cannot be read allows nothing."""
    role = alike(value.get("role")) if isinstance(value, dict) else None
    if role not in ROLES or not isinstance(value, dict) or value.get("active") is not True:
        return 0
    return 1 + ROLES.index(role)


ACCOUNT = declare(
    Slot(
        name="account",
        kinds=(DocumentKind.UNIT,),
        plain="Account",
        policy=Single(
            key=("account",), field="role", caution=_least_allowed, severity=Severity.MEDIUM
        ),
        shape=Group(
            {
                "account": Text(40, r"[a-z0-9][a-z0-9._-]{0,39}", "a name in small letters"),
                "name": Text(80),
                "role": Code(ROLES),
                "active": Flag(),
                "salt": Text(64, r"[0-9a-f]{32,64}", "16 to 32 bytes in hex"),
                "iterations": Whole(ITERATIONS_MIN, ITERATIONS_MAX),
                "verifier": Text(128, r"[0-9a-f]{128}", "64 bytes in hex"),
            }
        ),
        wording=lambda value: (
            said(value, "name", "account", "role")
            + ("" if value.get("active") is True else " (not active)")
        ),
        absent="nobody signs in: who owns the node's home may do everything",
        basis="DESIGN §6: people; NIST SP 800-132 (PBKDF2-HMAC-SHA512)",
    )
)
"""Where devices differ the lesser right holds until it is decided. `verifier`: of the passphrase."""

OVERRIDE = declare(
    Slot(
        name="override",
        kinds=(DocumentKind.UNIT,),
        plain="Break-glass",
        policy=Events(),
        shape=Group(
            {
                "who": Text(80),
                "account": Text(40),
                "role": Text(20),
                "reason": Text(400),
                "from": Moment(),
                "until": Moment(),
            }
        ),
        urgency=Urgency.SUMMARY,
        basis="HIPAA 45 CFR 164.312(a)(2)(ii): emergency access procedure",
    )
)
"""Somebody lifted the limits of their role for a while. `account`: none when nobody was signed in."""

COSIGN = declare(
    Slot(
        name="cosign",
        kinds=(DocumentKind.EPISODE, DocumentKind.PERSON),
        plain="Co-signature",
        policy=Events(),
        shape=Group({"statements": Many(REFERENCE, COSIGNED_MAX), "words": Text(400)}),
        wording=lambda value: " ".join(
            filter(None, (_count(value.get("statements")), said(value, "words")))
        ),
        basis="DESIGN §6: a provider co-signs a medic's note",
    )
)
"""Of exactly the statements that it names: what is corrected afterwards is not co-signed."""


def _count(statements: Json) -> str:
    many = len(statements) if isinstance(statements, list) else 0
    return f"of {many} {'entry' if many == 1 else 'entries'}"
