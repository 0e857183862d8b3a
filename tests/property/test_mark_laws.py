"""The laws of the mark, on films of every container, sign, depth, size, photometric interpretation and cover."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.mark.reversible import add_reversibly, decode, encode, remove
from leadglass.mark.spread import LEVELS, add, add_patch, pattern
from leadglass.model.access import Strength
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, Partition, RegionKind
from leadglass.veil import cover, partition, take, uncover

CONTAINERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


@dataclass(frozen=True, eq=False)
class Case:
    frames: tuple[Frame, ...]
    partition: Partition
    hide: tuple[RegionKind, ...]
    key: bytes
    strength: Strength
    random: np.random.Generator

    @property
    def covered(self) -> Mask:
        return self.partition.mask(self.hide)

    @property
    def seen(self) -> tuple[Frame, ...]:
        return tuple(cover(frame, self.partition, self.hide, seed=self.key) for frame in self.frames)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Films of noise about some grey, with flat areas at both ends and boxes for regions."""
    rows, columns = draw(st.integers(16, 300)), draw(st.integers(16, 300))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    container = np.dtype(draw(st.sampled_from(CONTAINERS)))
    bits = draw(st.integers(1, min(16, 8 * container.itemsize)))
    photometric = draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL"]))
    shape = (rows, columns, 3) if photometric in ("RGB", "YBR_FULL") else (rows, columns)
    lowest = -(2 ** (bits - 1)) if container.kind == "i" else 0
    spread, middle = 2.0 ** draw(st.integers(-1, bits)), draw(st.floats(0, 1))
    frames = []
    for _ in range(draw(st.integers(1, 2))):
        grey = lowest + middle * 2**bits + spread * random.standard_normal(shape)
        for level in (lowest, lowest + 2**bits - 1):
            top, left = random.integers(0, rows), random.integers(0, columns)
            grey[top : top + rows // 3, left : left + columns // 3] = level
        frames.append(Frame(np.clip(np.rint(grey), lowest, lowest + 2**bits - 1).astype(container), photometric, bits))
    masks = {}
    for kind in draw(st.sets(st.sampled_from(list(RegionKind)[:4]))):
        masks[kind] = np.zeros((rows, columns), np.bool_)
        top, left = random.integers(0, rows), random.integers(0, columns)
        masks[kind][top : top + rows // 2 + 1, left : left + columns // 2 + 1] = True
    parts = partition(masks, rows=rows, columns=columns, grid=8)
    hide = tuple(draw(st.sets(st.sampled_from(parts.kinds))))
    strength = draw(st.sampled_from([Strength.STANDARD, Strength.DIAGNOSTIC]))
    return Case(tuple(frames), parts, hide, draw(st.binary(min_size=32, max_size=32)), strength, random)


def elsewhere(frame: Frame, where: Mask, random: np.random.Generator) -> Frame:
    """The frame with other samples where ``where`` is true."""
    samples = frame.samples.copy()
    samples[where] = random.permutation(samples.reshape(-1, *samples.shape[2:]))[: np.count_nonzero(where)]
    return frame.with_samples(samples)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_a_mark_tells_nothing_of_what_is_covered(case: Case) -> None:
    one, other = case.seen[0], elsewhere(case.seen[0], case.covered, case.random)
    marks = [pattern(each, key=case.key, strength=case.strength, covered=case.covered) for each in (one, other)]
    assert encode(marks[0]) == encode(marks[1])
    assert np.array_equal(marks[0].relief, marks[1].relief)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_a_lifted_region_has_no_seam(case: Case) -> None:
    mark = pattern(case.seen[0], key=case.key, strength=case.strength, covered=case.covered)
    patches = [add_patch(patch, mark) for patch in take(case.frames, case.partition, case.hide)]
    for index, (frame, seen) in enumerate(zip(case.frames, case.seen, strict=True)):
        opened = add(seen, mark)
        for patch in patches:
            opened = uncover(opened, patch, index)
        assert opened.same_as(add(frame, mark))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_every_sample_comes_back(case: Case) -> None:
    mark = pattern(case.seen[0], key=case.key, strength=case.strength, covered=case.covered)
    known = decode(encode(mark))
    for frame in case.frames:
        marked, record = add_reversibly(frame, mark)
        assert marked.same_as(add(frame, mark))
        assert remove(marked, known, record).same_as(frame)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_a_mark_is_never_stronger_than_it_may_be(case: Case) -> None:
    frame = case.frames[0]
    mark = pattern(frame, key=case.key, strength=case.strength)
    change = add(frame, mark).samples.astype(np.int64) - frame.samples
    rms, largest = (2.5, 9) if case.strength is Strength.STANDARD else (1.55, 6)
    assert mark.range_bits <= frame.bits_stored
    if frame.bits_stored >= 12:
        level = 2**frame.bits_stored / LEVELS
        assert np.abs(change).max() <= largest * level
        assert np.sqrt(np.mean(change**2)) <= rms * level
    # Dithered samples move to the next step and no further than that.
    assert np.abs(change).max() <= largest * mark.level + 1


@settings(deadline=None, max_examples=60)
@given(cases())
def test_a_marked_film_stays_within_its_bits(case: Case) -> None:
    frame = case.frames[0]
    beyond = frame.with_samples(elsewhere(frame, case.random.random(frame.samples.shape[:2]) < 0.1, case.random).samples)
    mark = pattern(beyond, key=case.key, strength=case.strength)
    marked = add(beyond, mark)
    lowest = -(2 ** (frame.bits_stored - 1)) if frame.signed else 0
    assert marked.samples.dtype == frame.samples.dtype
    assert lowest <= int(marked.samples.min())
    assert int(marked.samples.max()) < lowest + 2**frame.bits_stored


@settings(deadline=None, max_examples=30)
@given(cases())
def test_a_film_turned_over_has_the_same_mark(case: Case) -> None:
    frame = case.frames[0]
    # The photometric interpretation says how to show the samples, not what they are.
    turned = {"MONOCHROME1": "MONOCHROME2", "MONOCHROME2": "MONOCHROME1"}.get(frame.photometric, frame.photometric)
    one, other = (
        pattern(each, key=case.key, strength=case.strength) for each in (frame, replace(frame, photometric=turned))
    )
    assert np.array_equal(one.relief, other.relief)
