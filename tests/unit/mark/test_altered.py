"""What differs beyond tone and geometry is shown; what happens to every picture on its way is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.mark.altered import Altered, altered
from leadglass.mark.found import Box

ROWS, COLUMNS = 512, 448
MILLIMETRE = 512 / 380
Picture = NDArray[np.float32]


def noise(sigma: float, *, seed: int) -> Picture:
    random = np.random.default_rng(seed)
    rough = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(rough, (0, 0), sigma), np.float32) if sigma else rough
    return soft / soft.std()


@pytest.fixture(scope="module")
def film() -> Picture:
    """Two dark lungs with ribs across them in a bright body, with texture of several sizes; greys."""
    y, x = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j].astype(np.float32)
    lungs = sum(1 / (1 + (((x - side) / 0.32) ** 2 + (y / 0.7) ** 2) ** 4) for side in (-0.42, 0.42))
    ribs = np.maximum(np.sin(14 * y + 3 * x * x), 0) ** 2
    return np.asarray(150 - 70 * lungs + 18 * ribs + 5 * noise(6, seed=1) + 2 * noise(1.5, seed=2), np.float32)


def grey(picture: Picture) -> NDArray[np.uint8]:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def with_nodule(picture: Picture, row: float, column: float, *, mm: float = 8, contrast: float = 12) -> Picture:
    y, x = np.mgrid[:ROWS, :COLUMNS]
    way = 1 - ((y - row) ** 2 + (x - column) ** 2) / (mm * MILLIMETRE / 2) ** 2
    return np.asarray(picture + contrast * np.sqrt(np.maximum(way, 0)), np.float32)


def compressed(picture: Picture, quality: int) -> Picture:
    encoded = cv2.imencode(".jpg", grey(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.float32)


def compared(found: Picture, film: Picture, *, occluded: NDArray[np.bool_] | None = None) -> Altered:
    return altered(grey(found), grey(film), grey(film), np.ones(film.shape, np.bool_), occluded=occluded)


def holds(box: Box, row: float, column: float) -> bool:
    return box.left <= column < box.right and box.top <= row < box.bottom


HONEST = {
    "the same": lambda film: film,
    "strongly compressed": lambda film: compressed(film, 10),
    "noisy": lambda film: film + 6 * noise(0, seed=5),
    "grainy": lambda film: film + 3 * noise(2, seed=6),
    "blurred": lambda film: cv2.GaussianBlur(film, (0, 0), 2),
    "sharpened": lambda film: 2 * film - cv2.GaussianBlur(film, (0, 0), 1.5),
    "shaded": lambda film: film * np.linspace(0.8, 1.1, COLUMNS, dtype=np.float32),
    "shifted by half a pixel": lambda film: cv2.warpAffine(film, np.float32([[1, 0, 0.5], [0, 1, 0.3]]), film.shape[::-1]),
    "with moire": lambda film: film + 4 * np.sin(np.arange(COLUMNS, dtype=np.float32) * 0.55),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_picture_has_no_altered_place(film: Picture, name: str) -> None:
    assert compared(np.asarray(HONEST[name](film), np.float32), film).boxes == ()


@pytest.mark.parametrize("name", sorted(set(HONEST) - {"strongly compressed", "noisy", "grainy"}))
@pytest.mark.parametrize(("row", "column"), [(200, 110), (330, 300), (420, 225)])
def test_a_pasted_nodule_is_the_one_altered_place(film: Picture, name: str, row: int, column: int) -> None:
    found = np.asarray(HONEST[name](with_nodule(film, row, column)), np.float32)
    boxes = compared(found, film).boxes
    assert len(boxes) == 1
    assert holds(boxes[0], row, column)
    assert max(boxes[0].right - boxes[0].left, boxes[0].bottom - boxes[0].top) < 40 * MILLIMETRE


def test_a_removed_nodule_is_found_where_the_original_has_it(film: Picture) -> None:
    boxes = compared(compressed(film, 60), with_nodule(film, 200, 110)).boxes
    assert len(boxes) == 1
    assert holds(boxes[0], 200, 110)


def test_a_moved_nodule_is_two_places(film: Picture) -> None:
    boxes = compared(with_nodule(film, 200, 110), with_nodule(film, 330, 300)).boxes
    assert len(boxes) == 2
    assert all(any(holds(box, *place) for box in boxes) for place in ((200, 110), (330, 300)))


def test_the_strongest_place_comes_first(film: Picture) -> None:
    found = with_nodule(with_nodule(film, 200, 110, contrast=9), 330, 300, contrast=30)
    first, *rest = compared(found, film).boxes
    assert holds(first, 330, 300)
    assert any(holds(box, 200, 110) for box in rest)


def test_the_map_is_above_its_middle_at_altered_places_alone(film: Picture) -> None:
    answer = compared(with_nodule(film, 200, 110), film)
    assert answer.difference[200, 110] > 128
    assert answer.difference[300:, 225:].max() < 128


def test_a_place_is_the_same_in_a_larger_frame(film: Picture) -> None:
    large = [grey(np.asarray(cv2.resize(each, None, fx=2, fy=2))) for each in (with_nodule(film, 200, 110), film)]
    boxes = altered(large[0], large[1], large[1], np.ones(large[0].shape, np.bool_)).boxes
    assert len(boxes) == 1
    assert holds(boxes[0], 400, 220)


def test_what_only_seemed_covered_is_no_place(film: Picture) -> None:
    covered = np.zeros(film.shape, np.bool_)
    covered[176:264, 76:204] = True
    assert compared(compressed(film, 50), film, occluded=covered).boxes == ()


def test_where_the_picture_does_not_reach_nothing_is_altered(film: Picture) -> None:
    valid = np.ones(film.shape, np.bool_)
    valid[:, :150] = False
    found = np.where(valid, with_nodule(film, 200, 110), 0)
    answer = altered(grey(found), grey(film), grey(film), valid)
    assert answer.boxes == ()
    assert answer.difference[:, :150].max() == 0


@pytest.mark.parametrize("shape", [(8, 8), (1, 300), (300, 1), (64, 48), (700, 900)])
@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize("content", ["flat", "noise"])
def test_any_content_gives_an_answer(shape: tuple[int, int], valid: bool, content: str) -> None:
    random = np.random.default_rng(3)
    pictures = [random.integers(0, 256, shape, dtype=np.uint8) if content == "noise" else np.full(shape, 7, np.uint8)] * 3
    answer = altered(*pictures, np.full(shape, valid), occluded=random.random(shape) < 0.3)
    assert answer.difference.shape == shape
    assert answer.boxes == ()


def test_arrays_of_other_shapes_are_refused(film: Picture) -> None:
    one = grey(film)
    with pytest.raises(ValueError, match="one shape"):
        altered(one, one[1:], one, np.ones(one.shape, np.bool_))
