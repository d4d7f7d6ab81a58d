"""A desk that asks who acts before every answer.

It has no methods of its own: whatever is asked of it is looked up in the permission table first, so a
method that the table does not name is refused, also one that was added to `Desk` yesterday.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from node.acting import Acting, acting
from node.desk import Desk
from node.errors import NotPermitted
from node.permissions import METHODS, OWNER, Needs, granted, roles_with


def guarded(desk: Desk) -> Desk:
    """The same desk for whoever acts (`node/acting.py`). Raises `NotPermitted` and what the desk does."""
    return cast(Desk, _Guarded(desk))


class _Guarded:
    def __init__(self, desk: Desk) -> None:
        self.__desk = desk

    def __getattr__(self, name: str) -> Callable[..., Any]:
        needs = METHODS.get(name)

        def method(*arguments: Any, **named: Any) -> Any:
            allow(acting.get(), needs)
            return getattr(self.__desk, name)(*arguments, **named)

        return method


def allow(who: Acting | None, needs: Needs | None) -> None:
    """Raise `NotPermitted`, naming the roles that may, unless `who` has one of `needs`.

    None: the table does not name what is asked; empty: anybody may.
    """
    if needs is None:
        raise NotPermitted("The permission table does not name this, so nobody may do it")
    if needs and not granted(who) & set(needs):
        raise NotPermitted(refusal(who, needs))


def refusal(who: Acting | None, needs: Needs) -> str:
    """Why not, naming the roles."""
    roles = " or ".join(role for role in roles_with(needs) if role != OWNER) or "nobody"
    signed = f"signed in as {who.role}" if who and who.role != OWNER else "nobody is signed in"
    return (
        f"This needs the role {roles} ({' or '.join(needs)}); {signed}. Nothing was read or changed"
    )
