"""The shipped model on the example films, whose true outlines are known, and on what is no upright chest film."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stressed_films import NO_CHEST, SPOILT, mirrored

from leadglass.adapters.detectors.outlines import OnnxOutlines
from leadglass.adapters.files import FileSource
from leadglass.anatomy.belief import limits
from leadglass.anatomy.outline import Outlines, Structure
from leadglass.dicom.frames import decode, significant
from leadglass.dicom.instance import scan
from leadglass.errors import UnavailableError
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind
from leadglass.testing.films import Film, example_films, examples_folder

RIGHT, LEFT, HEART = RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT, RegionKind.HEART


@pytest.fixture(scope="module")
def films() -> tuple[Film, ...]:
    try:
        return example_films(examples_folder() / "examples")
    except UnavailableError as error:
        pytest.skip(error.message)


def received(film: Film) -> Frame:
    with FileSource(film.path) as source:
        held = scan(source)
        frame = next(decode(held.layout, held.pixels, encapsulated=held.encapsulated, held=False))
        return significant(frame, high_bit=held.layout.high_bit)


def reduced(frame: Frame) -> NDArray[np.uint8]:
    """Every fourth pixel in eight bits, bone white."""
    small = frame.samples[::4, ::4].astype(np.int64) >> (frame.bits_stored - 8)
    return (255 - small if frame.inverted else small).astype(np.uint8)


@cache
def detector() -> OnnxOutlines:
    return OnnxOutlines()


def found(samples: NDArray[Any], *, bits: int = 8, photometric: str = "MONOCHROME2", view: str | None = None) -> Outlines:
    return detector()(Frame(np.ascontiguousarray(samples), photometric, bits), view=view, modality=None)


@pytest.fixture(scope="module")
def frontal(films: tuple[Film, ...]) -> list[NDArray[np.uint8]]:
    """The frontal example films in small."""
    return [reduced(received(film)) for film in films if film.view in ("PA", "AP")]


def dice(one: Mask, other: Mask) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


def alike(one: Outlines, other: Outlines) -> bool:
    return all(dice(one.masks[kind], other.masks[kind]) > 0.99 for kind in (RIGHT, LEFT, HEART))


def test_lungs_and_heart_of_frontal_films_are_found_on_their_sides(films: tuple[Film, ...]) -> None:
    scores = []
    for film in (each for each in films if each.view in ("PA", "AP")):
        outlines = detector()(received(film), view=film.view, modality="DX")
        assert outlines.why == ""
        assert outlines.masks[RIGHT].shape == (film.rows, film.columns)
        scores.append([dice(outlines.masks[kind], film.mask(str(kind))) for kind in (RIGHT, LEFT, HEART)])
        assert (outlines.structures[Structure.BODY] | ~film.mask("lung_right")).all()
    # The CT's right lung goes on before the spine and deeper behind the diaphragm than anybody draws it, and its heart has
    # no great vessels while the model's has.
    assert np.mean(scores, axis=0)[:2].mean() > 0.88
    assert np.min(scores) > 0.6
    assert np.min(scores, axis=0)[:2].min() > 0.8


def test_lateral_films_are_void_by_their_header_and_by_their_picture(films: tuple[Film, ...]) -> None:
    for film in (each for each in films if each.view == "LL"):
        frame = received(film)
        assert detector()(frame, view="LL", modality="DX").why == "not a PA or AP view"
        silent = detector()(frame, view=None, modality=None)
        assert silent.abstained
        assert silent.structures[Structure.BODY].shape == (film.rows, film.columns)


def test_an_inverted_film_has_the_same_outlines(frontal: list[NDArray[np.uint8]]) -> None:
    for film in frontal:
        assert alike(found(film), found(255 - film, photometric="MONOCHROME1"))


def test_depth_and_sign_make_no_difference(frontal: list[NDArray[np.uint8]]) -> None:
    film = frontal[0]
    plain, deep = found(film), film.astype(np.uint16) << 8
    assert alike(plain, found(deep, bits=16))
    assert alike(plain, found((film.astype(np.int16) << 4) - 2048, bits=12))


def test_size_makes_little_difference(frontal: list[NDArray[np.uint8]]) -> None:
    film = frontal[0]
    large, small = found(film), found(film[::2, ::2])
    assert all(dice(large.masks[kind][::2, ::2], small.masks[kind]) > 0.96 for kind in (RIGHT, LEFT, HEART))


def test_the_same_film_has_the_same_outlines_each_time(frontal: list[NDArray[np.uint8]]) -> None:
    film = frontal[0]
    one, other = found(film), found(film)
    assert one.confidence == other.confidence
    assert all(np.array_equal(one.masks[kind], other.masks[kind]) for kind in one.masks)


@pytest.mark.parametrize("name", list(SPOILT))
def test_a_spoilt_film_is_void(frontal: list[NDArray[np.uint8]], name: str) -> None:
    assert all(found(SPOILT[name](film)).abstained for film in frontal)


def test_mirrored_films_are_questioned_more_often_than_not(frontal: list[NDArray[np.uint8]]) -> None:
    assert sum(found(mirrored(film)).abstained for film in frontal) >= len(frontal) / 2


@pytest.mark.parametrize("name", list(NO_CHEST))
def test_what_is_no_chest_is_void(name: str) -> None:
    for seed in range(3):
        outlines = found(NO_CHEST[name](seed))
        assert outlines.abstained
        assert outlines.confidence == 0
        assert outlines.why


def test_a_tiny_film_is_void_and_has_a_body() -> None:
    outlines = found(np.arange(35, dtype=np.uint8).reshape(5, 7))
    assert outlines.abstained
    assert outlines.structures[Structure.BODY].shape == (5, 7)


def test_the_name_says_which_file_looked() -> None:
    model = files("leadglass.anatomy").joinpath("model", "outlines.onnx").read_bytes()
    assert len(model) <= 8 << 20
    assert limits().sha256 == sha256(model).hexdigest()
    assert detector().name == f"leadglass outlines, model {limits().sha256[:16]}"
