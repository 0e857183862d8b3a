"""The laws of the veil, on films of every container, sign, number of planes and partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.model.frame import Frame
from leadglass.model.region import Mask, Partition, RegionKind
from leadglass.veil import (
    STYLES,
    Style,
    assemble,
    coarse,
    cover,
    decode,
    decode_outlines,
    encode,
    encode_outlines,
    partition,
    take,
    uncover,
)

OUTLINED = tuple(kind for kind in RegionKind if kind is not RegionKind.REST)
BLIND = tuple(style for style in STYLES.values() if style is not coarse)
MOSAIC_SHOWS = ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "PALETTE COLOR")


@dataclass(frozen=True, eq=False)
class Case:
    frames: tuple[Frame, ...]
    partition: Partition
    hide: tuple[RegionKind, ...]
    style: Style
    seed: bytes
    random: np.random.Generator


@st.composite
def outlines(draw: st.DrawFn) -> tuple[dict[RegionKind, Mask], int, int]:
    """Overlapping boxes and scattered pixels for some kinds, and the film's rows and columns."""
    rows, columns = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = {}
    for kind in draw(st.sets(st.sampled_from(OUTLINED))):
        mask = random.random((rows, columns)) < draw(st.sampled_from([0.0, 0.002, 0.3]))
        top, first = random.integers(0, rows), random.integers(0, columns)
        mask[top : top + random.integers(0, rows + 1), first : first + random.integers(0, columns + 1)] = True
        masks[kind] = mask
    return masks, rows, columns


@st.composite
def cases(draw: st.DrawFn, styles: Sequence[Style] = tuple(STYLES.values())) -> Case:
    masks, rows, columns = draw(outlines())
    parts = partition(masks, rows=rows, columns=columns, grid=draw(st.integers(1, 20)))
    photometric = draw(st.sampled_from(MOSAIC_SHOWS))
    container = np.dtype(draw(st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32"])))
    colour = photometric in ("RGB", "YBR_FULL")
    shape = (rows, columns, 3) if colour else (rows, columns)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    bits_stored = draw(st.integers(1, container.itemsize * 8))
    limits = np.iinfo(container)
    frames = tuple(
        Frame(random.integers(limits.min, limits.max, shape, container, endpoint=True), photometric, bits_stored)
        for _ in range(draw(st.integers(1, 3)))
    )
    hide = tuple(draw(st.sets(st.sampled_from(parts.kinds))))
    return Case(frames, parts, hide, draw(st.sampled_from(styles)), draw(st.binary(max_size=8)), random)


def all_over(frame: Frame, mask: Mask, random: np.random.Generator) -> Frame:
    """The frame with other samples where ``mask`` is true."""
    limits = np.iinfo(frame.samples.dtype)
    other = random.integers(limits.min, limits.max, frame.samples.shape, frame.samples.dtype, endpoint=True)
    samples = frame.samples.copy()
    samples[mask] = other[mask]
    return frame.with_samples(samples)


@settings(deadline=None, max_examples=80)
@given(outlines(), st.integers(1, 80))
def test_regions_partition_the_film(drawn: tuple[dict[RegionKind, Mask], int, int], grid: int) -> None:
    masks, rows, columns = drawn
    parts = partition(masks, rows=rows, columns=columns, grid=grid)
    owners = sum(region.mask(rows, columns).astype(int) for region in parts.regions)
    assert np.array_equal(owners, np.ones((rows, columns), dtype=int))
    more_sensitive: Mask = np.zeros((rows, columns), dtype=np.bool_)
    for kind in RegionKind:
        more_sensitive |= parts.mask([kind])
        assert not (masks.get(kind, np.False_) & ~more_sensitive).any()


@settings(deadline=None, max_examples=80)
@given(cases())
def test_uncover_undoes_cover(case: Case) -> None:
    patches = {patch.region.kind: decode(encode(patch)) for patch in take(case.frames, case.partition)}
    for index, frame in enumerate(case.frames):
        covered = cover(frame, case.partition, case.hide, seed=case.seed, style=case.style)
        for kind in case.hide:
            covered = uncover(covered, patches[kind], index)
        assert covered.same_as(frame)


@settings(deadline=None, max_examples=80)
@given(cases())
def test_pixels_outside_the_hidden_regions_never_change(case: Case) -> None:
    frame = case.frames[0]
    covered = cover(frame, case.partition, case.hide, seed=case.seed, style=case.style)
    shown = ~case.partition.mask(case.hide)
    assert np.array_equal(covered.samples[shown], frame.samples[shown])


@settings(deadline=None, max_examples=80)
@given(cases(BLIND))
def test_films_that_differ_only_under_the_regions_look_the_same_covered(case: Case) -> None:
    frame = case.frames[0]
    other = all_over(frame, case.partition.mask(case.hide), case.random)
    covered, other_covered = (cover(f, case.partition, case.hide, seed=case.seed, style=case.style) for f in (frame, other))
    assert covered.same_as(other_covered)


@settings(deadline=None, max_examples=80)
@given(cases())
def test_a_cover_stays_within_bits_stored(case: Case) -> None:
    frame = case.frames[0]
    made = cover(frame, case.partition, case.hide, seed=case.seed, style=case.style)
    covered = made.samples[case.partition.mask(case.hide)]
    lowest = -(2 ** (frame.bits_stored - 1)) if frame.signed else 0
    assert all(lowest <= int(value) < lowest + 2**frame.bits_stored for value in np.unique(covered))


@settings(deadline=None, max_examples=60)
@given(cases(BLIND))
def test_a_film_covered_whole_tells_nothing_but_how_it_is_stored(case: Case) -> None:
    frame = case.frames[0]
    everything: Mask = np.ones((frame.rows, frame.columns), dtype=np.bool_)
    other = all_over(frame, everything, case.random)
    whole = Partition(frame.rows, frame.columns, partition({}, rows=frame.rows, columns=frame.columns, grid=1).regions)
    covered = cover(frame, case.partition, case.partition.kinds, seed=case.seed, style=case.style)
    assert covered.same_as(cover(other, whole, whole.kinds, seed=case.seed + b"another"))
    assert np.array_equal(covered.samples, np.broadcast_to(covered.samples[0, 0], covered.samples.shape))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_all_patches_give_back_the_frames(case: Case) -> None:
    patches = take(case.frames, case.partition)
    first = case.frames[0]
    frames = assemble(patches[::-1], photometric=first.photometric, bits_stored=first.bits_stored)
    assert len(frames) == len(case.frames)
    assert all(a.same_as(b) for a, b in zip(frames, case.frames, strict=True))


@settings(deadline=None, max_examples=60)
@given(outlines())
def test_outlines_come_back_as_they_were(drawn: tuple[dict[RegionKind, Mask], int, int]) -> None:
    masks = {kind: mask for kind, mask in drawn[0].items() if mask.any()}
    if not masks:
        return
    back = decode_outlines(encode_outlines(masks))
    assert list(back) == [kind for kind in RegionKind if kind in masks]
    assert all(np.array_equal(back[kind], masks[kind]) for kind in masks)
