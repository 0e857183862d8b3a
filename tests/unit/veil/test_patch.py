"""``leadglass/patch@v1``: what it accepts and refuses."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.errors import MalformedError
from leadglass.model.entry import canonical
from leadglass.model.region import Patch, Region, RegionKind
from leadglass.veil import decode, encode

RUNS = ((2, 1, 4), (2, 6, 7), (5, 0, 8))


def patch() -> Patch:
    samples = np.arange(24, dtype=np.uint16).reshape(2, 12) * 257
    return Patch(Region(RegionKind.HEART, np.array(RUNS, dtype=np.int32)), 9, 8, samples)


def with_runs(*runs: tuple[int, int, int]) -> bytes:
    """A patch whose three runs are replaced by other ones, header and samples as they are."""
    data = encode(patch())
    start = data.index(b"\n") + 1
    return data[:start] + b"".join(struct.pack("<3i", *run) for run in runs) + data[start + 36 :]


def with_header(old: bytes, new: bytes) -> bytes:
    data = encode(patch())
    assert old in data
    return data.replace(old, new, 1)


def test_decode_undoes_encode() -> None:
    back = decode(encode(patch()))
    assert (back.region.kind, back.rows, back.columns) == (RegionKind.HEART, 9, 8)
    assert np.array_equal(back.region.runs, patch().region.runs)
    assert back.samples.dtype == np.uint16
    assert np.array_equal(back.samples, patch().samples)


def test_the_bytes_begin_with_a_padded_header_of_canonical_json() -> None:
    header = encode(patch())[:128]
    assert header == (
        b'{"columns":8,"frames":2,"kind":"heart","rows":9,"runs":3,"samples":1,"type":"uint16","v":"leadglass/patch@v1"}'
    ).ljust(111) + b"\n" + struct.pack("<4i", *RUNS[0], 2)


def test_colour_keeps_its_planes() -> None:
    colour = replace(patch(), samples=np.arange(72, dtype=np.int32).reshape(2, 12, 3))
    assert np.array_equal(decode(encode(colour)).samples, colour.samples)


def test_samples_in_big_endian_are_written_little_endian() -> None:
    big = replace(patch(), samples=patch().samples.astype(">u2"))
    assert encode(big) == encode(patch())


@pytest.mark.parametrize(
    "runs",
    [
        ((2, 1, 4), (2, 3, 4), (5, 0, 8)),
        ((2, 6, 7), (2, 1, 4), (5, 0, 8)),
        ((5, 0, 8), (2, 1, 4), (2, 6, 7)),
        ((2, 1, 4), (2, 6, 7), (5, 0, 9)),
        ((2, 1, 4), (2, 6, 7), (9, 0, 8)),
        ((-1, 1, 4), (2, 6, 7), (5, 0, 8)),
        ((2, -1, 4), (2, 6, 7), (5, 0, 8)),
        ((2, 4, 4), (2, 6, 7), (5, 0, 8)),
        ((2, 4, 1), (2, 6, 7), (5, 0, 8)),
    ],
    ids=[
        "overlap",
        "columns unsorted",
        "rows unsorted",
        "too wide",
        "too low",
        "row < 0",
        "column < 0",
        "empty",
        "backwards",
    ],
)
def test_runs_that_are_no_region_are_refused(runs: tuple[tuple[int, int, int], ...]) -> None:
    with pytest.raises(MalformedError, match="run "):
        decode(with_runs(*runs))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"patch@v1", b"patch@v2"),
        (b'"heart"', b'"liver"'),
        (b'"rows":9', b'"rows":0'),
        (b'"rows":9', b'"rows":9.0'),
        (b'"frames":2', b'"frames":true'),
        (b'"runs":3', b'"runs":-3'),
        (b'"samples":1', b'"samples":5'),
        (b'"uint16"', b'"object"'),
        (b'"uint16"', b'["uint16"]'),
        (b'{"columns"', b'{ "columns"'),
        (b'{"columns"', b'{"a":1,"columns"'),
        (b"{", b"[" * 300),
        (b"{", b"\xff"),
    ],
)
def test_headers_that_say_anything_else_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(MalformedError, match="header"):
        decode(with_header(old, new))


@pytest.mark.parametrize("changes", [{"runs": 2**31 - 1}, {"frames": 2**31 - 1}, {"samples": 4}, {"type": "int8"}])
def test_a_header_that_promises_another_length_costs_no_memory(changes: dict[str, int | str]) -> None:
    data = encode(patch())
    end = data.index(b"\n") + 1
    line = canonical(json.loads(data[:end]) | changes)
    with pytest.raises(MalformedError, match="bytes"):
        decode(line.ljust(-(-(len(line) + 1) // 8) * 8 - 1) + b"\n" + data[end:])


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_every_cut_and_every_extension_is_refused(data: st.DataObject) -> None:
    whole = encode(patch())
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(MalformedError):
        decode(whole[:length])
    with pytest.raises(MalformedError):
        decode(whole + data.draw(st.binary(min_size=1, max_size=9)))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(data)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 11), np.uint16),
        np.zeros((2, 12), np.float32),
        np.zeros((2, 12, 1), np.uint8),
        np.zeros((2, 12, 5), np.uint8),
    ],
    ids=["too few", "floats", "one plane", "five planes"],
)
def test_samples_that_are_no_patch_are_not_written(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="patch"):
        encode(replace(patch(), samples=samples))
