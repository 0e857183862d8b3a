"""Cover, uncover and assemble: what the laws do not say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.errors import MalformedError
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, Partition, Region, RegionKind
from leadglass.veil import assemble, cover, partition, take, uncover


def film(*, photometric: str = "MONOCHROME2", rows: int = 60, columns: int = 50) -> Frame:
    samples = np.random.default_rng(7).integers(0, 4096, (rows, columns), np.uint16)
    return Frame(samples, photometric, 12)


def parts(rows: int = 60, columns: int = 50) -> Partition:
    heart = np.zeros((rows, columns), dtype=np.bool_)
    heart[20:40, 15:30] = True
    return partition({RegionKind.HEART: heart}, rows=rows, columns=columns, grid=5)


def test_a_style_never_sees_what_it_covers() -> None:
    seen: list[NDArray[np.uint16]] = []

    def spy(frame: Frame, hidden: Mask, *, seed: bytes) -> NDArray[np.uint16]:
        seen.append(frame.samples[hidden].copy())
        return np.full_like(frame.samples, seed[0])

    covered = cover(film(), parts(), [RegionKind.HEART], seed=b"\x07", style=spy)
    assert not seen[0].any()
    assert (covered.samples[parts().mask([RegionKind.HEART])] == 7).all()


def test_the_received_frame_is_left_as_it_was() -> None:
    frame = film()
    before = frame.samples.copy()
    cover(frame, parts(), [RegionKind.HEART], seed=b"s")
    assert np.array_equal(frame.samples, before)


def test_hiding_a_kind_that_the_film_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="lung_left"):
        cover(film(), parts(), [RegionKind.LUNG_LEFT], seed=b"s")


def test_hiding_nothing_changes_nothing() -> None:
    assert cover(film(), parts(), [], seed=b"s").same_as(film())


def test_a_whole_cover_is_the_same_grey_in_either_polarity() -> None:
    white_low, white_high = (
        cover(film(photometric=name), parts(), parts().kinds, seed=b"s").samples[0, 0]
        for name in ("MONOCHROME1", "MONOCHROME2")
    )
    assert 4095 - int(white_low) == int(white_high) == 4095 * 5 // 16


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="61 x 50"):
        cover(film(rows=61), parts(), [RegionKind.HEART], seed=b"s")


def test_frames_of_different_types_have_no_common_patch() -> None:
    with pytest.raises(ValueError, match="differ"):
        take([film(), film().with_samples(film().samples.astype(np.int16))], parts())


def test_no_frame_gives_no_patch() -> None:
    with pytest.raises(ValueError, match="no frame"):
        take([], parts())


@pytest.mark.parametrize("index", [-1, 1])
def test_a_patch_opens_only_the_frames_it_has(index: int) -> None:
    with pytest.raises(MalformedError, match="frames"):
        uncover(film(), take([film()], parts())[0], index)


def test_a_patch_of_another_film_is_refused() -> None:
    with pytest.raises(MalformedError, match="60 x 50"):
        uncover(film(rows=61), take([film()], parts())[0], 0)


def test_a_patch_of_another_type_is_refused() -> None:
    with pytest.raises(MalformedError, match="other samples"):
        uncover(film().with_samples(film().samples.astype(np.int16)), take([film()], parts())[0], 0)


def test_a_patch_that_does_not_fill_its_region_is_refused() -> None:
    patch = take([film()], parts())[0]
    with pytest.raises(MalformedError, match="fill"):
        uncover(film(), replace(patch, samples=patch.samples[:, 1:]), 0)


def test_missing_patches_make_no_film() -> None:
    with pytest.raises(MalformedError, match="add up"):
        assemble(take([film()], parts())[:1], photometric="MONOCHROME2", bits_stored=12)


def test_patches_that_overlap_make_no_film() -> None:
    heart, rest = take([film()], parts())
    shifted = replace(heart, region=Region(heart.region.kind, heart.region.runs + np.array([5, 0, 0], dtype=np.int32)))
    with pytest.raises(MalformedError, match="partition"):
        assemble([shifted, rest], photometric="MONOCHROME2", bits_stored=12)


def test_patches_with_different_numbers_of_frames_make_no_film() -> None:
    heart, rest = take([film(), film()], parts())
    with pytest.raises(MalformedError, match="one film"):
        assemble([heart, replace(rest, samples=rest.samples[:1])], photometric="MONOCHROME2", bits_stored=12)


def test_no_patches_make_no_film() -> None:
    with pytest.raises(MalformedError, match="no patches"):
        assemble([], photometric="MONOCHROME2", bits_stored=12)
