"""Laws of plans."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from leadglass.dicom.plan import Copy, Insert, Op, Plan, PlanSource, decode, encode, invert, merged, run
from leadglass.dicom.source import BytesSource


@st.composite
def ops(draw: st.DrawFn, size: int, sources: int = 1) -> Op:
    """A copy within a source of ``size`` bytes, or an insert."""
    if draw(st.booleans()):
        return Insert(draw(st.binary(max_size=20)))
    first, second = sorted(draw(st.tuples(st.integers(0, size), st.integers(0, size))))
    return Copy(first, second - first, draw(st.integers(0, sources - 1)))


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, Plan, tuple[int, int]]:
    """A file, any edit of it, and any range of it that stands for the pixel value."""
    data = draw(st.binary(max_size=200))
    plan = Plan(tuple(draw(st.lists(ops(len(data)), max_size=12))))
    first, second = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    return data, plan, (first, second - first)


def made(plan: Plan, *sources: bytes, chunk: int = 1 << 20) -> bytes:
    return b"".join(run(plan, [BytesSource(source) for source in sources], chunk=chunk))


@given(edits())
def test_a_plan_and_its_inverse_undo_each_other(edit: tuple[bytes, Plan, tuple[int, int]]) -> None:
    data, plan, (offset, length) = edit
    pixels = data[offset : offset + length]
    out = made(plan, data)
    inverse = invert(plan, received=BytesSource(data), pixel_value=(offset, length))
    assert made(inverse, out, pixels) == data
    again = invert(inverse, received=BytesSource(out))
    assert made(again, data) == out


@given(edits())
def test_a_stored_inverse_is_as_good_as_a_fresh_one(edit: tuple[bytes, Plan, tuple[int, int]]) -> None:
    data, plan, pixel_value = edit
    inverse = invert(plan, received=BytesSource(data), pixel_value=pixel_value)
    assert decode(encode(inverse)) == inverse


@given(edits(), st.integers(1, 50))
def test_the_size_of_a_chunk_changes_nothing(edit: tuple[bytes, Plan, tuple[int, int]], chunk: int) -> None:
    data, plan, _ = edit
    assert made(plan, data, chunk=chunk) == made(plan, data)


@given(edits(), st.integers(0, 300), st.integers(0, 300))
def test_a_plan_reads_anywhere_what_it_makes(edit: tuple[bytes, Plan, tuple[int, int]], offset: int, length: int) -> None:
    data, plan, _ = edit
    source = PlanSource(plan, [BytesSource(data)])
    assert source.read(offset, length) == made(plan, data)[offset : offset + length]


@given(edits())
def test_merging_changes_no_byte(edit: tuple[bytes, Plan, tuple[int, int]]) -> None:
    data, plan, _ = edit
    assert made(Plan(merged(plan.ops)), data) == made(plan, data)
