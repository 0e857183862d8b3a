"""A picture leads back to its film among others, whatever was done to it; rows are complete, bounded and checked."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.errors import MalformedError
from leadglass.mark.codes import LISTS, codebook
from leadglass.mark.descriptors import View, describe
from leadglass.mark.fingerprint import Index, fingerprint

FILMS = 12
Film = NDArray[np.uint16]


def film(seed: int, rows: int = 600, columns: int = 512) -> Film:
    """Shadows of all sizes, as a film has them."""
    random = np.random.default_rng(seed)
    total = np.zeros((rows, columns), np.float32)
    for cells in (4, 8, 16, 32, 64, 128):
        coarse = random.standard_normal((cells, cells)).astype(np.float32)
        total += cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC) * np.float32(4 / cells**0.5)
    total -= total.min()
    return (total * (65535 / total.max())).astype(np.uint16)


def grey(of: Film) -> NDArray[np.uint8]:
    return (of >> 8).astype(np.uint8)


@pytest.fixture(scope="module")
def films() -> list[Film]:
    return [film(seed) for seed in range(FILMS)]


@pytest.fixture(scope="module")
def index(films: list[Film]) -> Index:
    return Index((100 + number, fingerprint(each)) for number, each in enumerate(films))


def turned(picture: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    rows, columns = picture.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 0.8)
    return np.asarray(cv2.warpAffine(picture, matrix, (columns, rows)), np.uint8)


def compressed(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


CHANGES = {
    "as it is": lambda p: p,
    "16 bits": lambda p: p.astype(np.uint16) * 100,
    "mirrored": lambda p: p[:, ::-1],
    "negative": lambda p: 255 - p,
    "both": lambda p: 255 - p[:, ::-1],
    "turned": lambda p: turned(p, 143),
    "coded": lambda p: compressed(p, 15),
    "a tenth": lambda p: p[200:390, 150:312],
    "window": lambda p: np.clip(p.astype(np.int16) * 2 - 128, 0, 255).astype(np.uint8),
    "upside down and coded": lambda p: compressed(p[::-1].copy(), 50),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_leads_to_its_film(change: str, films: list[Film], index: Index) -> None:
    for number in (2, 7):
        found = index.find(CHANGES[change](grey(films[number])))
        assert found[0].film == 100 + number
        assert found[0].inliers >= 2 * max(other.inliers for other in found[1:])


def test_several_films_in_one_picture_are_found_one_after_another(films: list[Film], index: Index) -> None:
    board = np.concatenate([grey(films[3]), grey(films[9])], axis=1)
    first, second = index.find(board)[:2]
    assert {first.film, second.film} == {103, 109}
    left = 0 if first.film == 103 else 512
    outline = np.array([(left, 0), (left + 512, 0), (left + 512, 600), (left, 600)], np.float64)
    again = index.find(board, without=[outline])
    assert again[0].film == second.film
    assert all(candidate.inliers < 10 for candidate in again if candidate.film == first.film)


def test_a_small_part_of_a_large_screen_is_found(films: list[Film], index: Index) -> None:
    screen = np.random.default_rng(1).integers(0, 90, (1080, 1920)).astype(np.uint8)
    screen[700:1000, 1500:1756] = cv2.resize(grey(films[5]), (256, 300), interpolation=cv2.INTER_AREA)
    assert index.find(screen)[0].film == 105


def test_a_screen_full_of_equal_letters_does_not_outvote_the_film(films: list[Film]) -> None:
    written = grey(films[1]).copy()
    cv2.putText(written, "R", (60, 120), cv2.FONT_HERSHEY_SIMPLEX, 2, 255, 6)
    rows = [fingerprint(each) for each in films]
    rows[1] = fingerprint(written.astype(np.uint16) << np.uint16(8))
    screen = np.zeros((700, 1200), np.uint8)
    for row in range(60, 700, 70):
        cv2.putText(screen, "R" * 14, (8, row), cv2.FONT_HERSHEY_SIMPLEX, 2, 255, 6)
    screen[80:680, 650:1162] = grey(films[8])
    assert Index(enumerate(rows)).find(screen)[0].film == 8


def test_a_film_that_is_not_ours_agrees_nowhere(index: Index) -> None:
    assert all(candidate.inliers < 15 for candidate in index.find(grey(film(999))))


def test_a_row_is_bounded_and_the_same_every_time(films: list[Film]) -> None:
    row = fingerprint(films[0])
    assert 3_000 < len(row) <= 4_000
    assert fingerprint(films[0].copy()) == row


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (8, 4000), (64, 64), (1024, 31), (224, 180)])
def test_films_of_any_shape_have_a_row_and_can_be_asked_for(rows: int, columns: int, index: Index) -> None:
    odd = film(5, rows, columns)
    Index([(1, fingerprint(odd))])
    index.find(grey(odd))


@pytest.mark.parametrize("value", [0, 255])
def test_nothing_is_found_in_an_even_picture(value: int, index: Index) -> None:
    assert index.find(np.full((300, 400), value, np.uint8)) == ()
    empty = fingerprint(np.full((300, 400), value, np.uint16))
    assert Index([(1, empty)]).find(grey(film(1))) == ()


def test_an_empty_index_finds_nothing(films: list[Film]) -> None:
    assert Index([]).find(grey(films[0])) == ()
    assert len(Index([])) == 0


def test_no_more_are_given_than_asked_for(films: list[Film], index: Index) -> None:
    assert len(index.find(grey(films[0]), most=3)) <= 3


def test_rows_of_another_making_are_refused(films: list[Film]) -> None:
    row = fingerprint(films[0])
    listed = bytearray(row)
    listed[3:5] = LISTS.to_bytes(2, "little")
    for broken in (b"", row[:2], row[:-1], row + b"\0", b"\x02" + row[1:], bytes(listed)):
        with pytest.raises(MalformedError):
            Index([(1, broken)])


@pytest.mark.parametrize("picture", [np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), np.float32)])
def test_pictures_that_are_not_grey_are_refused(picture: NDArray[np.uint8], index: Index) -> None:
    with pytest.raises(ValueError, match="features of"):
        index.find(picture)


@pytest.mark.parametrize("view", [View.MIRRORED, View.INVERTED, View.BOTH])
def test_a_view_is_what_the_changed_picture_shows(view: View, films: list[Film]) -> None:
    mirrored, inverted = view.value
    picture = grey(films[4])
    changed = picture[:, ::-1] if mirrored else picture
    here = describe(picture, side=600, most=300)
    there = describe(255 - changed if inverted else changed, side=600, most=9999).seen(view)
    distances = 2 - 2 * here.descriptors @ there.descriptors.T
    x = there.x + (np.float32(511 / 600) if mirrored else 0)
    same = np.hypot(here.x[:, None] - x, here.y[:, None] - there.y) < 2 / 600
    met = same.any(axis=1)
    assert met.mean() > 0.8
    assert np.median(np.where(same, distances, 4).min(axis=1)[met]) < 0.02


def test_a_code_stands_for_what_it_was_made_from(films: list[Film]) -> None:
    book = codebook()
    vectors = book.project(describe(films[6], side=640, most=200).descriptors)
    error = ((book.decode(*book.encode(vectors)) - vectors) ** 2).sum(axis=1)
    spread = ((vectors - vectors.mean(axis=0)) ** 2).sum(axis=1)
    assert np.median(error) < 0.4 * np.median(spread)
