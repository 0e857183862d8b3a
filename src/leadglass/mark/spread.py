"""The mark of a release: made from a key and from what the recipient sees, and put on.

A mark is one picture W of the film's size, in film coordinates: added to a covered frame and to the sealed patches alike, it
has no seam where a region is lifted later. It is a spread spectrum (Cox, Kilian, Leighton and Shamoon, 1997) over the grids
of ``chips``, laid on where the film's own noise hides it:

    P = sum over grids, coarse to fine, of a_n (g_n - Gauss(g_n, 1.5 cells)), cubic enlargement between two grids
    W = level * clip(k * A * P, -m, m), enlarged linearly to the film

A is the amplitude that local noise allows, 0.3 to 1.5; k makes the root mean square of W what the strength says. A level is
1/4096 of the range of the film's content. Neither A nor the range depends on a covered sample, else the mark would tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.chips import AMPLITUDES, by_grid, chips, grids, shape
from leadglass.mark.found import WORKING_SIDE, Original, Samples
from leadglass.mark.resample import GAUSS_ONE_AND_A_HALF, Picture, across, area, cubic, down, linear, smoothed
from leadglass.model.access import Strength
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, Patch

LEVELS = 4096
"""A level is this part of the range of a film's content."""

AMPLITUDE_CELLS = 64
"""Cells of an amplitude map on the film's longer side."""

UNIT = 170
"""The amplitude 1 in an amplitude map, so that 255 is 1.5."""

RMS: Mapping[Strength, float] = {Strength.STANDARD: 2.46, Strength.DIAGNOSTIC: 1.5}
"""Levels, before rounding, which adds up to 0.02."""

LARGEST: Mapping[Strength, float] = {Strength.STANDARD: 9.0, Strength.DIAGNOSTIC: 5.5}
"""Levels."""

MARKED = ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL")
"""Photometric interpretations that can carry a mark; indices of a palette cannot."""

MAX_BITS = 16
"""Bits stored, at most."""

_USUAL_BITS = 12
_STRIP = 1 << 15
"""Pixels that are worked on at once: with what stands beside them they stay in a core's own cache."""


@dataclass(frozen=True, eq=False)
class Mark:
    """One mark, for every frame and patch of one release of one film.

    ``range_bits`` says what a level is: 2 ** ``range_bits`` / 4096 stored values. ``amplitude`` is the map of ``amplitude``,
    ``scale`` is k. ``relief`` follows from the rest: W in stored values, as wide as the film and as high as the finest grid,
    not yet rounded.
    """

    key: bytes = field(repr=False)
    rows: int
    columns: int
    photometric: str
    bits_stored: int
    signed: bool
    range_bits: int
    strength: Strength
    scale: np.float32
    amplitude: NDArray[np.uint8] = field(repr=False)
    relief: Picture = field(repr=False)

    @property
    def level(self) -> float:
        """Stored values a level."""
        return float(2.0**self.range_bits / LEVELS)

    @property
    def dithered(self) -> bool:
        """Whether one stored value is more than a level, so that W is kept by dithering."""
        return self.level < 1

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest value that the stored bits hold."""
        lowest = -(1 << self.bits_stored - 1) if self.signed else 0
        return lowest, lowest + (1 << self.bits_stored) - 1


def amplitude(seen: Frame, *, covered: Mask | None = None) -> NDArray[np.uint8]:
    """How strong the mark may be over a film, in parts of ``UNIT``: a cell of the coarsest grid each, 0.3 to 1.5.

    It follows the square root of the local noise: the spread of what a 3 x 3 mean leaves of every n-th pixel. Under
    ``covered`` (rows x columns) it goes on from what is shown; a film that shows nothing has 1 everywhere.
    """
    samples, shown = _sampled(seen, covered)
    noise, weight = _noise(samples, shown, shape(AMPLITUDE_CELLS, seen.rows, seen.columns))
    spread = np.sqrt(_filled(noise, weight))
    noisy = spread[(weight > 0) & (spread > 0)]
    if not noisy.size:
        return np.full(spread.shape, UNIT, np.uint8)
    relative = np.clip(np.sqrt(spread / np.median(noisy)), 0.3, 1.5)
    strengths: NDArray[np.uint8] = np.rint(relative * UNIT).astype(np.uint8)
    return strengths


def markable(frame: Frame) -> bool:
    """Whether a frame can carry a mark: not palette colour, not subsampled chrominance, not more than 16 bits stored."""
    alike = frame.samples.shape[2:] == ((3,) if frame.photometric in ("RGB", "YBR_FULL") else ())
    bits = min(MAX_BITS, 8 * frame.samples.dtype.itemsize)
    return frame.photometric in MARKED and alike and 1 <= frame.bits_stored <= bits


def pattern(seen: Frame, *, key: bytes, strength: Strength, covered: Mask | None = None) -> Mark:
    """The mark that ``key`` makes of a film of which the recipient sees ``seen``; a function of what is not ``covered``.

    Give it ``significant`` samples.

    Raises:
        ValueError: the key has not 32 bytes, the strength is ``off``, ``covered`` has another size, or the frame cannot
            carry a mark: palette colour, subsampled chrominance, or more than 16 bits stored.
    """
    if strength not in RMS:
        raise ValueError(f"there is no mark of strength {strength}")
    if not markable(seen):
        raise ValueError(f"no mark for {seen.photometric} of {seen.bits_stored} bits stored")
    if covered is not None and covered.shape != (seen.rows, seen.columns):
        raise ValueError(f"a cover of shape {covered.shape} on a film of {seen.rows} x {seen.columns}")
    strengths = amplitude(seen, covered=covered)
    relief = _relief(key, seen.rows, seen.columns, strengths)
    scale, range_bits = np.float32(RMS[strength] / max(_rms(relief, seen.rows), 1e-6)), _range_bits(seen, covered)
    return Mark(
        key=key,
        rows=seen.rows,
        columns=seen.columns,
        photometric=seen.photometric,
        bits_stored=seen.bits_stored,
        signed=seen.signed,
        range_bits=range_bits,
        strength=strength,
        scale=scale,
        amplitude=strengths,
        relief=_in_stored_values(relief, scale=scale, strength=strength, range_bits=range_bits),
    )


def made(**properties: Any) -> Mark:
    """The mark of which everything but the relief is known: the one that ``pattern`` made, to the last bit."""
    known = properties
    relief = _relief(known["key"], known["rows"], known["columns"], known["amplitude"])
    scaling = {name: known[name] for name in ("scale", "strength", "range_bits")}
    return Mark(relief=_in_stored_values(relief, **scaling), **known)


def add(what: Frame, mark: Mark) -> Frame:
    """The frame with the mark on it, within its stored bits.

    Raises:
        ValueError: the mark was made for frames of another size or kind.
    """
    check_frame(what, mark)
    samples = np.empty_like(what.samples)
    for rows, steps in strips(mark):
        _put(what.samples[rows], steps, mark, samples[rows])
    return what.with_samples(samples)


def add_patch(patch: Patch, mark: Mark) -> Patch:
    """The patch with the mark on all its frames: what uncovering puts back is what ``add`` makes of the uncovered frame.

    Raises:
        ValueError: the patch is of a film of another size.
    """
    steps = patch_steps(patch, mark)
    samples: NDArray[Any] = np.empty(patch.samples.shape, patch.samples.dtype.newbyteorder("="))
    for frame, marked in zip(patch.samples, samples, strict=True):
        _put(frame, steps, mark, marked)
    return replace(patch, samples=samples)


def strips(mark: Mark, first: int = 0, last: int | None = None) -> Iterator[tuple[slice, NDArray[np.int16]]]:
    """What is to be added to the stored values of the rows from ``first`` to before ``last``, some rows at a time."""
    last = mark.rows if last is None else last
    taps = linear(mark.relief.shape[0], mark.rows)
    slope = np.diff(mark.relief, axis=0, append=mark.relief[-1:])
    height = max(1, _STRIP // mark.columns)
    for start in range(first, last, height):
        rows = slice(start, min(start + height, last))
        # Before the first and behind the last row of cells both taps are the same one.
        base, part = taps.places[0, rows], np.where(taps.places[0, rows] == taps.places[1, rows], 0, taps.weights[1, rows])
        wave = slope[base]
        wave *= part.astype(np.float32)[:, np.newaxis]
        wave += mark.relief[base]
        if mark.dithered:
            wave += _dither(mark, rows)
            np.floor(wave, out=wave)
        else:
            np.rint(wave, out=wave)
        yield rows, wave.astype(np.int16)


def patch_steps(patch: Patch, mark: Mark) -> NDArray[np.int16]:
    """What is to be added to each pixel of a patch, in its order, the same for all frames.

    Raises:
        ValueError: the patch is of a film of another size.
    """
    if (patch.rows, patch.columns) != (mark.rows, mark.columns):
        raise ValueError(f"a patch of {patch.rows} x {patch.columns} and a mark of {mark.rows} x {mark.columns}")
    runs = patch.region.runs
    picked = [np.zeros(0, np.int16)]
    if len(runs):
        first, last = int(runs[:, 0].min()), int(runs[:, 0].max()) + 1
        starts = np.searchsorted(runs[:, 0], np.arange(first, last + 1))
        for rows, steps in strips(mark, first, last):
            for row in range(rows.start, rows.stop):
                line = steps[row - rows.start]
                within = runs[starts[row - first] : starts[row - first + 1]].tolist()
                picked += [line[start:stop] for _, start, stop in within]
    return np.concatenate(picked)


def carrying(samples: NDArray[Any], photometric: str) -> NDArray[Any]:
    """The samples that a mark changes, a view: all of them, or the luminance where that is a plane of its own."""
    return samples[..., 0] if photometric == "YBR_FULL" else samples


def reduced(frame: Frame) -> Samples:
    """The film at a longer side of at most ``WORKING_SIDE``, by area, its range stretched to 16 bits; luma where colour."""
    samples = _luma(frame.samples, frame.photometric)
    longer = max(samples.shape)
    if longer > WORKING_SIDE:
        rows, columns = (max(1, round(side * WORKING_SIDE / longer)) for side in samples.shape)
    else:
        rows, columns = samples.shape
    small = area(samples, rows, columns)
    lowest, highest = _content(*_sampled(frame, None)) or (0.0, 0.0)
    # What little is beyond that may still be anatomy; only burnt-in letters are far beyond.
    margin = (highest - lowest) / 4
    low, high = max(lowest - margin, float(small.min())), min(highest + margin, float(small.max()))
    if high <= low:
        low, high = float(small.min()), float(small.max())
    small -= np.float32(low)
    small *= np.float32(65_535 / max(high - low, 1e-6))
    return np.rint(np.clip(small, 0, 65_535)).astype(np.uint16)


def original(frame: Frame, spacing: tuple[float, float] | None = None) -> Original:
    """The film as the aligner gets it; ``spacing`` is millimetres a pixel (row, column)."""
    return Original(
        samples=reduced(frame), amplitude=amplitude(frame), rows=frame.rows, columns=frame.columns, spacing=spacing
    )


def _in_stored_values(relief: Picture, *, scale: np.float32, strength: Strength, range_bits: int) -> Picture:
    """A raw relief, in its place, scaled and clipped: what is interpolated between two clipped values is within them."""
    relief *= scale
    np.clip(relief, np.float32(-LARGEST[strength]), np.float32(LARGEST[strength]), out=relief)
    relief *= np.float32(2.0**range_bits / LEVELS)
    return relief


def _relief(key: bytes, rows: int, columns: int, strengths: NDArray[np.uint8]) -> Picture:
    """A P, enlarged to the film's columns."""
    names = grids(rows, columns)
    relief: Picture = np.zeros((1, 1), np.float32)
    for name, cells in zip(names, by_grid(chips(key, rows, columns), rows, columns), strict=True):
        # Along the shorter axis first, there is less to copy.
        relief = across(down(relief, cubic(relief.shape[0], cells.shape[0])), cubic(relief.shape[1], cells.shape[1]))
        wave = cells.astype(np.float32)
        wave -= smoothed(wave, GAUSS_ONE_AND_A_HALF)
        wave *= np.float32(AMPLITUDES[name])
        relief += wave
    shown = strengths.astype(np.float32)
    shown *= np.float32(1 / UNIT)
    shown = across(down(shown, linear(shown.shape[0], relief.shape[0])), linear(shown.shape[1], relief.shape[1]))
    relief *= shown
    return across(relief, linear(relief.shape[1], columns))


def _rms(relief: Picture, rows: int) -> float:
    """Root mean square, over all of the film, of what the relief becomes at its rows.

    Every row of the film is a mean of two rows of the relief: sums over those, each once, are the sum over the film. Some
    rows alone will not do, as they may all lie alike between two cells.
    """
    taps = linear(relief.shape[0], rows)
    near, far = taps.weights.astype(np.float64)
    following = np.concatenate([relief[1:], relief[-1:]])
    own: NDArray[np.float64] = np.asarray(np.mean(relief * relief, axis=1, dtype=np.float64))
    shared: NDArray[np.float64] = np.asarray(np.mean(relief * following, axis=1, dtype=np.float64))
    first, second = taps.places
    # Where both taps are the same row, as at the edges, it has the weight of both.
    between = np.where(first == second, own[first], shared[first])
    return float(np.sqrt(np.mean(near * near * own[first] + 2 * near * far * between + far * far * own[second])))


def _dither(mark: Mark, rows: slice) -> Picture:
    """Keyed numbers evenly over 0 to 1, one a pixel of some rows: rounding down after adding them keeps every mean."""
    first, count = rows.start * mark.columns, (rows.stop - rows.start) * mark.columns
    # Four numbers a word and four words a step of the counter; the other half of the key is the chips'.
    generator = np.random.Philox(key=int.from_bytes(mark.key[16:], "little"))
    generator.advance(first // 16)
    skipped = first % 16
    words = generator.random_raw(-(-(skipped + count) // 4))
    numbers = words.astype("<u8", copy=False).view("<u2")[skipped : skipped + count].astype(np.float32)
    numbers += np.float32(0.5)
    numbers *= np.float32(1 / 65_536)
    even: Picture = numbers.reshape(-1, mark.columns)
    return even


def _put(samples: NDArray[Any], steps: NDArray[np.int16], mark: Mark, out: NDArray[Any]) -> None:
    """Write ``samples`` with ``steps`` added to ``out``, within the bounds."""
    changed, target = carrying(samples, mark.photometric), carrying(out, mark.photometric)
    if changed is not samples:
        out[..., 1:] = samples[..., 1:]
    lowest, highest = mark.bounds
    # Two bytes hold every sum of up to 14 bits, in half the time.
    sums = np.clip(changed, lowest, highest).astype(np.int16 if mark.bits_stored <= 14 else np.int32)
    sums += steps.reshape(steps.shape + (1,) * (changed.ndim - steps.ndim))
    np.clip(sums, lowest, highest, out=sums)
    target[...] = sums


def check_frame(frame: Frame, mark: Mark) -> None:
    """Raise ValueError unless the mark was made for frames of this size and kind."""
    described = (frame.rows, frame.columns, frame.photometric, frame.bits_stored, frame.signed)
    if described != (mark.rows, mark.columns, mark.photometric, mark.bits_stored, mark.signed):
        raise ValueError(f"a mark for {mark.rows} x {mark.columns} {mark.photometric} does not go onto {described}")


def _luma(samples: NDArray[Any], photometric: str) -> NDArray[Any]:
    if samples.ndim == 2:
        return samples
    if photometric == "RGB":
        # Rec. 601, in 256ths.
        red, green, blue = (samples[..., plane].astype(np.int64) for plane in range(3))
        return (77 * red + 150 * green + 29 * blue + 128) >> 8
    return samples[..., 0]


def _sampled(frame: Frame, covered: Mask | None) -> tuple[Picture, Mask]:
    """Every n-th pixel, some five hundred on the longer side, and which of them are shown; covered ones are 0."""
    step = max(1, max(frame.rows, frame.columns) // 512)
    samples = _luma(frame.samples[::step, ::step], frame.photometric).astype(np.float32)
    if covered is None:
        return samples, np.ones(samples.shape, np.bool_)
    shown = ~covered[::step, ::step]
    return np.where(shown, samples, np.float32(0)), shown


def _noise(samples: Picture, shown: Mask, cells: tuple[int, int]) -> tuple[Picture, Picture]:
    """The local variance of what a 3 x 3 mean leaves, a cell each, and the share of a cell that it comes from."""
    rest = samples - smoothed(samples, (1 / 3, 1 / 3))
    # A sum of three ones can differ from one by its last bits.
    whole = (smoothed(shown.astype(np.float32), (1 / 3, 1 / 3)) > 0.95).astype(np.float32)
    variance, weight = _to_cells(rest * rest * whole, cells), _to_cells(whole, cells)
    return np.divide(variance, weight, out=np.zeros_like(variance), where=weight > 0), weight


def _to_cells(picture: Picture, cells: tuple[int, int]) -> Picture:
    rows, columns = (min(a, b) for a, b in zip(picture.shape, cells, strict=True))
    small = area(picture, rows, columns)
    return across(down(small, linear(rows, cells[0])), linear(columns, cells[1]))


def _filled(values: Picture, weight: Picture) -> Picture:
    """The values smoothed over the cells that have a weight, and carried on into those that have none."""
    total, share = values * weight, weight
    near = (0.5, 0.23, 0.02)
    total, share = smoothed(total, near), smoothed(share, near)
    known = share > 1e-3
    result = np.divide(total, share, out=np.zeros_like(total), where=known)
    while not known.all() and known.any():
        total, share = smoothed(np.where(known, result, 0), near), smoothed(known.astype(np.float32), near)
        grown = ~known & (share > 1e-3)
        result[grown] = total[grown] / share[grown]
        known |= grown
    return result


def _content(samples: Picture, shown: Mask) -> tuple[float, float] | None:
    """The range of the film's content: 0.5 to 99.5 % of the pixels that differ from a neighbour in both directions.

    Burnt-in letters, borders and padding are flat, whatever their value; a film is noise everywhere. None where hardly
    anything is shown.
    """
    if min(samples.shape) < 2:
        return None
    # Every other pixel is enough, and the last row and column have no neighbour.
    here, below, beside = np.s_[:-1:2, :-1:2], np.s_[1::2, :-1:2], np.s_[:-1:2, 1::2]
    differs = (samples[here] != samples[below]) & (samples[here] != samples[beside])
    differs &= shown[here] & shown[below] & shown[beside]
    values = samples[here][differs]
    if values.size < max(16, 0.005 * np.count_nonzero(shown[here])):
        return None
    lowest, highest = np.percentile(values, (0.5, 99.5))
    return float(lowest), float(highest)


def _range_bits(seen: Frame, covered: Mask | None) -> int:
    """The smallest power of two that holds the film's content, at most that of its stored bits.

    What is shown of a film spans less than the whole: the smaller its share, the wider the whole is taken to be. More than
    12 bits stored are often a container for fewer; up to 12 are taken at their word where three eighths are in use.
    """
    samples, shown = _sampled(seen, covered)
    content = _content(samples, shown)
    if content is None:
        return min(seen.bits_stored, _USUAL_BITS)
    span = (content[1] - content[0] + 1) / max(float(np.sqrt(shown.mean())), 0.25)
    span *= 4 / 3 if seen.bits_stored <= _USUAL_BITS else 1
    return int(min(seen.bits_stored, max(1, np.ceil(np.log2(span)))))
