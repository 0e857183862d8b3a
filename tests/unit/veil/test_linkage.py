"""What the linear attacker of ``training/reid`` finds on made films whose patients differ in the lungs alone."""

import sys
from pathlib import Path

import numpy as np
import pytest

from leadglass.anatomy.outline import Outlines
from leadglass.model.frame import Frame
from leadglass.model.region import RegionKind

sys.path.append(str(Path(__file__).parents[3] / "training" / "reid"))
from attack import by_source
from films import Film, Pair
from measure import area

ROWS, COLUMNS = 96, 80
PATIENTS = 16
SHOTS = 3


def made(number: int, shot: int) -> Film:
    """A film of a patient: lungs with bumps that are the patient's own, under noise that is the film's."""
    own, this = np.random.default_rng([number]), np.random.default_rng([number, shot])
    right, left = np.zeros((2, ROWS, COLUMNS), dtype=np.bool_)
    right[20:68, 12:34], left[20:68, 46:68] = True, True
    row, column = np.mgrid[:ROWS, :COLUMNS]
    bumps = np.zeros((ROWS, COLUMNS))
    for at_row, at_column, height in zip(
        own.uniform(20, 68, 8), own.uniform(12, 68, 8), own.uniform(-60, 60, 8), strict=True
    ):
        bumps += height * np.exp(-((row - at_row) ** 2 + (column - at_column) ** 2) / 100)
    picture = 120 + np.where(right | left, bumps, 0) + this.normal(0, 12, bumps.shape)
    outlines = Outlines({RegionKind.LUNG_RIGHT: right, RegionKind.LUNG_LEFT: left}, 1.0, "")
    frame = Frame(np.clip(picture, 0, 255).astype(np.uint8), "MONOCHROME2", 8)
    return Film(f"{number}/{shot}", "made", str(number), frame, outlines, None)


@pytest.fixture(scope="module")
def linked():
    learned, asked = (
        [made(number, shot) for number in range(first, first + PATIENTS) for shot in range(SHOTS)] for first in (0, PATIENTS)
    )
    pairs = [
        Pair("made", one.path, other.path, one.patient == other.patient)
        for index, one in enumerate(asked)
        for other in asked[index + 1 :]
    ]
    known = {film.path: film for film in asked}
    return lambda name: by_source(name, learned, known, pairs)["made"].area


@pytest.mark.parametrize(
    "view",
    ["whole film", "only the lungs shown, mosaic, grid", "everything hidden, coarse", "lungs hidden, coarse, grid"],
)
def test_lungs_that_are_shown_link_and_so_do_their_means(linked, view):
    assert linked(view) > 0.9


@pytest.mark.parametrize("style", ["mosaic", "solid", "inpaint"])
def test_lungs_that_are_hidden_link_no_better_than_chance(linked, style):
    assert abs(linked(f"lungs hidden, {style}, grid") - 0.5) < 0.15


def test_nothing_at_all_links_films_that_are_covered_whole(linked):
    assert linked("everything hidden") == 0.5


def test_an_area_is_of_pairs_in_the_right_order():
    same = np.array([True, True, False, False])
    patients = [("a", "a"), ("b", "b"), ("a", "b"), ("b", "c")]
    assert area(np.array([3.0, 2.0, 1.0, 0.0]), same, patients).area == 1
    assert area(np.array([3.0, 0.0, 1.0, 2.0]), same, patients).area == 0.5
    assert area(np.zeros(4), same, patients).area == 0.5
