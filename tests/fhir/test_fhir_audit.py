"""Audit rows as AuditEvent: each action of the vocabulary has a type, codes and times have R4's forms."""

from __future__ import annotations

import re
from typing import Any

import pytest

from node.fhir.audit_events import event, event_line
from sync.audit import Action, action_text

ROW: dict[str, Any] = {
    "number": 7,
    "device": "ab" * 16,
    "epoch": "cd" * 16,
    "previous": "0" * 64,
    "link": "1" * 64,
    "at_ms": 1_795_401_431_123,
    "action": "read",
    "person": "ruiz",
    "role": "medic",
    "document": "person-abcdefghijklmnopqrstuvwx",
    "node": None,
    "purpose": "chart",
    "outcome": "ok",
}


@pytest.mark.parametrize("action", [*map(action_text, Action), "action-40"])
def test_every_action_has_a_type_and_keeps_its_own_name(action: str) -> None:
    found = event({**ROW, "action": action}, 0)
    assert found["type"]["system"] == "http://dicom.nema.org/resources/ontology/DCM"
    assert found["subtype"][-1] == {"system": "urn:aidstation:audit-action", "code": action}
    assert found["action"] in set("CRUDE")
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", found["id"])


def test_who_what_when_and_why() -> None:
    found = event(ROW, 0, "alpha")
    assert found["recorded"] == "2026-11-23T02:37:11.123Z"
    assert found["agent"] == [
        {
            "who": {"identifier": {"system": "urn:aidstation:account", "value": "ruiz"}},
            "role": [{"text": "medic"}],
            "requestor": True,
        }
    ]
    assert found["entity"][0]["type"]["code"] == "1"
    assert found["purposeOfEvent"] == [{"text": "chart"}]
    assert found["source"]["observer"]["display"] == "alpha"
    assert event_line(ROW, 0).endswith(b"}\n")


@pytest.mark.parametrize(
    ("action", "outcome", "code"),
    [
        ("read", "ok", "0"),
        ("read", "not-found", "4"),
        ("write", "internal", "8"),
        ("lost", "ok", "8"),
    ],
)
def test_outcomes_are_those_of_fhir(action: str, outcome: str, code: str) -> None:
    assert event({**ROW, "action": action, "outcome": outcome}, 0)["outcome"] == code


def test_a_node_alone_and_an_impossible_clock_are_no_fault() -> None:
    row = {**ROW, "person": "", "role": "", "document": None, "purpose": "", "at_ms": 1 << 55}
    found = event({**row, "node": "ef" * 16}, 3)
    assert found["agent"][0]["who"]["identifier"]["value"] == ROW["device"]
    assert not found["agent"][0]["requestor"]
    assert found["recorded"].startswith("9999-")
    assert found["entity"][0]["type"]["code"] == "4"
    assert "entity" not in event(row, 0)
