"""Marks on films: how strong, on what, and that they can be found again."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.errors import MalformedError
from leadglass.mark.chips import FORMAT, by_grid, chips
from leadglass.mark.found import WORKING_SIDE
from leadglass.mark.resample import area
from leadglass.mark.reversible import add_reversibly, decode, encode, remove
from leadglass.mark.spread import UNIT, Mark, add, amplitude, markable, original, pattern, reduced, strips
from leadglass.model.access import Strength
from leadglass.model.frame import Frame
from leadglass.testing.films.instance import small_samples

KEY = bytes(range(32))
STANDARD = Strength.STANDARD


def film(*, rows: int = 640, columns: int = 512, bits: int = 12, signed: bool = False, seed: int = 1) -> Frame:
    return Frame(small_samples(rows=rows, columns=columns, bits=bits, signed=signed, seed=seed), "MONOCHROME2", bits)


def marked(frame: Frame, *, strength: Strength = STANDARD, key: bytes = KEY) -> tuple[Mark, Frame]:
    mark = pattern(frame, key=key, strength=strength)
    return mark, add(frame, mark)


def change(frame: Frame, other: Frame) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = other.samples.astype(np.float64) - frame.samples
    return difference


def likeness(difference: NDArray[np.float64], key: bytes) -> float:
    """z of a change against the chips of a key: a mean a cell, whitened by nothing."""
    rows, columns = difference.shape
    parts = by_grid(chips(key, rows, columns), rows, columns)
    found = np.concatenate([area(difference, *part.shape).ravel() for part in parts[:2]])
    these = np.concatenate([part.ravel() for part in parts[:2]]).astype(float)
    return float(found @ these / np.linalg.norm(found))


@pytest.mark.parametrize("bits", [12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_a_mark_is_as_strong_as_said(bits: int, signed: bool) -> None:
    frame = film(bits=bits, signed=signed)
    for strength, rms, largest in ((STANDARD, 2.5, 9.0), (Strength.DIAGNOSTIC, 1.55, 5.5)):
        mark, after = marked(frame, strength=strength)
        levels = change(frame, after) / (2**bits / 4096)
        assert mark.range_bits == bits
        assert 0.9 * rms < np.sqrt(np.mean(levels**2)) <= rms
        assert np.abs(levels).max() <= largest + 0.5 * (strength is Strength.DIAGNOSTIC)


@pytest.mark.parametrize(("rows", "columns"), [(513, 450), (450, 513), (1026, 300), (16, 16), (17, 640)])
def test_a_mark_is_no_stronger_where_cells_and_pixels_fall_together(rows: int, columns: int) -> None:
    random = np.random.default_rng(rows)
    frame = Frame(
        np.clip(2048 + 500 * random.standard_normal((rows, columns)), 0, 4095).astype(np.uint16), "MONOCHROME2", 12
    )
    for seed in range(3):
        levels = change(frame, marked(frame, key=bytes([seed]) * 32)[1])
        assert 2.35 < np.sqrt(np.mean(levels**2)) <= 2.5


def test_a_mark_is_found_by_its_key_alone() -> None:
    frame = film()
    difference = change(frame, marked(frame)[1])
    assert likeness(difference, KEY) > 30
    assert abs(likeness(difference, KEY[::-1])) < 5


@pytest.mark.parametrize("bits", [8, 10])
def test_coarse_samples_are_dithered_and_keep_the_mean(bits: int) -> None:
    frame = film(bits=bits)
    mark, after = marked(frame)
    steps = change(frame, after)
    assert mark.dithered
    # The largest change is below a step, so that every sample moves by one or not at all.
    assert np.abs(steps).max() == (1 if bits == 8 else 3)
    fine = pattern(film(bits=12), key=KEY, strength=STANDARD)
    relief = change(film(bits=12), add(film(bits=12), fine))
    inside = (frame.samples > 8) & (frame.samples < 2**bits - 8)
    slope = (steps * relief)[inside].sum() / (relief * relief)[inside].sum() * 2 ** (12 - bits)
    assert slope == pytest.approx(1, abs=0.1)
    assert likeness(steps, KEY) > 15


def test_a_film_of_twelve_bits_in_sixteen_is_marked_as_one_of_twelve() -> None:
    narrow = film(rows=700, columns=600)
    samples = narrow.samples.copy()
    samples[20:90, 30:70] = 65_535
    wide = Frame(samples, "MONOCHROME2", 16)
    mark, after = marked(wide)
    assert mark.range_bits == 12
    assert np.abs(change(wide, after)).max() <= 9


@pytest.mark.parametrize(("share", "bits"), [(0.9, 12), (0.45, 12), (0.3, 11), (0.1, 10)])
def test_a_level_is_a_part_of_what_the_film_uses(share: float, bits: int) -> None:
    samples = np.rint(np.random.default_rng(7).random((400, 300)) * 4095 * share + 100).astype(np.uint16)
    frame = Frame(np.minimum(samples, 4095), "MONOCHROME2", 12)
    mark, after = marked(frame)
    assert mark.range_bits == bits
    assert np.sqrt(np.mean(change(frame, after) ** 2)) <= 2.5


def test_a_shown_part_stands_for_a_wider_film() -> None:
    frame = film(rows=600, columns=600)
    lung = frame.with_samples(frame.samples // 4)
    covered = np.ones((600, 600), np.bool_)
    covered[150:450, 150:450] = False
    whole, part = (pattern(lung, key=KEY, strength=STANDARD, covered=each) for each in (None, covered))
    assert whole.range_bits < part.range_bits <= 12


def test_a_film_never_leaves_its_bits() -> None:
    for signed in (False, True):
        frame = film(bits=12, signed=signed)
        lowest = -2048 if signed else 0
        random = np.random.default_rng(2)
        samples = frame.samples.copy()
        samples[random.random(samples.shape) < 0.3] = lowest
        samples[random.random(samples.shape) < 0.3] = lowest + 4095
        after = marked(replace(frame, samples=samples))[1].samples
        assert after.dtype == samples.dtype
        assert (after.min(), after.max()) == (lowest, lowest + 4095)
        assert np.abs(after.astype(int) - samples).max() <= 9


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colour_carries_one_mark_in_its_light(photometric: str) -> None:
    samples = small_samples(rows=300, columns=260, bits=8, samples=3, seed=1)
    samples = np.clip(samples, 20, 235)
    frame = Frame(samples, photometric, 8)
    steps = change(frame, marked(frame)[1])
    assert np.abs(steps[..., 0]).max() == 1
    assert likeness(steps[..., 0], KEY) > 10
    for plane in (1, 2):
        assert np.array_equal(steps[..., plane], steps[..., 0] if photometric == "RGB" else np.zeros((300, 260)))


def test_what_cannot_carry_a_mark_is_refused() -> None:
    frame = film(rows=64, columns=64)
    palette, deep = replace(frame, photometric="PALETTE COLOR"), Frame(frame.samples.astype(np.int32), "MONOCHROME2", 17)
    for other in (palette, deep):
        assert not markable(other)
        with pytest.raises(ValueError, match="no mark for"):
            pattern(other, key=KEY, strength=STANDARD)
    with pytest.raises(ValueError, match="no mark of strength off"):
        pattern(frame, key=KEY, strength=Strength.OFF)
    with pytest.raises(ValueError, match="does not go onto"):
        add(replace(frame, bits_stored=10), pattern(frame, key=KEY, strength=STANDARD))
    with pytest.raises(ValueError, match="a cover of shape"):
        pattern(frame, key=KEY, strength=STANDARD, covered=np.zeros((64, 63), np.bool_))


def test_the_amplitude_follows_the_noise() -> None:
    random = np.random.default_rng(5)
    spread = np.where(np.arange(600) < 300, 5, 80)
    samples = np.clip(2000 + random.standard_normal((600, 600)) * spread, 0, 4095).astype(np.uint16)
    strengths = amplitude(Frame(samples, "MONOCHROME2", 12)) / UNIT
    quiet, loud = strengths[:, 4:28].mean(), strengths[:, 36:60].mean()
    assert loud > 1.2
    assert quiet == pytest.approx(loud / 4, rel=0.25) or quiet == pytest.approx(0.3, abs=0.02)
    assert (strengths.min() >= 0.29, strengths.max() <= 1.5) == (True, True)


@pytest.mark.parametrize("level", [0, 700, 4095])
def test_a_flat_film_has_an_even_mark(level: int) -> None:
    frame = Frame(np.full((200, 170), level, np.uint16), "MONOCHROME2", 12)
    assert np.unique(amplitude(frame)).tolist() == [UNIT]
    after = marked(frame)[1].samples.astype(int)
    assert 0 <= after.min() <= after.max() <= 4095
    assert np.abs(after - level).max() <= 9


def test_a_film_covered_whole_has_a_mark_that_tells_nothing() -> None:
    covered = np.ones((200, 170), np.bool_)
    one, other = (
        pattern(film(rows=200, columns=170, seed=seed), key=KEY, strength=STANDARD, covered=covered) for seed in (1, 2)
    )
    assert encode(one) == encode(other)
    assert one.range_bits == 12


def test_an_original_is_the_film_by_area() -> None:
    frame = film(rows=1500, columns=1200)
    small = reduced(frame)
    assert small.shape == (WORKING_SIDE, round(1200 * WORKING_SIDE / 1500))
    assert small.dtype == np.uint16
    expected = area(frame.samples, *small.shape)
    inside = (small > 0) & (small < 65_535)
    assert np.corrcoef(small[inside], expected[inside])[0, 1] > 0.99999
    made = original(frame, (0.148, 0.148))
    assert (made.rows, made.columns, made.spacing) == (1500, 1200, (0.148, 0.148))
    assert np.array_equal(made.amplitude, amplitude(frame))


def test_a_small_film_is_its_own_original() -> None:
    assert reduced(film(rows=100, columns=90)).shape == (100, 90)
    assert np.unique(reduced(Frame(np.full((30, 40), 9, np.uint8), "MONOCHROME2", 8))).tolist() == [0]


# A mark as bytes


def test_a_mark_comes_back_from_its_bytes() -> None:
    frame = film(rows=301, columns=257)
    mark, after = marked(frame)
    data = encode(mark)
    assert data.startswith(b'{"bits":12,"columns":257,"key":"00010203')
    assert FORMAT.encode() in data
    again = decode(data)
    assert np.array_equal(again.relief, mark.relief)
    assert add(frame, again).same_as(after)
    assert "key" not in repr(mark)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"bits":12', b'"bits":17'),
        (b'"bits":12', b'"bits":11'),
        (b'"bits":12', b'"bits": 12'),
        (b'"rows":96', b'"rows":0'),
        (b'"rows":96', b'"rows":95.0'),
        (b'"key":"00', b'"key":"'),
        (b'"key":"00', b'"key":"0G'),
        (b'"key":"0001', b'"key":"00 1'),
        (b'"strength":"standard"', b'"strength":"off"'),
        (b'"photometric":"MONOCHROME2"', b'"photometric":"PALETTE COLOR"'),
        (b'"signed":false', b'"signed":0'),
        (b"mark@v1", b"mark@v2"),
        (b'"scale":', b'"scale":9'),
        (b'{"bits"', b'["bits"'),
        (b"\n", b"\n\x01"),
    ],
)
def test_other_bytes_are_no_mark(old: bytes, new: bytes) -> None:
    data = encode(pattern(film(rows=96, columns=80), key=KEY, strength=STANDARD))
    assert old in data
    with pytest.raises(MalformedError):
        decode(data.replace(old, new, 1))


def test_no_part_of_a_mark_is_a_mark() -> None:
    data = encode(pattern(film(rows=96, columns=80), key=KEY, strength=STANDARD))
    for end in (0, 1, data.index(b"\n"), data.index(b"\n") + 1, len(data) - 1):
        with pytest.raises(MalformedError):
            decode(data[:end])
    with pytest.raises(MalformedError, match="amplitude of zero"):
        decode(data[:-1] + b"\0")


def steps_of(mark: Mark) -> NDArray[np.int16]:
    return np.concatenate([steps for _, steps in strips(mark)])


@pytest.mark.parametrize(
    ("bits", "digest"),
    [
        (12, "c7da8ea7e60c10f8b1ff3786a5d0dfc2c62cd17031ecf071788bd0a9ed71e52e"),
        (8, "64b69b7ac9d180d51f4fc0c30a2c7470f5ed00d9438f077b939bcede14bf2550"),
    ],
)
def test_version_one_is_the_same_mark_for_ever(bits: int, digest: str) -> None:
    # Another mark from the same bytes would leave every reversible release without its original.
    header = (
        f'{{"bits":{bits},"columns":613,"key":"{KEY.hex()}","photometric":"MONOCHROME2","range":{bits},"rows":797,'
        f'"scale":{int(np.float32(1.5).view(np.uint32))},"signed":false,"strength":"standard","v":"{FORMAT}"}}\n'
    )
    amplitudes = bytes(51 + (7 * place) % 205 for place in range(64 * 49))
    steps = steps_of(decode(header.encode() + amplitudes))
    assert hashlib.sha256(steps.astype("<i2").tobytes()).hexdigest() == digest


# Reversal


def test_a_record_of_borders_is_small() -> None:
    frame = film(rows=900, columns=800)
    samples = frame.samples.copy()
    samples[:, :80], samples[200:260, 300:400] = 0, 4095
    frame = replace(frame, samples=samples)
    mark = pattern(frame, key=KEY, strength=STANDARD)
    after, record = add_reversibly(frame, mark)
    assert after.same_as(add(frame, mark))
    assert len(record) < 400
    assert remove(after, decode(encode(mark)), record).same_as(frame)


def test_a_record_of_another_film_is_refused() -> None:
    one, other = film(rows=96, columns=80), Frame(np.zeros((96, 80), np.uint16), "MONOCHROME2", 12)
    mark = pattern(one, key=KEY, strength=STANDARD)
    after, record = add_reversibly(one, mark)
    for wrong in (add_reversibly(other, mark)[1], record[:-1], record + b"x", b""):
        with pytest.raises(MalformedError, match="clipped samples"):
            remove(after, mark, wrong)


def test_samples_beyond_the_stored_bits_cannot_be_reversed() -> None:
    frame = film(rows=96, columns=80)
    samples = frame.samples.copy()
    samples[5, 5] = 5000
    with pytest.raises(ValueError, match="beyond the stored bits"):
        add_reversibly(replace(frame, samples=samples), pattern(frame, key=KEY, strength=STANDARD))
