"""Who may do what: one table, and which row each method, route, slot and command needs.

Deny by default: what is not named here is refused, whoever asks. `make docs` writes it to
deploy/PERMISSIONS.md. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from conflict.records.people import ROLES as ACCOUNT_ROLES
from node.acting import Acting

SETUP, OWNER = "setup", "owner"
RECORDS, MEDIC, PROVIDER, ADMIN = ACCOUNT_ROLES
ROLES = (OWNER, *ACCOUNT_ROLES)
"""Columns. `owner`: the system's user who owns the node's home, when nobody is signed in. `setup`: the
same on a node that knows no account yet; it may do everything."""


class May(StrEnum):
    """What can be allowed; the value is its name in the table."""

    LOOK = "look"
    SYNC = "sync"
    SILENCE = "silence"
    BELONG = "belong"
    SECURE = "secure"
    BREAK_GLASS = "break glass"
    EMERGENCY = "emergency entry"
    ENTER = "enter"
    SEARCH = "search"
    READ = "read"
    CARE = "care"
    RESOLVE = "resolve"
    IDENTITY = "identity"
    SCOPE = "scope"
    STRENGTH = "strength"
    COSIGN = "co-sign"
    IMPORT = "import"
    EXPORT = "export"
    SHED = "let go"
    OVERSEE = "oversee"
    PUBLISH = "publish"
    ACCOUNTS = "accounts"
    AUDIT = "audit"
    ENROL = "enrol"


_ALL = ROLES
_SIGNED_IN = ACCOUNT_ROLES
_CARERS = (MEDIC, PROVIDER)

TABLE: Mapping[May, tuple[str, tuple[str, ...]]] = {
    May.LOOK: ("status, peers, health, who is signed in, what was set aside", _ALL),
    May.SYNC: (
        "exchange with a peer or by sealed bundles; have a record back that was let go",
        _ALL,
    ),
    May.SILENCE: ("close every link, and open them again", _ALL),
    May.BELONG: ("take in what the theatre's authority signed", _ALL),
    May.SECURE: ("lock and unlock, with its secret; back up, hand over, zeroize this device", _ALL),
    May.BREAK_GLASS: ("lift the limits of reading and recording, for a reason and a time", _ALL),
    May.EMERGENCY: ("add to a record without reading it; marked as an emergency entry", _ALL),
    May.ENTER: ("send entries at all; what they may say is the slots' business", _ALL),
    May.SEARCH: ("find records by name or number; custody", _SIGNED_IN),
    May.READ: ("charts, findings", _SIGNED_IN),
    May.CARE: ("record care, correct entries, mark them as in error", _CARERS),
    May.RESOLVE: ("decide findings", _CARERS),
    May.IDENTITY: ("who somebody is: identifiers, same person, move", (RECORDS, *_CARERS)),
    May.SCOPE: ("say which records belong to a unit", _SIGNED_IN),
    May.STRENGTH: ("roster and strength of a unit", _SIGNED_IN),
    May.COSIGN: ("co-sign notes of others", (PROVIDER,)),
    May.IMPORT: ("take in files of other systems", (RECORDS, PROVIDER, ADMIN)),
    May.EXPORT: ("write records to files, print", (RECORDS, *_CARERS, ADMIN)),
    May.SHED: ("let records go that a garrison holds", _SIGNED_IN),
    May.OVERSEE: ("decide findings of units: overrides, accounts", (PROVIDER, ADMIN)),
    May.PUBLISH: ("alerts, bulletins, content packs of the theatre", (PROVIDER, ADMIN)),
    May.ACCOUNTS: ("make and change accounts", (ADMIN,)),
    May.AUDIT: (
        "read the audit of this device, and what units were given on their own word",
        (ADMIN,),
    ),
    May.ENROL: ("approve and revoke devices", (ADMIN,)),
}
"""By permission: what it is, and the roles that have it."""

LIFTED = frozenset({May.SEARCH, May.READ, May.CARE})
"""What breaking the glass allows whoever did it."""

Needs = tuple[May, ...]
"""Any one of these is enough."""

ANYBODY: Needs = ()
"""Needs nobody to be known: says nothing of any record."""

METHODS: Mapping[str, Needs] = {
    "save": (May.ENTER,),
    "new_casualty": (May.ENTER,),
    "import_saves": (May.IMPORT,),
    "shown": (May.READ,),
    "statements": (May.READ,),
    "find": (May.SEARCH,),
    "list_documents": (May.SEARCH,),
    "custody": (May.SEARCH,),
    "record_custody": (May.SEARCH,),
    **dict.fromkeys(("chart", "casualties", "timeline"), (May.READ,)),
    "findings": (May.READ,),
    "finding": (May.READ,),
    "resolve": (May.RESOLVE, May.OVERSEE),
    "candidates": (May.IDENTITY,),
    "link": (May.IDENTITY,),
    "unlink": (May.IDENTITY,),
    "move": (May.IDENTITY,),
    "cosign": (May.COSIGN,),
    "uncosigned": (May.READ,),
    "accounts": (May.ACCOUNTS,),
    "set_account": (May.ACCOUNTS,),
    "set_passphrase": (May.LOOK,),
    "break_glass": (May.BREAK_GLASS,),
    "status": (May.LOOK,),
    "peers": (May.LOOK,),
    "set_aside": (May.LOOK,),
    "sync": (May.SYNC,),
    "fetch": (May.SYNC,),
    "pause": (May.SILENCE,),
    "silence": (May.SILENCE,),
    **dict.fromkeys(("audit_logs", "audit_rows", "audit_verify", "asked"), (May.AUDIT,)),
    "retry_set_aside": (May.SYNC,),
    "membership": (May.LOOK,),
    "authority_log": (May.LOOK,),
    "custody_positions": (May.LOOK,),
    "add_authority": (May.BELONG,),
    "join": (May.BELONG,),
    "key_handled": (May.BELONG,),
    "bundle_export": (May.SYNC,),
    "bundle_import": (May.SYNC,),
    "bundle_inspect": (May.SYNC,),
    "shed": (May.SHED,),
    "backed_up": (May.SECURE,),
    "hand_over": (May.SECURE,),
    "close_out": (May.SEARCH,),
}
"""By method of `Desk`."""

ROUTES: Mapping[str, Needs] = {
    "GET /health/live": ANYBODY,
    "GET /health/ready": ANYBODY,
    "GET /": METHODS["casualties"],
    "GET /door": ANYBODY,
    "POST /door": ANYBODY,
    "POST /leave": ANYBODY,
    "POST /theme": ANYBODY,
    "GET /static/{name}": ANYBODY,
    "POST /api/sign-in": ANYBODY,
    "POST /api/sign-out": (May.LOOK,),
    "POST /api/session-pin": (May.LOOK,),
    "POST /api/lock": (May.SECURE,),
    "POST /api/unlock": (May.SECURE,),
    "POST /api/lock-pin": (May.SECURE,),
    "POST /api/zeroize": (May.SECURE,),
    "GET /api/membership": METHODS["membership"],
    "GET /api/authority": METHODS["authority_log"],
    "POST /api/authority": METHODS["add_authority"],
    "POST /api/join": METHODS["join"],
    "POST /api/authority-key": METHODS["key_handled"],
    "GET /api/custody-positions": METHODS["custody_positions"],
    "POST /api/bundle/export": METHODS["bundle_export"],
    "POST /api/bundle/import": METHODS["bundle_import"],
    "POST /api/bundle/inspect": METHODS["bundle_inspect"],
    "GET /api/who": (May.LOOK,),
    "GET /api/status": METHODS["status"],
    "GET /api/peers": METHODS["peers"],
    "GET /api/custody": METHODS["custody"],
    "GET /api/custody/{document}": METHODS["record_custody"],
    "GET /api/findings": METHODS["findings"],
    "GET /api/finding/{finding}": METHODS["finding"],
    "GET /api/candidates/{document}": METHODS["candidates"],
    "GET /api/documents": METHODS["list_documents"],
    "GET /api/find": METHODS["find"],
    "GET /api/chart/{document}": METHODS["chart"],
    "GET /api/casualties": METHODS["casualties"],
    "GET /api/timeline/{document}": METHODS["timeline"],
    "GET /web/casualty/{document}": METHODS["chart"],
    "POST /web/casualty/{document}": METHODS["save"],
    "POST /web/casualty": METHODS["new_casualty"],
    "GET /api/shown/{document}/{slot}": METHODS["shown"],
    "GET /api/statements/{document}": METHODS["statements"],
    "GET /api/set-aside": METHODS["set_aside"],
    "GET /api/uncosigned": METHODS["uncosigned"],
    "GET /api/accounts": METHODS["accounts"],
    "POST /api/account": METHODS["set_account"],
    "POST /api/passphrase": METHODS["set_passphrase"],
    "POST /api/break-glass": METHODS["break_glass"],
    "POST /api/cosign": METHODS["cosign"],
    "POST /api/save": METHODS["save"],
    "POST /api/import": METHODS["import_saves"],
    "POST /api/resolve": METHODS["resolve"],
    "POST /api/link": METHODS["link"],
    "POST /api/unlink": METHODS["unlink"],
    "POST /api/move": METHODS["move"],
    "POST /api/casualty": METHODS["new_casualty"],
    "POST /api/sync": METHODS["sync"],
    "POST /api/fetch": METHODS["fetch"],
    "POST /api/pause": METHODS["pause"],
    "POST /api/silence": METHODS["silence"],
    "GET /api/audit/logs": METHODS["audit_logs"],
    "GET /api/asked": METHODS["asked"],
    "GET /api/audit/rows": METHODS["audit_rows"],
    "GET /api/audit/verify": METHODS["audit_verify"],
    "POST /api/set-aside/retry": METHODS["retry_set_aside"],
    "POST /api/shed": METHODS["shed"],
    "POST /api/backed-up": METHODS["backed_up"],
    "POST /api/hand-over": METHODS["hand_over"],
    "GET /api/close-out": METHODS["close_out"],
}
"""By method and path of the local API."""

SLOTS: Mapping[str, Needs] = {
    "account": (May.ACCOUNTS,),
    "override": (May.BREAK_GLASS,),
    "cosign": (May.COSIGN,),
    "link": (May.IDENTITY,),
    "scope": (May.SCOPE,),
    "member_document": (May.SCOPE,),
    "roster_entry": (May.STRENGTH,),
    "strength": (May.STRENGTH,),
    "alert": (May.PUBLISH,),
    "content_pack": (May.PUBLISH,),
    "resolution": (May.RESOLVE,),
    **dict.fromkeys(
        ("name", "rank", "service", "sex", "birth_date", "dod_id"), (May.IDENTITY, May.CARE)
    ),
    **dict.fromkeys(
        ("battle_roster", "nationality", "unit", "identifier"), (May.IDENTITY, May.CARE)
    ),
}
"""By slot that is written; every other one is `OTHER_SLOTS`."""

OTHER_SLOTS: Needs = (May.CARE,)
UNIT_RESOLUTION: Needs = (May.OVERSEE,)

COMMANDS: Mapping[str, Needs] = {
    "init": ANYBODY,
    "run": ANYBODY,
    "doctor": ANYBODY,
    "version": ANYBODY,
    "demo": ANYBODY,
    "sim list": ANYBODY,
    "sim run": ANYBODY,
    "sim replay": ANYBODY,
    "sim shrink": ANYBODY,
    "link": ANYBODY,
    "config show": ANYBODY,
    "config path": ANYBODY,
    "config check": ANYBODY,
    "db check": ANYBODY,
    "db rebuild": ANYBODY,
    "sign-in": ANYBODY,
    "garrison export-key": ANYBODY,
    "garrison import-key": ANYBODY,
    "garrison init": ANYBODY,
    "garrison log": ANYBODY,
    "garrison passphrase": ANYBODY,
    "garrison stamp": ANYBODY,
    "enrol approve": ANYBODY,
    "enrol grant": ANYBODY,
    "enrol import": ANYBODY,
    "enrol list": ANYBODY,
    "enrol open": ANYBODY,
    "enrol renew": ANYBODY,
    "enrol request": ANYBODY,
    "enrol show": ANYBODY,
    "revoke": ANYBODY,
    "release": ANYBODY,
    "condemn": ANYBODY,
    "lock": ANYBODY,
    "unlock": ANYBODY,
    "zeroize": ANYBODY,
    "backup": ANYBODY,
    "restore": ANYBODY,
    "vault encrypt": ANYBODY,
    "vault escrow": ANYBODY,
    "vault forget": ANYBODY,
    "vault key-file": ANYBODY,
    "vault passphrase": ANYBODY,
    "vault pin": ANYBODY,
    "vault recover": ANYBODY,
    "vault rotate": ANYBODY,
    "vault show": ANYBODY,
    "sign-out": ANYBODY,
    "who": ANYBODY,
    "pin": (May.LOOK,),
    "status": METHODS["status"],
    "peers": METHODS["peers"],
    "sync": METHODS["sync"],
    "find": METHODS["find"],
    "custody": METHODS["custody"],
    "show": METHODS["chart"],
    "record": METHODS["save"],
    "casualty": METHODS["new_casualty"],
    "candidates": METHODS["candidates"],
    "same": METHODS["link"],
    "not-same": METHODS["unlink"],
    "move": METHODS["move"],
    "review list": METHODS["findings"],
    "review show": METHODS["finding"],
    "review resolve": METHODS["resolve"],
    "import fhir": METHODS["import_saves"],
    "scope list": METHODS["chart"],
    "scope join": (May.SCOPE,),
    "scope leave": (May.SCOPE,),
    "scope asked": METHODS["asked"],
    "shed": METHODS["shed"],
    "fetch": METHODS["fetch"],
    "bundle export": METHODS["bundle_export"],
    "bundle import": METHODS["bundle_import"],
    "bundle inspect": METHODS["bundle_inspect"],
    "bundle carry": (May.SYNC,),
    "bundle carried": (May.SYNC,),
    "handover": METHODS["hand_over"],
    "close-out": METHODS["close_out"],
    "cosign": METHODS["cosign"],
    "account add": METHODS["set_account"],
    "account list": METHODS["accounts"],
    "account role": METHODS["set_account"],
    "account disable": METHODS["set_account"],
    "account passphrase": METHODS["set_passphrase"],
    "break-glass": METHODS["break_glass"],
    "silent": METHODS["silence"],
    **dict.fromkeys(("audit list", "audit verify", "audit export"), (May.AUDIT,)),
    "set-aside list": METHODS["set_aside"],
    "set-aside export": (May.EXPORT,),
    "set-aside retry": METHODS["retry_set_aside"],
}
"""By command. `ANYBODY`: reads no record (the machine, the configuration, the store's checksums), or asks
for a secret of its own (the authority's key, the vault's)."""


def granted(who: Acting | None) -> frozenset[May]:
    """Everything that somebody may do now; nothing for nobody and for a role that is not here."""
    if who is None:
        return frozenset()
    if who.role == SETUP:
        return frozenset(May)
    own = (may for may, (_, roles) in TABLE.items() if who.role in roles)
    return frozenset(own) | (LIFTED if who.purpose else frozenset())


def roles_with(needs: Needs) -> tuple[str, ...]:
    """Roles that have any of these, in the order of the columns."""
    return tuple(role for role in ROLES if any(role in TABLE[may][1] for may in needs))


def permissions_text() -> str:
    """deploy/PERMISSIONS.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from ("# Who may do what", "")
    yield "<!-- Generated from node/permissions.py by `make docs`. Do not edit. -->"
    yield ""
    yield "*owner*: the system's user who owns the node's home, when nobody is signed in. On a node that"
    yield "knows no account yet the owner may do everything; `status` says so. Breaking the glass adds"
    yield f"{_names(sorted(LIFTED))}, for a time. What is not named here is refused."
    yield from ("", f"| | {' | '.join(ROLES)} | what |", f"|---|{'---|' * len(ROLES)}---|")
    for may, (words, roles) in TABLE.items():
        marks = " | ".join("yes" if role in roles else "" for role in ROLES)
        yield f"| {may} | {marks} | {words} |"
    slots = {**SLOTS, "resolution, in a unit": UNIT_RESOLUTION, "every other slot": OTHER_SLOTS}
    for title, named in (("Commands", COMMANDS), ("Slots", slots), ("Routes", ROUTES)):
        yield from ("", f"## {title}", "", "| | needs | roles |", "|---|---|---|")
        for name, needs in named.items():
            words = " or ".join(needs) or "nothing"
            yield f"| `{name}` | {words} | {_names(roles_with(needs)) if needs else 'anybody'} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
