"""The sketch: any two sets are told apart, forged cells end, bytes are what PROTOCOL.md says."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import DocumentId
from sync import limits
from sync.errors import BadFrame, BadSketch, FrameTooLarge
from sync.sketch import (
    CELL_BYTES,
    SALT_BYTES,
    SYMBOL_BYTES,
    Decoded,
    Sketch,
    SketchKey,
    Symbol,
    cells_for,
    cells_of,
    decode,
    differences_guessed,
    next_size,
    tag,
    worth_sketching,
)

KEY = SketchKey(bytes(range(16)))
CELL = 1 << 8 * CELL_BYTES
FLIGHTS_MAX = 6

symbols = st.integers(0, (1 << 8 * SYMBOL_BYTES) - 1).map(Symbol)
sets = st.frozensets(symbols, max_size=40)
sizes = st.integers(1, 200)


def sketch_of(held: frozenset[Symbol], size: int, key: SketchKey = KEY) -> Sketch:
    found = Sketch(key, size)
    for symbol in sorted(held):
        found.add(symbol)
    return found


def drawn(seed: int, count: int) -> list[Symbol]:
    rng = random.Random(seed)
    return [Symbol(rng.getrandbits(8 * SYMBOL_BYTES)) for _ in range(count)]


def difference_of(ours: list[Symbol], theirs: list[Symbol], size: int) -> Sketch:
    return sketch_of(frozenset(ours), size).subtract(sketch_of(frozenset(theirs), size))


# What a sketch tells ------------------------------------------------------------------------------


@given(sets, sets)
def test_enough_cells_give_exactly_what_only_one_side_has(
    ours: frozenset[Symbol], theirs: frozenset[Symbol]
) -> None:
    size = 8
    mine, its = sketch_of(ours, size), sketch_of(theirs, size)
    while not (found := decode(mine.subtract(its))).complete and size < 4096:
        size *= 2
        mine.extend(ours, size)
        its.extend(theirs, size)
    assert found == Decoded(tuple(sorted(ours - theirs)), tuple(sorted(theirs - ours)), True)


@given(sets, sets, sizes)
def test_what_is_decoded_of_too_few_cells_is_true(
    ours: frozenset[Symbol], theirs: frozenset[Symbol], size: int
) -> None:
    found = decode(sketch_of(ours, size).subtract(sketch_of(theirs, size)))
    assert set(found.ours) <= ours - theirs
    assert set(found.theirs) <= theirs - ours


def test_documents_in_common_do_not_show() -> None:
    rng = random.Random(3)
    shared = [KEY.symbol(DocumentId(rng.randbytes(16)), rng.randbytes(16)) for _ in range(5_000)]
    ours, theirs = drawn(4, 6), drawn(5, 4)
    mine, its = Sketch(KEY, 80), Sketch(KEY, 80)
    for symbol in (*shared, *ours):
        mine.add(symbol)
    for symbol in (*theirs, *reversed(shared)):
        its.add(symbol)
    assert decode(mine.subtract(its)) == Decoded(tuple(sorted(ours)), tuple(sorted(theirs)), True)


def test_tags_tell_documents_that_one_side_lacks_from_those_that_differ() -> None:
    both, here, there = (DocumentId(bytes([2] * 15 + [number])) for number in (1, 2, 3))
    old, new = bytes(16), bytes([1] * 16)
    ours = [KEY.symbol(both, old), KEY.symbol(here, old)]
    theirs = [KEY.symbol(both, new), KEY.symbol(there, old)]
    found = decode(difference_of(ours, theirs, 60))
    assert found.complete
    assert found.lacking_there == (KEY.symbol(here, old),)
    assert found.lacking_here == (KEY.symbol(there, old),)
    assert tag(KEY.symbol(both, old)) == tag(KEY.symbol(both, new))


# What a sketch is ---------------------------------------------------------------------------------


@given(st.lists(symbols, unique=True, max_size=40), sizes, st.randoms(use_true_random=False))
def test_order_of_insertion_does_not_matter(
    held: list[Symbol], size: int, order: random.Random
) -> None:
    one, other = Sketch(KEY, size), Sketch(KEY, size)
    for symbol in held:
        one.add(symbol)
    order.shuffle(held)
    for symbol in held:
        other.add(symbol)
    assert one.to_bytes() == other.to_bytes()


@given(sets, symbols, sizes)
def test_add_then_remove_is_nothing(held: frozenset[Symbol], symbol: Symbol, size: int) -> None:
    found = sketch_of(held, size)
    found.add(symbol)
    found.remove(symbol)
    assert found.to_bytes() == sketch_of(held, size).to_bytes()


@given(sets, sets, sizes)
def test_sketches_of_parts_add_up_and_what_two_sets_share_cancels(
    one: frozenset[Symbol], other: frozenset[Symbol], size: int
) -> None:
    whole = sketch_of(one - other, size)
    whole.merge(sketch_of(other, size))
    assert whole.to_bytes() == sketch_of(one | other, size).to_bytes()
    difference = sketch_of(one, size).subtract(sketch_of(other, size))
    only = sketch_of(one - other, size).subtract(sketch_of(other - one, size))
    assert difference.to_bytes() == only.to_bytes()


@given(sets, sizes, sizes)
def test_the_first_cells_of_a_longer_sketch_are_the_shorter_one(
    held: frozenset[Symbol], one: int, other: int
) -> None:
    few, many = sorted((one, other))
    longer = sketch_of(held, many)
    assert longer.to_bytes(0, few) == sketch_of(held, few).to_bytes()
    grown = sketch_of(held, few)
    grown.extend(held, many)
    assert grown.to_bytes() == longer.to_bytes()
    assert [cell % CELL for cell in cells_of(KEY, held, few, many)] == longer.cells()[few:]


def test_a_symbol_lies_in_cell_i_with_probability_one_in_one_plus_half_i() -> None:
    count, cells = 4_000, 400
    held = [0] * cells
    for symbol in drawn(6, count):
        for place in KEY.places(KEY.spread(symbol)[0], cells):
            held[place] += 1
    assert held[0] == count
    for first, last in ((1, 2), (2, 3), (3, 6), (6, 20), (20, 100), (100, cells)):
        expected = count * sum(2 / (place + 2) for place in range(first, last))
        assert sum(held[first:last]) == pytest.approx(expected, rel=0.06)


def test_another_secret_or_salt_makes_other_symbols_and_refuses_to_be_mixed() -> None:
    document, digest = DocumentId(bytes(16)), bytes(16)
    keys = [KEY, SketchKey(bytes(16)), SketchKey(bytes(range(16)), bytes(SALT_BYTES))]
    assert len({key.symbol(document, digest) for key in keys}) == len(keys)
    assert len({key.name for key in keys}) == len(keys)
    with pytest.raises(ValueError, match="different keys"):
        Sketch(keys[0], 4).subtract(Sketch(keys[1], 4))
    with pytest.raises(ValueError, match="16 bytes"):
        SketchKey(b"short")


# Forged cells -------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=60 * CELL_BYTES), sets)
def test_any_cells_end_in_a_verdict_or_in_the_one_refusal(
    data: bytes, held: frozenset[Symbol]
) -> None:
    size = -(-len(data) // CELL_BYTES)
    theirs = Sketch.from_bytes(KEY, data.ljust(size * CELL_BYTES, b"\0"))
    try:
        found = decode(sketch_of(held, size).subtract(theirs))
    except BadSketch:
        return
    assert len(found.ours) + len(found.theirs) <= size


@given(sets, st.data())
def test_true_cells_with_one_changed_end_too(held: frozenset[Symbol], data: st.DataObject) -> None:
    cells = bytearray(sketch_of(held, 60).to_bytes())
    at = data.draw(st.integers(0, len(cells) - 1))
    cells[at] ^= data.draw(st.integers(1, 255))
    try:
        found = decode(Sketch.from_bytes(KEY, bytes(cells)))
    except BadSketch:
        return
    assert not found.complete


def test_a_symbol_in_one_of_its_cells_only_is_refused_not_peeled_for_ever() -> None:
    symbol = Symbol(7)
    item = KEY.spread(symbol)[0]
    last = KEY.places(item, 50)[-1]
    cells = [0] * 50
    cells[last] = item
    data = b"".join(cell.to_bytes(CELL_BYTES, "big") for cell in cells)
    with pytest.raises(BadSketch) as refusal:
        decode(Sketch.from_bytes(KEY, data))
    assert refusal.value.code == "bad-sketch"


def test_a_symbol_in_a_cell_that_is_none_of_its_places_is_no_symbol() -> None:
    item = KEY.spread(Symbol(7))[0]
    absent = next(place for place in range(50) if place not in KEY.places(item, 50))
    data = bytes(absent * CELL_BYTES) + item.to_bytes(CELL_BYTES, "big")
    assert decode(Sketch.from_bytes(KEY, data)) == Decoded((), (), False)


def test_cells_under_another_key_decode_to_nothing() -> None:
    held = frozenset(drawn(8, 30))
    strange = sketch_of(held, 90, SketchKey(bytes(16)))
    found = decode(Sketch.from_bytes(KEY, strange.to_bytes()))
    assert found == Decoded((), (), False)


# Bytes --------------------------------------------------------------------------------------------


@given(st.binary(max_size=20 * CELL_BYTES))
def test_bytes_are_cells_that_read_back_the_same_or_are_refused(data: bytes) -> None:
    try:
        found = Sketch.from_bytes(KEY, data)
    except BadFrame:
        assert not data or len(data) % CELL_BYTES
        return
    assert found.to_bytes() == data
    assert len(found) * CELL_BYTES == len(data)


def test_more_than_the_limit_is_refused_by_its_name() -> None:
    with pytest.raises(FrameTooLarge, match="SKETCH_CELLS_MAX"):
        Sketch.from_bytes(KEY, bytes((limits.SKETCH_CELLS_MAX + 1) * CELL_BYTES))
    with pytest.raises(ValueError, match="SKETCH_CELLS_MAX"):
        Sketch(KEY, 0)
    assert limits.SKETCH_CELLS_MAX * CELL_BYTES < limits.FRAME_BYTES_MAX


DOCUMENT = DocumentId(bytes.fromhex("02a1b2c3d4e5f60718293a4b5c6d7e8f"))
DIGEST = bytes.fromhex("00112233445566778899aabbccddeeff")
NAME = "f4f69985"
SYMBOL = 0x7E8FFB716180
ITEM = 0x853CC9FA3FEDC58601
PLACES = [0, 3, 4, 10, 16, 19, 28, 45, 53, 60, 464, 526, 940, 941, 1056, 1356, 2283, 4516]
PLACES += [11807, 13547, 13863, 16989, 27968, 31219, 44071]
SALTED_NAME, SALTED_SYMBOL = "9360ce93", 0x7E8FD7F342ED
FIVE_DOCUMENTS_SIX_CELLS = (
    "a24e0428341894ba29a08534182407df814fa08534182407df814f"
    "a08534182407df814f000000000000000000efbcc01017c7bb1d72"
)


def test_the_key_bytes_0_to_15_gives_this_symbol_these_places_and_this_item() -> None:
    symbol = KEY.symbol(DOCUMENT, DIGEST)
    assert (KEY.name.hex(), symbol) == (NAME, SYMBOL)
    assert KEY.spread(symbol)[0] == ITEM
    assert KEY.places(ITEM, 1 << 16) == PLACES
    salted = SketchKey(bytes(range(16)), bytes(range(16, 32)))
    assert (salted.name.hex(), salted.symbol(DOCUMENT, DIGEST)) == (SALTED_NAME, SALTED_SYMBOL)


def test_five_documents_make_these_six_cells() -> None:
    found = Sketch(KEY, 6)
    for number in range(5):
        found.add(KEY.symbol(DocumentId(bytes([2] * 15 + [number])), bytes([number] * 16)))
    assert found.to_bytes().hex() == FIVE_DOCUMENTS_SIX_CELLS


# How many cells -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("differences", "sets_drawn"), [(2, 300), (10, 300), (40, 100), (200, 40)])
def test_the_cells_for_a_number_of_differences_decode_nine_sets_in_ten_and_more(
    differences: int, sets_drawn: int
) -> None:
    complete = 0
    for seed in range(sets_drawn):
        found = drawn(1_000 * differences + seed, differences)
        cells = cells_for(differences)
        complete += decode(difference_of(found[::2], found[1::2], cells)).complete
    assert complete >= 0.92 * sets_drawn


def test_cells_grow_with_differences() -> None:
    needed = [cells_for(differences) for differences in range(3_000)]
    assert needed == sorted(needed)


def test_a_new_node_and_one_far_behind_are_listed_instead() -> None:
    assert worth_sketching(100_000, 100_000)
    assert worth_sketching(100_000, 90_000)
    assert not worth_sketching(100_000, 0)
    assert not worth_sketching(100_000, 30_000)
    assert not worth_sketching(10_000_000, 9_000_000)


@pytest.mark.parametrize("differences", [1, 30, 300, 1_000])
def test_from_too_few_cells_a_few_flights_lead_to_a_verdict(differences: int) -> None:
    found = drawn(differences, differences)
    size: int | None = 16
    for _ in range(FLIGHTS_MAX):
        assert size is not None
        difference = difference_of(found[::2], found[1::2], size)
        if decode(difference).complete:
            break
        before, size = size, next_size(difference, 100_000)
        assert size is None or before < size <= limits.SKETCH_CELLS_MAX
    else:
        pytest.fail(f"{differences} differences took more than {FLIGHTS_MAX} flights")


def test_cells_end_where_a_listing_takes_fewer_bytes() -> None:
    found = drawn(9, 600)
    difference = difference_of(found[::2], found[1::2], 100)
    assert next_size(difference, 20) is None
    assert next_size(difference, 300) == 400


def test_the_number_of_differences_is_guessed_within_a_third() -> None:
    for differences in (100, 300, 500):
        found = drawn(differences, differences)
        guessed = differences_guessed(difference_of(found[::2], found[1::2], 400))
        assert guessed == pytest.approx(differences, rel=1 / 3)
    assert differences_guessed(difference_of(drawn(1, 4_000), [], 100)) is None
