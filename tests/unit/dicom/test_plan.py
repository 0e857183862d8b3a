"""Plans: run, inverted, stored, read as a source."""

from __future__ import annotations

import struct

import pytest

from leadglass.dicom.plan import PLAN_FORMAT, Copy, Insert, Plan, PlanSource, decode, encode, invert, merged, run
from leadglass.dicom.source import BytesSource
from leadglass.errors import MalformedError

PLAN = Plan((Copy(2, 3), Insert(b"xyz"), Copy(0, 2, 1)))
SOURCES = (BytesSource(b"abcdefgh"), BytesSource(b"12"))


def test_a_plan_copies_and_inserts_in_order() -> None:
    assert b"".join(run(PLAN, SOURCES)) == b"cdexyz12"


def test_the_size_is_known_before_anything_is_read() -> None:
    assert PLAN.size == 8


def test_output_comes_in_chunks_of_the_asked_size_at_most() -> None:
    assert [len(chunk) for chunk in run(PLAN, SOURCES, chunk=2)] == [2, 1, 2, 1, 2]


def test_a_source_that_is_too_short_is_an_error() -> None:
    with pytest.raises(MalformedError, match="ends before offset 9"):
        list(run(Plan((Copy(4, 5),)), SOURCES))


def test_a_source_that_was_not_given_is_an_error() -> None:
    with pytest.raises(MalformedError, match="source 2"):
        list(run(Plan((Copy(0, 1, 2),)), SOURCES))


def test_neighbouring_ops_become_one() -> None:
    ops = (Copy(0, 2), Copy(2, 3), Insert(b"a"), Insert(b""), Insert(b"b"), Copy(5, 0), Copy(5, 1), Copy(6, 1, 1))
    assert merged(ops) == (Copy(0, 5), Insert(b"ab"), Copy(5, 1), Copy(6, 1, 1))


def test_what_a_plan_dropped_lies_in_its_inverse() -> None:
    inverse = invert(Plan((Copy(4, 2), Insert(b"-"))), received=SOURCES[0])
    assert inverse.ops == (Insert(b"abcd"), Copy(0, 2), Insert(b"gh"))


def test_dropped_pixels_are_asked_for_from_the_second_source() -> None:
    inverse = invert(Plan((Copy(0, 2),)), received=SOURCES[0], pixel_value=(3, 4))
    assert inverse.ops == (Copy(0, 2), Insert(b"c"), Copy(0, 4, 1), Insert(b"h"))


def test_copied_pixels_come_from_the_output() -> None:
    inverse = invert(Plan((Copy(0, 8),)), received=SOURCES[0], pixel_value=(3, 4))
    assert inverse.ops == (Copy(0, 8),)


def test_bytes_that_were_copied_twice_come_back_once() -> None:
    plan = Plan((Copy(0, 6), Copy(2, 6)))
    out = BytesSource(b"".join(run(plan, SOURCES)))
    assert b"".join(run(invert(plan, received=SOURCES[0]), (out,))) == b"abcdefgh"


def test_a_stored_plan_says_its_version() -> None:
    assert encode(PLAN).startswith(b"leadglass/plan@v1\n")


def test_a_stored_plan_comes_back() -> None:
    assert decode(encode(PLAN)) == PLAN


@pytest.mark.parametrize("stop", range(len(encode(PLAN))))
def test_a_cut_plan_is_refused(stop: int) -> None:
    with pytest.raises(MalformedError):
        decode(encode(PLAN)[:stop])


def test_bytes_after_a_plan_are_refused() -> None:
    with pytest.raises(MalformedError, match="followed by"):
        decode(encode(PLAN) + b"\0")


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<Q", 1 << 60),
        struct.pack("<QBQ", 1, 1, 1 << 60),
        struct.pack("<QBBQQ", 1, 0, 0, (1 << 64) - 1, (1 << 64) - 1),
        struct.pack("<QBQ", 1, 7, 0),
    ],
    ids=["count", "insert", "copy", "kind"],
)
def test_absurd_numbers_in_a_plan_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(PLAN_FORMAT + body)


def test_a_plan_can_be_read_anywhere_as_a_source() -> None:
    source = PlanSource(PLAN, SOURCES)
    whole = b"cdexyz12"
    assert [source.read(a, b) for a in range(10) for b in range(10)] == [
        whole[a : a + b] for a in range(10) for b in range(10)
    ]


def test_an_empty_plan_is_an_empty_source() -> None:
    assert (PlanSource(Plan(()), ()).size, PlanSource(Plan(()), ()).read(0, 5)) == (0, b"")
