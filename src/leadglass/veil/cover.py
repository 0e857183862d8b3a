"""Cover regions of a frame, and bring them back.

``take`` lifts the samples off, ``cover`` blanks the hidden pixels before a style sees the frame, so that no style can show
anything of them (``coarse`` apart, which is made to), and ``uncover`` puts a patch back. Shown pixels are never touched,
unused high bits included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.errors import MalformedError
from leadglass.model.frame import Frame
from leadglass.model.region import Partition, Patch, Region, RegionKind
from leadglass.veil.style import Style, coarse, level_at_rest, mosaic


def take(frames: Sequence[Frame], partition: Partition, kinds: Collection[RegionKind] | None = None) -> tuple[Patch, ...]:
    """The samples of each region, or of those of ``kinds``, over all frames: a patch a region, as the partition has them.

    Raises:
        ValueError: there is no frame, or one is not of the partition's size or not of the first one's shape and type.
    """
    if not frames:
        raise ValueError("no frame to take patches from")
    first = frames[0].samples
    _check_size(frames[0], partition)
    if any(frame.samples.shape != first.shape or frame.samples.dtype != first.dtype for frame in frames):
        raise ValueError("the frames differ in shape or type")
    patches = []
    for region in partition.regions:
        if kinds is not None and region.kind not in kinds:
            continue
        samples: NDArray[Any] = np.empty((len(frames), region.area, *first.shape[2:]), dtype=first.dtype)
        for index, frame in enumerate(frames):
            pixels = _in_a_row(frame.samples)
            for (start, stop), at in _places(region, partition.columns):
                samples[index, at : at + stop - start] = pixels[start:stop]
        patches.append(Patch(region, partition.rows, partition.columns, samples))
    return tuple(patches)


def cover(frame: Frame, partition: Partition, hide: Collection[RegionKind], *, seed: bytes, style: Style = mosaic) -> Frame:
    """The frame with the regions of ``hide`` covered in ``style``.

    The result depends on the shown pixels, the partition, ``hide`` and ``seed`` alone. Where everything is hidden it is one
    level that follows from bits stored, sign and photometric interpretation. In the style ``coarse`` neither holds: it is
    made of the covered samples, as whoever chooses it was told.

    Raises:
        ValueError: the frame is not of the partition's size, or the film has no region of a kind in ``hide``: to leave
            that unsaid would show what somebody asked to hide.
    """
    _check_size(frame, partition)
    missing = [kind for kind in RegionKind if kind in hide and kind not in partition.kinds]
    if missing:
        raise ValueError(f"nothing to hide: this film has no region {', '.join(missing)}")
    if not hide:
        return frame
    samples = frame.samples.copy()
    if set(partition.kinds) <= set(hide) and style is not coarse:
        samples[...] = level_at_rest(frame)
        return frame.with_samples(samples)
    hidden = partition.mask(hide)
    where = hidden if samples.ndim == 2 else hidden[..., np.newaxis]
    if style is not coarse:
        np.copyto(samples, samples.dtype.type(0), where=where)
    instead = style(frame.with_samples(samples), hidden, seed=seed)
    np.copyto(samples, instead, where=where, casting="no")
    return frame.with_samples(samples)


def uncover(frame: Frame, patch: Patch, frame_index: int) -> Frame:
    """The frame with the samples of ``patch`` for frame ``frame_index`` (from 0) back in their place.

    Raises:
        MalformedError: the patch is of another film: size, type, samples per pixel or number of frames differ.
    """
    if (patch.rows, patch.columns) != (frame.rows, frame.columns):
        raise MalformedError(
            f"a patch of {patch.rows} x {patch.columns} is no part of a frame of {frame.rows} x {frame.columns}"
        )
    if patch.samples.dtype != frame.samples.dtype or patch.samples.shape[2:] != frame.samples.shape[2:]:
        raise MalformedError(f"the patch of {patch.region.kind} has other samples than the frame")
    if not 0 <= frame_index < patch.samples.shape[0]:
        raise MalformedError(
            f"the patch of {patch.region.kind} has {patch.samples.shape[0]} frames, none of index {frame_index}"
        )
    if patch.samples.shape[1] != patch.region.area:
        raise MalformedError(f"the patch of {patch.region.kind} does not fill its region")
    samples = frame.samples.copy()
    _put(patch, frame_index, _in_a_row(samples))
    return frame.with_samples(samples)


def assemble(patches: Sequence[Patch], *, photometric: str, bits_stored: int) -> tuple[Frame, ...]:
    """The frames that ``take`` took all of ``patches`` from.

    Raises:
        MalformedError: the patches differ in size, type or frames, or do not partition one film.
    """
    if not patches:
        raise MalformedError("no patches to assemble frames from")
    first = patches[0]
    for patch in patches:
        same_film = (patch.rows, patch.columns) == (first.rows, first.columns)
        same_samples = patch.samples.dtype == first.samples.dtype and patch.samples.shape[2:] == first.samples.shape[2:]
        if not same_film or not same_samples or patch.samples.shape[:2] != (first.samples.shape[0], patch.region.area):
            raise MalformedError(f"the patches of {first.region.kind} and {patch.region.kind} are not of one film")
    if sum(patch.region.area for patch in patches) != first.rows * first.columns:
        raise MalformedError("the patches do not add up to the film")
    try:
        Partition(first.rows, first.columns, tuple(patch.region for patch in patches))
    except ValueError as error:
        raise MalformedError("the patches do not partition the film") from error
    shape = (first.samples.shape[0], first.rows, first.columns, *first.samples.shape[2:])
    film: NDArray[Any] = np.empty(shape, dtype=first.samples.dtype)
    for patch in patches:
        for index, samples in enumerate(film):
            _put(patch, index, _in_a_row(samples))
    return tuple(Frame(samples, photometric, bits_stored) for samples in film)


def _in_a_row(samples: NDArray[Any]) -> NDArray[Any]:
    """The pixels of a picture row by row; a view of it."""
    return samples.reshape(samples.shape[0] * samples.shape[1], *samples.shape[2:])


def _places(region: Region, columns: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Each run's first pixel and the one after its last, counted row by row, and where its samples begin in a patch.

    Runs are long: copying them one by one is faster than choosing by a mask.
    """
    at = 0
    for start, stop in region.spans(columns).tolist():
        yield (start, stop), at
        at += stop - start


def _put(patch: Patch, index: int, pixels: NDArray[Any]) -> None:
    for (start, stop), at in _places(patch.region, patch.columns):
        pixels[start:stop] = patch.samples[index, at : at + stop - start]


def _check_size(frame: Frame, partition: Partition) -> None:
    if (frame.rows, frame.columns) != (partition.rows, partition.columns):
        raise ValueError(
            f"a frame of {frame.rows} x {frame.columns} in a partition of {partition.rows} x {partition.columns}"
        )
