"""Which films a picture shows: parts beside each other, films on each other, and an end to looking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.found import Alignment, Candidate
from leadglass.mark.places import FILMS_A_PICTURE, Picture, places

PICTURE = np.arange(100 * 200, dtype=np.uint32).reshape(100, 200).astype(np.uint8)
Outline = NDArray[np.float64]


def outline(left: int, top: int, right: int, bottom: int) -> Outline:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def alignment(where: Outline, inliers: int) -> Alignment:
    grey = np.zeros((1, 1), np.uint8)
    return Alignment(
        coefficients=np.zeros((1, 1), np.float32),
        homography=np.eye(3),
        outline=where,
        inliers=inliers,
        mirrored=False,
        inverted=False,
        found=grey,
        expected=grey,
        valid=grey > 0,
        difference=grey,
        altered=(),
    )


class Films:
    """Films that lie at places of a picture, found while their place still shows something."""

    def __init__(self, *films: tuple[Outline, int], at_once: int = 8) -> None:
        self.films, self.at_once, self.compared = films, at_once, list[int]()

    def find(self, picture: Picture, known: Sequence[Outline]) -> tuple[Candidate, ...]:
        left = [at for at in range(len(self.films)) if self._shows(picture, at)][: self.at_once]
        assert not known or len(left) < len(self.films)
        return tuple(Candidate(at, 10.0, self.films[at][1]) for at in left)

    def align(self, picture: Picture, film: int) -> Alignment | None:
        self.compared.append(film)
        return alignment(*self.films[film]) if self._shows(picture, film) else None

    def _shows(self, picture: Picture, film: int) -> bool:
        (left, top), _, (right, bottom), _ = self.films[film][0].astype(int)
        inside = np.s_[top:bottom, left:right]
        return bool((picture[inside] == PICTURE[inside]).mean() > 0.5)

    def placed(self) -> list[list[int]]:
        return [[each.film for each in part] for part in places(PICTURE, find=self.find, align=self.align)]


LEFT, RIGHT = outline(0, 0, 100, 100), outline(100, 0, 200, 100)


def test_films_beside_each_other_are_parts_each_compared_once() -> None:
    films = Films((LEFT, 60), (RIGHT, 90))
    assert films.placed() == [[1], [0]]
    assert sorted(films.compared) == [0, 1]


def test_films_on_each_other_are_answers_to_one_part() -> None:
    assert Films((LEFT, 60), (outline(2, 3, 99, 97), 90)).placed() == [[1, 0]]


def test_what_one_search_does_not_give_the_next_one_does() -> None:
    assert Films((LEFT, 60), (RIGHT, 90), at_once=1).placed() == [[0], [1]]


def test_no_more_parts_than_are_looked_at() -> None:
    many = [(outline(20 * n, 0, 20 * n + 20, 100), 50) for n in range(10)]
    assert len(Films(*many).placed()) == FILMS_A_PICTURE


def test_a_picture_of_no_film_has_no_part() -> None:
    assert Films().placed() == []
