"""The table of faults covers every error of every room, and quotes nothing that is not ours."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Iterator

import pytest

from node.errors import (
    EXIT_DEGRADED,
    EXIT_FAILURE,
    EXIT_INTEGRITY,
    EXIT_LOCKED,
    EXIT_NO_PEER,
    EXIT_REVIEW_PENDING,
    EXIT_USAGE,
    NodeError,
)
from node.faults import ROWS, translate
from node.remote_desk import leaf

ROOMS = ("conflict", "sync", "storage", "discovery", "node", "node.fhir")
EXITS = {
    *(EXIT_FAILURE, EXIT_USAGE, EXIT_DEGRADED, EXIT_REVIEW_PENDING),
    *(EXIT_LOCKED, EXIT_INTEGRITY, EXIT_NO_PEER),
}


def every_error() -> Iterator[type[Exception]]:
    for room in ROOMS:
        module = importlib.import_module(f"{room}.errors")
        for kind in vars(module).values():
            own = getattr(kind, "__module__", "") == module.__name__
            if own and isinstance(kind, type) and issubclass(kind, Exception):
                yield kind


@pytest.mark.parametrize("name", ROWS)
def test_every_row_names_an_error_that_exists(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), kind), Exception)
    assert ROWS[name].exit_code in EXITS
    assert 400 <= ROWS[name].status < 600
    assert ROWS[name].next_step.endswith(".")


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_a_cause_and_a_next_step(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    if not hasattr(error, "code"):
        error.code = "given-by-instance"
    fault = translate(error)
    assert fault.code == error.code
    assert fault.code != "internal"
    assert fault.message.endswith(".")
    assert fault.next_step.endswith(".")


@pytest.mark.parametrize(
    "kind",
    [kind for kind in every_error() if issubclass(kind, NodeError)],
    ids=lambda kind: kind.__name__,
)
def test_the_table_agrees_with_the_error_and_survives_the_wire(kind: type[NodeError]) -> None:
    error = kind("what happened")
    fault = translate(error)
    assert (fault.exit_code, fault.retryable) == (error.exit_code, error.retryable)
    if kind is type(leaf(fault.body(), fault.status)):
        assert translate(leaf(fault.body(), fault.status)) == fault


@pytest.mark.parametrize(
    ("number", "code", "exit_code"),
    [
        (errno.ENOSPC, "disk-full", EXIT_FAILURE),
        (errno.EDQUOT, "disk-full", EXIT_FAILURE),
        (errno.EADDRINUSE, "port-busy", EXIT_FAILURE),
        (errno.EACCES, "no-permission", EXIT_FAILURE),
        (errno.EIO, "disk-fault", EXIT_INTEGRITY),
        (errno.EROFS, "read-only", EXIT_FAILURE),
    ],
)
def test_what_the_system_refuses_has_words_and_no_file_name(
    number: int, code: str, exit_code: int
) -> None:
    fault = translate(OSError(number, "text", "/data/Zyxwvutsky_Aaron.json"))
    assert (fault.code, fault.exit_code) == (code, exit_code)
    assert "Zyxw" not in fault.message
    assert fault.next_step


def test_a_fault_of_this_software_names_kind_and_place_only() -> None:
    try:
        raise ValueError("Zyxwvutsky")
    except ValueError as error:
        fault = translate(error)
    assert fault.code == "internal"
    assert "ValueError at cli/test_cli_faults.py:" in fault.message
    assert "Zyxw" not in fault.message


def test_an_unknown_code_from_a_node_keeps_its_words() -> None:
    body = {
        "code": "database-corrupt",
        "message": "Damaged.",
        "next_step": "x.",
        "retryable": False,
    }
    fault = translate(leaf(body, 500))
    assert fault.body() == body
    assert fault.exit_code == EXIT_INTEGRITY
