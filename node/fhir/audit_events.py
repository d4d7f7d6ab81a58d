"""Audit entries as FHIR R4 AuditEvent, a line of NDJSON each.

Types and subtypes are DICOM's (PS3.16 CID 400–403), as FHIR binds them; the action of our own
vocabulary stands beside them. Ids only: an entity is a document by its identifier. Number, epoch and
links of the chain go along in an extension, so that who receives the file can check it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_ACTION = "urn:aidstation:audit-action"
_NODE = "urn:aidstation:node"
_ACCOUNT = "urn:aidstation:account"
_DOCUMENT = "urn:aidstation:document"
_CHAIN = "urn:aidstation:audit-chain"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_CHAINED = ("epoch", "previous", "link")


class _Kind(NamedTuple):
    """DICOM event type, FHIR action, and a DICOM subtype where there is one."""

    type: tuple[str, str]
    action: str
    subtype: tuple[str, str] | None = None


_RECORD = ("110110", "Patient Record")
_QUERY = ("110112", "Query")
_AUTHENTICATION = ("110114", "User Authentication")
_ALERT = ("110113", "Security Alert")
_NETWORK = ("110108", "Network Entry")
_OTHER = _Kind(("110100", "Application Activity"), "E")
_KINDS = {
    "read": _Kind(_RECORD, "R"),
    "search": _Kind(_QUERY, "E"),
    "write": _Kind(_RECORD, "U"),
    "import": _Kind(("110107", "Import"), "C"),
    "export": _Kind(("110106", "Export"), "R"),
    "print": _Kind(("110106", "Export"), "R"),
    "link": _Kind(_RECORD, "U"),
    "move": _Kind(_RECORD, "U"),
    "resolve": _Kind(_RECORD, "U"),
    "shed": _Kind(_RECORD, "D"),
    "fetch": _Kind(_RECORD, "E"),
    "login": _Kind(_AUTHENTICATION, "E", ("110122", "Login")),
    "login-failed": _Kind(_AUTHENTICATION, "E", ("110122", "Login")),
    "logout": _Kind(_AUTHENTICATION, "E", ("110123", "Logout")),
    "override": _Kind(_ALERT, "E", ("110127", "Emergency Override Started")),
    "lock": _Kind(_AUTHENTICATION, "E", ("110123", "Logout")),
    "unlock": _Kind(_AUTHENTICATION, "E", ("110122", "Login")),
    "enrolment": _Kind(_ALERT, "E", ("110128", "Network Configuration")),
    "settings": _Kind(_ALERT, "E", ("110129", "Security Configuration")),
    "sync": _Kind(_NETWORK, "E", ("110124", "Attach")),
    "rollback": _Kind(_ALERT, "E"),
    "zeroize": _Kind(_ALERT, "E"),
}


def event_line(row: Mapping[str, Any], branch: int, name: str = "") -> bytes:
    """One line for a readable row of `Desk.audit_rows`; `name`: what people call the device."""
    return orjson.dumps(event(row, branch, name), option=orjson.OPT_APPEND_NEWLINE)


def event(row: Mapping[str, Any], branch: int, name: str = "") -> dict[str, Any]:
    """The AuditEvent."""
    kind = _KINDS.get(row["action"], _OTHER)
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": f"{row['device']}-{branch}-{row['number']}",
        "extension": [_chain(row, branch)],
        "type": _coding(kind.type),
        "subtype": _subtypes(row["action"], kind),
        "action": kind.action,
        "recorded": _instant(row["at_ms"]),
        "outcome": _outcome(row),
        "outcomeDesc": row["outcome"],
        "agent": [_agent(row)],
        "source": {"observer": _who(_NODE, row["device"], name)},
    }
    if row["purpose"]:
        found["purposeOfEvent"] = [{"text": row["purpose"]}]
    if row["document"]:
        code, display = (
            ("1", "Person") if row["document"].startswith("person-") else ("2", "System Object")
        )
        what = _who(_DOCUMENT, row["document"])
        found["entity"] = [{"what": what, "type": _coding((code, display), _ENTITY_TYPE)}]
    elif row["node"]:
        what = _who(_NODE, row["node"])
        found["entity"] = [{"what": what, "type": _coding(("4", "Other"), _ENTITY_TYPE)}]
    return found


def _chain(row: Mapping[str, Any], branch: int) -> dict[str, Any]:
    texts = [{"url": one, "valueString": row[one]} for one in _CHAINED]
    numbers = [{"url": "branch", "valueUnsignedInt": branch}]
    numbers.append({"url": "number", "valueUnsignedInt": row["number"]})
    return {"url": _CHAIN, "extension": [*numbers, *texts]}


def _subtypes(action: str, kind: _Kind) -> list[dict[str, Any]]:
    own = {"system": _ACTION, "code": action}
    return [_coding(kind.subtype), own] if kind.subtype else [own]


def _coding(given: tuple[str, str], system: str = _DICOM) -> dict[str, str]:
    return {"system": system, "code": given[0], "display": given[1]}


def _outcome(row: Mapping[str, Any]) -> str:
    """0 success, 4 refused or failed, 8 a fault of ours (serious)."""
    if row["outcome"] == "ok" and row["action"] not in {"lost", "rollback"}:
        return "0"
    return "8" if row["outcome"] == "internal" or row["action"] in {"lost", "rollback"} else "4"


def _agent(row: Mapping[str, Any]) -> dict[str, Any]:
    role = {"role": [{"text": row["role"]}]} if row["role"] else {}
    if row["person"]:
        return {"who": _who(_ACCOUNT, row["person"]), **role, "requestor": True}
    return {"who": _who(_NODE, row["device"]), **role, "requestor": False}


def _who(system: str, value: str, display: str = "") -> dict[str, Any]:
    named = {"display": display} if display else {}
    return {"identifier": {"system": system, "value": value}, **named}


def _instant(at_ms: int) -> str:
    """A clock may say anything: what no calendar has is the last moment that one has."""
    try:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
