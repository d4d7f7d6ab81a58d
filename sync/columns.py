"""Statements of many changes as columns, so that like stands beside like (PROTOCOL.md, *Content*).

What varies in a statement's text is taken out and a mark left in its place: record stamp, times,
ids, numbers. What remains, the shape, is written once a frame and then named by its place. Texts
are read as Latin-1, byte by byte, so every text comes back exactly, whatever it says. One pass over
the whole frame for each kind of mark: a pass is C, a loop over marks is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate, chain
from typing import NamedTuple

from conflict.identity import ID_BYTES, DocumentId, DocumentKind, document_text, parse_document
from sync.errors import BadFrame, FrameTooLarge
from sync.leb128 import Reader, fold, numbers, unfold

CONTENT_STATEMENTS_MAX = 1 << 14
CONTENT_TEXT_BYTES_MAX = 1 << 20
"""Texts of one frame, rebuilt: a few bytes may name a long shape many times."""

NUMBER, INSTANT, STAMP, ID, DOCUMENT, OWN = "\0", "\1", "\2", "\3", "\4", "\5"
_FILLED_BYTES = {INSTANT: 20, STAMP: 25, ID: 32, DOCUMENT: 32, OWN: 32, NUMBER: 4}
RESERVED = bytes(range(0x20))
"""Marks and line ends. JSON never holds them as they are; a run that does is sent whole."""

# Each begins with a letter that is rare in charts: a scan stops nowhere else.
_STAMPS = re.compile(r'"rec":"((?:0|[1-9][0-9]{0,14})\.(?:0|[1-9][0-9]{0,8}))(?=")')
_INSTANTS = re.compile(r'T((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])Z(?=")')
_IDS = re.compile(r'"([0-9a-f]{64}|[0-9a-f]{32})(?=[".])')
_DOCUMENTS = re.compile(r'-([a-z2-7]{24})(?=["/])')
_DIGITS = re.compile("[0-9]+")
_KINDS = {kind.name.lower(): kind for kind in DocumentKind}
_KIND_NUMBERS = frozenset(DocumentKind)

_DAY_CHARS, _DAY_S = 10, 86_400
_DIGITS_OF = tuple(f"{number:02}" for number in range(60))
_TWO = {digits: number for number, digits in enumerate(_DIGITS_OF)}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  seconds are counted, no zone is meant
_INSTANT_S_MIN, _INSTANT_S_MAX = -62_135_596_800, 253_402_300_799  # years 1 to 9999
_STAMP_MS_MAX, _STAMP_COUNTER_MAX = 10**15 - 1, 10**9 - 1

_DIGIT_BYTES = b"0123456789"
_DIGITS_ONLY = bytes(code if code in _DIGIT_BYTES else 0x20 for code in range(256))
_NO_DIGITS = bytes(0 if code in _DIGIT_BYTES else code for code in range(256))
_LONG = 255
_NUMBERS = (
    *map(str, range(240)),
    *(f"0{digit}" for digit in range(10)),
    *("250", "400", "500", "800", "1000"),
)
"""Digits by their code. Code 255: among the long numbers. The last five are doses and volumes."""
_CODES = {digits.encode(): code for code, digits in enumerate(_NUMBERS)}


class Columns(NamedTuple):
    """What was taken out of the texts, in order, and what is left of them.

    `shapes`: `<slot>/<text>` with marks. `instants`: seconds since 1970. `stamps`: milliseconds,
    counter. `bases`: for each stamp the instant before it (0: none). `ids`: first those of `ID`
    marks, then of `DOCUMENT` marks, 16 bytes each.
    """

    shapes: Sequence[str] = ()
    instants: Sequence[int] = ()
    stamps: Sequence[tuple[int, int]] = ()
    bases: Sequence[int] = ()
    ids: Sequence[bytes] = ()
    codes: bytes = b""
    long: Sequence[str] = ()


def take_out(lines: Sequence[str]) -> Columns:
    """Columns of lines `<slot>/<text>`: Latin-1, no control characters but `OWN`.

    Raises `FrameTooLarge`.
    """
    if not lines:
        return Columns()
    text, stamps = _take_stamps("\n".join(lines))
    text, instants = _take_instants(text)
    text, ids = _take_ids(text)
    text, documents = _take_documents(text)
    raw = text.encode("latin-1")
    found = raw.translate(_DIGITS_ONLY).split()
    codes = bytes([_CODES.get(digits, _LONG) for digits in found])
    marked = _one_mark_each(raw.translate(_NO_DIGITS).decode("latin-1"))
    _bound(_filled_bytes(marked))
    return Columns(
        shapes=marked.split("\n"),
        instants=instants,
        stamps=stamps,
        bases=_before_stamps(text, instants),
        ids=ids + documents,
        codes=codes,
        long=[digits.decode() for digits in found if digits not in _CODES]
        if _LONG in codes
        else (),
    )


def _one_mark_each(text: str) -> str:
    """Each run of digits as one mark."""
    while NUMBER + NUMBER in text:
        text = text.replace(NUMBER + NUMBER, NUMBER)
    return text


def _take_stamps(text: str) -> tuple[str, list[tuple[int, int]]]:
    pieces = _STAMPS.split(text)
    stamps = []
    for token in pieces[1::2]:
        ms, _, counter = token.partition(".")
        stamps.append((int(ms), int(counter)))
    return f'"rec":"{STAMP}'.join(pieces[::2]), stamps


def _take_instants(text: str) -> tuple[str, list[int]]:
    pieces = _INSTANTS.split(text)
    instants = []
    days: dict[str, int | None] = {}
    for at in range(1, len(pieces), 2):
        before, time = pieces[at - 1], pieces[at]
        day = before[-_DAY_CHARS:]
        if day not in days:
            days[day] = _day_s(day)
        start = days[day]
        if start is None:
            pieces[at] = f"T{time}Z"
            continue
        instants.append(start + _TWO[time[:2]] * 3600 + _TWO[time[3:5]] * 60 + _TWO[time[6:]])
        pieces[at - 1], pieces[at] = before[:-_DAY_CHARS], INSTANT
    return "".join(pieces), instants


def _day_s(text: str) -> int | None:
    """Seconds since 1970 at the start of a day; None: no day, or not written as every day is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return (day - _EPOCH.date()).days * _DAY_S if day.isoformat() == text else None


def _take_ids(text: str) -> tuple[str, list[bytes]]:
    pieces = _IDS.split(text)
    ids = []
    for at in range(1, len(pieces), 2):
        raw = bytes.fromhex(pieces[at])
        ids += [raw[start : start + ID_BYTES] for start in range(0, len(raw), ID_BYTES)]
        pieces[at] = '"' + ID * (len(raw) // ID_BYTES)
    return "".join(pieces), ids


def _take_documents(text: str) -> tuple[str, list[bytes]]:
    pieces = _DOCUMENTS.split(text)
    documents: list[bytes] = []
    for at in range(1, len(pieces), 2):
        before, quote, kind = pieces[at - 1].rpartition('"')
        if kind in _KINDS:
            documents.append(parse_document(f"{kind}-{pieces[at]}"))
            pieces[at - 1], pieces[at] = before + quote, DOCUMENT
        else:
            pieces[at] = "-" + pieces[at]
    return "".join(pieces), documents


def _before_stamps(text: str, instants: Sequence[int]) -> list[int]:
    """For each stamp the instant that stands before it in the frame, 0 if none does."""
    passed = accumulate(piece.count(INSTANT) for piece in text.split(STAMP)[:-1])
    return [instants[count - 1] if count else 0 for count in passed]


def write(columns: Columns, known: Sequence[bytes]) -> tuple[list[bytes], bytes]:
    """The columns as bytes, in parts that differ in kind, and the ids that are not `known`."""
    heads: dict[str, int] = {}
    tails: dict[str, int] = {}
    found: dict[str, tuple[int, int]] = {}
    for shape in dict.fromkeys(columns.shapes):
        before, stamp, after = shape.partition(STAMP)
        slot, _, head = before.partition("/")
        tail = f"{slot}/{after}" if stamp else slot
        found[shape] = heads.setdefault(head, len(heads)), tails.setdefault(tail, len(tails))
    pairs = [found[shape] for shape in columns.shapes]
    places, new = _named(columns.ids, known)
    parts = [
        numbers([head for head, _ in pairs]) + numbers([tail for _, tail in pairs]),
        _lines((*heads, *tails)),
        _times(columns) + numbers(places),
        columns.codes,
        _lines(columns.long),
    ]
    return parts, new


def _named(ids: Sequence[bytes], known: Sequence[bytes]) -> tuple[list[int], bytes]:
    """Each id as its place among those known or seen before, from 1; 0 for a new one."""
    seen = {name: place for place, name in enumerate(dict.fromkeys(known), 1)}
    places, new = [], []
    for name in ids:
        places.append(seen.get(name, 0))
        if name not in seen:
            seen[name] = len(seen) + 1
            new.append(name)
    return places, b"".join(new)


def _lines(texts: Iterable[str]) -> bytes:
    return "".join([text + "\n" for text in texts]).encode("latin-1")


_RULES = (0, 1000)
"""Milliseconds that a stamp is expected to go on with each second that the instants go on.

0: imported at once, whatever the times; 1000: written as things happened."""


def _times(columns: Columns) -> bytes:
    """Instants as steps; then the stamps' rule, their steps under it and their counters' steps."""
    steps = _steps(columns.instants)
    if not columns.stamps:
        return numbers(steps)
    ms = [one for one, _ in columns.stamps]
    at_once = _steps(ms)
    as_it_happened = _steps(
        [one - base * 1000 for one, base in zip(ms, columns.bases, strict=True)]
    )
    rule = 0 if sum(at_once[1:]) < sum(as_it_happened[1:]) else 1
    due = _due(columns.stamps)
    counters = fold([counter - one for (_, counter), one in zip(columns.stamps, due, strict=True)])
    return numbers((*steps, rule, *(as_it_happened if rule else at_once), *counters))


def _steps(values: Sequence[int]) -> list[int]:
    """From 0 to the first and from each to the next."""
    return fold(
        [after - before for before, after in zip(chain((0,), values), values, strict=False)]
    )


def _due(stamps: Sequence[tuple[int, int]]) -> list[int]:
    """The counter that the record clock would give: one more within a millisecond, else 0."""
    before = chain(((-1, 0),), stamps)
    return [
        last + 1 if ms == last_ms else 0
        for (last_ms, last), (ms, _) in zip(before, stamps, strict=False)
    ]


def read(reader: Reader, plain: Reader, known: Sequence[bytes], statements: int) -> list[str]:
    """The lines that `take_out` was given. `plain` holds the new ids.

    Raises `BadFrame`, `FrameTooLarge`.
    """
    if not statements:
        return []
    text = "\n".join(_read_shapes(reader, statements))
    _bound(_filled_bytes(text))
    instants = _read_instants(reader, text.count(INSTANT))
    stamps = _read_stamps(reader, _before_stamps(text, instants))
    id_marks = text.count(ID)
    ids = _read_ids(reader, plain, known, id_marks + text.count(DOCUMENT))
    found = _read_numbers(reader, text.count(NUMBER))
    for mark, texts in (
        (INSTANT, _instant_texts(instants)),
        (STAMP, stamps),
        (ID, [name.hex() for name in ids[:id_marks]]),
        (DOCUMENT, [_document_text(name) for name in ids[id_marks:]]),
        (NUMBER, found),
    ):
        text = _fill(text, mark, texts)
    return text.split("\n")


def _filled_bytes(text: str) -> int:
    """At most so large once every mark is filled, long numbers apart."""
    return len(text) + sum(text.count(mark) * size for mark, size in _FILLED_BYTES.items())


def _bound(size: int) -> None:
    if size > CONTENT_TEXT_BYTES_MAX:
        raise FrameTooLarge(f"texts over {CONTENT_TEXT_BYTES_MAX} bytes (CONTENT_TEXT_BYTES_MAX)")


def _fill(text: str, mark: str, texts: Sequence[str]) -> str:
    pieces = text.split(mark)
    filled = [""] * (2 * len(pieces) - 1)
    filled[::2] = pieces
    filled[1::2] = texts
    return "".join(filled)


def _read_shapes(reader: Reader, statements: int) -> list[str]:
    head_places, tail_places = reader.numbers(statements), reader.numbers(statements)
    heads = reader.lines(max(head_places) + 1)
    tails = [tail.partition("/") for tail in reader.lines(max(tail_places) + 1)]
    head_sizes, tail_sizes = list(map(len, heads)), [sum(map(len, tail)) for tail in tails]
    _bound(sum([head_sizes[place] for place in head_places]))
    _bound(sum([tail_sizes[place] for place in tail_places]))
    begins = [f"{slot}/" for slot, _, _ in tails]
    ends = [f"{STAMP}{rest}" if slash else "" for _, slash, rest in tails]
    return [
        begins[tail] + heads[head] + ends[tail]
        for head, tail in zip(head_places, tail_places, strict=True)
    ]


def _read_instants(reader: Reader, count: int) -> list[int]:
    instants = list(accumulate(map(unfold, reader.numbers(count))))
    if instants and not _INSTANT_S_MIN <= min(instants) <= max(instants) <= _INSTANT_S_MAX:
        raise BadFrame("an instant outside the years 1 to 9999")
    return instants


def _instant_texts(instants: Sequence[int]) -> list[str]:
    days = {day: _day_text(day) for day in {second // _DAY_S for second in instants}}
    two = _DIGITS_OF
    return [
        f"{days[at // _DAY_S]}T{two[at // 3600 % 24]}:{two[at // 60 % 60]}:{two[at % 60]}Z"
        for at in instants
    ]


def _day_text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def _read_stamps(reader: Reader, bases: Sequence[int]) -> list[str]:
    if not bases:
        return []
    rule = reader.number()
    if rule >= len(_RULES):
        raise BadFrame(f"rule {rule} for record stamps is not in this layout")
    beyond = accumulate(map(unfold, reader.numbers(len(bases))))
    times = [base * _RULES[rule] + more for base, more in zip(bases, beyond, strict=True)]
    if min(times) < 0 or max(times) > _STAMP_MS_MAX:
        raise BadFrame("a record stamp out of range")
    texts, last_ms, last = [], -1, 0
    for ms, step in zip(times, reader.numbers(len(bases)), strict=True):
        last = (last + 1 if ms == last_ms else 0) + unfold(step)
        if not 0 <= last <= _STAMP_COUNTER_MAX:
            raise BadFrame("a record stamp out of range")
        last_ms = ms
        texts.append(f"{ms}.{last}")
    return texts


def _read_ids(reader: Reader, plain: Reader, known: Sequence[bytes], count: int) -> list[bytes]:
    seen = list(dict.fromkeys(known))
    ids = []
    for place in reader.numbers(count):
        if place > len(seen):
            raise BadFrame("an id that did not come before")
        if not place:
            seen.append(plain.take(ID_BYTES))
        ids.append(seen[place - 1])
    return ids


def _document_text(name: bytes) -> str:
    if name[0] not in _KIND_NUMBERS:
        raise BadFrame("a document of no kind that has a name")
    return document_text(DocumentId(name))


def _read_numbers(reader: Reader, count: int) -> list[str]:
    codes = reader.take(count)
    long = reader.lines(codes.count(_LONG))
    if any(not _DIGITS.fullmatch(digits) or digits.encode() in _CODES for digits in long):
        raise BadFrame("a long number is digits that have no code")
    if not long:
        return [_NUMBERS[code] for code in codes]
    rest = iter(long)
    return [next(rest) if code == _LONG else _NUMBERS[code] for code in codes]
