"""Requests, approvals, their armour and the codes that people compare: what is taken, what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from conflict.scope import CODE_CHARS_MAX, scope_id
from conflict.signature import SigningKey
from sync import limits
from sync.trust import armour, authority, crockford, enrolment
from sync.trust.authority import NAME_CHARS_MAX, Enrol, Head, Time, next_entry
from sync.trust.certificate import DeviceRole, Grant, issue, receive_key, root_certificate
from sync.trust.enrolment import (
    APPROVAL_KIND,
    REQUEST_KIND,
    Approval,
    Request,
    accept,
    approval_bytes,
    approval_code,
    approve,
    ask,
    read_approval,
    read_request,
    request_bytes,
    request_code,
)
from sync.trust.errors import BadEnrolment, OtherTheatre, TrustError
from sync.trust.sealed_box import seal, unseal

ROOT, OTHER_ROOT, DEVICE, STRANGER, ONCE = (
    SigningKey.from_entropy(bytes([n]) * 48) for n in range(1, 6)
)
RECEIVE = receive_key(DEVICE)
NOW_MS, YEAR_MS = 1_800_000_000_000, 365 * 86_400_000
SECRET = bytes(range(16))
HOSPITAL = "\U0001f3e5"
"""A letter of four bytes."""

CODES = ("BAS-1", "Röle 2")


def asked(key: SigningKey = DEVICE, nonce: bytes = b"n" * 16, **other: object) -> Request:
    given = {"name": "bas-1", "role": DeviceRole.FIELD, "codes": CODES, **other}
    return ask(key, receive_key(key), nonce=nonce, **given)  # type: ignore[arg-type]  # shorthand


def answered(request: Request, root: SigningKey = ROOT) -> Approval:
    root_der = root_certificate(root, NOW_MS, NOW_MS + 10 * YEAR_MS)
    grant = Grant(
        public=request.public,
        receive=request.receive,
        role=request.role,
        scopes=frozenset(map(scope_id, request.codes)),
        number=2,
        issued_ms=NOW_MS,
        expires_ms=NOW_MS + YEAR_MS,
    )
    der = issue(root, grant).der
    first = next_entry(root, Head(), Time(), NOW_MS)
    second = next_entry(root, first.head, Enrol(der, request.name, request.codes), NOW_MS)
    entries = [authority.to_bytes(one) for one in (first, second)]
    return approve(root, root_der, request, der, request.codes, SECRET, ONCE, entries)


REQUEST = asked()
APPROVAL = answered(REQUEST)
FORMS = {
    "request": (request_bytes(REQUEST), read_request),
    "approval": (approval_bytes(APPROVAL), read_approval),
}


def taken(approval: Approval, theatre: bytes | None = None) -> enrolment.Accepted:
    return accept(approval, DEVICE, RECEIVE, [asked(nonce=b"o" * 16), REQUEST], theatre)


def test_a_device_gets_in_with_the_answer_to_its_own_request() -> None:
    found = taken(read_approval(approval_bytes(APPROVAL)))
    assert (found.request, found.secret) == (REQUEST, SECRET)
    assert found.approval == APPROVAL
    again = taken(APPROVAL, ROOT.public)
    assert again == found  # once more, now in that theatre: the same


def test_without_the_log_an_approval_is_taken_as_well() -> None:
    short = read_approval(approval_bytes(APPROVAL, log=False))
    assert short == replace(APPROVAL, entries=())
    assert taken(short).secret == SECRET


# What is refused ----------------------------------------------------------------------------------


def use(form: str, data: bytes) -> object:
    """All that a node does before it believes such bytes."""
    found = FORMS[form][1](data)
    return taken(found) if isinstance(found, Approval) else found


@pytest.mark.filterwarnings("ignore:Parsed a")
@pytest.mark.parametrize("form", FORMS)
def test_every_flipped_byte_is_refused(form: str) -> None:
    data, _ = FORMS[form]
    for at in range(len(data)):
        for bit in (1, 0x80):
            bad = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            with pytest.raises(TrustError):
                use(form, bad)


@pytest.mark.parametrize("form", FORMS)
def test_every_cut_and_every_addition_is_refused_and_says_what_to_do(form: str) -> None:
    data, read = FORMS[form]
    for bad in (*(data[:size] for size in range(len(data))), data + b"\0"):
        with pytest.raises(BadEnrolment, match=r"copy it again.*Nothing was changed"):
            read(bad)


def test_a_request_for_keys_of_others_is_refused() -> None:
    theirs = replace(REQUEST, public=STRANGER.public)
    with pytest.raises(BadEnrolment, match="does not hold the keys"):
        read_request(request_bytes(theirs))
    borrowed = replace(REQUEST, receive=receive_key(STRANGER).public)
    with pytest.raises(BadEnrolment, match="does not hold the keys"):
        read_request(request_bytes(borrowed))
    one_key = ask(DEVICE, DEVICE, name="x", role=DeviceRole.FIELD, codes=(), nonce=b"n" * 16)
    with pytest.raises(BadEnrolment, match="does not hold the keys"):
        read_request(request_bytes(one_key))


def test_signatures_of_the_two_keys_cannot_stand_for_one_another() -> None:
    swapped = replace(
        REQUEST,
        public=REQUEST.receive,
        receive=REQUEST.public,
        signature=REQUEST.receive_signature,
        receive_signature=REQUEST.signature,
    )
    with pytest.raises(BadEnrolment):
        read_request(request_bytes(swapped))


def test_an_approval_for_another_device_is_told() -> None:
    other = answered(asked(STRANGER))
    with pytest.raises(BadEnrolment, match="for another device") as refused:
        taken(other)
    assert STRANGER.node.hex() in str(refused.value)


def test_an_approval_from_another_theatre_is_told() -> None:
    with pytest.raises(OtherTheatre, match="Nothing was changed"):
        taken(answered(REQUEST, OTHER_ROOT), ROOT.public)


def test_an_approval_of_a_forgotten_request_is_told() -> None:
    late = answered(asked(nonce=b"z" * 16))
    with pytest.raises(BadEnrolment, match="answers no request"):
        taken(late)


def test_an_approval_that_somebody_else_signed_is_refused() -> None:
    forged = replace(APPROVAL, sealed=seal(RECEIVE.public, b"s" * 16, REQUEST.digest, STRANGER))
    with pytest.raises(BadEnrolment, match="not signed by the authority"):
        read_approval(approval_bytes(forged))


def test_a_log_that_leaves_the_device_out_is_refused() -> None:
    entries = [next_entry(ROOT, Head(), Time(), NOW_MS)]
    entries.append(next_entry(ROOT, entries[0].head, Time(), NOW_MS))
    odd = replace(APPROVAL, entries=tuple(map(authority.to_bytes, entries)))
    with pytest.raises(TrustError, match="enrols no such device"):
        taken(odd)


def test_only_the_device_reads_the_secret() -> None:
    assert SECRET not in approval_bytes(APPROVAL)
    assert unseal(RECEIVE, APPROVAL.sealed, REQUEST.digest) == SECRET
    for key, bound in ((receive_key(STRANGER), REQUEST.digest), (RECEIVE, b"another request")):
        with pytest.raises(BadEnrolment, match="does not open"):
            unseal(key, APPROVAL.sealed, bound)


def test_the_longest_request_is_taken_and_longer_ones_are_refused_by_size() -> None:
    codes = tuple(f"{number:02}" + HOSPITAL * (CODE_CHARS_MAX - 2) for number in range(64))
    longest = request_bytes(asked(name=HOSPITAL * NAME_CHARS_MAX, codes=codes))
    assert read_request(longest).codes == codes
    with pytest.raises(BadEnrolment, match="SCOPES_MAX"):
        read_request(request_bytes(asked(codes=("A",) * 65)))
    with pytest.raises(BadEnrolment, match=f"over {limits.ENROL_REQUEST_BYTES_MAX} bytes"):
        read_request(bytes(limits.ENROL_REQUEST_BYTES_MAX + 1))


# Codes --------------------------------------------------------------------------------------------


def test_check_codes_are_six_characters_that_depend_on_everything() -> None:
    code = request_code(REQUEST)
    assert code == request_code(read_request(request_bytes(REQUEST)))
    assert len(code) == 7
    assert code[3] == "-"
    assert not set(code.replace("-", "")) - set(crockford.ALPHABET)
    assert code != request_code(asked(nonce=b"o" * 16))
    answer = approval_code(REQUEST, APPROVAL)
    assert answer != approval_code(REQUEST, answered(REQUEST, OTHER_ROOT))
    assert answer != code
    assert answer == approval_code(REQUEST, replace(APPROVAL, entries=()))  # QR and file agree


def test_codes_are_read_as_people_type_them() -> None:
    assert crockford.read(" o1l-i8z ", 6) == "01118Z"
    for bad in ("", "12345", "1234567", "12345U", "1234é6"):
        with pytest.raises(BadEnrolment):
            crockford.read(bad, 6)
    assert crockford.letters(b"\xff\x00", 3) == "ZW0"


# Armour -------------------------------------------------------------------------------------------

KINDS = {
    "request": (REQUEST_KIND, limits.ENROL_REQUEST_BYTES_MAX),
    "approval": (APPROVAL_KIND, 1 << 20),
}


@pytest.mark.parametrize("form", FORMS)
def test_text_of_either_form_is_read_back(form: str) -> None:
    data = FORMS[form][0]
    shapes = (data, armour.text(data).encode(), armour.one_line(data).encode())
    loose = armour.text(data).lower().replace("\n", " \r\n\t ").encode()
    for raw in (*shapes, loose):
        assert armour.read(raw, *KINDS[form]) == data
    assert max(map(len, armour.text(data).splitlines())) <= armour.LINE_CHARS
    letters = set(armour.one_line(data))
    assert not letters - set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")  # alphanumeric QR


def test_every_wrong_letter_and_every_cut_of_a_text_is_refused() -> None:
    line = armour.one_line(FORMS["request"][0])
    for at, letter in enumerate(line):
        wrong = line[:at] + ("B" if letter != "B" else "C") + line[at + 1 :]
        for bad in (wrong, line[:at]):
            with pytest.raises(BadEnrolment, match="Nothing was changed"):
                armour.read(bad.encode(), *KINDS["request"])


def test_a_cut_text_says_how_much_of_it_is_there() -> None:
    data = FORMS["request"][0]
    cut = armour.one_line(data)[:200].encode()
    with pytest.raises(BadEnrolment, match=rf"of {len(data)} bytes: it is cut off"):
        armour.read(cut, *KINDS["request"])


def test_a_request_is_no_approval_and_neither_is_anything_else() -> None:
    with pytest.raises(BadEnrolment, match="an enrolment request, not an enrolment approval"):
        armour.read(FORMS["request"][0], *KINDS["approval"])
    for raw in (b"", b"\xff" * 40, b"AIDSTATION-REQUEST-1", b"x" * 100_000):
        with pytest.raises(BadEnrolment):
            armour.read(raw, *KINDS["request"])


def test_an_approval_fits_one_code_of_a_screen() -> None:
    """QR version 40-L holds 4,296 such letters; a terminal of 140 columns shows version 29, 2,132 at L."""
    size = len(armour.one_line(approval_bytes(APPROVAL, log=False)))
    most = approval_bytes(
        answered(asked(codes=tuple(f"UNIT-{n:02}" for n in range(16)))), log=False
    )
    assert size < 2132
    assert len(armour.one_line(most)) < 4296


def test_the_check_code_costs_what_the_document_says() -> None:
    data = request_bytes(REQUEST)
    domain = b"aidstation/enrol-request/1"
    found = hashlib.pbkdf2_hmac("sha256", data, domain, 100_000, 4)
    assert request_code(REQUEST).replace("-", "") == crockford.letters(found, 6)
